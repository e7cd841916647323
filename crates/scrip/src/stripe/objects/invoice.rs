//! Bills, what stands on them, and what paid them.

use super::{Expandable, Id, List, Metadata, Range, Seconds, or_empty, price::Price};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A bill.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Invoice {
    /// `in_…`
    pub id: String,
    /// Whether money moves.
    pub livemode: bool,
    /// How it stands.
    pub status: Option<Status>,
    /// Who pays.
    pub customer: Option<Id>,
    /// Why there is one.
    pub billing_reason: Option<BillingReason>,
    /// What it belongs to.
    pub parent: Option<Parent>,
    /// ISO 4217, lower case.
    pub currency: String,
    /// What it comes to, in the currency's smallest unit.
    pub total: i64,
    /// What is to be paid of it.
    pub amount_due: i64,
    /// What was paid of it.
    pub amount_paid: i64,
    /// What is left to be paid of it.
    #[serde(default)]
    pub amount_remaining: i64,
    /// Balance of the customer before the invoice was finalized; below zero is a credit.
    #[serde(default)]
    pub starting_balance: i64,
    /// Balance of the customer after the invoice was finalized; absent on a draft.
    #[serde(default)]
    pub ending_balance: Option<i64>,
    /// Sum of the credit notes issued before the invoice was paid.
    #[serde(default)]
    pub pre_payment_credit_notes_amount: i64,
    /// Sum of the credit notes issued after the invoice was paid.
    #[serde(default)]
    pub post_payment_credit_notes_amount: i64,
    /// Automatic collection: whether Stripe finalizes and collects the invoice without being asked.
    #[serde(default)]
    pub auto_advance: bool,
    /// Instant at which Stripe finalizes the draft without being asked.
    #[serde(default)]
    pub automatically_finalizes_at: Option<Seconds>,
    /// How often it was tried to collect it.
    pub attempt_count: i64,
    /// When it is tried again.
    pub next_payment_attempt: Option<Seconds>,
    /// What stands on it; the answers of [`Client::invoices`] have all of it.
    #[serde(default, deserialize_with = "or_empty")]
    pub lines: List<Line>,
    /// What paid it, where that was asked for.
    #[serde(default, deserialize_with = "or_empty")]
    pub payments: List<Payment>,
    /// When what happened to it.
    #[serde(default)]
    pub status_transitions: Transitions,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Where the customer can pay it.
    pub hosted_invoice_url: Option<String>,
    /// When it was made.
    pub created: Seconds,
}

/// How a bill stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It can change still.
    Draft,
    /// It is to be paid.
    Open,
    /// It is paid, or came to nothing.
    Paid,
    /// It was given up.
    Uncollectible,
    /// It does not count.
    Void,
    /// Something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// Why there is a bill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingReason {
    /// A subscription began.
    SubscriptionCreate,
    /// Its next period began.
    SubscriptionCycle,
    /// It was changed.
    SubscriptionUpdate,
    /// Somebody wrote it.
    Manual,
    /// Something else, or something Stripe added.
    #[serde(untagged)]
    Other(String),
}

/// What a bill belongs to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Parent {
    /// The subscription, if it is one's.
    pub subscription_details: Option<SubscriptionDetails>,
}

/// The subscription that a bill is of.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SubscriptionDetails {
    /// Which one.
    pub subscription: Id,
    /// What we had written on it when the bill was made.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// When what happened to a bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Transitions {
    /// When it could no longer change.
    pub finalized_at: Option<Seconds>,
    /// When it was paid.
    pub paid_at: Option<Seconds>,
    /// When it was given up.
    pub marked_uncollectible_at: Option<Seconds>,
    /// When it was made void.
    pub voided_at: Option<Seconds>,
}

/// Something on a bill.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Line {
    /// `il_…`
    pub id: String,
    /// What it adds to the bill; below zero takes away.
    pub amount: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// How many.
    pub quantity: Option<i64>,
    /// The time it is for.
    pub period: Period,
    /// What it costs; absent where no price was named.
    pub pricing: Option<Pricing>,
    /// Where it comes from.
    pub parent: Option<LineParent>,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// The time that a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Period {
    /// From here on.
    pub start: Seconds,
    /// Before here.
    pub end: Seconds,
}

/// What a line costs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Pricing {
    /// The price.
    pub price_details: Option<PriceDetails>,
}

/// The price of a line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PriceDetails {
    /// Which one.
    pub price: Expandable<Price>,
    /// What it is a price of.
    pub product: String,
}

/// Where a line comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LineParent {
    /// A subscription's item.
    pub subscription_item_details: Option<ItemDetails>,
    /// Something somebody put on the bill, or a share of a change.
    pub invoice_item_details: Option<InvoiceItemDetails>,
}

