//! Conversion of the status of payment to the types of the API.

use crate::http::api::{balances, workspaces};
use crate::payments::collection::{Collection, Stage};
use scrip_client::types as api;
use scrip_engine::payments::{TopUpStatus, TopUpStop};
use scrip_engine::{CarriedPeriod, Catalogs, How, Interval, Offer, PurchaseTarget, Timestamp, Workspace, money};

fn text(at: Timestamp) -> String {
    at.to_string()
}

/// Splits a wanted purchase into a plan and its interval, or a pack.
pub fn plan_or_pack(wanted: &PurchaseTarget) -> (Option<String>, Option<Interval>, Option<String>) {
    match wanted {
        PurchaseTarget::Plan(plan, interval) => (Some(plan.to_string()), *interval, None),
        PurchaseTarget::Pack(pack) => (None, None, Some(pack.to_string())),
    }
}

/// Converts an offer, with the plan or pack that was asked for.
pub fn offer(asked: &PurchaseTarget, offer: &Offer) -> api::Offer {
    let (plan, _, pack) = plan_or_pack(asked);
    let (takes_effect, at, ends) = match offer.how {
        How::AtOnce => ("at_once", None, None),
        How::Upgrade { ends } => ("upgrade", None, ends),
        How::AtPeriodEnd(at) => ("at_period_end", Some(text(at)), None),
    };
    api::Offer {
        plan,
        interval: offer.interval.map(|interval| interval.name().to_owned()),
        pack,
        name: offer.name.clone(),
        amount: offer.amount.get(),
        currency: offer.currency.to_string(),
        price: money(offer.amount, &offer.currency),
        credits: offer.credits.get(),
        bonus: offer.bonus.get(),
        expires: offer.expires.map(|span| span.to_string()),
        takes_effect: takes_effect.to_owned(),
        takes_effect_at: at,
        carries: offer.how == How::Upgrade { ends: None },
        ends: ends.map(|ends| api::EndingCredits { left: ends.left.get(), to_come: ends.to_come.get() }),
        warning: offer.how.warning(),
        catalog_version: offer.version,
    }
}

/// Converts automatic top-ups; `None` when there are none.
pub fn top_up(workspace: &Workspace, catalogs: &Catalogs, is_customer: bool, at: Timestamp) -> Option<api::TopUp> {
    let top_up = workspace.billing.top_up.as_ref()?;
    let (status, reason) = match top_up.status(workspace, catalogs, at) {
        TopUpStatus::Off => ("off", None),
        TopUpStatus::Buying => ("buying", None),
        TopUpStatus::Stopped(why) => ("stopped", Some(why.name())),
        TopUpStatus::Frozen => ("paused", Some("frozen")),
        TopUpStatus::Disputed => ("paused", Some("disputed")),
        TopUpStatus::UsedUp => ("used_up", None),
        TopUpStatus::On if !is_customer => ("paused", Some(TopUpStop::NoPaymentMethod.name())),
        TopUpStatus::On => ("on", None),
    };
    let agreed = top_up.agreed.as_ref().map(|agreed| api::AgreedPack {
        credits: agreed.credits.get(),
        amount: agreed.amount.get(),
        currency: agreed.currency.to_string(),
        expires: agreed.expires.map(|span| span.to_string()),
    });
    Some(api::TopUp {
        pack: top_up.terms.pack.to_string(),
        below: top_up.terms.below.get(),
        monthly_max: top_up.terms.monthly_max.get(),
        spent: top_up.spending_in_month(at).get(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        agreed,
    })
}

/// Returns the payment that was declined last: of an invoice, or the one that stopped automatic top-ups.
fn declined_invoice(workspace: &Workspace, top_up: Option<&api::TopUp>) -> Option<api::DeclinedInvoice> {
    if let Some((invoice, attempt)) = &workspace.billing.failed {
        return Some(api::DeclinedInvoice { invoice: invoice.to_string(), attempt: *attempt });
    }
    let is_stopped = top_up.is_some_and(|top_up| top_up.status == "stopped");
    let payment = workspace.billing.top_up.as_ref().and_then(|known| known.declined.as_ref()).filter(|_| is_stopped)?;
    Some(api::DeclinedInvoice { invoice: payment.to_string(), attempt: 1 })
}

/// Returns the status of payment, and all offers.
pub fn state(
    shown: &Workspace,
    at: Timestamp,
    top_up: Option<api::TopUp>,
    collection: Option<Collection>,
    offers: Vec<api::Offer>,
    not_offered: Vec<api::NotOffered>,
) -> api::BillingState {
    let (workspace, balance) = (workspaces::to_api(shown, String::new()), balances::to_api(shown));
    api::BillingState {
        plan: workspace.plan,
        interval: workspace.interval,
        status: workspace.status,
        billing: workspace.billing,
        renewed_at: balance.renewed_at,
        renews_at: balance.renews_at,
        awaited_until: workspace.awaited_until,
        carried: shown.subscription.carried.iter().filter(|one| one.period.end > at).map(carried_period).collect(),
        declined: declined_invoice(shown, top_up.as_ref()),
        collecting: collection.map(collection_to_api),
        top_up,
        offers,
        not_offered,
    }
}

/// Converts a paid period beside the current one.
fn carried_period(carried: &CarriedPeriod) -> api::CarriedPeriod {
    api::CarriedPeriod {
        plan: carried.plan.to_string(),
        interval: carried.period.interval.name().to_owned(),
        ends_at: text(carried.period.end),
        next_grant_at: carried.period.next_month_at().map(text),
    }
}

/// Converts what Stripe collects for a plan.
fn collection_to_api(collection: Collection) -> api::Collecting {
    let (plan, interval) = collection.plan.unzip();
    let at = |seconds: i64| text(Timestamp::default().after_seconds(seconds));
    api::Collecting {
        status: match collection.stage {
            Stage::OnItsWay => "on_its_way",
            Stage::Open => "open",
            Stage::Collecting | Stage::Free => "collecting",
        }
        .to_owned(),
        plan,
        interval,
        invoice: collection.invoice,
        amount: collection.amount,
        currency: Some(collection.currency).filter(|currency| !currency.is_empty()),
        url: collection.url,
        next_attempt: collection.next_attempt.map(at),
    }
}
