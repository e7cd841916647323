//! Protocol of the API: keys, parameters, errors, idempotency, expansion, lists, and calls that fail on the way.

use crate::world::{World, id};
use serde_json::{Value, json};

type Form = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn only_keys_of_test_mode_are_let_in() {
    let world = World::new().await;
    let url = format!("{}/v1/account", world.stripe.base_url());
    for key in [None, Some("sk_live_1"), Some("pk_test_1")] {
        let mut request = world.http.get(&url);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        assert_eq!(request.send().await.unwrap().status(), 401, "{key:?}");
    }
    let answer = world.http.get(&url).basic_auth("sk_test_1", Some("")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["request-id"].to_str().unwrap().starts_with("req_"));
    let account: Value = answer.json().await.unwrap();
    assert_eq!((&account["object"], &account["charges_enabled"]), (&json!("account"), &json!(true)));
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong_and_changes_nothing() {
    let world = World::new().await;
    let cases: [(&str, Form, u16, &str, &str); 6] = [
        ("/v1/customers", &[("colour", "red")], 400, "parameter_unknown", "colour"),
        (
            "/v1/customers",
            &[("invoice_settings[default_payment_method]", "pm_x")],
            400,
            "resource_missing",
            "invoice_settings[default_payment_method]",
        ),
        ("/v1/products", &[], 400, "parameter_missing", "name"),
        ("/v1/customers/cus_x", &[], 404, "resource_missing", "id"),
        (
            "/v1/subscriptions",
            &[("customer", "cus_x"), ("items[0][price]", "price_x")],
            400,
            "resource_missing",
            "items[0][price]",
        ),
        ("/v1/payment_intents", &[("amount", "ten"), ("currency", "usd")], 400, "parameter_invalid_integer", "amount"),
    ];
    for (path, form, status, code, param) in cases {
        let (is, error) = world.expect_refusal(path, form).await;
        assert_eq!((is, &error["code"], &error["param"]), (status, &json!(code), &json!(param)), "{path} {form:?}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    assert_eq!(world.try_get("/v1/nothing").await.0, 404);
    assert_eq!(world.get("/v1/events").await["data"], json!([]));
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_and_makes_one_object() {
    let world = World::new().await;
    let ask = |form: Form| world.try_post("/v1/customers", form, Some("key-1"));
    let first = ask(&[("email", "ada@example.com")]).await.unwrap();
    let second = ask(&[("email", "ada@example.com")]).await.unwrap();
    assert_eq!(first.body, second.body);
    assert_eq!(first.headers["request-id"], second.headers["request-id"]);
    assert!(first.headers.get("idempotent-replayed").is_none());
    assert_eq!(second.headers["idempotent-replayed"], "true");
    let other = ask(&[("email", "bob@example.com")]).await.unwrap();
    assert_eq!((other.status, &other.body["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(world.get("/v1/customers").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn errors_after_execution_are_replayed_and_others_are_not() {
    let world = World::new().await;
    let declined =
        [("amount", "500"), ("currency", "usd"), ("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")];
    for _ in 0..2 {
        let answer = world.try_post("/v1/payment_intents", &declined, Some("key-1")).await.unwrap();
        assert_eq!((answer.status, &answer.body["error"]["decline_code"]), (402, &json!("generic_decline")));
    }
    assert_eq!(world.get("/v1/payment_intents").await["data"].as_array().unwrap().len(), 1, "it was tried once");

    let fault = json!({"method": "POST", "path": "/v1/customers", "status": 500, "execute": true});
    world.control("/faults", fault).await;
    for _ in 0..2 {
        let answer = world.try_post("/v1/customers", &[], Some("key-2")).await.unwrap();
        assert_eq!((answer.status, &answer.body["error"]["type"]), (500, &json!("api_error")));
    }
    assert_eq!(world.get("/v1/customers").await["data"].as_array().unwrap().len(), 1);

    assert_eq!(world.try_post("/v1/products", &[], Some("key-3")).await.unwrap().status, 400);
    let answer = world.try_post("/v1/products", &[("name", "Plus")], Some("key-3")).await.unwrap();
    assert_eq!(answer.status, 200, "what was refused before anything was done may be sent again");
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_the_act() {
    let world = World::new().await;
    for (cut, customers) in [("before", 0), ("after", 1)] {
        world.control("/faults", json!({"path": "/v1/customers", "cut": cut})).await;
        assert!(world.try_post("/v1/customers", &[], Some("key-1")).await.is_err(), "{cut}: there is no answer");
        let made = world.get("/v1/customers").await["data"].as_array().unwrap().len();
        assert_eq!(made, customers, "{cut}");
    }
    let answer = world.try_post("/v1/customers", &[], Some("key-1")).await.unwrap();
    assert_eq!(answer.headers["idempotent-replayed"], "true", "the key knows what the caller missed");
    let calls = world.read_control("/calls").await;
    let posts: Vec<&Value> = calls.as_array().unwrap().iter().filter(|call| call["method"] == "POST").collect();
    let seen: Vec<(&Value, &Value)> = posts.iter().map(|call| (&call["status"], &call["replayed"])).collect();
    assert_eq!(seen, [(&Value::Null, &json!(false)), (&Value::Null, &json!(false)), (&json!(200), &json!(true))]);
    assert!(posts.iter().all(|call| call["idempotency_key"] == "key-1" && call["path"] == "/v1/customers"));
}

#[tokio::test]
async fn lists_are_paged_newest_first_and_filtered_by_time() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(id(&world.post("/v1/customers", &[("name", &n.to_string())]).await));
        world.control("/clock/move", json!({"seconds": 60})).await;
    }
    let page = world.get("/v1/customers?limit=2").await;
    assert_eq!(
        (&page["object"], &page["has_more"], &page["url"]),
        (&json!("list"), &json!(true), &json!("/v1/customers"))
    );
    assert_eq!((&page["data"][0]["id"], &page["data"][1]["id"]), (&json!(made[4]), &json!(made[3])));
    let next = world.get(&format!("/v1/customers?limit=3&starting_after={}", made[3])).await;
    assert_eq!((&next["data"][2]["id"], &next["has_more"]), (&json!(made[0]), &json!(false)));
    let back = world.get(&format!("/v1/customers?limit=1&ending_before={}", made[2])).await;
    assert_eq!((&back["data"][0]["id"], &back["has_more"]), (&json!(made[3]), &json!(true)));
    let since = page["data"][1]["created"].as_i64().unwrap();
    let recent = world.get(&format!("/v1/customers?created[gte]={since}")).await;
    assert_eq!(recent["data"].as_array().unwrap().len(), 2);
    assert_eq!(world.try_get("/v1/customers?starting_after=cus_x").await.0, 400);
}

#[tokio::test]
async fn objects_are_put_where_they_are_asked_for() {
    let world = World::new().await;
    let customer = world.customer("pm_card_visa", None).await;
    let price = world.price("Plus", "1000", "month").await;
    world.subscribe(&customer, &price).await;
    let query = "expand[]=data.customer.invoice_settings.default_payment_method&expand[]=data.lines.data.pricing.price_details.price";
    let invoices = world.get(&format!("/v1/invoices?{query}")).await;
    let invoice = &invoices["data"][0];
    assert_eq!(invoice["customer"]["invoice_settings"]["default_payment_method"]["card"]["last4"], "4242");
    assert_eq!(invoice["lines"]["data"][0]["pricing"]["price_details"]["price"]["unit_amount"], 1000);
    let (status, body) = world.try_get(&format!("/v1/customers/{customer}?expand[]=colour")).await;
    assert_eq!((status, &body["error"]["param"]), (400, &json!("expand")));
}

#[tokio::test]
async fn a_price_never_changes_what_it_costs_and_its_key_can_move_on() {
    let world = World::new().await;
    let product = id(&world.post("/v1/products", &[("name", "Plus")]).await);
    let base = [("product", product.as_str()), ("currency", "usd"), ("lookup_key", "plus_month")];
    let first = id(&world.post("/v1/prices", &[&base[..], &[("unit_amount", "1000")]].concat()).await);
    let (_, error) = world.expect_refusal(&format!("/v1/prices/{first}"), &[("unit_amount", "1")]).await;
    assert_eq!((&error["code"], &error["param"]), (&json!("parameter_unknown"), &json!("unit_amount")));
    let again = [&base[..], &[("unit_amount", "1200")]].concat();
    assert_eq!(world.expect_refusal("/v1/prices", &again).await.1["param"], "lookup_key");
    let moved = [&again[..], &[("transfer_lookup_key", "true")]].concat();
    let second = id(&world.post("/v1/prices", &moved).await);
    let found = world.get("/v1/prices?lookup_keys[]=plus_month&active=true").await;
    assert_eq!((&found["data"][0]["id"], found["data"].as_array().unwrap().len()), (&json!(second), 1));
    assert_eq!(world.post(&format!("/v1/prices/{first}"), &[("active", "false")]).await["active"], false);
    let inactive =
        [("mode", "payment"), ("line_items[0][price]", first.as_str()), ("success_url", "https://example.com/")];
    assert_eq!(world.expect_refusal("/v1/checkout/sessions", &inactive).await.0, 400, "what is off is not sold");
}
