//! Credit notes of finalized invoices.
//!
//! Invariant: a credit note's total is the sum of its lines.

use crate::answer::one;
use crate::billing::credit::{self, NewCredit};
use crate::error::{Answer, StripeError};
use crate::lists::ListPage;
use crate::object::Object;
use crate::params::Params;
use crate::state::State;
use serde_json::{Value, json};

const REASONS: [&str; 4] = ["duplicate", "fraudulent", "order_change", "product_unsatisfactory"];

/// `POST /v1/credit_notes`: issues a credit note.
///
/// # Errors
/// When a parameter cannot be used, or the invoice does not allow it.
pub fn create(state: &mut State, params: &Params) -> Answer {
    let invoice = params.require("invoice")?;
    let found = state.find("invoice", &invoice, "invoice")?.clone();
    let amount = params.int("amount")?;
    let mut lines = Vec::new();
    for member in params.members("lines") {
        lines.push(line(state, &found, params, &member)?);
    }
    let mut refunds = Vec::new();
    for member in params.members("refunds") {
        let refund = params.require(&format!("{member}[refund]"))?;
        let whole = state.find("refund", &refund, "refunds[0][refund]")?.int("amount");
        params.one_of(&format!("{member}[type]"), &["refund"])?;
        refunds.push((refund, params.int(&format!("{member}[amount_refunded]"))?.unwrap_or(whole)));
    }
    let part = |name: &str| params.int(name).map(Option::unwrap_or_default);
    let mut new = NewCredit {
        balance: part("credit_amount")?,
        refund: part("refund_amount")?,
        out_of_band: part("out_of_band_amount")?,
        refunds,
        reason: params.one_of("reason", &REASONS)?,
        memo: params.optional("memo"),
        metadata: params.metadata("metadata"),
        invoice,
        ..NewCredit::default()
    };
    params.accept(&["email_type", "effective_at"]);
    params.finish()?;
    if lines.is_empty() {
        let amount = amount.ok_or_else(|| {
            StripeError::invalid("One of `amount`, `lines`, or `shipping_cost` must be provided.")
                .code("parameter_missing")
        })?;
        lines.push(NewLine { amount, quantity: Some(1), description: None, invoice_line: None });
    }
    new.total = lines.iter().map(|line| line.amount).sum();
    if amount.is_some_and(|amount| amount != new.total) {
        return Err(StripeError::unusable("amount", "The amount must be the sum of the lines."));
    }
    new.lines = lines.into_iter().map(|line| line.into_json(state.id("cnli_"))).collect();
    let id = credit::issue(state, new)?;
    one(state, &id)
}

/// A line to put on a credit note.
struct NewLine {
    amount: i64,
    quantity: Option<i64>,
    description: Option<String>,
    invoice_line: Option<String>,
}

impl NewLine {
    fn into_json(self, id: String) -> Value {
        let unit = self.quantity.filter(|quantity| *quantity > 0).map(|quantity| self.amount / quantity);
        let kind = if self.invoice_line.is_some() { "invoice_line_item" } else { "custom_line_item" };
        let mut line = json!({
            "id": id, "object": "credit_note_line_item", "amount": self.amount, "description": self.description,
            "discount_amount": 0, "discount_amounts": [], "livemode": false, "metadata": {},
            "pretax_credit_amounts": [], "quantity": self.quantity, "tax_rates": [], "taxes": [], "type": kind,
            "unit_amount": unit, "unit_amount_decimal": unit.map(|unit| unit.to_string()),
        });
        if let Some(invoice_line) = self.invoice_line {
            line["invoice_line_item"] = invoice_line.into();
        }
        line
    }
}

fn line(state: &State, invoice: &Object, params: &Params, member: &str) -> Result<NewLine, StripeError> {
    let name = |field: &str| format!("{member}[{field}]");
    let kind = params.one_of(&name("type"), &["custom_line_item", "invoice_line_item"])?;
    let kind = kind.ok_or_else(|| StripeError::missing(&name("type")))?;
    let (amount, quantity) = (params.int(&name("amount"))?, params.int(&name("quantity"))?);
    let (unit, description) = (params.int(&name("unit_amount"))?, params.optional(&name("description")));
    let invoice_line = params.optional(&name("invoice_line_item"));
    if kind == "custom_line_item" {
        let unit = unit.ok_or_else(|| StripeError::missing(&name("unit_amount")))?;
        let quantity = quantity.unwrap_or(1);
        let description = description.ok_or_else(|| StripeError::missing(&name("description")))?;
        let amount = unit.saturating_mul(quantity);
        return Ok(NewLine { amount, quantity: Some(quantity), description: Some(description), invoice_line: None });
    }
    let id = invoice_line.ok_or_else(|| StripeError::missing(&name("invoice_line_item")))?;
    let lines = state.must(invoice.id()).each("lines");
    let found = lines.iter().find(|line| line.id() == id);
    let found = found.ok_or_else(|| StripeError::no_such("line_item", &id, &name("invoice_line_item")))?;
    let amount = match (amount, quantity) {
        (Some(amount), _) => amount,
        (None, Some(quantity)) => found.int("amount") / found.int("quantity").max(1) * quantity,
        (None, None) => return Err(StripeError::missing(&name("quantity"))),
    };
    if amount > found.int("amount") {
        let message = format!("A line of {} cannot be credited with {amount}.", found.int("amount"));
        return Err(StripeError::unusable(&name("amount"), message).code("amount_too_large"));
    }
    let description = description.or_else(|| found.maybe("description").map(str::to_owned));
    Ok(NewLine { amount, quantity, description, invoice_line: Some(id) })
}

/// `GET /v1/credit_notes/{id}`
///
/// # Errors
/// When there is none.
pub fn get(state: &State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("credit_note", id, "id")?;
    one(state, id)
}

/// `POST /v1/credit_notes/{id}`
///
/// # Errors
/// When there is none.
pub fn update(state: &mut State, id: &str, params: &Params) -> Answer {
    let metadata = params.changed_metadata("metadata", state.find("credit_note", id, "id")?.at("metadata"));
    let memo = params.text("memo");
    params.finish()?;
    state.update(id, "credit_note.updated", |note| {
        note.set("metadata", metadata);
        if let Some(memo) = memo {
            note.set("memo", memo);
        }
    });
    one(state, id)
}

/// `GET /v1/credit_notes/{id}/lines`
///
/// # Errors
/// When there is none, or a parameter cannot be used.
pub fn lines(state: &State, id: &str, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    params.finish()?;
    let lines = state.find("credit_note", id, "id")?.each("lines");
    Ok(page.slice(&lines, &format!("/v1/credit_notes/{id}/lines")))
}

/// `POST /v1/credit_notes/{id}/void`
///
/// # Errors
/// When there is none, or it cannot be voided.
pub fn void(state: &mut State, id: &str, params: &Params) -> Answer {
    params.finish()?;
    state.find("credit_note", id, "id")?;
    credit::void(state, id)?;
    one(state, id)
}

/// `GET /v1/credit_notes`: lists credit notes, by invoice or customer.
///
/// # Errors
/// When a parameter cannot be used.
pub fn list(state: &State, params: &Params) -> Answer {
    let page = ListPage::read(params)?;
    let (invoice, customer) = (params.optional("invoice"), params.optional("customer"));
    params.finish()?;
    page.of(state, "credit_note", "/v1/credit_notes", |note| {
        invoice.as_ref().is_none_or(|invoice| note.text("invoice") == invoice)
            && customer.as_ref().is_none_or(|customer| note.text("customer") == customer)
    })
}
