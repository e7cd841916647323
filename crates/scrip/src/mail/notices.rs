//! Mails to members that follow from entries, and rows of entries that are kept for lists.
//!
//! The store calls [`consequences`] at every entry, whatever caused it, and writes the result in the entry's
//! transaction.
//!
//! Invariant: only the arguments are read, and an entry gives the same result at every call.

use crate::mail::Mail;
use scrip_engine::payments::{ReviewStatus, TopUpStop};
use scrip_engine::team::Role;
use scrip_engine::{
    Amount, Catalogs, DatedEvent, Event, Kind, Name, Notice, PaymentEvent, PlanEvent, ReviewEvent, Start, Timestamp,
    TopUpEvent, Unit, UserId, Workspace, money, quantity,
};
use scrip_store::rows::reviews::{self, Decision};
use scrip_store::rows::{customers, stripe_events};
use scrip_store::{Consequences, Statement, WISH};

/// Returns the mails and rows that follow from an entry. Most entries have none, and then the cost is one comparison
/// for each event.
pub fn consequences(catalogs: &Catalogs, workspace: &Workspace, events: &[DatedEvent]) -> Consequences {
    let mut told = Consequences::default();
    for DatedEvent(at, event) in events {
        match event {
            Event::Notice(notice) => notify(catalogs, workspace, notice, &mut told),
            Event::Review(event) => tell_of_review(catalogs, workspace, event, *at, &mut told),
            Event::TopUp(event) => tell_of_top_up(catalogs, workspace, event, *at, &mut told),
            Event::Payment(event) => tell_of_payment(catalogs, workspace, event, &mut told),
            Event::Plan(event) if needs_stripe(workspace, event) => hint_at_customer(workspace, &mut told),
            Event::Plan(_)
            | Event::Workspace(_)
            | Event::Grant(_)
            | Event::Hold(_)
            | Event::Run(_)
            | Event::Team(_) => {}
        }
    }
    told
}

fn tell_of_review(
    catalogs: &Catalogs,
    workspace: &Workspace,
    event: &ReviewEvent,
    at: Timestamp,
    told: &mut Consequences,
) {
    match event {
        ReviewEvent::ReviewApproved { review, .. } | ReviewEvent::ReviewRejected { review, .. } => {
            notify_of_review(catalogs, workspace, review, at, told);
        }
        ReviewEvent::ReviewRevoked { review, .. } => {
            notify_of_review(catalogs, workspace, review, at, told);
            hint_at_customer(workspace, told);
        }
        ReviewEvent::ReviewRequested { .. } => {}
    }
}

fn tell_of_top_up(
    catalogs: &Catalogs,
    workspace: &Workspace,
    event: &TopUpEvent,
    at: Timestamp,
    told: &mut Consequences,
) {
    match event {
        TopUpEvent::TopUpRequested { n, .. } => {
            hint_at_customer(workspace, told);
            told.rows.push(wish(workspace, *n, at));
        }
        TopUpEvent::TopUpEnded { why: Some(why), .. } | TopUpEvent::TopUpStopped { why } => {
            tell_of_stop(catalogs, workspace, *why, at, told);
        }
        TopUpEvent::TopUpPutOff { until } => {
            let mail = Mail::TopUpPutOff { workspace: workspace.profile.name.clone(), until: *until };
            tell_daily(workspace, "top_up_put_off", at, &mail, told);
        }
        TopUpEvent::TopUpEnded { why: None, .. }
        | TopUpEvent::TopUpSet { .. }
        | TopUpEvent::TopUpUnset
        | TopUpEvent::TopUpProcessing { .. }
        | TopUpEvent::TopUpDropped { .. }
        | TopUpEvent::TopUpPaid { .. } => {}
    }
}

fn tell_of_payment(catalogs: &Catalogs, workspace: &Workspace, event: &PaymentEvent, told: &mut Consequences) {
    match event {
        PaymentEvent::PaymentAwaited { .. } => hint_at_customer(workspace, told),
        PaymentEvent::PaymentFailed { attempt, .. } => {
            let (subscription, plan) = (&workspace.subscription, plan(catalogs, workspace));
            let mail = Mail::PaymentFailed {
                workspace: workspace.profile.name.clone(),
                plan,
                attempt: *attempt,
                period_ends: subscription.period.map(|period| period.end),
                awaited_until: subscription.awaited_until,
            };
            tell(workspace, "payment_failed", &mail, told);
        }
        PaymentEvent::PeriodPaid { .. }
        | PaymentEvent::RemainderFrozen
        | PaymentEvent::PaymentProcessing { .. }
        | PaymentEvent::PaymentReversed { .. }
        | PaymentEvent::DisputeOpened { .. }
        | PaymentEvent::DisputeClosed { .. } => {}
    }
}

