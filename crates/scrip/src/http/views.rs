//! From the engine's values to what the API shows.

use crate::billing::collection::{Collection, Stage};
use crate::crypto::sign;
use crate::store::projection::{HoldRow, RunRow};
use scrip_client::types as api;
use scrip_engine::billing::{TopUpStatus, TopUpStop};
use scrip_engine::team::Cap;
use scrip_engine::{
    Access, Account, Carried, Catalogs, Grant, How, Interval, Kind, Line, Offer, Output, Posting, Terms, Timestamp,
    TrialUse, Unit, Value, Wanted, WayOut, Workspace, WorkspaceId, access, money, runs_left_today,
};
use serde_json::json;
use std::collections::BTreeMap;

/// How long the signed address of an output is good, in seconds.
const LINK_SECONDS: i64 = 60 * 60;

/// What is needed to write links: who signs them and where they lead.
#[derive(Clone, Copy)]
pub struct Links<'a> {
    /// Signs.
    pub secret: &'a [u8],
    /// Scheme and host, without a slash at the end.
    pub base: &'a str,
    /// The machine's time.
    pub now: Timestamp,
    /// Who is to have them, by id: they are good for as long as that one belongs to the workspace. Empty is for the
    /// operator.
    pub holder: &'a str,
}

fn text(at: Timestamp) -> String {
    at.to_string()
}

/// The name of a test clock.
pub fn test_clock_id(id: i64) -> String {
    WorkspaceId::new(id as u64).to_string().replacen("ws_", "tc_", 1)
}

/// Reads the name of a test clock.
pub fn parse_test_clock(id: &str) -> Option<i64> {
    format!("ws_{}", id.strip_prefix("tc_")?).parse::<WorkspaceId>().ok().map(WorkspaceId::get)
}

/// A workspace.
pub fn workspace(workspace: &Workspace) -> api::Workspace {
    let subscription = &workspace.subscription;
    // A renewal that is collected is past due once the bridge is over, and one on its way is not (R4).
    let is_late = subscription.is_frozen() && !subscription.processing;
    let unpaid = is_late || workspace.billing.failed.is_some();
    let status = match () {
        () if workspace.frozen.is_some() || !workspace.disputes.is_empty() => "frozen",
        () if subscription.cancel => "canceling",
        () if subscription.payment.is_some() && unpaid => "past_due",
        () => "active",
    };
    let disputed = workspace.disputes.first().map(|source| format!("the payment {source} is in dispute"));
    api::Workspace {
        id: workspace.id.to_string(),
        name: workspace.profile.name.clone(),
        owner_email: workspace.profile.owner.clone(),
        external_id: workspace.profile.external_id.clone(),
        mode: workspace.mode.name().to_owned(),
        plan: subscription.plan.to_string(),
        interval: subscription.period.map(|period| period.interval.name().to_owned()),
        status: status.to_owned(),
        frozen_reason: workspace.frozen.as_ref().map(ToString::to_string).or(disputed),
        test_clock: workspace.test_clock.map(test_clock_id),
        billing: subscription.period.map(|_| match &subscription.payment {
            Some(_) => "provider".to_owned(),
            None => "manual".to_owned(),
        }),
        awaited_until: subscription.awaited_until.map(text),
        period: subscription.period.map(|period| api::PeriodView { start: text(period.start), end: text(period.end) }),
        pending: subscription.pending.as_ref().map(|(plan, interval)| api::PendingChange {
            plan: plan.to_string(),
            interval: interval.name().to_owned(),
        }),
        approvals: workspace.approvals.iter().map(ToString::to_string).collect(),
        catalog_version: workspace.catalog,
        created_at: text(workspace.opened_at),
    }
}

/// A grant.
pub fn grant(workspace: &Workspace, grant: &Grant) -> api::Grant {
    api::Grant {
        frozen: workspace.is_frozen(grant),
        id: workspace.id.owned(Kind::Grant, grant.n),
        code: grant.code.to_string(),
        unit: grant.unit.name().to_owned(),
        kind: grant.kind.name().to_owned(),
        source: grant.source.to_string(),
        scope: grant.models.iter().map(ToString::to_string).collect(),
        rank: grant.rank,
        granted: grant.granted.get(),
        available: grant.available.get(),
        held: grant.held.get(),
        captured: grant.captured.get(),
        expired: grant.expired.get(),
        revoked: grant.revoked.get(),
        starts_at: text(grant.starts_at),
        expires_at: grant.expires_at.map(text),
    }
}