/// The item that a line is for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ItemDetails {
    /// `sub_…`
    pub subscription: Option<String>,
    /// Whether it is the share of a period in which something changed.
    pub proration: bool,
}

/// Something that was put on a bill.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct InvoiceItemDetails {
    /// `ii_…`
    pub invoice_item: String,
    /// `sub_…`
    pub subscription: Option<String>,
    /// Whether it is the share of a period in which something changed.
    pub proration: bool,
}

/// What paid a bill, or is to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Payment {
    /// `inpay_…`
    pub id: String,
    /// Which bill.
    pub invoice: Id,
    /// What was paid of it.
    pub amount_paid: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: String,
    /// `open`, `paid` or `canceled`.
    pub status: String,
    /// With what.
    pub payment: PaidWith,
    /// When it was made.
    pub created: Seconds,
}

/// What a bill is paid with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaidWith {
    /// `payment_intent`, `charge` or `payment_record`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `pi_…`
    pub payment_intent: Option<Id>,
    /// `ch_…`
    pub charge: Option<Id>,
}

/// Which bills.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Invoices<'a> {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<&'a str>,
    /// Of which subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<&'a str>,
    /// How they stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'a str>,
    /// When they were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

impl Invoice {
    /// The subscription that it is of.
    pub fn subscription(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription_details.as_ref().map(|details| details.subscription.id.as_str())
    }
}

impl Line {
    /// The price that it names.
    pub fn price(&self) -> Option<&Expandable<Price>> {
        self.pricing.as_ref()?.price_details.as_ref().map(|details| &details.price)
    }

    /// Whether somebody put it on the bill, and no subscription did.
    pub fn is_by_hand(&self) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| parent.subscription_item_details.is_none() && parent.invoice_item_details.is_some())
    }

    /// Whether it is the share of a period in which something changed.
    pub fn is_proration(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| {
            parent.subscription_item_details.as_ref().is_some_and(|details| details.proration)
                || parent.invoice_item_details.as_ref().is_some_and(|details| details.proration)
        })
    }
}

impl Client {
    /// Bills with everything on them and all that paid them, newest first.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn invoices(&self, which: &Invoices<'_>) -> Result<Vec<Invoice>, Error> {
        let mut params = json!(which);
        params["expand"] = json!(["data.payments"]);
        let mut invoices = Vec::new();
        for invoice in self.all(&["invoices"], &params).await? {
            invoices.push(self.whole(invoice).await?);
        }
        Ok(invoices)
    }

    /// What paid a bill.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn invoice_payments(&self, invoice: &str) -> Result<Vec<Payment>, Error> {
        self.all(&["invoice_payments"], &json!({ "invoice": invoice })).await
    }

    /// Finalizes a draft. With `auto_advance`, Stripe goes on to collect it by itself, within an hour.
    ///
    /// # Errors
    /// When the invoice is no draft, or Stripe refuses, does not answer, or may have done it.
    pub async fn finalize_invoice(&self, id: &str, auto_advance: bool, key: &IdempotencyKey) -> Result<Invoice, Error> {
        let params = json!({ "auto_advance": auto_advance, "expand": ["payments"] });
        self.whole(self.post(&["invoices", id, "finalize"], &params, key).await?).await
    }

    /// Collects an invoice at once, in the customer's absence. Stripe finalizes a draft first.
    ///
    /// # Errors
    /// When the payment is declined or needs its owner, the invoice is paid already, or Stripe refuses, does not
    /// answer, or may have done it.
    pub async fn pay_invoice(&self, id: &str, key: &IdempotencyKey) -> Result<Invoice, Error> {
        let params = json!({ "off_session": true, "expand": ["payments"] });
        self.whole(self.post(&["invoices", id, "pay"], &params, key).await?).await
    }

    /// Voids an open or uncollectible invoice.
    ///
    /// # Errors
    /// When the invoice is a draft, paid, or void, or Stripe refuses, does not answer, or may have done it.
    pub async fn void_invoice(&self, id: &str, key: &IdempotencyKey) -> Result<Invoice, Error> {
        self.whole(self.post(&["invoices", id, "void"], &json!({ "expand": ["payments"] }), key).await?).await
    }

    /// A bill has the first of its lines and payments with it; of one that has more, the rest is asked for.
    async fn whole(&self, mut invoice: Invoice) -> Result<Invoice, Error> {
        if invoice.lines.has_more {
            let data = self.all(&["invoices", &invoice.id, "lines"], &()).await?;
            invoice.lines = List { data, has_more: false };
        }
        if invoice.payments.has_more {
            let data = self.invoice_payments(&invoice.id).await?;
            invoice.payments = List { data, has_more: false };
        }
        Ok(invoice)
    }
}
