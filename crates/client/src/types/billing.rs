//! Buying: what is offered, where it is paid, and how it stands.

use super::Interval;
use serde::{Deserialize, Serialize};

/// What is to be bought: a pack, or a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewCheckout {
    /// A plan's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// How often it is paid; may be left out where the plan has one price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
    /// A pack's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
}

/// Where something is paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Checkout {
    /// The payment provider's page: send the person there.
    pub url: String,
    /// What is offered there.
    pub offer: Offer,
    /// Until when it can be paid; absent where a subscription is changed.
    pub expires_at: Option<String>,
}

/// What can be bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Offer {
    /// The plan, or nothing for a pack.
    pub plan: Option<String>,
    /// How often it is paid.
    pub interval: Option<String>,
    /// The pack, or nothing for a plan.
    pub pack: Option<String>,
    /// Its name on a page.
    pub name: String,
    /// Its price, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The price as people write it.
    pub price: String,
    /// Credits it brings; of a plan, in one interval.
    pub credits: i64,
    /// How many of them are a bonus: with a pack, or over what paying by the month would bring in a year.
    pub bonus: i64,
    /// How long a pack's credits last, such as `90 days`; absent is for ever, or as long as the plan's period.
    pub expires: Option<String>,
    /// `at_once`, `upgrade` (at once, in place of the current plan) or `at_period_end`.
    pub takes_effect: String,
    /// When, where it waits for the period's end.
    pub takes_effect_at: Option<String>,
    /// True if an upgrade keeps what is left of the current period, and its months to come, with their dates.
    pub carries: bool,
    /// Credits that end with an upgrade; absent where it carries them, and where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<EndingCredits>,
    /// Sentence about the credits that end, to be shown before the payment; absent where none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The catalog version it is from.
    pub catalog_version: u32,
}

/// Credits of the current period that end with an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EndingCredits {
    /// Credits that are left.
    pub left: i64,
    /// Credits of months of a paid year that are not yet granted.
    pub to_come: i64,
}

/// A paid period beside the current one, which keeps its dates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CarriedPeriod {
    /// The plan.
    pub plan: String,
    /// `week`, `month` or `year`.
    pub interval: String,
    /// End of the period; until then the workspace is on the plan again when the current one ends.
    pub ends_at: String,
    /// Instant of its next monthly grant; absent when none is to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_grant_at: Option<String>,
}

/// What might be bought, and is not sold to this workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotOffered {
    /// The plan, or nothing for a pack.
    pub plan: Option<String>,
    /// How often it is paid.
    pub interval: Option<String>,
    /// The pack, or nothing for a plan.
    pub pack: Option<String>,
    /// Why, as a problem's code.
    pub code: String,
    /// The same in a sentence.
    pub detail: String,
}

/// What a visit to the portal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum PortalFlow {
    /// Cancelling.
    Cancel,
    /// Another means of payment.
    PaymentMethod,
}

/// A visit to the portal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewPortalVisit {
    /// The one thing it is for; absent is whatever they like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<PortalFlow>,
}

/// A page of the payment provider's portal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PortalVisit {
    /// Send the person there.
    pub url: String,
}

/// How paying stands in a workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BillingState {
    /// The plan.
    pub plan: String,
    /// How often it is paid.
    pub interval: Option<String>,
    /// `active`, `canceling`, `past_due` or `frozen`.
    pub status: String,
    /// Who says that a period is paid: `manual` or `provider`.
    pub billing: Option<String>,
    /// When the allowance was last refreshed.
    pub renewed_at: Option<String>,
    /// When it is next.
    pub renews_at: Option<String>,
    /// Until when an unpaid renewal is waited for.
    pub awaited_until: Option<String>,
    /// Paid periods beside the current one, which keep their dates (docs/CATALOGS.md, *Changing plans*).
    #[serde(default)]
    pub carried: Vec<CarriedPeriod>,
    /// The invoice that was declined last, until one is paid; or else the payment by which automatic top-ups stopped.
    pub declined: Option<DeclinedBill>,
    /// Collection by Stripe for a plan now: a payment on its way, an invoice that is open, or one that is collected.
    #[serde(default)]
    pub collecting: Option<Collecting>,
    /// Automatic top-ups, if they were asked for.
    pub top_up: Option<TopUp>,
    /// What can be bought now.
    pub offers: Vec<Offer>,
    /// What is sold, and not to this workspace now.
    pub not_offered: Vec<NotOffered>,
}

/// Collection by Stripe for a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Collecting {
    /// `on_its_way` (a debit takes days), `open` (the customer has to pay or to confirm) or `collecting` (Stripe does
    /// it by itself).
    pub status: String,
    /// The plan.
    pub plan: Option<String>,
    /// Interval at which the plan is paid.
    pub interval: Option<String>,
    /// Stripe's id of the invoice.
    pub invoice: Option<String>,
    /// Amount that is due, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: Option<String>,
    /// Stripe's page where the invoice is paid.
    pub url: Option<String>,
    /// Instant of Stripe's next attempt.
    pub next_attempt: Option<String>,
}

/// A bill that was declined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeclinedBill {
    /// The provider's id of it.
    pub invoice: String,
    /// Which attempt it was.
    pub attempt: u32,
}

/// What is asked of automatic top-ups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewTopUp {
    /// The pack to buy.
    pub pack: String,
    /// When fewer credits than this are left, at most what the pack brings.
    pub below: i64,
    /// What may be spent in a calendar month (UTC), in the smallest unit of the pack's currency.
    pub monthly_max: i64,
}

/// Automatic top-ups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TopUp {
    /// The pack that is bought.
    pub pack: String,
    /// When fewer credits than this are left.
    pub below: i64,
    /// What may be spent in a calendar month (UTC), in the smallest unit of the pack's currency.
    pub monthly_max: i64,
    /// Amount spent in this one; a purchase that has not ended counts.
    pub spent: i64,
    /// `on`, `buying`, `used_up` (the month leaves no room for another pack), `paused`, `stopped` (nothing is bought
    /// until it is asked for again) or `off`.
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
    /// Credits it brings, with its bonus.
    pub credits: i64,
    /// Price, in the currency's smallest unit.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Time the credits last; `null` is for ever.
    pub expires: Option<String>,
}

/// The payment provider's customer that a workspace is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CustomerLink {
    /// `cus_…`
    pub customer: String,
}

/// The customer that a workspace is, and how news of them stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Customer {
    /// `cus_…`
    pub customer: String,
    /// Whether there is something new about them that was not looked at yet.
    pub waits: bool,
}

/// A sweep for what nobody told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sweep {
    /// Events of the payment provider's that were read.
    pub events: u64,
    /// Customers that are looked at again.
    pub customers: u64,
}

/// Something an operator should look at, because money and credits may not agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alert {
    /// What it is about; each thing is told once.
    pub about: String,
    /// What is wrong, in a word.
    pub kind: String,
    /// Whose.
    pub workspace: Option<String>,
    /// What is wrong and what can be done.
    pub detail: String,
    /// When it was first seen.
    pub at: String,
}