fn unit_balance(workspace: &Workspace, unit: Unit) -> api::UnitBalance {
    let of_unit = workspace.grants.iter().filter(|grant| grant.unit == unit && !workspace.is_frozen(grant));
    let available = of_unit.map(|grant| grant.available.get()).sum();
    api::UnitBalance { available, held: workspace.held(unit).get() }
}

/// A balance of a workspace that has been settled.
pub fn balance(workspace: &Workspace) -> api::Balance {
    let units: BTreeMap<Unit, ()> =
        workspace.grants.iter().map(|grant| (grant.unit, ())).chain([(Unit::Credits, ())]).collect();
    let credits = unit_balance(workspace, Unit::Credits);
    let subscription = &workspace.subscription;
    api::Balance {
        available: credits.available,
        held: credits.held,
        debt: workspace.debt().get(),
        units: units.keys().map(|unit| (unit.name().to_owned(), unit_balance(workspace, *unit))).collect(),
        renews_at: subscription.renews_at().map(text),
        renewed_at: workspace.renewed_at.map(text),
        grants: workspace.grants.iter().filter(|lot| !lot.closed()).map(|lot| grant(workspace, lot)).collect(),
    }
}

/// Free runs that are left of a count trial, 0 once it is used up; `None` where the plan has none of the model.
fn trial_runs_left(terms: &Terms<'_>, model: &scrip_engine::Model, access: &Access) -> Option<i64> {
    let is_counted = terms.trials(&model.id).iter().any(|trial| trial.runs.is_some());
    match access {
        Access::TrialRuns { left } => Some(left.get()),
        Access::TrialExhausted if is_counted => Some(0),
        _ => None,
    }
}

/// What a workspace may do.
pub fn entitlements(workspace: &Workspace, terms: &Terms<'_>, at: Timestamp) -> api::Entitlements {
    let plan = terms.plan();
    let model = |model: &scrip_engine::Model| {
        let access = access(workspace, terms, model, at);
        let left = runs_left_today(workspace, terms, &model.id, at);
        let (locked, reason) = match access {
            Access::Locked => (true, Some("MODEL_TIER_REQUIRED")),
            Access::Unapproved { .. } => (true, Some("REVIEW_REQUIRED")),
            Access::TrialExhausted => (true, Some("TRIAL_EXHAUSTED")),
            _ if left == Some(0) => (true, Some("ALLOWANCE_EXHAUSTED")),
            _ => (false, None),
        };
        api::ModelEntitlement {
            id: model.id.to_string(),
            name: model.name.clone(),
            output: output(model.output).to_owned(),
            locked,
            reason: reason.map(str::to_owned),
            plans_that_include: terms.plans_that_include(model).iter().map(ToString::to_string).collect(),
            trial_runs_left: trial_runs_left(terms, model, &access),
            trial_window_ends_at: if let Access::TrialWindow { ends_at } = access { ends_at.map(text) } else { None },
            trial_window_unopened: access == Access::TrialWindow { ends_at: None },
            runs_left_today: left,
        }
    };
    let allowances = workspace.grants.iter().map(|grant| grant.unit).filter(|unit| *unit != Unit::Credits);
    api::Entitlements {
        plan: plan.id.to_string(),
        models: terms.menu.catalog.models.iter().map(model).collect(),
        limits: api::Limits {
            requests_per_minute: plan.requests_per_minute,
            concurrency: plan.concurrency,
            batch: plan.batch,
            storage_bytes: plan.storage_bytes(),
            stored_bytes: workspace.stored_bytes,
            members: plan.members,
            retention: plan.retention.map(|span| span.to_string()),
            level: plan.level.as_ref().map(ToString::to_string),
            lane: plan.lane.as_ref().map(ToString::to_string),
        },
        allowances: allowances.map(|unit| (unit.name().to_owned(), unit_balance(workspace, unit))).collect(),
        ceiling: plan.ceiling.clone(),
        features: plan.features.iter().map(ToString::to_string).collect(),
    }
}

/// The name of what a model makes.
pub const fn output(output: Output) -> &'static str {
    match output {
        Output::Image => "image",
        Output::Video => "video",
        Output::Weights => "weights",
    }
}

