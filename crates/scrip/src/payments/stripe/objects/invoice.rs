//! Invoices, their lines, and the payments that settled them.

use super::{Expandable, Id, List, Metadata, Range, Seconds, or_empty, price::Price};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An invoice, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Invoice {
    /// Identifier of the invoice, `in_…`.
    pub id: String,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Status of the invoice.
    pub status: Option<Status>,
    /// Customer who pays, if any.
    pub customer: Option<Id>,
    /// Reason for which the invoice was made.
    pub billing_reason: Option<BillingReason>,
    /// Object to which the invoice belongs, if any.
    pub parent: Option<Parent>,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Total after discounts and taxes, in the currency's smallest unit.
    pub total: i64,
    /// Amount due, in the currency's smallest unit: the total less what the customer's balance paid.
    pub amount_due: i64,
    /// Amount paid so far, in the currency's smallest unit.
    pub amount_paid: i64,
    /// Amount still to be paid, in the currency's smallest unit.
    #[serde(default)]
    pub amount_remaining: i64,
    /// Balance of the customer before the invoice was finalized, in the currency's smallest unit; a negative one is a
    /// credit.
    #[serde(default)]
    pub starting_balance: i64,
    /// Balance of the customer after the invoice was finalized, in the currency's smallest unit; absent on a draft.
    #[serde(default)]
    pub ending_balance: Option<i64>,
    /// Sum of the credit notes issued before the invoice was paid, in the currency's smallest unit.
    #[serde(default)]
    pub pre_payment_credit_notes_amount: i64,
    /// Sum of the credit notes issued after the invoice was paid, in the currency's smallest unit.
    #[serde(default)]
    pub post_payment_credit_notes_amount: i64,
    /// `true` if Stripe finalizes and collects the invoice without being asked.
    #[serde(default)]
    pub auto_advance: bool,
    /// Instant at which Stripe finalizes the draft without being asked, in seconds since 1970.
    #[serde(default)]
    pub automatically_finalizes_at: Option<Seconds>,
    /// Number of attempts to collect the invoice so far.
    pub attempt_count: i64,
    /// Instant at which Stripe tries again to collect the invoice, in seconds since 1970; absent if it will not.
    pub next_payment_attempt: Option<Seconds>,
    /// Lines of the invoice; [`Client::invoices`] returns all of them.
    #[serde(default, deserialize_with = "or_empty")]
    pub lines: List<Line>,
    /// Payments of the invoice; empty unless the request expanded them.
    #[serde(default, deserialize_with = "or_empty")]
    pub payments: List<Payment>,
    /// Instants at which the invoice changed its status.
    #[serde(default)]
    pub status_transitions: Transitions,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
    /// Address of Stripe's hosted page on which the customer can pay the invoice.
    pub hosted_invoice_url: Option<String>,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Status of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Draft: the invoice can still change.
    Draft,
    /// Finalized, and still to be paid.
    Open,
    /// Paid, or due for nothing.
    Paid,
    /// Given up as uncollectible; the customer may still pay.
    Uncollectible,
    /// Voided: the invoice counts no longer.
    Void,
    /// Value that Stripe added to this enumeration later.
    #[serde(untagged)]
    Other(String),
}

/// Reason for which an invoice was made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillingReason {
    /// Start of a subscription.
    SubscriptionCreate,
    /// Start of a subscription's next period.
    SubscriptionCycle,
    /// Change of a subscription.
    SubscriptionUpdate,
    /// Invoice made by hand, or by an API call of its own.
    Manual,
    /// Any other reason, kept as its text.
    #[serde(untagged)]
    Other(String),
}

/// Object to which an invoice belongs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Parent {
    /// Subscription of the invoice, if it belongs to one.
    pub subscription_details: Option<SubscriptionDetails>,
}

/// Subscription to which an invoice belongs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SubscriptionDetails {
    /// Identifier of the subscription, `sub_…`.
    pub subscription: Id,
    /// Key-value pairs of the subscription, copied when the invoice was finalized.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// Instants at which an invoice changed its status, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Transitions {
    /// Instant at which the invoice was finalized.
    pub finalized_at: Option<Seconds>,
    /// Instant at which the invoice was paid.
    pub paid_at: Option<Seconds>,
    /// Instant at which the invoice was marked uncollectible.
    pub marked_uncollectible_at: Option<Seconds>,
    /// Instant at which the invoice was voided.
    pub voided_at: Option<Seconds>,
}

/// One line of an invoice.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Line {
    /// Identifier of the line, `il_…`.
    pub id: String,
    /// Amount of the line, in the currency's smallest unit; a negative one lowers the invoice.
    pub amount: i64,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Number of units that the line is for.
    pub quantity: Option<i64>,
    /// Period that the line is for.
    pub period: Period,
    /// Price of the line; absent where no price was named.
    pub pricing: Option<Pricing>,
    /// Origin of the line: an item of a subscription, or an invoice item.
    pub parent: Option<LineParent>,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// Period that a line is for, from `start` up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Period {
    /// Start of the period, in seconds since 1970.
    pub start: Seconds,
    /// End of the period, in seconds since 1970; it is not part of the period.
    pub end: Seconds,
}

/// Pricing of a line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Pricing {
    /// Price of the line, if it has one.
    pub price_details: Option<PriceDetails>,
}

