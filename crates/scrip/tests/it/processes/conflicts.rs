//! Conflicts: the database rolls a transaction back and wants it repeated, after deadlocks and serialization failures.

use super::Peers;
use super::session::Session;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Answer, text};
use scrip_testing::postgres::database;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Returns the statement that takes a place in the journal; a session runs it in a transaction that does not end.
fn take(workspace: &str, seq: i64) -> String {
    format!(
        "INSERT INTO entries (workspace, seq, at, body, previous_hash, hash) VALUES ({workspace}, {seq}, 0, '', '', '')"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_is_thrown_out_of_a_deadlock_decides_again_and_nobody_notices() {
    let peers = Peers::start(1);
    let id = peers.0[0].free().await.id;
    let workspace = peers.database().query("SELECT workspace FROM entries");
    // A transaction that has waited for two seconds checks for a deadlock: the appender's will, and this session's will
    // not.
    let mut other = Session::on(peers.database());
    other.begin("SET deadlock_timeout = '2min'");
    assert_eq!(other.ask(&format!("BEGIN; {}; SELECT 'taken'", take(&workspace, 2))), "taken");
    let hold = async {
        let body = json!({ "credits": 1, "reference": "deadlock" });
        peers.desk(0, &id).call(Method::POST, "/v1/holds").key("deadlock").json(&body).send().await
    };
    let opposed = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                     AND datname = current_database() AND application_name LIKE 'scrip%'";
        while peers.database().query(waits) == "0" {
            tokio::task::yield_now().await;
        }
        // The appender waits for this session, and now this session waits for the appender.
        other.begin("LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE; SELECT 'locked'");
        let locked = tokio::task::spawn_blocking(move || {
            let answer = other.answer();
            other.begin("ROLLBACK");
            (answer, other)
        });
        let (answer, other) = locked.await.expect("it is answered");
        assert_eq!(answer, "locked", "the lane was thrown out, and not this session");
        other
    };
    let (answer, _other) = tokio::join!(hold, opposed);
    answer.expect(201);
    let again = json!({ "credits": 1, "reference": "deadlock" });
    let again = peers.desk(0, &id).call(Method::POST, "/v1/holds").key("deadlock").json(&again).send().await;
    assert_eq!(again.expect(201)["id"], answer.json()["id"]);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(peers.desk(0, &id).credits().await, (249, 1));
    let report = peers.verify();
    assert_eq!(report["open_holds"], 1, "{report}");
}

/// Every eleventh appending statement is rolled back before it begins (a batch has at most eight), a third of the
/// transactions at their commit, and every fourth at the rows of their workspaces. The counter is not rolled back with
/// the transaction.
const DISTURBED: &str = "
    CREATE SEQUENCE statements; CREATE SEQUENCE commits; CREATE SEQUENCE folds;
    CREATE FUNCTION disturb() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE number BIGINT := CASE TG_NAME WHEN 'commits' THEN txid_current() ELSE nextval(TG_NAME::regclass) END;
    BEGIN
        IF number % TG_ARGV[0]::int <> 0 THEN RETURN NEW; END IF;
        PERFORM nextval('commits') WHERE TG_NAME = 'commits';
        IF number % 5 < 2 THEN RAISE EXCEPTION 'disturbed' USING ERRCODE = '40001'; END IF;
        RAISE EXCEPTION 'disturbed' USING ERRCODE = '40P01';
    END $$;
    CREATE TRIGGER statements BEFORE INSERT ON entries
        FOR EACH STATEMENT EXECUTE FUNCTION disturb(11);
    CREATE CONSTRAINT TRIGGER commits AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION disturb(3);
    CREATE TRIGGER folds BEFORE UPDATE ON workspaces
        FOR EACH STATEMENT EXECUTE FUNCTION disturb(4)";

#[tokio::test(flavor = "multi_thread")]
async fn most_transactions_are_thrown_out_and_everybody_is_answered_once() {
    let peers = Peers::start(2);
    let mut workspaces = Vec::new();
    for _ in 0..6 {
        let desk = peers.0[0].free().await;
        desk.give(10_000).await;
        workspaces.push(desk.id);
    }
    peers.database().query(DISTURBED);
    let holds = |through: usize| {
        let (peers, workspaces) = (&peers, &workspaces);
        let calls = (0..120).map(move |n| {
            let desk = peers.desk((n / workspaces.len() + through) % 2, &workspaces[n % workspaces.len()]);
            let body = json!({ "credits": 1, "reference": "disturbed" });
            async move { desk.call(Method::POST, "/v1/holds").key(&format!("hold-{n}")).json(&body).send().await }
        });
        join_all(calls)
    };
    // One after another as well: then each has a transaction of its own.
    for n in 0..40 {
        let desk = peers.desk(n % 2, &workspaces[n % workspaces.len()]);
        let hold = desk.post("/v1/holds", json!({ "credits": 1, "reference": "disturbed" })).await.expect(201);
        // Otherwise a wait for the projections between the two would see a fold for each.
        if n % 4 == 0 {
            read_folded(&peers, n % 2, &format!("/v1/holds/{}", text(&hold["id"]))).await;
        }
    }
    let first: Vec<Value> = holds(0).await.iter().map(|answer| answer.expect(201)).collect();
    let ids: BTreeSet<String> = first.iter().map(|hold| text(&hold["id"])).collect();
    assert_eq!(ids.len(), first.len(), "each is its own");
    for (again, first) in holds(1).await.iter().zip(&first) {
        assert_eq!(again.expect(201)["id"], first["id"]);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    let open = |n: usize| {
        let hold = json!({ "credits": 1, "reference": "disturbed" });
        json!({ "key": format!("batched-{n}"), "workspace": workspaces[n % workspaces.len()], "open": hold })
    };
    let batch = json!({ "decisions": (0..24).map(open).collect::<Vec<Value>>() });
    for replayed in [false, true] {
        let answer = peers.0[usize::from(replayed)].call(Method::POST, "/v1/holds/batch").json(&batch).send().await;
        let answers = answer.expect(200);
        for answer in answers["answers"].as_array().expect("a list") {
            assert_eq!((&answer["status"], &answer["replayed"]), (&json!(201), &json!(replayed)), "{answer}");
        }
    }
    // Folding is disturbed as well, and completes all the same.
    for (n, hold) in first.iter().enumerate() {
        let shown = read_folded(&peers, n % 2, &format!("/v1/holds/{}", text(&hold["id"]))).await;
        assert_eq!(shown["id"], hold["id"]);
    }
    let counted = ["statements", "commits", "folds"].map(|name| {
        let sql = format!("SELECT last_value FROM {name}");
        peers.database().query(&sql).parse::<usize>().expect("a number")
    });
    let [statements, commits, folds] = counted;
    println!(
        "{statements} statements, some of them thrown out; {commits} commits thrown out; {folds} folds, of four one"
    );
    assert!(statements > 40 && commits > 4 && folds > 4, "{counted:?}: hardly disturbed");
    peers.database().query("DROP FUNCTION disturb CASCADE");
    let report = peers.verify();
    assert_eq!(report["open_holds"], 40 + 120 + 24, "{report}");
}

async fn read_folded(peers: &Peers, at: usize, path: &str) -> Value {
    let read = async {
        loop {
            let answer = peers.0[at].get(path).await;
            if answer.status != 503 {
                return answer.expect(200);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is folded")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_serializes_by_default_gives_each_credit_once() {
    let database = database();
    let name = database.query("SELECT current_database()");
    database.query(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"));
    let peers = Peers::on(database, 2);
    let mut delayed = 0;
    for round in 0..3 {
        let id = peers.0[0].free().await.id;
        let holds = (0..64).map(|n| {
            let desk = peers.desk(n % 2, &id);
            async move {
                let mut early = 0;
                loop {
                    let body = json!({ "credits": 5, "reference": "serialized" });
                    let key = format!("{round}-{n}");
                    let answer: Answer = desk.call(Method::POST, "/v1/holds").key(&key).json(&body).send().await;
                    if answer.status != 503 {
                        return (answer.status, early);
                    }
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    early += 1;
                }
            }
        });
        let answers = tokio::time::timeout(Duration::from_secs(20), join_all(holds)).await.expect("all are answered");
        delayed += answers.iter().map(|(_, early)| early).sum::<usize>();
        let count = |status: u16| answers.iter().filter(|(found, _)| *found == status).count();
        assert_eq!((count(201), count(402)), (50, 14), "250 credits are fifty holds of five");
        assert_eq!(peers.desk(1, &id).credits().await, (0, 250));
    }
    println!("{delayed} answers said to come back");
    peers.verify();
}
