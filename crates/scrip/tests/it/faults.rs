//! Faults: a disk that is full, and a clock that is set back.

use reqwest::Method;
use scrip_testing::app::{Answer, App, PATIENCE, root, temporary, text};
use scrip_testing::disk::Disk;
use scrip_testing::faketime::{fake_environment, instants};
use serde_json::json;

fn on(disk: &Disk) -> App {
    let directory = disk.0.join("scrip");
    std::fs::create_dir(&directory).expect("a directory can be made");
    App::on_files(directory, Vec::new())
}

/// Makes requests until there is no room, and returns the number of those that succeeded.
async fn until_refused<F: Future<Output = Answer>>(ask: impl Fn(usize) -> F) -> usize {
    for n in 0..1_000 {
        let answer = ask(n).await;
        if ![200, 201].contains(&answer.status) {
            answer.problem(503, "UNAVAILABLE");
            return n;
        }
    }
    panic!("there is always room")
}

#[tokio::test]
async fn a_full_disk_is_told_and_left_behind_without_a_trace() {
    let disk = Disk::of_megabytes(24);
    let mut app = on(&disk);
    {
        let desk = app.free().await;
        desk.give(100_000).await;
        let hold = |key: String| {
            desk.call(Method::POST, "/v1/holds").key(&key).json(&json!({ "credits": 7, "reference": "r" })).send()
        };
        assert_eq!(hold("before".to_owned()).await.status, 201);
        disk.fill(0);
        let (mut kept, mut refused) = (Vec::new(), Vec::new());
        for n in 0..400 {
            let key = format!("full-{n}");
            let answer = hold(key.clone()).await;
            match answer.status {
                201 => kept.push((key, text(&answer.json()["id"]))),
                _ => {
                    answer.problem(503, "UNAVAILABLE");
                    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
                    refused.push(key);
                }
            }
            if refused.len() == 20 {
                break;
            }
        }
        assert_eq!(refused.len(), 20, "the disk was never full");
        // Other writes are refused as well, and nothing of them is stored. Now and then the log begins again at its
        // start, and has room for a little more.
        let clocks = until_refused(|_| app.post("/v1/test_clocks", json!({ "name": "full" }))).await;
        let toml = std::fs::read_to_string(root().join("catalogs/canvas-tiers.toml")).expect("it is there");
        let again = |n: usize| app.post("/v1/catalogs", json!({ "toml": format!("{toml}\n# again {n}\n") }));
        let published = until_refused(again).await;
        let health = app.call(Method::GET, "/healthz").send().await;
        assert_eq!(health.status, 200, "it is alive");
        assert_eq!(app.get("/v1/catalog").await.expect(200)["version"], 1 + published);

        disk.free();
        let recovered = async {
            while hold(refused[0].clone()).await.status != 201 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, recovered).await.expect("the server recovers by itself");
        for key in &refused {
            let answer = hold(key.clone()).await;
            assert_eq!(answer.status, 201, "what was refused can be asked for again with its key");
        }
        for (key, id) in &kept {
            assert_eq!(hold(key.clone()).await.expect(201)["id"], *id, "what was acknowledged is there");
        }
        let all = 1 + kept.len() as i64 + 20;
        assert_eq!(desk.credits().await, (100_250 - 7 * all, 7 * all));
        assert_eq!(again(published).await.expect(201)["version"], 2 + published);
        let made = app.get("/v1/test_clocks").await.expect(200)["data"].as_array().map(Vec::len);
        assert_eq!(made, Some(clocks), "nothing half-written");
        desk.run_to_end(json!({ "model": "image-standard" })).await;
    }
    app.verify();
}

#[tokio::test]
async fn a_run_whose_picture_does_not_fit_is_not_paid_for_until_it_does() {
    // Only the outputs of runs are on this disk: the journal and the log always have room.
    let directory = temporary();
    let disk = Disk::at(directory.join("data/assets"), 8);
    let mut app = App::on_files(directory, Vec::new());
    {
        let desk = app.free().await;
        let first = desk.run_to_end(json!({ "model": "upscale", "params": { "prompt": "one" } })).await;
        let size = first["outputs"][0]["bytes"].as_u64().expect("a size");
        disk.fill(size * 2 / 3);
        let run = desk.run(json!({ "model": "upscale", "params": { "prompt": "two" } })).await.expect(202);
        let refused = async {
            while !app.log().contains("an output was not stored") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.expect("the picture does not fit");
        assert_eq!(desk.credits().await, (180, 35), "held, and not captured");
        disk.free();
        let run = desk.get(&format!("/v1/runs/{}?wait=60", text(&run["id"]))).await.expect(200);
        assert_eq!((&run["status"], &run["credits"]["captured"]), (&json!("succeeded"), &json!(35)), "{run}");
        let file = reqwest::get(text(&run["outputs"][0]["url"])).await.expect("the file is served");
        let bytes = file.bytes().await.expect("it is whole");
        assert_eq!(run["outputs"][0]["bytes"], bytes.len());
        let left = std::fs::read_dir(app.data().join("assets")).expect("the assets");
        let files = left.flat_map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("a folder"));
        let names: Vec<String> =
            files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
        assert!(names.iter().all(|name| !name.ends_with(".part")), "nothing half-written: {names:?}");
    }
    app.verify();
    drop(disk);
}

#[tokio::test]
async fn a_clock_that_is_set_back_never_takes_an_entry_back() {
    let directory = temporary();
    let file = directory.join("time");
    let set = |time: &str| std::fs::write(&file, format!("@{time}\n")).expect("written");
    set("2031-06-01 12:00:00");
    let environment = fake_environment(&file);
    // A database has its own clock, which no test can set.
    let mut app = App::on_files(directory, environment);
    let id = {
        let desk = app.free().await;
        assert!(text(&desk.show().await["created_at"]).starts_with("2031-06-01T12:00:"), "the clock is the faked one");
        desk.run_to_end(json!({ "model": "image-standard" })).await;
        set("2031-05-01 12:00:00");
        desk.run_to_end(json!({ "model": "image-standard" })).await;
        desk.post("/v1/holds", json!({ "credits": 5, "reference": "r", "seconds": 3600 })).await.expect(201);
        desk.id
    };
    app.restart();
    {
        // The server did not serve while the clock was set back further still; work is taken up all the same.
        let desk = scrip_testing::app::Desk { app: &app, id };
        let run = desk.run_to_end(json!({ "model": "image-standard" })).await;
        assert_eq!(run["status"], "succeeded");
        let entries = desk.entries().await;
        let instants = instants(&entries);
        assert_eq!(entries.len(), 11);
        assert!(instants.is_sorted(), "{instants:?}");
        assert!(instants[0] >= "2031-06-01T12:00:00Z".parse().expect("an instant"));
        let other = app.free().await;
        other.run_to_end(json!({ "model": "image-standard" })).await;
        // The clock goes on, and everything that is due happens.
        set("2031-06-01 13:30:00");
        let released = async {
            while desk.credits().await.1 != 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, released).await.expect("the hold ends when the hour has passed");
    }
    app.set_environment(Vec::new());
    app.verify();
}
