//! Top-ups: a wish of the ledger's is confirmed, charged once, and ended by Stripe's answer.
//!
//! Invariant: every charge of a wish has the wish's idempotency key, so that there is one charge, however often and by
//! which process it is asked for; and no wish is charged that the ledger has not just confirmed.

use super::customer_state::CustomerState;
use super::error::ReconcileError;
use super::{Billing, customers, facts, marks};
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::error::StripeRefusal;
use crate::payments::stripe::objects::payment::{NewPayment, PaymentIntent, Status};
use crate::payments::stripe::{Error, IdempotencyKey};
use scrip_engine::payments::{TopUpPurchase, TopUpStop};
use scrip_engine::{Name, TopUpCommand, Workspace, WorkspaceId};
use scrip_store::SubmitError;

/// Kind of the alert that Stripe does not take the payment of a top-up; it ends when Stripe takes one of the
/// workspace's.
const REFUSED: &str = "top_up_refused";

/// Stripe's answer to the charge of a wish.
enum Charge {
    /// Payment intent that was made; its status says whether it is paid.
    Made(Box<PaymentIntent>),
    /// Refused for a reason that stops top-ups; the payment intent, where there is one.
    Failed(TopUpStop, Option<Name>),
}

impl Billing {
    /// Charges the wish of a workspace, if it has one that is still wanted, or ends it by a payment that exists
    /// already.
    pub(super) async fn top_up(
        &self,
        workspace: &Workspace,
        customer: &str,
        state: &CustomerState,
    ) -> Result<(), ReconcileError> {
        let Some(purchase) = wish(workspace) else { return Ok(()) };
        let n = purchase.n;
        if let Some(payment) = payment_of(workspace.id, state, n) {
            return self.follow_charge(workspace.id, n, payment).await;
        }
        // Time has passed since the wish, and a catalog may have been published: a tick drops a wish that is no longer
        // wanted.
        match self.ledger.tick(workspace.id).await {
            Ok(_) => {}
            Err(SubmitError::Unavailable(error)) => return Err(error.into()),
            Err(error) => return Err(ReconcileError::Ledger(format!("{error:?}"))),
        }
        let now = self.now(workspace.id).await?;
        // A wish that was made anew has hinted at the customer, which is reconciled again.
        let Some(purchase) = wish(&now).filter(|purchase| purchase.n == n) else { return Ok(()) };
        match self.charge(&now, customer, state, purchase).await? {
            Charge::Made(payment) => self.follow_charge(workspace.id, n, &payment).await,
            Charge::Failed(stop, payment) => self.end_top_up(workspace.id, n, stop, payment).await,
        }
    }

    /// Notes that the payment of a workspace's wish is processing, before anything else of the customer is recorded, so
    /// that no pack bought meanwhile drops the wish.
    pub(super) async fn await_top_up(
        &self,
        workspace: &Workspace,
        state: &CustomerState,
    ) -> Result<(), ReconcileError> {
        let Some(purchase) = wish(workspace).filter(|purchase| !purchase.processing) else { return Ok(()) };
        match payment_of(workspace.id, state, purchase.n) {
            Some(payment) if payment.status == Status::Processing => {
                self.submit(workspace.id, TopUpCommand::Await { n: purchase.n }).await
            }
            _ => Ok(()),
        }
    }

    /// Ends the wish of a workspace unpaid, if it has one.
    pub(super) async fn fail_top_up(&self, workspace: &Workspace, stop: TopUpStop) -> Result<(), ReconcileError> {
        match wish(workspace) {
            Some(purchase) if !purchase.processing => self.end_top_up(workspace.id, purchase.n, stop, None).await,
            _ => Ok(()),
        }
    }

    /// Passes a wish on: as a hint at the customer, or to its end where the workspace has no customer.
    pub(super) async fn pass_on_top_up(&self, workspace: WorkspaceId) -> Result<(), ReconcileError> {
        let store = self.ledger.store();
        if customers::of(store, workspace).await?.is_some() {
            customers::hint_workspace(store, workspace).await?;
            return Ok(());
        }
        match self.ledger.workspace(workspace).await? {
            Some(known) => self.fail_top_up(&known, TopUpStop::NoPaymentMethod).await,
            None => Ok(()),
        }
    }

