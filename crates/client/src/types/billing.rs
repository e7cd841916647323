//! Purchases: offers, checkout sessions, automatic top-ups and the state of billing.

use super::Interval;
use serde::{Deserialize, Serialize};

/// Purchase to be made: a pack, or a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewCheckout {
    /// Id of the plan to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Interval of the plan's price; may be left out where the plan has one price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// Id of the pack to buy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
}

/// Checkout session in which a purchase is paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Checkout {
    /// Address of Stripe's checkout session: send the person there.
    pub url: String,
    /// Offer that is paid there.
    pub offer: Offer,
    /// Instant until which it can be paid; absent where a subscription is changed.
    pub expires_at: Option<String>,
}

/// Plan or pack that can be bought now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Offer {
    /// Id of the plan; absent for a pack.
    pub plan: Option<String>,
    /// Interval of the plan's price; absent for a pack.
    pub interval: Option<String>,
    /// Id of the pack; absent for a plan.
    pub pack: Option<String>,
    /// Name of the plan or pack for people.
    pub name: String,
    /// Price, in the currency's smallest unit.
    pub amount: i64,
    /// Currency of the price, ISO 4217 in lower case.
    pub currency: String,
    /// The price as people write it.
    pub price: String,
    /// Number of credits it brings; of a plan, in one interval.
    pub credits: i64,
    /// Number of those credits that are a bonus: with a pack, or over what paying by the month, or else by the week,
    /// would bring in a year.
    pub bonus: i64,
    /// Time for which a pack's credits last, such as `90 days`; absent is for ever, or as long as the plan's period.
    pub expires: Option<String>,
    /// Effect of the purchase: `at_once`, `upgrade` (at once, in place of the current plan) or `at_period_end`.
    pub takes_effect: String,
    /// Instant at which it takes effect, where it waits for the period's end.
    pub takes_effect_at: Option<String>,
    /// `true` if an upgrade keeps what is left of the current period, and its months to come, with their dates.
    pub carries: bool,
    /// Credits that end with an upgrade; absent where it carries them, and where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<EndingCredits>,
    /// Sentence about the credits that end, to be shown before the payment; absent where none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Version of the catalog that the offer is from.
    pub catalog_version: u32,
}

/// Credits of the current period that end with an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EndingCredits {
    /// Number of credits that are left.
    pub left: i64,
    /// Number of credits of months of a paid year that are not yet granted.
    pub to_come: i64,
}

/// A paid period beside the current one, which keeps its dates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CarriedPeriod {
    /// Id of the period's plan.
    pub plan: String,
    /// Interval of the period: `week`, `month` or `year`.
    pub interval: String,
    /// End of the period; until then the workspace is on the plan again when the current one ends.
    pub ends_at: String,
    /// Instant of its next monthly grant; absent when none is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_grant_at: Option<String>,
}

/// Plan or pack of the catalog that is not sold to this workspace now, with the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotOffered {
    /// Id of the plan; absent for a pack.
    pub plan: Option<String>,
    /// Interval of the plan's price; absent for a pack.
    pub interval: Option<String>,
    /// Id of the pack; absent for a plan.
    pub pack: Option<String>,
    /// Reason, as the code of a problem.
    pub code: String,
    /// Reason in a sentence, for people.
    pub detail: String,
}

/// Purpose for which a customer is sent to Stripe's portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum PortalFlow {
    /// Cancels the workspace's subscription at Stripe.
    Cancel,
    /// Changing the payment method.
    PaymentMethod,
}

/// Request for an address of Stripe's portal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = NewPortalVisit))]
pub struct NewPortalSession {
    /// The only purpose of the address; absent opens the whole portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<PortalFlow>,
}

/// Address of Stripe's portal for one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PortalVisit))]
pub struct PortalSession {
    /// Address of the portal: send the person there.
    pub url: String,
}