/// Price and product of a line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PriceDetails {
    /// Price of the line, `price_…`.
    pub price: Expandable<Price>,
    /// Identifier of the product that the price belongs to, `prod_…`.
    pub product: String,
}

/// Origin of a line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LineParent {
    /// Subscription item that the line comes from, if any.
    pub subscription_item_details: Option<ItemDetails>,
    /// Invoice item that the line comes from, if any: one made by hand, or a proration.
    pub invoice_item_details: Option<InvoiceItemDetails>,
}

/// Subscription item that a line comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ItemDetails {
    /// Identifier of the subscription, `sub_…`.
    pub subscription: Option<String>,
    /// `true` if the line is a proration: a share of a period in which the subscription changed.
    pub proration: bool,
}

/// Invoice item that a line comes from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct InvoiceItemDetails {
    /// Identifier of the invoice item, `ii_…`.
    pub invoice_item: String,
    /// Identifier of the subscription, `sub_…`, if the item belongs to one.
    pub subscription: Option<String>,
    /// `true` if the line is a proration: a share of a period in which the subscription changed.
    pub proration: bool,
}

/// A payment of an invoice, made or still open.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Payment {
    /// Identifier of the invoice payment, `inpay_…`.
    pub id: String,
    /// Invoice that the payment is for.
    pub invoice: Id,
    /// Amount of the invoice that was paid, in the currency's smallest unit.
    pub amount_paid: Option<i64>,
    /// Currency: an ISO 4217 code in lower case.
    pub currency: String,
    /// Status of the payment: `open`, `paid` or `canceled`.
    pub status: String,
    /// Object that moves the money.
    pub payment: PaymentSource,
    /// Instant of creation, in seconds since 1970.
    pub created: Seconds,
}

/// Object that moves the money of an invoice payment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PaymentSource {
    /// Type of the object: `payment_intent`, `charge` or `payment_record`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Payment intent, `pi_…`, if the type says so.
    pub payment_intent: Option<Id>,
    /// Charge, `ch_…`, if the type says so.
    pub charge: Option<Id>,
}

/// Filter of a list of invoices; an absent field does not restrict it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Invoices<'a> {
    /// Identifier of the customer who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<&'a str>,
    /// Identifier of the subscription to which the invoices belong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<&'a str>,
    /// Status of the invoices, as Stripe writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'a str>,
    /// Range in which the invoices were created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Range>,
}

impl Invoice {
    /// Returns the identifier of the subscription to which the invoice belongs, if any.
    pub fn subscription(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription_details.as_ref().map(|details| details.subscription.id.as_str())
    }
}

impl Line {
    /// Returns the price that the line names, if any.
    pub fn price(&self) -> Option<&Expandable<Price>> {
        self.pricing.as_ref()?.price_details.as_ref().map(|details| &details.price)
    }

    /// Returns `true` if the line comes from an invoice item alone, and not from a subscription item.
    pub fn is_by_hand(&self) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| parent.subscription_item_details.is_none() && parent.invoice_item_details.is_some())
    }

    /// Returns `true` if the line is a proration: a share of a period in which the subscription changed.
    pub fn is_proration(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| {
            parent.subscription_item_details.as_ref().is_some_and(|details| details.proration)
                || parent.invoice_item_details.as_ref().is_some_and(|details| details.proration)
        })
    }
}

impl Client {
    /// Reads the invoices that match a filter, each with all of its lines and payments, newest first.
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

    /// Reads the payments of an invoice.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn invoice_payments(&self, invoice: &str) -> Result<Vec<Payment>, Error> {
        self.all(&["invoice_payments"], &json!({ "invoice": invoice })).await
    }

    /// Finalizes a draft. With `auto_advance`, Stripe goes on to collect it without being asked, within an hour.
    ///
    /// # Errors
    /// When the invoice is no draft, Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn finalize_invoice(&self, id: &str, auto_advance: bool, key: &IdempotencyKey) -> Result<Invoice, Error> {
        let params = json!({ "auto_advance": auto_advance, "expand": ["payments"] });
        self.whole(self.post(&["invoices", id, "finalize"], &params, key).await?).await
    }

    /// Collects an invoice at once, in the customer's absence. Stripe finalizes a draft first.
    ///
    /// # Errors
    /// When the payment is declined or needs the customer, the invoice is paid already, Stripe refuses the request or
    /// does not answer, or the outcome is unknown.
    pub async fn pay_invoice(&self, id: &str, key: &IdempotencyKey) -> Result<Invoice, Error> {
        let params = json!({ "off_session": true, "expand": ["payments"] });
        self.whole(self.post(&["invoices", id, "pay"], &params, key).await?).await
    }

    /// Voids an open or uncollectible invoice.
    ///
    /// # Errors
    /// When the invoice is a draft, paid, or void, Stripe refuses the request or does not answer, or the outcome is
    /// unknown.
    pub async fn void_invoice(&self, id: &str, key: &IdempotencyKey) -> Result<Invoice, Error> {
        self.whole(self.post(&["invoices", id, "void"], &json!({ "expand": ["payments"] }), key).await?).await
    }

    /// Completes an invoice. Stripe sends only the first lines and payments with it; the rest is read page by page.
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