/// The lines of a price.
pub fn lines(lines: &[Line]) -> Vec<api::Line> {
    lines.iter().map(|line| api::Line { text: line.text.clone(), credits: line.credits.get() }).collect()
}

/// A run.
pub fn run(workspace: WorkspaceId, n: u32, row: &RunRow, links: Links<'_>) -> api::Run {
    let held = if row.status.is_none() { row.quoted.get() } else { 0 };
    let outputs = row.outputs.iter().enumerate().map(|(index, file)| {
        let asset = asset_id(workspace, n, index);
        api::RunOutput {
            url: asset_url(&asset, links),
            asset,
            content_type: file.content_type.clone(),
            sha256: file.sha256.clone(),
            bytes: file.bytes,
        }
    });
    api::Run {
        id: workspace.owned(Kind::Run, n),
        kind: "model".to_owned(),
        model: row.model.to_string(),
        status: row.status_name().to_owned(),
        params: json!(row.params),
        credits: api::RunCredits {
            quoted: row.quoted.get(),
            held,
            captured: row.captured.get(),
            released: row.released.get(),
        },
        unit: row.unit.name().to_owned(),
        lines: lines(&row.lines),
        trial: row.trial.map(|trial| match trial {
            TrialUse::Runs => "runs".to_owned(),
            TrialUse::Window => "window".to_owned(),
        }),
        outputs: outputs.collect(),
        error: row
            .error
            .as_ref()
            .map(|error| api::RunError { code: error.code.name().to_owned(), detail: error.detail.clone() }),
        metadata: row.metadata.clone(),
        catalog_version: row.catalog,
        created_at: text(row.created_at),
        started_at: row.started_at.map(text),
        ended_at: row.ended_at.map(text),
        expires_at: text(row.expires_at),
    }
}

/// The name of a run's output.
pub fn asset_id(workspace: WorkspaceId, run: u32, index: usize) -> String {
    format!("{}_{index}", workspace.owned(Kind::Run, run).replacen("run_", "as_", 1))
}

/// Reads the name of an output: the workspace, the run and which of its outputs.
pub fn parse_asset(id: &str) -> Option<(WorkspaceId, u32, usize)> {
    let (run, index) = id.strip_prefix("as_")?.rsplit_once('_')?;
    let (workspace, run) = scrip_engine::parse_owned(Kind::Run, &format!("run_{run}"))?;
    let number: usize = index.parse().ok()?;
    (number.to_string() == index).then_some((workspace, run, number))
}

fn asset_url(asset: &str, links: Links<'_>) -> String {
    let expires = links.now.after_seconds(LINK_SECONDS).micros() / scrip_engine::SECOND;
    let signature = sign(links.secret, &asset_claim(asset, expires, links.holder));
    let holder = if links.holder.is_empty() { String::new() } else { format!("&holder={}", links.holder) };
    format!("{}/v1/assets/{asset}?expires={expires}{holder}&signature={signature}", links.base)
}

/// What the signature of an output's address says.
pub fn asset_claim(asset: &str, expires: i64, holder: &str) -> String {
    format!("asset {asset} until {expires} for {holder}")
}

/// A caller's hold.
pub fn hold(workspace: WorkspaceId, n: u32, row: &HoldRow) -> api::Hold {
    api::Hold {
        id: workspace.owned(Kind::Hold, n),
        reference: row.reference.clone(),
        model: row.model.as_ref().map(ToString::to_string),
        status: row.status.clone(),
        unit: row.unit.name().to_owned(),
        credits: row.amount.get(),
        captured: row.captured.get(),
        released: row.released.get(),
        created_at: text(row.created_at),
        expires_at: text(row.expires_at),
        ended_at: row.ended_at.map(text),
        on_behalf_of: row.by.map(|by| api::OnBehalfOf {
            member: by.member.map(|user| user.to_string()),
            key: by.key.map(|n| workspace.owned(scrip_engine::Kind::Key, n)),
        }),
    }
}

/// A posting, with its accounts by name.
pub fn posting(workspace: WorkspaceId, posting: &Posting) -> api::Posting {
    let account = |account: Account| match account {
        Account::Source(kind) => format!("granted:{}", kind.name()),
        Account::Available(n) => format!("{}:available", workspace.owned(Kind::Grant, n)),
        Account::Held(n) => format!("{}:held", workspace.owned(Kind::Grant, n)),
        Account::Captured => "captured".to_owned(),
        Account::Expired => "expired".to_owned(),
        Account::Revoked => "revoked".to_owned(),
    };
    api::Posting {
        unit: posting.unit.name().to_owned(),
        from: account(posting.from),
        to: account(posting.to),
        amount: posting.amount.get(),
    }
}