/// State of a workspace's plan, its payments and its offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BillingState {
    /// Id of the plan.
    pub plan: String,
    /// Interval of the plan's price; absent on a plan that is never paid for.
    pub interval: Option<String>,
    /// Status of the plan: `active`, `canceling`, `past_due` or `frozen`.
    pub status: String,
    /// Kind of billing: `manual` (the operator says that a period is paid) or `provider` (Stripe collects it); absent
    /// on a plan that is never paid for.
    pub billing: Option<String>,
    /// Instant of the last allowance.
    pub renewed_at: Option<String>,
    /// Instant of the next allowance.
    pub renews_at: Option<String>,
    /// Instant until which an unpaid renewal is waited for.
    pub awaited_until: Option<String>,
    /// Paid periods beside the current one, which keep their dates (docs/CATALOGS.md, *Changing plans*).
    #[serde(default)]
    pub carried: Vec<CarriedPeriod>,
    /// Invoice that was declined last, until one is paid; or else the payment by which automatic top-ups stopped.
    pub declined: Option<DeclinedInvoice>,
    /// Collection by Stripe for a plan now: a payment on its way, an invoice that is open, or one that is collected.
    #[serde(default)]
    pub collecting: Option<Collecting>,
    /// Automatic top-ups, if they were asked for.
    pub top_up: Option<TopUp>,
    /// Plans and packs that can be bought now.
    pub offers: Vec<Offer>,
    /// Plans and packs of the catalog that this workspace cannot buy now.
    pub not_offered: Vec<NotOffered>,
}

/// Collection by Stripe for a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Collecting {
    /// Status of the collection: `on_its_way` (a debit takes days), `open` (the customer has to pay or to confirm) or
    /// `collecting` (Stripe collects it without the customer).
    pub status: String,
    /// Id of the plan.
    pub plan: Option<String>,
    /// Interval at which the plan is paid.
    pub interval: Option<String>,
    /// Stripe's id of the invoice.
    pub invoice: Option<String>,
    /// Amount that is due, in the currency's smallest unit.
    pub amount: i64,
    /// Currency of the amount, ISO 4217 in lower case.
    pub currency: Option<String>,
    /// Address of Stripe's page where the invoice is paid.
    pub url: Option<String>,
    /// Instant of Stripe's next attempt.
    pub next_attempt: Option<String>,
}

/// An invoice that was declined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = DeclinedBill))]
pub struct DeclinedInvoice {
    /// Stripe's id of the invoice or payment.
    pub invoice: String,
    /// Attempt number, starting at 1.
    pub attempt: u32,
}

/// Automatic top-ups to be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewTopUp {
    /// Id of the pack to buy.
    pub pack: String,
    /// Number of credits below which the pack is bought; at most what the pack brings.
    pub below: i64,
    /// Most that may be spent in a calendar month (UTC), in the smallest unit of the pack's currency.
    pub monthly_max: i64,
}

/// Automatic top-ups of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopUp {
    /// Id of the pack that is bought.
    pub pack: String,
    /// Number of credits below which the pack is bought.
    pub below: i64,
    /// Most that may be spent in a calendar month (UTC), in the smallest unit of the pack's currency.
    pub monthly_max: i64,
    /// Amount spent in the current month, in the same unit; a purchase that has not ended counts.
    pub spent: i64,
    /// Status: `on`, `buying`, `used_up` (the month leaves no room for another pack), `paused`, `stopped` (nothing is
    /// bought until top-ups are set again) or `off`.
    pub status: String,
    /// The reason for `paused`: `frozen`, `disputed` or `no_payment_method`; and for `stopped`: `declined`,
    /// `authentication_required`, `no_payment_method`, `pack_changed`, `pack_gone`, `refused` or `not_given`.
    #[serde(default)]
    pub reason: Option<String>,
    /// The pack as it was agreed on: it is not bought when it costs more or brings less.
    #[serde(default)]
    pub agreed: Option<AgreedPack>,
}

/// A pack as it was agreed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AgreedPack {
    /// Number of credits that the pack brings, with its bonus.
    pub credits: i64,
    /// Price, in the currency's smallest unit.
    pub amount: i64,
    /// Currency of the price, ISO 4217 in lower case.
    pub currency: String,
    /// Time the credits last; `null` is for ever.
    pub expires: Option<String>,
}

/// The Stripe customer of a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CustomerLink {
    /// Stripe's id of the customer, `cus_…`.
    pub customer: String,
}

/// The Stripe customer of a workspace, and whether it is reconciled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Customer {
    /// Stripe's id of the customer, `cus_…`.
    pub customer: String,
    /// `true` while there is a hint about the customer that is not reconciled yet.
    pub waits: bool,
}

/// Outcome of a sweep: a reading of Stripe's events that may not have been delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sweep {
    /// Number of Stripe's events that were read.
    pub events: u64,
    /// Number of customers that are to be reconciled again.
    pub customers: u64,
}

/// Message to the operator that money and credits may not agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alert {
    /// Subject of the alert; there is one alert for each subject.
    pub about: String,
    /// Kind of the problem, in a word.
    pub kind: String,
    /// Id of the workspace that it concerns.
    pub workspace: Option<String>,
    /// The problem in words, and the remedy.
    pub detail: String,
    /// Instant at which the problem was first seen.
    pub at: String,
}
