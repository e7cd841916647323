//! Months of a year, compared with the account's own calendar.

use scrip_testing::app::text;
use scrip_testing::shop::{BAD, Buyer, GOOD, Shop, date};
use serde_json::{Value, json};

/// Returns the paid invoices of a customer, oldest first: the start and the end of their one period.
async fn billed_periods(buyer: &Buyer<'_>) -> Vec<(String, String)> {
    let path = format!("/v1/invoices?limit=100&status=paid&customer={}", buyer.customer);
    let invoices = buyer.shop.stripe.get(&path).await;
    let mut periods: Vec<(i64, i64)> = Vec::new();
    for invoice in invoices["data"].as_array().expect("a list") {
        let period = &invoice["lines"]["data"][0]["period"];
        periods.push((period["start"].as_i64().expect("seconds"), period["end"].as_i64().expect("seconds")));
    }
    periods.sort_unstable();
    periods.into_iter().map(|(start, end)| (date(start), date(end))).collect()
}

/// Returns the start and the end of the current period's grant.
async fn grant_period(buyer: &Buyer<'_>) -> (String, String) {
    let balance = buyer.desk.balance().await;
    let grants = balance["grants"].as_array().expect("a list");
    let found: Vec<&Value> = grants.iter().filter(|grant| grant["kind"] == "cycle").collect();
    assert_eq!((found.len(), &found[0]["granted"]), (1, &json!(1700)), "{balance}");
    (text(&found[0]["starts_at"]), text(&found[0]["expires_at"]))
}

/// From the 31st of January: every month's end is the account's own, and one month's card is declined.
#[tokio::test]
async fn twelve_months_from_the_last_of_january_are_twelve_grants() {
    let mut shop = Shop::open("canvas-tiers");
    {
        let buyer = shop.buyer("2026-01-31T00:00:00Z", json!({})).await;
        buyer.buy(json!({ "plan": "creator" })).await;
        let ends = [
            "2026-02-28",
            "2026-03-31",
            "2026-04-30",
            "2026-05-31",
            "2026-06-30",
            "2026-07-31",
            "2026-08-31",
            "2026-09-30",
            "2026-10-31",
            "2026-11-30",
            "2026-12-31",
        ];
        let mut here = vec![grant_period(&buyer).await];
        for (month, end) in ends.into_iter().enumerate() {
            let shown = buyer.desk.show().await;
            assert_eq!(shown["period"]["end"], format!("{end}T00:00:00Z"));
            let declined = month == 4;
            if declined {
                buyer.card(BAD).await;
            }
            buyer.pass(&format!("{end}T02:00:00Z")).await;
            if declined {
                Buyer::is(&buyer.stands().await, "creator", "month", "past_due", 250);
                buyer.card(GOOD).await;
                let path = format!("/v1/invoices?customer={}&status=open", buyer.customer);
                let invoice = text(&shop.stripe.get(&path).await["data"][0]["id"]);
                shop.stripe.post(&format!("/v1/invoices/{invoice}/pay"), &[]).await;
                buyer.settle().await;
            }
            Buyer::is(&buyer.stands().await, "creator", "month", "active", 1950);
            here.push(grant_period(&buyer).await);
        }
        let there = billed_periods(&buyer).await;
        assert_eq!(there.len(), 12);
        for ((start, end), (from, until)) in there.iter().zip(&here) {
            assert_eq!((&from[..10], until), (&start[..10], end), "on its date, and to the account's own end");
        }
        let entries = buyer.desk.entries().await;
        let issued = entries.iter().map(|entry| entry["events"].to_string());
        let issued: usize = issued.map(|events| events.matches(r#""kind":"cycle""#).count()).sum();
        assert_eq!(issued, 12, "and no more");
        assert_eq!(shop.alerts().await, Vec::<String>::new());
    }
    shop.app.verify();
}
