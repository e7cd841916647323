//! Stories of a catalog and an account: first sync, repeated, changed, broken off, and with objects that are not
//! Scrip's.

mod account;

use super::*;
use crate::shipped;
use account::{Account, Silent};
use scrip_engine::parse_catalog;
use serde_json::{Value, json};

fn catalog(name: &str, edit: impl Fn(&str) -> String) -> Catalog {
    let text = edit(shipped::find(name).expect("it is shipped"));
    parse_catalog(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn canvas() -> Catalog {
    catalog("canvas-tiers", str::to_owned)
}

/// Canvas tiers with `pro` at 45 a month instead of 39.
fn dearer() -> Catalog {
    catalog("canvas-tiers", |text| text.replace("amount = 3900\n", "amount = 4500\n"))
}

/// Canvas tiers without the plan `creator`, without the yearly `business`, and without packs.
fn smaller() -> Catalog {
    let mut catalog = canvas();
    catalog.plans.retain(|plan| &*plan.id != "creator");
    for plan in catalog.plans.iter_mut().filter(|plan| &*plan.id == "business") {
        plan.prices.retain(|price| price.interval == scrip_engine::Interval::Month);
    }
    catalog.packs.clear();
    catalog
}

/// Plans the steps, takes them, and returns their descriptions.
async fn sync(client: &Client, catalog: &Catalog) -> Result<Vec<String>, Fault> {
    let plan = compare(client, catalog).await?;
    let mut told = Vec::new();
    apply(client, &plan, |step| told.push(step.describe())).await?;
    assert_eq!(told.len(), plan.steps.len());
    Ok(told)
}

async fn sync_catalog(client: &Client, catalog: &Catalog) -> Vec<String> {
    sync(client, catalog).await.expect("nothing is in the way")
}

const CANVAS: [&str; 6] = [
    "scrip:pack:credits-1000 1200 usd, default",
    "scrip:plan:business:month 9900 usd, default",
    "scrip:plan:business:year 99000 usd",
    "scrip:plan:creator:month 1500 usd, default",
    "scrip:plan:pro:month 3900 usd, default",
    "scrip:plan:pro:year 39000 usd",
];

#[tokio::test]
async fn an_empty_account_sells_what_the_catalog_does_and_then_nothing_is_to_be_done() {
    let (account, client) = Account::open().await;
    let drift = check(&client, &canvas()).await.expect("it can be read");
    assert_eq!(account.with(|world| world.writes), 0);
    let told = sync_catalog(&client, &canvas()).await;
    assert_eq!(told, drift);
    assert_eq!(
        told,
        [
            "+ product plan creator: Creator",
            "+ price plan creator, month: 15.00 usd",
            "+ product plan pro: Pro",
            "+ price plan pro, month: 39.00 usd",
            "+ price plan pro, year: 390.00 usd",
            "+ product plan business: Business",
            "+ price plan business, month: 99.00 usd",
            "+ price plan business, year: 990.00 usd",
            "+ product pack credits-1000: 1000 credits",
            "+ price pack credits-1000: 12.00 usd",
            "~ product plan creator: month is the default",
            "~ product plan pro: month is the default",
            "~ product plan business: month is the default",
            "~ product pack credits-1000: its price is the default",
        ]
    );
    // The free plan costs nothing, and Enterprise is agreed by contract.
    assert_eq!(account.for_sale(), CANVAS);
    let price = account.with(|world| world.prices[0].clone());
    assert_eq!(price["metadata"], json!({ "scrip_plan": "creator", "scrip_interval": "month" }));
    assert_eq!(sync_catalog(&client, &canvas()).await, Vec::<String>::new());
    assert_eq!(check(&client, &canvas()).await.expect("it can be read"), Vec::<String>::new());
}

#[tokio::test]
async fn every_shipped_catalog_can_be_sold() {
    for (name, _) in shipped::CATALOGS {
        let (account, client) = Account::open().await;
        let catalog = catalog(name, str::to_owned);
        sync_catalog(&client, &catalog).await;
        assert_eq!(sync_catalog(&client, &catalog).await, Vec::<String>::new(), "{name}");
        let priced = catalog.plans.iter().flat_map(|plan| &plan.prices).filter(|price| price.amount.is_some()).count();
        assert_eq!(account.for_sale().len(), priced + catalog.packs.len(), "{name}");
    }
}

#[tokio::test]
async fn another_amount_is_another_price() {
    let (account, client) = Account::open().await;
    sync_catalog(&client, &canvas()).await;
    let before = account.with(|world| world.prices.clone());
    assert_eq!(
        sync_catalog(&client, &dearer()).await,
        [
            "~ price plan pro, month: 39.00 usd → 45.00 usd; existing subscribers go on paying the old one",
            "~ product plan pro: month is the default",
            "- price plan pro, month: 39.00 usd (price_2)",
        ]
    );
    assert!(account.for_sale().contains(&"scrip:plan:pro:month 4500 usd, default".to_owned()));
    assert_eq!(account.for_sale().len(), CANVAS.len());
    let old = account.with(|world| world.prices[1].clone());
    assert_eq!((&old["unit_amount"], &old["active"], &old["lookup_key"]), (&json!(3900), &json!(false), &Value::Null));
    assert_eq!(old["metadata"], before[1]["metadata"]);
    assert_eq!(sync_catalog(&client, &dearer()).await, Vec::<String>::new());

    // Returning to the first amount makes a third price: the first is history.
    sync_catalog(&client, &canvas()).await;
    assert_eq!(account.for_sale(), CANVAS);
    assert_eq!(account.with(|world| world.prices.len()), CANVAS.len() + 2);
    // Changing once more, while Stripe still remembers the keys, makes a fourth price.
    sync_catalog(&client, &dearer()).await;
    assert_eq!(account.with(|world| world.prices.len()), CANVAS.len() + 3);
    assert_eq!(sync_catalog(&client, &dearer()).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_currency_is_another_price() {
    let (account, client) = Account::open().await;
    sync_catalog(&client, &canvas()).await;
    let euros = catalog("canvas-tiers", |text| text.replace("currency = \"usd\"", "currency = \"eur\""));
    sync_catalog(&client, &euros).await;
    let expected: Vec<String> = CANVAS.iter().map(|line| line.replace("usd", "eur")).collect();
    assert_eq!(account.for_sale(), expected);
    assert_eq!(sync_catalog(&client, &euros).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_the_catalog_no_longer_has_is_archived_and_comes_back_as_it_was() {
    let (account, client) = Account::open().await;
    sync_catalog(&client, &canvas()).await;
    let told = sync_catalog(&client, &smaller()).await;
    assert_eq!(
        told,
        [
            "- product pack credits-1000 (prod_4)",
            "- product plan creator (prod_1)",
            "- price pack credits-1000: 12.00 usd (price_6)",
            "- price plan business, year: 990.00 usd (price_5)",
            "- price plan creator, month: 15.00 usd (price_1)",
        ]
    );
    assert_eq!(
        account.for_sale(),
        [
            "scrip:plan:business:month 9900 usd, default",
            "scrip:plan:pro:month 3900 usd, default",
            "scrip:plan:pro:year 39000 usd"
        ]
    );
    assert!(account.with(|world| world.prices.iter().filter(|price| price["active"] == true).count()) == 3);
    assert_eq!(sync_catalog(&client, &smaller()).await, Vec::<String>::new());
    // Nothing was deleted, so nothing has to be created.
    let told = sync_catalog(&client, &canvas()).await;
    assert!(told.contains(&"~ product plan creator: for sale again (prod_1)".to_owned()), "{told:?}");
    assert!(told.contains(&"~ price plan creator, month: 15.00 usd again (price_1)".to_owned()), "{told:?}");
    assert_eq!(account.for_sale(), CANVAS);
    let made = account.with(|world| (world.products.len(), world.prices.len()));
    assert_eq!(made, (4, 6));
}

#[tokio::test]
async fn the_first_price_of_a_plan_can_go_while_the_plan_stays() {
    let (account, client) = Account::open().await;
    sync_catalog(&client, &canvas()).await;
    let mut yearly = canvas();
    for plan in yearly.plans.iter_mut().filter(|plan| &*plan.id == "pro") {
        plan.prices.retain(|price| price.interval == scrip_engine::Interval::Year);
    }
    let told = sync_catalog(&client, &yearly).await;
    assert_eq!(told, ["~ product plan pro: year is the default", "- price plan pro, month: 39.00 usd (price_2)"]);
    assert!(account.for_sale().contains(&"scrip:plan:pro:year 39000 usd, default".to_owned()));
}

#[tokio::test]
async fn what_people_change_by_hand_is_put_right() {
    let (account, client) = Account::open().await;
    sync_catalog(&client, &canvas()).await;
    account.with(|world| {
        world.products[1]["name"] = json!("Professional");
        world.products[2]["active"] = json!(false);
        world.prices[2]["lookup_key"] = Value::Null;
        world.prices[4]["active"] = json!(false);
        // A copy of a product, as Stripe's dashboard makes it.
        let mut copy = world.products[1].clone();
        (copy["id"], copy["created"], copy["default_price"]) = (json!("prod_9"), json!(9), Value::Null);
        world.products.push(copy);
    });
    assert_eq!(
        sync_catalog(&client, &canvas()).await,
        [
            "~ product plan pro: Professional → Pro (prod_2)",
            "~ price plan pro, year: 390.00 usd again (price_3)",
            "~ product plan business: for sale again (prod_3)",
            "~ price plan business, year: 990.00 usd again (price_5)",
            "- product plan pro (prod_9)",
        ]
    );
    assert_eq!(account.for_sale(), CANVAS);
    assert_eq!(sync_catalog(&client, &canvas()).await, Vec::<String>::new());
    // The same change by hand, put right a second time: no key of the first time is in the way.
    account.with(|world| world.products[2]["active"] = json!(false));
    sync_catalog(&client, &canvas()).await;
    assert_eq!(account.for_sale(), CANVAS);
}

fn strangers() -> (Vec<Value>, Vec<Value>) {
    let product = |id: &str, metadata: Value| {
        json!({ "id": id, "active": true, "livemode": false, "created": 0, "name": "Pro", "metadata": metadata,
                "default_price": null })
    };
    let price = |id: &str, metadata: Value, key: Value| {
        json!({ "id": id, "active": true, "livemode": false, "created": 0, "currency": "usd", "unit_amount": 3900,
                "billing_scheme": "per_unit", "recurring": { "interval": "month", "interval_count": 1 },
                "product": "prod_x", "metadata": metadata, "lookup_key": key })
    };
    (
        vec![
            product("prod_x", json!({ "plan": "pro" })),
            product("prod_y", json!({ "scrip_plan": "pro", "scrip_pack": "p" })),
        ],
        vec![
            price("price_x", json!({}), json!("standard")),
            price("price_y", json!({ "scrip_plan": "pro" }), Value::Null),
        ],
    )
}

#[tokio::test]
async fn what_is_not_scrips_is_never_touched() {
    let (account, client) = Account::open().await;
    let (products, prices) = strangers();
    account.with(|world| (world.products, world.prices) = (products.clone(), prices.clone()));
    for catalog in [canvas(), dearer(), smaller(), canvas()] {
        sync_catalog(&client, &catalog).await;
    }
    let (after_products, after_prices) = account.with(|world| (world.products.clone(), world.prices.clone()));
    assert_eq!((&after_products[..2], &after_prices[..2]), (&products[..], &prices[..]));
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_nothing_is_done() {
    let (account, client) = Account::open().await;
    let (products, mut prices) = strangers();
    prices[0]["lookup_key"] = json!("scrip:plan:pro:month");
    // A price of Scrip's is the default of a product that is not.
    let metadata = json!({ "scrip_plan": "gone", "scrip_interval": "month" });
    prices[1]["metadata"] = metadata;
    account.with(|world| (world.products, world.prices) = (products, prices));
    account.with(|world| world.products[0]["default_price"] = json!("price_y"));
    let fault = sync(&client, &canvas()).await.expect_err("something is in the way");
    let said = fault.to_string();
    assert!(said.contains("price_x has the lookup key scrip:plan:pro:month"), "{said}");
    assert!(said.contains("price_y is the default of prod_x"), "{said}");
    assert_eq!(account.with(|world| world.writes), 0);
    let drift = check(&client, &canvas()).await.expect("it can be read");
    assert!(drift[0].contains("price_x") && drift[1].contains("price_y"), "{drift:?}");
}

#[tokio::test]
async fn a_run_that_is_broken_off_anywhere_is_taken_up_and_makes_nothing_twice() {
    let changes = [canvas(), dearer(), smaller()];
    let (account, client) = Account::open().await;
    let mut writes = Vec::new();
    let mut ends = Vec::new();
    for catalog in &changes {
        let before = account.with(|world| world.writes);
        sync_catalog(&client, catalog).await;
        writes.push(account.with(|world| world.writes) - before);
        ends.push((account.for_sale(), account.with(|world| (world.products.len(), world.prices.len()))));
    }
    for (n, catalog) in changes.iter().enumerate() {
        let silences = (1..writes[n]).map(Silent::Dead).chain((1..=writes[n]).map(Silent::Mute));
        for silent in silences {
            let (account, client) = Account::open().await;
            for earlier in &changes[..n] {
                sync_catalog(&client, earlier).await;
            }
            account.with(|world| world.silent = Some(silent));
            let stopped = sync(&client, catalog).await.expect_err("it falls silent");
            assert!(matches!(stopped, Fault::Stopped { error: Error::Unknown(_), .. }), "{silent:?}: {stopped:?}");
            account.with(|world| world.silent = None);
            sync_catalog(&client, catalog).await;
            let end = (account.for_sale(), account.with(|world| (world.products.len(), world.prices.len())));
            assert_eq!(end, ends[n], "{silent:?}");
            assert_eq!(sync_catalog(&client, catalog).await, Vec::<String>::new(), "{silent:?}");
        }
    }
}

#[tokio::test]
async fn two_runs_at_once_make_nothing_twice() {
    let (account, client) = Account::open().await;
    let plan = compare(&client, &canvas()).await.expect("it can be read");
    let (one, two) = tokio::join!(apply(&client, &plan, |_| ()), apply(&client, &plan, |_| ()));
    one.and(two).expect("both are done");
    assert_eq!(account.for_sale(), CANVAS);
    assert_eq!(account.with(|world| (world.products.len(), world.prices.len())), (4, 6));
}

#[tokio::test]
async fn an_account_of_another_mode_is_not_compared() {
    let (account, client) = Account::open().await;
    account.with(|world| world.livemode = true);
    let (products, _) = strangers();
    account.with(|world| world.products = products);
    account.with(|world| world.products[1]["livemode"] = json!(true));
    let fault = check(&client, &canvas()).await.expect_err("it is live");
    assert_eq!(fault.to_string(), "the key is a test key, and prod_y is a live object");
}
