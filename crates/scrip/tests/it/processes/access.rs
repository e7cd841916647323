//! Rights where several processes serve: a change by one of them holds in all of them on the next request.

use super::Peers;
use futures_util::future::join_all;
use reqwest::Method;
use scrip_testing::app::{Answer, text};
use scrip_testing::people::Asker;
use serde_json::json;
use std::time::Duration;

const BUSINESS: &str = r#"{ "plan": "business", "interval": "month",
    "approve": [{ "review": "business_verification", "reason": "known" }] }"#;

/// Goal: R26: a key that is revoked, frozen or removed with its owner is refused by every server from the next request
/// on. Method: each change on one server, and right after it a request on each of the three.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_rights_holds_on_every_server_on_the_next_request() {
    let peers = Peers::start(3);
    let apps = &peers.0;
    let opened = apps[0].workspace(serde_json::from_str(BUSINESS).expect("JSON")).await.id;
    for round in 0..10 {
        let here = |n: usize| peers.desk((round + n) % 3, &opened);
        let (id, secret) = here(0).key(&["model:run", "workflow:read"]).await;
        let key = Asker::with(&secret);
        for app in apps {
            key.get(app, "/v1/balance").await.expect(200);
        }
        let freeze = |frozen: bool| json!({ "frozen": frozen, "reason": "seen elsewhere" });
        here(1).post(&format!("/v1/keys/{id}/freeze"), freeze(true)).await.expect(200);
        for app in apps {
            key.run(app, "image-standard").await.problem(403, "CAPABILITY_SUSPENDED");
            key.get(app, "/v1/balance").await.problem(403, "CAPABILITY_SUSPENDED");
        }
        here(2).post(&format!("/v1/keys/{id}/freeze"), freeze(false)).await.expect(200);
        key.run(&apps[round % 3], "image-standard").await.expect(202);
        here(1).call(Method::DELETE, &format!("/v1/keys/{id}")).send().await.expect(200);
        for app in apps {
            key.run(app, "image-standard").await.problem(401, "UNAUTHENTICATED");
            key.get(app, "/v1/balance").await.problem(401, "UNAUTHENTICATED");
        }
        // And a member, who signed in on one server.
        let bob = here(0).member(&format!("bob{round}@example.com"), "admin").await;
        for app in apps {
            bob.at(&opened).get(app, "/v1/audit").await.expect(200);
        }
        here(2).call(Method::DELETE, &format!("/v1/members/{}", bob.id)).send().await.expect(200);
        for app in apps {
            bob.at(&opened).get(app, "/v1/balance").await.problem(404, "NOT_FOUND");
        }
    }
    peers.verify();
}

/// Goal: R27: a limit is the workspace's, over all servers and keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_exact_over_all_servers_and_keys() {
    let peers = Peers::start(3);
    let desk = peers.0[0].workspace(json!({ "plan": "pro", "interval": "month" })).await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        keys.push(Asker::with(&desk.key(&["workflow:read"]).await.1));
    }
    let ask = |n: usize| {
        let (app, key) = (&peers.0[n % 3], keys[n % 2].clone());
        async move { key.get(app, "/v1/balance").await }
    };
    let answers = join_all((0..150).map(ask)).await;
    let count = |status: u16| answers.iter().filter(|answer: &&Answer| answer.status == status).count();
    assert_eq!((count(200), count(429)), (100, 50));
    peers.verify();
}

/// Goal: a model or provider that is switched off on one server is off on all within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_off_on_every_server_soon() {
    let peers = Peers::start(3);
    let desk = peers.0[0].free().await;
    let off = json!({ "off": true, "reason": "it burns" });
    let switch = peers.0[1].call(Method::PUT, "/v1/switches/providers/sandbox").json(&off).send().await.expect(200);
    assert_eq!(text(&switch["reason"]), "it burns");
    for n in 0..3 {
        let asked = async {
            while peers.desk(n, &desk.id).run(json!({ "model": "image-standard", "params": {} })).await.status != 503 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), asked).await.expect("it is off within five seconds");
    }
}