/// A way out of a balance that is too small.
pub fn way_out(way: &WayOut) -> serde_json::Value {
    match way {
        WayOut::Smaller { params, credits } => {
            let params: BTreeMap<&str, &Value> = params.iter().map(|(name, value)| (&**name, value)).collect();
            json!({ "kind": "smaller", "params": params, "credits": credits })
        }
        WayOut::Pack { pack, credits, amount, currency } => {
            json!({ "kind": "pack", "pack": pack, "credits": credits, "price": { "amount": amount, "currency": currency } })
        }
        WayOut::Plan { plan, interval, credits } => {
            json!({ "kind": "plan", "plan": plan, "interval": interval, "credits": credits })
        }
        WayOut::Renewal { at, credits } => json!({ "kind": "renewal", "at": at.to_string(), "credits": credits }),
        WayOut::Held { credits } => json!({ "kind": "held", "credits": credits }),
    }
}

/// What is wanted: a plan and its interval, or a pack.
pub fn wanted(wanted: &Wanted) -> (Option<String>, Option<Interval>, Option<String>) {
    match wanted {
        Wanted::Plan(plan, interval) => (Some(plan.to_string()), *interval, None),
        Wanted::Pack(pack) => (None, None, Some(pack.to_string())),
    }
}

/// What is offered of what was wanted.
pub fn offer(asked: &Wanted, offer: &Offer) -> api::Offer {
    let (plan, _, pack) = wanted(asked);
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

/// Automatic top-ups.
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
        spent: top_up.spent_in_month(at).get(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        agreed,
    })
}

/// Returns the payment that was declined last: an invoice's, or the one by which automatic top-ups stopped.
fn declined(workspace: &Workspace, top_up: Option<&api::TopUp>) -> Option<api::DeclinedBill> {
    if let Some((invoice, attempt)) = &workspace.billing.failed {
        return Some(api::DeclinedBill { invoice: invoice.to_string(), attempt: *attempt });
    }
    let is_stopped = top_up.is_some_and(|top_up| top_up.status == "stopped");
    let payment = workspace.billing.top_up.as_ref().and_then(|known| known.declined.as_ref()).filter(|_| is_stopped)?;
    Some(api::DeclinedBill { invoice: payment.to_string(), attempt: 1 })
}

/// How paying stands, and what can be bought.
pub fn billing(
    shown: &Workspace,
    at: Timestamp,
    top_up: Option<api::TopUp>,
    collection: Option<Collection>,
    offers: Vec<api::Offer>,
    not_offered: Vec<api::NotOffered>,
) -> api::BillingState {
    let (workspace, balance) = (workspace(shown), balance(shown));
    api::BillingState {
        plan: workspace.plan,
        interval: workspace.interval,
        status: workspace.status,
        billing: workspace.billing,
        renewed_at: balance.renewed_at,
        renews_at: balance.renews_at,
        awaited_until: workspace.awaited_until,
        carried: shown.subscription.carried.iter().filter(|one| one.period.end > at).map(carried).collect(),
        declined: declined(shown, top_up.as_ref()),
        collecting: collection.map(collecting),
        top_up,
        offers,
        not_offered,
    }
}

/// Returns a paid period beside the current one.
fn carried(carried: &Carried) -> api::CarriedPeriod {
    api::CarriedPeriod {
        plan: carried.plan.to_string(),
        interval: carried.period.interval.name().to_owned(),
        ends_at: text(carried.period.end),
        next_grant_at: carried.period.next_month_at().map(text),
    }
}

/// Returns the collection by Stripe for a plan.
fn collecting(collection: Collection) -> api::Collecting {
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

/// Shows a cap as it stands.
pub fn capped(cap: &Cap, now: Timestamp) -> api::CapView {
    api::CapView {
        credits: cap.terms.credits.get(),
        every: cap.terms.every.map(|every| every.name().to_owned()),
        spent: cap.spent(now).get(),
        resets_at: cap.resets_at(now).map(|at| at.to_string()),
    }
}
