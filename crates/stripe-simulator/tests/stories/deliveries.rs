//! Deliveries of events: signed, repeated after a refusal, and as badly as a test wants them.

use crate::world::{SECRET, World, id, text};
use serde_json::{Value, json};
use std::time::Duration;
use stripe_simulator::Config;

async fn list_deliveries(world: &World) -> Vec<Value> {
    world.read_control("/deliveries").await.as_array().expect("a list of deliveries").clone()
}

#[tokio::test]
async fn an_event_that_was_not_taken_is_told_again() {
    let delivery_retries = [10, 20].map(Duration::from_millis).to_vec();
    let world = World::with(Config { delivery_retries, ..Config::default() }).await;
    world.refuse(2);
    world.post("/v1/customers", &[]).await;
    let received = world.deliveries().await;
    assert_eq!(received.len(), 3, "twice in vain and once with success");
    assert!(received.iter().all(|one| one.event["id"] == received[0].event["id"] && one.is_signed_with(SECRET)));
    let event = world.get(&format!("/v1/events/{}", text(&received[0].event, "id"))).await;
    assert_eq!(event["pending_webhooks"], 0);
    assert_eq!(world.get("/v1/events?delivery_success=true").await["data"].as_array().unwrap().len(), 1);

    world.refuse(100);
    world.post("/v1/customers", &[]).await;
    world.deliveries().await;
    let missed = world.get("/v1/events?delivery_success=false").await;
    assert_eq!(missed["data"].as_array().unwrap().len(), 1, "an event that the endpoint did not accept can be read");
}

#[tokio::test]
async fn deliveries_are_held_back_and_let_go_in_any_order() {
    let world = World::new().await;
    world.control("/deliveries/hold", json!({"hold": true})).await;
    for name in ["a", "b", "c"] {
        world.post("/v1/customers", &[("name", name)]).await;
    }
    assert_eq!(world.types().await.len(), 0);
    let ids: Vec<String> = list_deliveries(&world).await.iter().map(|one| text(one, "id")).collect();
    world.control("/deliveries/drop", json!({"ids": [ids[1]]})).await;
    world.control("/deliveries/release", json!({"ids": [ids[2], ids[0]]})).await;
    let names = |received: Vec<crate::world::Delivery>| -> Vec<String> {
        received.iter().map(|one| text(&one.event["data"]["object"], "name")).collect()
    };
    assert_eq!(names(world.deliveries().await), ["c", "a"]);
    world.control("/deliveries/again", json!({"id": ids[0]})).await;
    assert_eq!(names(world.deliveries().await), ["c", "a", "a"], "a copy of what was delivered");
    for name in ["d", "e", "f", "g"] {
        world.post("/v1/customers", &[("name", name)]).await;
    }
    world.control("/deliveries/release", json!({"shuffle": 7})).await;
    let mixed = names(world.deliveries().await).split_off(3);
    let mut sorted = mixed.clone();
    sorted.sort();
    assert_eq!(sorted, ["d", "e", "f", "g"]);
    assert_ne!(mixed, sorted);
}

#[tokio::test]
async fn deliveries_are_forged_in_every_way() {
    let world = World::new().await;
    world.post("/v1/customers", &[("name", "Ada")]).await;
    world.deliveries().await;
    let id = text(&list_deliveries(&world).await[0], "id");
    let forge = |forgery: Value| {
        let (world, id) = (&world, &id);
        async move {
            world.control("/deliveries/again", json!({"id": id, "forge": forgery})).await;
            world.deliveries().await.pop().unwrap()
        }
    };
    assert!(!forge(json!({"secret": "whsec_wrong"})).await.is_signed_with(SECRET));
    let altered = forge(json!({"alter": {"data.object.name": "Eve"}})).await;
    assert_eq!((altered.is_signed_with(SECRET), &altered.event["data"]["object"]["name"]), (false, &json!("Eve")));
    let signed = forge(json!({"set": {"data.object.name": "Eve"}})).await;
    assert_eq!((signed.is_signed_with(SECRET), &signed.event["data"]["object"]["name"]), (true, &json!("Eve")));
    assert_eq!(forge(json!({"header": "missing"})).await.signature, None);
    assert!(forge(json!({"header": "wrong_scheme"})).await.signature.unwrap().contains(",v0="));
    assert_eq!(forge(json!({"header": "garbage"})).await.signature.as_deref(), Some("garbage"));
    let instant = |signature: Option<String>| -> i64 {
        signature.unwrap().split(',').next().unwrap().strip_prefix("t=").unwrap().parse().unwrap()
    };
    let (old, new) = (forge(json!({"age": 3600})).await, forge(json!({})).await);
    assert!(old.is_signed_with(SECRET), "it was signed once");
    assert!(instant(new.signature) - instant(old.signature) >= 3600);
    let strange = forge(json!({"livemode": true, "account": "acct_other", "api_version": "2020-08-27"})).await;
    assert!(strange.is_signed_with(SECRET));
    assert_eq!(
        (&strange.event["livemode"], &strange.event["account"], &strange.event["api_version"]),
        (&json!(true), &json!("acct_other"), &json!("2020-08-27"))
    );
}

