//! Comparison of the engine's workspace and the naive one, in everything that can be asked of both.
//!
//! Invariant: decides nothing, and names the first difference.

use super::Model;
use super::plans::PeriodPayment;
use super::top_ups::{WishStatus, month_cost};
use scrip_engine::{Amount, Timestamp, Unit, Workspace};

/// Compares everything that can be asked of the two, at an instant.
pub fn agree(engine: &Workspace, model: &Model, at: i64) -> Result<(), String> {
    if !model.opened {
        return same("open", engine.is_open(), false);
    }
    let instant = Timestamp::from_micros(at);
    let models = [None, Some("photo"), Some("clip"), Some("film"), Some("train")];
    for unit in [Unit::Credits, Unit::Training, Unit::Runs] {
        for of in models {
            let (ours, theirs) = (engine.available(unit, of, instant).get(), model.available(unit, of, at));
            same("available", (unit, of, ours), (unit, of, theirs))?;
        }
        same("held", engine.units_held(unit).get(), model.held_units(unit))?;
    }
    same("debt", engine.debt().get(), model.debt())?;
    same("next due", engine.next_due_at().map(Timestamp::micros), model.next_due())?;
    same("stored bytes", engine.stored_bytes, model.stored)?;
    same("frozen", engine.frozen.as_deref(), model.frozen.as_deref())?;
    same("disputes", engine.disputes.len(), model.disputes.len())?;
    same("approvals", engine.approvals.len(), model.approvals.len())?;
    same("name", &engine.profile.name, &model.name)?;
    plans(engine, model)?;
    money(engine, model, at)?;
    lots(engine, model)?;
    holds(engine, model)
}

fn plans(engine: &Workspace, model: &Model) -> Result<(), String> {
    let (ours, theirs) = (&engine.subscription, model);
    same("plan", &*ours.plan, &*theirs.plan)?;
    same("catalog version", engine.catalog, theirs.version)?;
    same("cancel", ours.cancel, theirs.cancel)?;
    same("allowance", ours.allowance.map(Amount::get), theirs.allowance)?;
    let pending = ours.pending.as_ref().map(|(plan, interval)| (&**plan, *interval));
    same("pending", pending, theirs.pending.as_ref().map(|(plan, interval, _)| (&**plan, *interval)))?;
    let period =
        ours.period.map(|p| (p.interval, p.anchor.micros(), p.index, p.start.micros(), p.end.micros(), p.next_month));
    let paid = theirs.paid.map(|p| (p.interval, p.anchor, p.index, p.start, p.end, p.next_month));
    same("period", period, paid)
}

/// Compares Stripe's reports and what follows from them.
fn money(engine: &Workspace, model: &Model, at: i64) -> Result<(), String> {
    let bill = engine.subscription.payment.as_ref().map(|paid| PeriodPayment {
        subscription: paid.subscription.to_string(),
        source: paid.source.to_string(),
        gone: paid.reversed,
    });
    same("payment", bill.as_ref(), model.bill.as_ref())?;
    same("awaited", engine.subscription.awaited_until.map(Timestamp::micros), model.awaited)?;
    same("bridge", engine.subscription.bridge_until.map(Timestamp::micros), model.bridge)?;
    same("processing", engine.subscription.processing, model.processing)?;
    let billing = &engine.billing;
    let failed = billing.failed.as_ref().map(|(invoice, attempt)| (invoice.to_string(), *attempt));
    same("failed", failed, model.failed.clone())?;
    let reviews = billing.reviews.iter().map(|(id, review)| (id.to_string(), (review.status, review.application)));
    same("reviews", reviews.collect(), model.reviews.clone())?;
    same("automatic purchases", billing.top_ups, model.bought)?;
    let terms = billing.top_up.as_ref().map(|top_up| {
        let (t, instant) = (&top_up.terms, Timestamp::from_micros(at));
        let numbers = [t.below, t.monthly_max, top_up.spending_in_month(instant)].map(Amount::get);
        let stop = top_up.stop.filter(|_| top_up.stopped);
        let wish = top_up.pending.as_ref().map(|wish| (wish.n, wish.amount.get(), wish.processing));
        (t.pack.to_string(), numbers, top_up.off, stop, wish, top_up.put_off.map(i64::from))
    });
    let asked = model.top_up.as_ref().map(|top_up| {
        let mut wishes = top_up.wishes.iter();
        let wish = wishes.find(|wish| matches!(wish.stands, WishStatus::Asked | WishStatus::Processing));
        let wish = wish.map(|wish| (wish.n, wish.goods.0, wish.stands == WishStatus::Processing));
        let numbers = [top_up.below, top_up.most, month_cost(top_up, at)];
        (top_up.pack.clone(), numbers, top_up.off, top_up.stopped, wish, top_up.told)
    });
    same("top-ups", terms, asked)
}

fn lots(engine: &Workspace, model: &Model) -> Result<(), String> {
    let mut ours = engine.grants.iter();
    for lot in model.lots.iter().filter(|lot| !lot.forgotten) {
        let grant = ours.next().ok_or_else(|| format!("the engine has no grant {}", lot.n))?;
        let numbers = |amounts: [Amount; 6]| amounts.map(Amount::get);
        let (g, l) = (grant, lot);
        same(
            "numbers of a grant",
            (g.n, numbers([g.granted, g.available, g.held, g.captured, g.expired, g.revoked])),
            (l.n, [l.granted, l.available, l.held, l.captured, l.expired, l.revoked]),
        )?;
        same("kind, unit, rank", (g.n, g.kind, g.unit, g.rank), (l.n, l.kind, l.unit, l.rank))?;
        same("code", &*g.code, &*l.code)?;
        same("source", &*g.source, &*l.source)?;
        same("models", g.models.len(), l.models.len())?;
        same(
            "frozen",
            (g.n, engine.is_frozen(g)),
            (l.n, model.awaited.is_some() && model.bridge.is_none() && model.waits(l)),
        )?;
        same("start", g.starts_at.micros(), l.starts)?;
        same("end", (g.n, g.expires_at.map(Timestamp::micros)), (l.n, l.ends))?;
    }
    same("grants beyond", ours.next().map(|grant| grant.n), None)
}

fn holds(engine: &Workspace, model: &Model) -> Result<(), String> {
    same("open holds", engine.holds.len(), model.open.len())?;
    for (hold, open) in engine.holds.iter().zip(&model.open) {
        let parts: Vec<(u32, i64)> = hold.parts.iter().map(|part| (part.grant, part.amount.get())).collect();
        same("hold", (hold.n, hold.amount.get(), &parts), (open.n, open.amount, &open.parts))?;
        same("hold's end", (hold.n, hold.expires_at.micros()), (open.n, open.expires))?;
    }
    same("next hold", engine.next_hold, model.next_hold)
}

/// Returns an error with both values if they differ.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, engine: T, model: T) -> Result<(), String> {
    if engine == model { Ok(()) } else { Err(format!("{what}: engine {engine:?}, model {model:?}")) }
}