    async fn end_top_up(
        &self,
        workspace: WorkspaceId,
        n: u32,
        stop: TopUpStop,
        payment: Option<Name>,
    ) -> Result<(), ReconcileError> {
        self.submit(workspace, TopUpCommand::End { n, stop, payment }).await
    }

    /// Submits the command that follows from the payment of a wish.
    async fn follow_charge(
        &self,
        workspace: WorkspaceId,
        n: u32,
        payment: &PaymentIntent,
    ) -> Result<(), ReconcileError> {
        match payment.status {
            Status::Succeeded => {
                let state = CustomerState { payments: vec![payment.clone()], ..CustomerState::default() };
                let (settled, alerts) = facts::payments(workspace, &state);
                for one in &settled {
                    self.record(workspace, one).await?;
                }
                let id = Some(Name::from(payment.id.as_str()));
                for alert in alerts {
                    alerts::raise(self.ledger.store(), alert).await?;
                    self.end_top_up(workspace, n, TopUpStop::NotGiven, id.clone()).await?;
                }
                Ok(())
            }
            // Stripe sends an event when the payment ends.
            Status::Processing => self.submit(workspace, TopUpCommand::Await { n }).await,
            _ => {
                let id = Some(Name::from(payment.id.as_str()));
                self.end_top_up(workspace, n, stop_of_payment(payment), id).await
            }
        }
    }

    /// Returns the payment method for a charge in the customer's absence: the customer's default, that of a
    /// subscription, or the newest one attached when a pack was bought, which Stripe makes no default.
    async fn payment_method(&self, customer: &str, state: &CustomerState) -> Result<Option<String>, ReconcileError> {
        let known = match self.client.customer(customer).await {
            Err(Error::Refused(refused)) if refused.status == 404 => return Ok(None),
            known => known?,
        };
        let by_subscription = state.subscriptions.iter().find_map(|one| one.default_payment_method.as_ref());
        let named = known.invoice_settings.default_payment_method.as_ref().or(by_subscription);
        if named.is_some() || known.deleted {
            return Ok(named.map(|method| method.id.clone()).filter(|_| !known.deleted));
        }
        let left = self.client.payment_methods_of(customer).await?;
        Ok(left.into_iter().next().map(|method| method.id))
    }

    /// Charges the amount of a wish to the customer's payment method.
    async fn charge(
        &self,
        workspace: &Workspace,
        customer: &str,
        state: &CustomerState,
        purchase: &TopUpPurchase,
    ) -> Result<Charge, ReconcileError> {
        let Some(method) = self.payment_method(customer, state).await? else {
            return Ok(Charge::Failed(TopUpStop::NoPaymentMethod, None));
        };
        let n = purchase.n.to_string();
        let catalog = purchase.catalog.map(|version| (marks::CATALOG, version.to_string()));
        let marks = [
            (marks::WORKSPACE, workspace.id.to_string()),
            (marks::TOP_UP, n.clone()),
            (marks::PACK, purchase.pack.to_string()),
        ];
        let new = NewPayment {
            amount: purchase.amount.get(),
            currency: purchase.currency.to_string(),
            customer: customer.to_owned(),
            payment_method: method,
            description: format!("{}, bought because the balance was low", purchase.pack),
            metadata: marks.into_iter().chain(catalog).map(|(mark, value)| (mark.to_owned(), value)).collect(),
        };
        let key = IdempotencyKey::of(&["top up", &workspace.id.to_string(), &n]);
        let object = format!("{}:", workspace.id);
        let refused = match self.client.pay_off_session(&new, &key).await {
            Ok(payment) => {
                alerts::end(self.ledger.store(), REFUSED, &object).await?;
                return Ok(Charge::Made(Box::new(payment)));
            }
            Err(Error::Refused(refused)) => refused,
            Err(error) => return Err(error.into()),
        };
        let stop = stop_of_refusal(&refused);
        if stop.is_none_or(|stop| stop == TopUpStop::Refused) && refused.status != 429 {
            let detail = format!("Stripe refused the payment of an automatic top-up: {refused}; nothing was paid");
            let alert = Alert::new(REFUSED, &format!("{object}{n}"), Some(workspace.id), detail);
            alerts::raise(self.ledger.store(), alert).await?;
        }
        match stop {
            Some(stop) => Ok(Charge::Failed(stop, refused.payment_intent.map(|payment| Name::from(payment.id)))),
            None => Err(Error::Refused(refused).into()),
        }
    }
}