/// Returns `true` for an event of a plan after which something is to be ended or priced anew at Stripe.
fn needs_stripe(workspace: &Workspace, event: &PlanEvent) -> bool {
    match event {
        PlanEvent::SubscriptionEnded { unpaid, .. } => *unpaid,
        PlanEvent::PeriodStarted { why, payment, .. } => *why == Start::Resumed && payment.is_some(),
        // Stripe is given the other price, at once or with one of the next renewals.
        PlanEvent::CatalogMigrated { .. } => workspace.subscription.payment.is_some(),
        PlanEvent::MonthStarted { .. }
        | PlanEvent::PeriodCarried { .. }
        | PlanEvent::ChangeScheduled { .. }
        | PlanEvent::CancelScheduled
        | PlanEvent::ScheduleCleared => false,
    }
}

/// Adds a hint that the workspace's customer is to be reconciled: something is to be bought or ended at Stripe.
fn hint_at_customer(workspace: &Workspace, told: &mut Consequences) {
    told.rows.push(customers::hint_with_entry(workspace.id));
}

/// Returns the row that passes a wish on to the worker where the workspace has no Stripe customer that a hint could be
/// about.
fn wish(workspace: &Workspace, n: u32, at: Timestamp) -> Statement {
    stripe_events::wish_with_entry(&format!("top_up:{}:{n}", workspace.id), WISH, at, workspace.id)
}

/// Adds a mail that automatic top-ups have stopped, and, where the pack has changed, its old and new terms.
fn tell_of_stop(catalogs: &Catalogs, workspace: &Workspace, why: TopUpStop, at: Timestamp, told: &mut Consequences) {
    let Some(top_up) = &workspace.billing.top_up else { return };
    let words = |credits: Amount, amount: Amount, currency: &str| {
        format!("{} for {}", quantity(Unit::Credits, credits), money(amount, currency))
    };
    let was = top_up.agreed.as_ref().map(|agreed| words(agreed.credits, agreed.amount, &agreed.currency));
    let menu = catalogs.in_force(at, workspace.test_clock);
    let pack = menu.and_then(|menu| menu.catalog.packs.iter().find(|pack| pack.id == top_up.terms.pack));
    let now = pack.map(|pack| words(pack.credits + pack.bonus, pack.amount, &pack.currency));
    let (name, pack) = (workspace.profile.name.clone(), top_up.terms.pack.to_string());
    let mail = Mail::TopUpStopped { workspace: name, pack, why, was, now };
    // A member may ask for top-ups again and again: one mail a day is sent for each reason.
    tell_daily(workspace, &format!("top_up_stopped_{why:?}"), at, &mail, told);
}

fn notify(catalogs: &Catalogs, workspace: &Workspace, notice: &Notice, told: &mut Consequences) {
    if !notice.is_mailed() {
        return;
    }
    let name = workspace.profile.name.clone();
    match notice {
        Notice::CreditsLow { left, line, .. } => {
            let mail = Mail::CreditsLow { workspace: name, left: *left, line: *line };
            tell(workspace, notice.name(), &mail, told);
        }
        Notice::GrantExpiring { grant, amount } => {
            // Where a long time passed at once, the grant may have expired or been forgotten meanwhile.
            let lot = workspace.grant(*grant).filter(|lot| !lot.dead(workspace.at));
            if let Some((unit, expires_at)) = lot.and_then(|lot| Some((lot.unit, lot.expires_at?))) {
                let mail = Mail::GrantExpiring { workspace: name, amount: *amount, unit, expires_at };
                let what = format!("{}:{}", notice.name(), workspace.id.id_of(Kind::Grant, *grant));
                tell(workspace, &what, &mail, told);
            }
        }
        Notice::PriceRaised { interval, amount, currency, from, .. } => {
            let price = format!("{} a {}", money(*amount, currency), interval.name());
            let mail = Mail::PriceRaised { workspace: name, plan: plan(catalogs, workspace), price, from: *from };
            tell(workspace, notice.name(), &mail, told);
        }
        Notice::RetentionShortened { keeps, old_until, .. } => {
            let (plan, keeps, old_until) = (plan(catalogs, workspace), *keeps, *old_until);
            let mail = Mail::RetentionShortened { workspace: name, plan, keeps, old_until };
            tell(workspace, notice.name(), &mail, told);
        }
        Notice::CreditsRecovered { .. } => {}
    }
}

/// Adds the mail of a decided review, about its newest application. An approval that an operator gave with a plan,
/// without an application, is not mailed.
fn notify_of_review(catalogs: &Catalogs, workspace: &Workspace, review: &Name, at: Timestamp, told: &mut Consequences) {
    let Some(known) = workspace.billing.reviews.get(review) else { return };
    let is_unasked = known.application == 0;
    let (name, status) = (workspace.profile.name.clone(), known.status);
    let (reason, words) = (known.reason.clone().unwrap_or_default(), review.to_string());
    let mail = match status {
        ReviewStatus::Submitted => return,
        ReviewStatus::Approved => {
            Mail::ReviewApproved { workspace: name, review: words, plans: plans(catalogs, review) }
        }
        ReviewStatus::Rejected => Mail::ReviewRejected { workspace: name, review: words, reason },
        ReviewStatus::Revoked => {
            Mail::ReviewRevoked { workspace: name, review: words, plans: plans(catalogs, review), reason }
        }
    };
    if !is_unasked || status != ReviewStatus::Approved {
        tell(workspace, &format!("review_{}:{review}", status.name()), &mail, told);
    }
    told.rows.push(reviews::decide_with_entry(&Decision {
        workspace: workspace.id,
        review,
        application: known.application,
        status: status.name(),
        reason: known.reason.clone(),
        at,
    }));
}