#[tokio::test]
async fn an_event_can_show_its_object_as_it_was_long_ago() {
    let world = World::new().await;
    let customer = id(&world.post("/v1/customers", &[("name", "Ada")]).await);
    let rule = json!({"event": "customer.updated", "times": 1, "forge": {"stale": true}, "duplicate": 1});
    world.control("/rules", rule).await;
    for name in ["Bea", "Cyd"] {
        world.post(&format!("/v1/customers/{customer}"), &[("name", name)]).await;
    }
    let received = world.deliveries().await;
    let names: Vec<&str> = received.iter().filter_map(|one| one.event["data"]["object"]["name"].as_str()).collect();
    assert_eq!(names, ["Ada", "Ada", "Ada", "Cyd"], "the first change is told twice, with the name before it");
}

#[tokio::test]
async fn events_of_a_type_are_dropped_delayed_and_held() {
    let world = World::new().await;
    world.control("/rules", json!({"event": "product.*", "drop": true})).await;
    world.control("/rules", json!({"event": "customer.created", "times": 1, "delay_ms": 300})).await;
    world.control("/rules", json!({"event": "price.created", "hold": true})).await;
    world.post("/v1/customers", &[("name", "late")]).await;
    world.price("Plus", "1000", "month").await;
    world.post("/v1/customers", &[("name", "soon")]).await;
    let received = world.deliveries().await;
    let names: Vec<&str> = received.iter().filter_map(|one| one.event["data"]["object"]["name"].as_str()).collect();
    assert_eq!(names, ["soon", "late"]);
    let statuses: Vec<Value> = list_deliveries(&world).await.iter().map(|one| one["standing"].clone()).collect();
    assert_eq!(statuses, ["delivered", "dropped", "held", "delivered"]);
}

#[tokio::test]
async fn while_a_secret_is_rolled_both_sign() {
    let world = World::new().await;
    let endpoint = id(&world.get("/v1/webhook_endpoints").await["data"][0]);
    let (_, answer) = world.control(&format!("/webhook_endpoints/{endpoint}/roll"), json!({"seconds": 3600})).await;
    let fresh = text(&answer, "secret");
    world.post("/v1/customers", &[]).await;
    let received = world.deliveries().await;
    assert!(received[0].is_signed_with(SECRET) && received[0].is_signed_with(&fresh));
    world.control(&format!("/webhook_endpoints/{endpoint}/roll"), json!({"seconds": 0})).await;
    world.post("/v1/customers", &[]).await;
    let received = world.deliveries().await;
    assert!(!received[1].is_signed_with(&fresh), "an old secret ends");
}

#[tokio::test]
async fn an_endpoint_hears_what_it_asked_for_in_its_version() {
    let world = World::new().await;
    let first = world.get("/v1/webhook_endpoints").await;
    let url = text(&first["data"][0], "url");
    world.delete(&format!("/v1/webhook_endpoints/{}", id(&first["data"][0]))).await;
    let form = [("url", url.as_str()), ("enabled_events[]", "product.created"), ("api_version", "2026-09-30.endive")];
    let made = world.post("/v1/webhook_endpoints", &form).await;
    let secret = text(&made, "secret");
    assert!(secret.starts_with("whsec_"));
    let seen = world.get(&format!("/v1/webhook_endpoints/{}", id(&made))).await;
    assert_eq!(seen.get("secret"), None, "the secret is shown once");
    world.post("/v1/customers", &[]).await;
    world.post("/v1/products", &[("name", "Plus")]).await;
    let received = world.deliveries().await;
    assert_eq!(received.len(), 1);
    assert!(received[0].is_signed_with(&secret));
    assert_eq!(received[0].event["api_version"], "2026-09-30.endive");
    world.post(&format!("/v1/webhook_endpoints/{}", id(&made)), &[("disabled", "true")]).await;
    world.post("/v1/products", &[("name", "Pro")]).await;
    assert_eq!(world.deliveries().await.len(), 1);
}
