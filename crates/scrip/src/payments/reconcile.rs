//! Reconciling: a customer is read again from Stripe, and the commands that follow are submitted to the ledger.
//!
//! Invariant: reconciling twice changes nothing the second time, and after a process was killed the next one finishes
//! its work: each step is a command of its own that knows what it has done (R7).

use super::customer_state::CustomerState;
use super::error::ReconcileError;
use super::{Billing, collection, facts, renewal};
use crate::ledger::Origin;
use crate::operate::alerts::{self, Alert};
use crate::payments::stripe::Error;
use crate::payments::stripe::objects::checkout::Status as SessionStatus;
use scrip_engine::payments::{SubscriptionStatus, TopUpStop};
use scrip_engine::{Command, Mode, Name, PaymentCommand, Plan, Refusal, TopUpCommand, Workspace, WorkspaceId};
use scrip_store::SubmitError;
use scrip_store::rows::purchases;
use std::sync::Arc;

/// Actor of the commands, as the journal names it.
const ACTOR: &str = "payment provider";

impl Billing {
    /// Reconciles a customer: brings its workspace's ledger to what Stripe says. Returns the seconds after which an
    /// awaited renewal must be probed, if any.
    ///
    /// # Errors
    /// When Stripe or the store cannot answer: the customer must be reconciled again.
    pub async fn reconcile(&self, workspace: WorkspaceId, customer: &str) -> Result<Option<i64>, ReconcileError> {
        let Some(known) = self.ledger.workspace(workspace).await? else { return Ok(None) };
        if let Some(alert) = self.other_mode(&known, customer) {
            alerts::raise(self.ledger.store(), alert).await?;
            self.fail_top_up(&known, TopUpStop::Refused).await?;
            return Ok(None);
        }
        let mut state = match self.read(customer).await {
            Err(Error::Refused(refused)) if refused.status == 404 => {
                self.fail_top_up(&known, TopUpStop::NoPaymentMethod).await?;
                return Err(Error::Refused(refused).into());
            }
            state => state?,
        };
        if self.collect(&known, &state).await? {
            state = self.read(customer).await?;
        }
        self.await_top_up(&known, &state).await?;
        let (settled, alerts) = facts::payments(workspace, &state);
        for alert in alerts {
            alerts::raise(self.ledger.store(), alert).await?;
        }
        for one in settled.iter().filter(|one| !known.sources.contains(&one.payment.source)) {
            self.record(workspace, one).await?;
        }
        if self.schedule_downgrades(&*self.now(workspace).await?, &state).await? {
            state = self.read(customer).await?;
        }
        self.close_purchases(workspace, &state).await?;
        for facts::DeclinedPayment { subscription, invoice, attempt } in facts::declined_payments(&state) {
            self.submit(workspace, PaymentCommand::Fail { subscription, invoice, attempt }).await?;
        }
        let now = self.now(workspace).await?;
        for facts::Reversal { source, paid, reversed, disputed } in facts::reversals(&now, &state) {
            let object = source.clone();
            let command = Command::Payment(PaymentCommand::Reverse { source, paid, reversed, disputed });
            self.submit_or_alert(workspace, &object, command).await?;
        }
        // Requests that change something at Stripe come last, so that a refusal holds up no command.
        let followed = self.follow(&now, &state).await;
        self.top_up(&*self.now(workspace).await?, customer, &state).await?;
        followed?;
        let now = self.now(workspace).await?;
        self.reprice(&now, &state).await?;
        if self.give_up_unwanted(&now, &state).await? {
            state = self.read(customer).await?;
        }
        self.keep_collection(workspace, collection::of_customer(&state)).await?;
        Ok(renewal::next_probe(&now, &state))
    }

    /// Returns an alert if the workspace is of the other mode than the key: test keys sell test credits, live keys real
    /// ones.
    fn other_mode(&self, workspace: &Workspace, customer: &str) -> Option<Alert> {
        let mode = self.client.mode();
        let detail = format!("the workspace is of the other mode than the Stripe key, which is a {} key", mode.name());
        let same = mode.is_of(workspace.mode == Mode::Live);
        (!same).then(|| Alert::new("wrong_mode", customer, Some(workspace.id), detail))
    }

    pub(super) async fn now(&self, workspace: WorkspaceId) -> Result<Arc<Workspace>, ReconcileError> {
        let now = self.ledger.workspace(workspace).await?;
        now.ok_or_else(|| ReconcileError::Ledger("the workspace does not exist".to_owned()))
    }