/// Returns the name of the workspace's plan, as pages show it.
fn plan(catalogs: &Catalogs, workspace: &Workspace) -> String {
    let id = &workspace.subscription.plan;
    let known = catalogs.get(workspace.catalog).and_then(|published| published.catalog.plan(id));
    known.map_or_else(|| id.to_string(), |plan| plan.name.clone())
}

/// Returns the names of the plans that require a review.
fn plans(catalogs: &Catalogs, review: &Name) -> Vec<String> {
    let newest = catalogs.newest().map(|newest| newest.catalog.plans.as_slice()).unwrap_or_default();
    newest.iter().filter(|plan| plan.requires.contains(review)).map(|plan| plan.name.clone()).collect()
}

/// Adds mails to the people who answer for the workspace: its admins, or its owner where it has none. The same entry
/// gives the same mails again.
fn tell(workspace: &Workspace, what: &str, mail: &Mail, told: &mut Consequences) {
    tell_as(workspace, &format!("{}:{what}", workspace.seq), mail, told);
}

/// Adds mails for an event that a member can cause at will: of the mails of one day only the first is sent.
fn tell_daily(workspace: &Workspace, what: &str, at: Timestamp, mail: &Mail, told: &mut Consequences) {
    tell_as(workspace, &format!("day {}:{what}", at.day()), mail, told);
}

fn tell_as(workspace: &Workspace, what: &str, mail: &Mail, told: &mut Consequences) {
    let admins = workspace.team.members.iter().filter(|member| member.role == Role::Admin);
    let mut recipients: Vec<UserId> = admins.map(|member| member.user).collect();
    if recipients.is_empty() {
        recipients.extend(workspace.profile.owner);
    }
    let id = |recipient: UserId| format!("{}:{what}:{recipient}", workspace.id);
    told.mails.extend(recipients.iter().map(|recipient| mail.to_person(id(*recipient), workspace.id, *recipient)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::team::{Member, Team};
    use scrip_engine::{Profile, WorkspaceEvent, WorkspaceId};
    use std::sync::Arc;

    const AT: Timestamp = Timestamp::MAX;

    const ADA: UserId = UserId::new(1);
    const BO: UserId = UserId::new(2);
    const CY: UserId = UserId::new(3);

    fn workspace(owner: Option<UserId>, members: &[(UserId, Role)]) -> Workspace {
        let mut workspace = Workspace::new(WorkspaceId::new(7));
        workspace.profile = Arc::new(Profile { name: "Studio".to_owned(), owner, external_id: None });
        let member = |(user, role): &(UserId, Role)| Member { user: *user, role: *role, cap: None, joined_at: AT };
        let members = members.iter().map(member).collect();
        workspace.team = Arc::new(Team { members, ..Team::default() });
        workspace.seq = 4;
        workspace
    }

    fn ids(workspace: &Workspace, events: &[Event]) -> Vec<String> {
        let events: Vec<DatedEvent> = events.iter().map(|event| DatedEvent(AT, event.clone())).collect();
        let told = consequences(&Catalogs::default(), workspace, &events);
        told.mails.into_iter().map(|mail| mail.id).collect()
    }

    fn low() -> Event {
        let [left, line] = [1, 2].map(|units| Amount::new(units).expect("it is in range"));
        Event::Notice(Notice::CreditsLow { left, line, too_soon: false })
    }

    fn payment_failure() -> Event {
        Event::Payment(PaymentEvent::PaymentFailed { invoice: Name::from("in_1"), attempt: 1 })
    }

    #[test]
    fn admins_are_told_or_the_owner_or_nobody() {
        let [admin, member] = [Role::Admin, Role::Member];
        let several = workspace(Some(ADA), &[(CY, admin), (BO, member)]);
        assert_eq!(ids(&several, &[low()]), [format!("ws_0000000000007:4:credits_low:{CY}")]);
        let both = ["payment_failed", "credits_low"].map(|what| format!("ws_0000000000007:4:{what}:{ADA}"));
        assert_eq!(ids(&workspace(Some(ADA), &[(BO, member)]), &[payment_failure(), low()]), both);
        assert_eq!(ids(&workspace(None, &[]), &[payment_failure(), low()]), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_news_is_told_to_nobody() {
        let ada = workspace(Some(ADA), &[]);
        let amount = Amount::new(5).expect("it is in range");
        let quiet = [
            Event::Workspace(WorkspaceEvent::Unfrozen),
            Event::Notice(Notice::CreditsRecovered { left: amount }),
            // The grant is gone, or never existed: there is nothing left to be done about it.
            Event::Notice(Notice::GrantExpiring { grant: 9, amount }),
        ];
        assert_eq!(ids(&ada, &quiet), Vec::<String>::new());
    }
}