fn wish(workspace: &Workspace) -> Option<&TopUpPurchase> {
    workspace.billing.top_up.as_ref()?.pending.as_ref()
}

/// Returns the payment of a workspace's wish, where Stripe has one.
fn payment_of(workspace: WorkspaceId, state: &CustomerState, n: u32) -> Option<&PaymentIntent> {
    state.payments.iter().find(|payment| facts::is_top_up(workspace, payment, n))
}

/// Returns the reason for which a payment that was not paid stops top-ups.
fn stop_of_payment(payment: &PaymentIntent) -> TopUpStop {
    let code = payment.last_payment_error.as_ref().and_then(|failure| failure.code.as_deref());
    if payment.status == Status::RequiresAction || code == Some(UNAUTHENTICATED) {
        TopUpStop::AuthenticationRequired
    } else {
        TopUpStop::Declined
    }
}

/// Stripe's error code of a payment that the customer has to confirm.
const UNAUTHENTICATED: &str = "authentication_required";

/// Returns the reason for which a refusal stops top-ups; `None` where it says nothing about the payment, such as one of
/// the key, of the rate, or of the idempotency key. Then the charge is tried again.
fn stop_of_refusal(refused: &StripeRefusal) -> Option<TopUpStop> {
    if !matches!(refused.status, 400 | 402 | 404) || refused.kind == "idempotency_error" {
        return None;
    }
    let about_method = matches!(refused.param.as_deref(), Some("payment_method" | "customer"));
    let is_missing = refused.code.as_deref() == Some("resource_missing");
    Some(match refused.status {
        402 if refused.code.as_deref() == Some(UNAUTHENTICATED) => TopUpStop::AuthenticationRequired,
        402 => TopUpStop::Declined,
        _ if about_method || is_missing => TopUpStop::NoPaymentMethod,
        _ => TopUpStop::Refused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stops_top_ups_by_what_it_is_about() {
        let refused = |status, kind: &str, code: Option<&str>, param: Option<&str>| StripeRefusal {
            status,
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            param: param.map(str::to_owned),
            ..StripeRefusal::default()
        };
        let (card, invalid) = ("card_error", "invalid_request_error");
        for (refused, stop) in [
            (refused(402, card, Some("card_declined"), None), Some(TopUpStop::Declined)),
            (refused(402, card, Some("expired_card"), None), Some(TopUpStop::Declined)),
            (refused(402, card, Some("authentication_required"), None), Some(TopUpStop::AuthenticationRequired)),
            (refused(400, invalid, Some("resource_missing"), Some("payment_method")), Some(TopUpStop::NoPaymentMethod)),
            (refused(404, invalid, Some("resource_missing"), Some("customer")), Some(TopUpStop::NoPaymentMethod)),
            (refused(400, invalid, None, Some("payment_method")), Some(TopUpStop::NoPaymentMethod)),
            (refused(400, invalid, Some("amount_too_small"), Some("amount")), Some(TopUpStop::Refused)),
            (refused(400, "idempotency_error", None, None), None),
            (refused(401, invalid, None, None), None),
            (refused(403, invalid, None, None), None),
            (refused(409, invalid, None, None), None),
            (refused(429, "rate_limit_error", None, None), None),
        ] {
            assert_eq!(stop_of_refusal(&refused), stop, "{refused:?}");
        }
    }
}
