//! Automatic top-ups, written down once more: wishes for packs, and what becomes of them.

use super::calendar::DAY;
use super::{Answer, Model, later};
use scrip_engine::payments::{TopUpStop, TopUpTerms};
use scrip_engine::{Pack, Span, TopUpCommand, Unit};

/// Automatic top-ups of the naive workspace.
#[derive(Clone, Debug)]
pub struct TopUps {
    pub pack: String,
    pub below: i64,
    pub most: i64,
    /// The pack as it was sold when top-ups were set.
    pub agreed: PackTerms,
    pub off: bool,
    pub stopped: Option<TopUpStop>,
    /// Last month in which members got the notice that its maximum is used up.
    pub told: Option<i64>,
    /// Every wish that was ever made.
    pub wishes: Vec<Wish>,
    /// Payments of wishes that were dropped: month and amount.
    pub late: Vec<(i64, i64)>,
}

/// Price, currency, credits and lifetime of a pack.
pub type PackTerms = (i64, String, i64, Option<Span>);

/// A wish for a pack.
#[derive(Clone, Debug)]
pub struct Wish {
    pub n: u32,
    pub month: i64,
    pub pack: String,
    pub goods: PackTerms,
    pub stands: WishStatus,
}

/// Status of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishStatus {
    Asked,
    Processing,
    Charged,
    GivenUp,
}

impl Model {
    pub fn decide_top_up(&mut self, command: &TopUpCommand) -> Answer {
        match command {
            TopUpCommand::Set(terms) => self.set_top_up(terms.as_ref()),
            TopUpCommand::Await { n } => {
                if let Some(wish) = self.wish().filter(|wish| wish.n == *n && wish.stands == WishStatus::Asked) {
                    wish.stands = WishStatus::Processing;
                    self.happened = true;
                }
                Ok(())
            }
            TopUpCommand::End { n, stop, .. } => {
                let Some(wish) = self.wish().filter(|wish| wish.n == *n) else { return Ok(()) };
                wish.stands = if *stop == TopUpStop::NotGiven { WishStatus::Charged } else { WishStatus::GivenUp };
                self.top_up.as_mut().expect("it has a wish").stopped = Some(*stop);
                self.happened = true;
                Ok(())
            }
        }
    }

    fn set_top_up(&mut self, terms: Option<&TopUpTerms>) -> Answer {
        let Some(terms) = terms else {
            if let Some(top_up) = self.top_up.as_mut().filter(|top_up| !top_up.off) {
                top_up.off = true;
                self.happened = true;
            }
            return Ok(());
        };
        let catalog = self.menu();
        let pack = catalog.packs.iter().find(|pack| pack.id == terms.pack).ok_or("INVALID_REQUEST")?;
        let (below, most) = (terms.below.get(), terms.monthly_max.get());
        if below == 0 || below > pack.credits.get() || most < pack.amount.get() {
            return Err("INVALID_REQUEST");
        }
        if !pack.plans.is_empty() && pack.plans.iter().all(|plan| **plan != *self.plan) {
            return Err("FEATURE_NOT_IN_PLAN");
        }
        let (wishes, late) =
            self.top_up.as_ref().map(|known| (known.wishes.clone(), known.late.clone())).unwrap_or_default();
        let (pack, agreed) = (pack.id.to_string(), goods(pack));
        let known = self.top_up.as_ref().filter(|known| !known.off && known.stopped.is_none());
        let is_known =
            |known: &TopUps| (&known.pack, known.below, known.most, &known.agreed) == (&pack, below, most, &agreed);
        if !known.is_some_and(is_known) {
            self.happened = true;
            let (off, stopped, told) = (false, None, None);
            self.top_up = Some(TopUps { pack, below, most, agreed, off, stopped, told, wishes, late });
        }
        Ok(())
    }

    /// Returns the credits that are not spent: free, held, or waiting for a renewal.
    fn credits_left(&self, at: i64) -> i64 {
        let mut left = 0;
        for lot in self.lots.iter().filter(|lot| lot.unit == Unit::Credits) {
            left += lot.held;
            if self.waits(lot) || (lot.starts <= at && !lot.dead(at)) {
                left += lot.available;
            }
        }
        left
    }

    /// Returns the wish that has not ended.
    fn wish(&mut self) -> Option<&mut Wish> {
        let mut wishes = self.top_up.as_mut()?.wishes.iter_mut();
        wishes.find(|wish| matches!(wish.stands, WishStatus::Asked | WishStatus::Processing))
    }

    /// Ends the wish of a number as paid; `false` when there is none.
    pub(super) fn charge(&mut self, n: Option<u32>) -> bool {
        let Some(wish) = self.wish().filter(|wish| Some(wish.n) == n) else { return false };
        wish.stands = WishStatus::Charged;
        self.happened = true;
        true
    }