    /// Records a payment. If the ledger refuses it, an alert says so, and the payment's top-up ends.
    pub(super) async fn record(
        &self,
        workspace: WorkspaceId,
        settled: &facts::SettledPayment,
    ) -> Result<(), ReconcileError> {
        let payment = &settled.payment;
        let command = Command::Payment(PaymentCommand::Record(payment.clone()));
        let recorded = self.submit_or_alert(workspace, &payment.source, command).await?;
        match payment.top_up {
            Some(n) if !recorded => {
                let payment = Some(payment.source.clone());
                self.submit(workspace, TopUpCommand::End { n, stop: TopUpStop::NotGiven, payment }).await
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn submit(
        &self,
        workspace: WorkspaceId,
        command: impl Into<Command>,
    ) -> Result<(), ReconcileError> {
        let command = command.into();
        let object = Name::from(command.name());
        self.submit_or_alert(workspace, &object, command).await.map(drop)
    }

    /// Submits a command that follows from an object; returns whether it was accepted. A refusal means money without
    /// credits, or credits without money: an alert says so.
    async fn submit_or_alert(
        &self,
        workspace: WorkspaceId,
        object: &Name,
        command: Command,
    ) -> Result<bool, ReconcileError> {
        match self.ledger.submit(workspace, command, Origin::internal(ACTOR, workspace, None)).await {
            Ok(_) => Ok(true),
            Err(SubmitError::Refused(refusal)) => {
                let (kind, detail) = alert_of_refusal(&refusal);
                alerts::raise(self.ledger.store(), Alert::new(kind, object, Some(workspace), detail)).await?;
                Ok(false)
            }
            Err(SubmitError::Unavailable(error)) => Err(error.into()),
            Err(error) => Err(ReconcileError::Ledger(format!("{error:?}"))),
        }
    }

    /// Closes the purchases whose checkout sessions are over.
    async fn close_purchases(&self, workspace: WorkspaceId, state: &CustomerState) -> Result<(), ReconcileError> {
        let store = self.ledger.store();
        let open = purchases::open_sessions(store.worker(), workspace).await?;
        let over = |id: &str| {
            let session = state.sessions.iter().find(|session| session.id == id);
            session.is_some_and(|session| session.status != Some(SessionStatus::Open))
        };
        for session in open.iter().filter(|session| over(session)) {
            purchases::close_session(store.worker(), session, store.now(None).await?).await?;
        }
        Ok(())
    }

    /// Brings ledger and Stripe to the same status of the current subscription. One whose review was taken back is set
    /// to end with its period (R25).
    async fn follow(&self, workspace: &Workspace, state: &CustomerState) -> Result<(), ReconcileError> {
        let Some(paid) = &workspace.subscription.payment else { return Ok(()) };
        let Some(current) = state.subscriptions.iter().find(|one| *one.id == *paid.subscription) else { return Ok(()) };
        let Some(mut status) = facts::subscription_status(state, current) else { return Ok(()) };
        if self.must_end(workspace, &status) {
            self.end_there(current, true).await?;
            status = SubscriptionStatus::Continues { ending: true, change: None, processing: false };
        }
        let subscription = paid.subscription.clone();
        let object = subscription.clone();
        let command = Command::Payment(PaymentCommand::FollowSubscription { subscription, status });
        self.submit_or_alert(workspace.id, &object, command).await.map(drop)
    }

    /// Returns `true` if the plan goes on although the workspace lacks a review that it requires, and no plan follows
    /// that the workspace has the reviews for.
    fn must_end(&self, workspace: &Workspace, status: &SubscriptionStatus) -> bool {
        let SubscriptionStatus::Continues { ending: false, change, .. } = status else { return false };
        let catalogs = self.ledger.store().catalogs();
        let needs_more = |plan: &Plan| plan.requires.iter().any(|review| !workspace.approvals.contains(review));
        let current = catalogs.get(workspace.catalog).map(|known| (known, &workspace.subscription.plan));
        let follows = change.as_ref().and_then(|(plan, _)| Some((catalogs.newest()?, plan)));
        let all = [current, follows.or(current)];
        all.iter().all(|one| one.and_then(|(known, plan)| known.catalog.plan(plan)).is_some_and(needs_more))
    }
}

/// Returns the kind of alert for a refusal, and what the operator should do.
fn alert_of_refusal(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::ReviewRequired { review, .. } => (
            "review_required",
            format!(
                "was paid without the approval of `{review}`: approve the review, or refund the payment; nothing was \
                 given"
            ),
        ),
        Refusal::InvalidRequest { errors } => {
            let errors: Vec<String> = errors.iter().map(|error| error.detail.clone()).collect();
            ("wrong_price", format!("{}; nothing was given", errors.join("; ")))
        }
        Refusal::LimitExceeded { what, limit, .. } => {
            ("too_much", format!("the workspace has {limit} {what}, the most that it can have; nothing was given"))
        }
        other => ("refused", format!("the ledger refused with {}; nothing was given", other.code())),
    }
}
