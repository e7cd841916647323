//! Errors: the answers to requests for things that do not exist, and to starts that must be refused.

use reqwest::Method;
use scrip_testing::app::{App, text};
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_missing_and_what_is_somebody_elses_look_alike() {
    let mut app = App::start();
    {
        let (mine, theirs) = (app.free().await, app.free().await);
        let run = theirs.run_to_end(json!({ "model": "image-standard" })).await;
        let hold = theirs.post("/v1/holds", json!({ "credits": 5, "reference": "r" })).await.expect(201);
        let grant = theirs.balance().await["grants"][0]["id"].clone();
        let entry = theirs.entries().await[0]["id"].clone();
        let bare = |problem: Value| {
            let mut problem = problem;
            problem["request_id"] = Value::Null;
            problem
        };
        let void = json!({ "reason": "r" });
        let seconds = json!({ "seconds": 60 });
        let cases = [
            (Method::GET, "/v1/runs/{}", &run["id"], Value::Null),
            (Method::GET, "/v1/runs/{}/events", &run["id"], Value::Null),
            (Method::POST, "/v1/runs/{}/cancel", &run["id"], Value::Null),
            (Method::GET, "/v1/holds/{}", &hold["id"], Value::Null),
            (Method::POST, "/v1/holds/{}/capture", &hold["id"], json!({})),
            (Method::POST, "/v1/holds/{}/release", &hold["id"], Value::Null),
            (Method::POST, "/v1/holds/{}/extend", &hold["id"], seconds),
            (Method::POST, "/v1/grants/{}/void", &grant, void),
            (Method::GET, "/v1/entries/{}/explain", &entry, Value::Null),
        ];
        for (method, path, id, body) in cases {
            let ask = async |id: &str| {
                let call = mine.call(method.clone(), &path.replace("{}", id)).once();
                let call = if body.is_null() { call } else { call.json(&body) };
                bare(call.send().await.problem(404, "NOT_FOUND"))
            };
            let id = text(id);
            let foreign = ask(&id).await;
            let absent = format!(
                "{}_99",
                id.rsplit_once('_').expect("an id has a number").0.replace(&theirs.id[3..], &mine.id[3..])
            );
            for missing in [
                absent.as_str(),
                &id.replace(&theirs.id[3..], "0000000000000"),
                "x",
                "%00",
                "..%2f..%2fetc%2fpasswd",
                "run_",
                "'--",
            ] {
                assert_eq!(ask(missing).await, foreign, "{path} {missing}");
            }
        }
        // The header and the address must not name two different workspaces.
        let path = format!("/v1/workspaces/{}", theirs.id);
        for (method, more, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({ "name": "Mine" })),
            (Method::POST, "/grants", json!({ "amount": 5, "reason": "r" })),
            (Method::POST, "/freeze", json!({ "frozen": true, "reason": "r" })),
            (Method::POST, "/subscription", json!({ "plan": "creator", "interval": "month" })),
            (Method::DELETE, "/subscription", Value::Null),
        ] {
            let call = mine.call(method, &format!("{path}{more}")).once();
            let call = if body.is_null() { call } else { call.json(&body) };
            call.send().await.problem(404, "NOT_FOUND");
        }
        assert_eq!(theirs.credits().await, (235, 5), "nothing of theirs was touched");
        for wrong in ["ws_0000000000000", "ws_", "x", "ws_zzzzzzzzzzzzz"] {
            app.call(Method::GET, "/v1/balance").workspace(wrong).send().await.problem(404, "NOT_FOUND");
            app.get(&format!("/v1/workspaces/{wrong}")).await.problem(404, "NOT_FOUND");
        }
        app.get("/v1/nothing").await.problem(404, "NOT_FOUND");
        let wrong = app.call(Method::PUT, "/v1/runs").send().await;
        wrong.problem(405, "METHOD_NOT_ALLOWED");
        assert!(wrong.header("allow").is_some_and(|allowed| allowed.contains("POST")));
    }
    app.verify();
}

#[tokio::test]
async fn a_request_may_bring_its_own_id_and_gets_it_back() {
    let app = App::start();
    for (given, kept) in [("trace-7.a_b", true), ("", false), ("has space", false), (&"x".repeat(65), false)] {
        let answer = app.call(Method::GET, "/v1/catalogs").header("Request-Id", given).send().await;
        assert_eq!(answer.header("request-id") == Some(given), kept, "{given}");
        assert!(answer.header("request-id").is_some_and(|id| !id.is_empty()));
    }
}

#[tokio::test]
async fn a_second_server_over_the_same_directory_refuses_and_the_first_goes_on() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    {
        let desk = app.free().await;
        let second = app.second();
        assert!(!second.status.success());
        let said = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(said.contains("another scrip process has this directory open"), "{said}");
        desk.run_to_end(json!({ "model": "image-standard" })).await;
    }
    app.verify();
}

#[tokio::test]
async fn a_journal_of_a_later_version_is_left_alone() {
    let mut app = App::on_files(scrip_testing::app::temporary(), Vec::new());
    app.free().await;
    app.kill();
    let journal = app.data().join("journal.db");
    {
        let connection = rusqlite::Connection::open(&journal).expect("the journal opens");
        let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";
        assert_eq!(connection.execute(sql, []).expect("a row"), 1);
    }
    let before = std::fs::read(&journal).expect("the journal can be read");
    let refused = app.second();
    assert!(!refused.status.success(), "it started over a schema it does not know");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("its schema is not one this version of scrip knows"), "{said}");
    assert_eq!(std::fs::read(&journal).expect("the journal can be read"), before, "not a byte was changed");
}

#[tokio::test]
async fn data_of_another_product_is_refused() {
    let mut app = App::start();
    app.free().await;
    app.kill();
    let output = app.second_of(&scrip_testing::app::root().join("catalogs/two-buckets.toml"));
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("another product"));
}