    /// Drops the wish because a pack was bought.
    pub fn drop_for_pack(&mut self) {
        if let Some(wish) = self.wish().filter(|wish| wish.stands == WishStatus::Asked) {
            wish.stands = WishStatus::GivenUp;
        }
    }

    /// Returns the pack of the top-ups, as it is sold to the workspace's plan now.
    fn sold_pack(&self, top_up: &TopUps) -> Option<Pack> {
        let catalog = self.menu();
        let pack = catalog.packs.iter().find(|pack| *pack.id == *top_up.pack)?;
        let allowed = pack.plans.is_empty() || pack.plans.iter().any(|plan| **plan == *self.plan);
        allowed.then(|| pack.clone())
    }

    /// Returns true if the workspace is neither frozen nor in dispute, and its balance is below the line.
    fn is_low(&self, top_up: &TopUps, at: i64) -> bool {
        self.frozen.is_none() && self.disputes.is_empty() && self.credits_left(at) < top_up.below
    }

    /// Drops a wish that would not be made now, or would be made otherwise; and makes one if the balance is low,
    /// unless the month has cost enough.
    pub fn buy_pack(&mut self) {
        let (now, month) = (self.now, month_of(self.now));
        let Some(top_up) = self.top_up.clone() else { return };
        let sold = self.sold_pack(&top_up);
        let fits = |pack: &&Pack| {
            let (amount, currency, credits, lasts) = goods(pack);
            let (agreed_amount, agreed_currency, agreed_credits, agreed_lasts) = top_up.agreed.clone();
            let end = |span: Option<Span>| span.map_or(i64::MAX, |span| later(0, span));
            let is_worse = amount > agreed_amount || credits < agreed_credits || end(lasts) < end(agreed_lasts);
            currency == agreed_currency && !is_worse && amount <= top_up.most
        };
        let pack = sold.as_ref().filter(fits);
        let is_low = self.is_low(&top_up, now);
        if let Some(wish) = self.wish() {
            if wish.stands == WishStatus::Processing {
                return;
            }
            let as_asked = |pack: &Pack| *pack.id == *wish.pack && goods(pack) == wish.goods;
            if !top_up.off && is_low && wish.month == month && pack.is_some_and(as_asked) {
                return;
            }
            wish.stands = WishStatus::GivenUp;
            self.happened = true;
        }
        if top_up.off || top_up.stopped.is_some() {
            return;
        }
        let spent = month_cost(self.top_up.as_ref().expect("it is there"), now);
        let known = self.top_up.as_mut().expect("it is there");
        match pack {
            None => known.stopped = Some(if sold.is_none() { TopUpStop::PackGone } else { TopUpStop::PackChanged }),
            Some(_) if !is_low => return,
            Some(pack) if spent + pack.amount.get() > top_up.most => {
                if known.told == Some(month) {
                    return;
                }
                known.told = Some(month);
            }
            Some(pack) => {
                self.bought += 1;
                let (n, goods, pack) = (self.bought, goods(pack), pack.id.to_string());
                known.wishes.push(Wish { n, month, pack, goods, stands: WishStatus::Asked });
            }
        }
        self.happened = true;
    }

    /// Returns the first day of the next month, if only the month's maximum is in the way; or of the month after that
    /// of a wish that was not charged.
    pub fn pack_due(&self) -> Option<i64> {
        let top_up = self.top_up.as_ref()?;
        let after = |month: i64| {
            super::calendar::day_number((month + 1).div_euclid(12), (month + 1).rem_euclid(12) + 1, 1) * DAY
        };
        let mut wishes = top_up.wishes.iter();
        match wishes.find(|wish| matches!(wish.stands, WishStatus::Asked | WishStatus::Processing)) {
            Some(wish) if wish.stands == WishStatus::Asked => Some(after(wish.month)),
            Some(_) => None,
            None if top_up.off || top_up.stopped.is_some() || !self.is_low(top_up, self.last) => None,
            None => (month_cost(top_up, self.last) > 0).then_some(after(month_of(self.last))),
        }
    }
}

pub(super) fn goods(pack: &Pack) -> PackTerms {
    (pack.amount.get(), pack.currency.clone(), pack.credits.get() + pack.bonus.get(), pack.expires)
}

pub(super) fn month_of(at: i64) -> i64 {
    let (year, month, _) = super::calendar::date(at.div_euclid(DAY));
    year * 12 + month - 1
}

/// Returns the cost of the wishes of an instant's month, with the payments of dropped ones in it.
pub fn month_cost(top_up: &TopUps, at: i64) -> i64 {
    let wishes = top_up.wishes.iter().filter(|wish| wish.stands != WishStatus::GivenUp);
    let all = wishes.map(|wish| (wish.month, wish.goods.0)).chain(top_up.late.iter().copied());
    all.filter(|(month, _)| *month == month_of(at)).map(|(_, amount)| amount).sum()
}
