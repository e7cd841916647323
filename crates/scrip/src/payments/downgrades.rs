//! Downgrades that the portal cannot put off to the end of the period, such as a lower plan by the year: a customer
//! confirms one on a checkout session that takes a payment method and no money, and Scrip schedules it at Stripe (R31).
//!
//! **Invariant:** a confirmed change is scheduled once: its purchase stays open until then, and a customer who takes
//! the change back later is not changed again.

use super::customer_state::CustomerState;
use super::error::ReconcileError;
use super::{Billing, collection, marks};
use crate::payments::stripe::IdempotencyKey;
use crate::payments::stripe::objects::checkout::{Session, Status};
use crate::payments::stripe::objects::schedule::{
    Duration, NewPhase, NewPhaseItem, NewPhases, Status as ScheduleStatus,
};
use crate::payments::stripe::objects::subscription::Subscription;
use crate::payments::stripe::offers::offer;
use scrip_engine::Workspace;
use scrip_store::rows::purchases;

impl Billing {
    /// Schedules the changes that a customer has confirmed; returns whether anything was done.
    pub(super) async fn schedule_downgrades(
        &self,
        workspace: &Workspace,
        state: &CustomerState,
    ) -> Result<bool, ReconcileError> {
        let confirmed = |session: &&Session| {
            let is_change = session.mode == "setup" && session.metadata.contains_key(marks::CHANGE);
            is_change && session.status == Some(Status::Complete)
        };
        let confirmed: Vec<&Session> = state.sessions.iter().filter(confirmed).collect();
        if confirmed.is_empty() {
            return Ok(false);
        }
        let store = self.ledger.store();
        let open = purchases::open(store.worker(), workspace.id).await?;
        let is_open = |session: &Session| open.iter().any(|known| known.session.as_ref() == Some(&session.id));
        let paid = workspace.subscription.payment.as_ref();
        let current = paid.and_then(|paid| state.subscriptions.iter().find(|one| *one.id == *paid.subscription));
        let Some(current) = current.filter(|one| !collection::is_over(one)) else { return Ok(false) };
        let mut done = false;
        for session in confirmed.into_iter().filter(|session| is_open(session)) {
            done |= self.schedule(session, current, state).await?;
        }
        Ok(done)
    }

    async fn schedule(
        &self,
        session: &Session,
        current: &Subscription,
        state: &CustomerState,
    ) -> Result<bool, ReconcileError> {
        let Some(price) = session.metadata.get(marks::CHANGE) else { return Ok(false) };
        let known = current.schedule.as_ref().and_then(|of| state.schedules.iter().find(|known| known.id == of.id));
        if known.and_then(|known| known.next()).is_some_and(|(_, next)| next.id == *price) {
            return Ok(false);
        }
        let sold = self.price(price).await?;
        let (Ok(sold), Some(item)) = (offer(&sold), current.items.data.first()) else { return Ok(false) };
        let Some(interval) = sold.sold.interval() else { return Ok(false) };
        if let Some(intent) = &session.setup_intent
            && let Some(method) = self.client.setup_intent(&intent.id).await?.payment_method
        {
            let key = IdempotencyKey::of(&["pay with", &session.id]);
            self.client.pay_subscription_with(&current.id, &method.id, &key).await?;
        }
        // A process that was killed in between has left a schedule without a next phase.
        let begun = known.filter(|known| known.status == ScheduleStatus::Active && known.next().is_none());
        let (id, phase) = match begun {
            Some(begun) => (begun.id.clone(), begun.current_phase),
            None => {
                if current.schedule.is_some() || collection::is_ending(current) {
                    self.end_there(current, false).await?;
                }
                let before = current.schedule.as_ref().map_or("", |schedule| &schedule.id);
                let key = IdempotencyKey::of(&["schedule", &session.id, before]);
                let made = self.client.create_schedule(&current.id, &key).await?;
                (made.id, made.current_phase)
            }
        };
        let phase = phase.ok_or_else(|| ReconcileError::Ledger(format!("the schedule {id} has no current phase")))?;
        let now = NewPhase {
            items: vec![NewPhaseItem { price: item.price.id.clone(), quantity: item.quantity.unwrap_or(1) }],
            start_date: Some(phase.start_date),
            end_date: Some(phase.end_date),
            duration: None,
            proration_behavior: "none",
        };
        let duration = Some(Duration { interval: interval.name(), interval_count: 1 });
        let next = NewPhase {
            items: vec![NewPhaseItem { price: price.clone(), quantity: 1 }],
            start_date: None,
            end_date: None,
            duration,
            proration_behavior: "none",
        };
        let phases = NewPhases { phases: vec![now, next], end_behavior: "release", proration_behavior: "none" };
        self.client.set_phases(&id, &phases, &IdempotencyKey::of(&["phases", &session.id, &id])).await?;
        Ok(true)
    }
}
