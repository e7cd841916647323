//! Automatic top-ups: packs that are bought when the balance is low, on the terms of the workspace's admin.
//!
//! A balance below the line makes a *wish*, which counts as spent at once and ends in one of three ways: it is paid,
//! it fails, or it is dropped because it is no longer wanted as it was asked for. A failure stops top-ups until an
//! admin sets them again.
//!
//! Invariant: there is at most one wish at a time, and none costs more or brings less than was agreed on.

use crate::catalog::{Catalog, Catalogs, Name, Pack};
use crate::kernel::amount::Amount;
use crate::kernel::time::{Span, Timestamp};
use crate::notices::credits_left;
use crate::plans::terms::Terms;
use crate::workspace::Workspace;
use serde::{Deserialize, Serialize};

/// Automatic top-ups of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// Terms that the admin asked for.
    pub terms: TopUpTerms,
    /// The pack as it was sold when the admin asked for it; `None` where that was not kept, until the pack is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<AgreedPack>,
    /// `true` once top-ups were ended; what the month has cost is remembered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// The calendar month (UTC) of `spent`, counted from the year 0.
    pub month: i32,
    /// Cost of that month's packs, in the currency's smallest unit; a wish counts from its beginning.
    pub spent: Amount,
    /// The wish that has not ended.
    pub pending: Option<TopUpPurchase>,
    /// `true` while top-ups are stopped until an admin sets them again.
    pub stopped: bool,
    /// Reason for the stop; `None` in old journals, where it is a decline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<TopUpStop>,
    /// Stripe's payment that was declined, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Name>,
    /// Last month for which it was recorded that the maximum is used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_off: Option<i32>,
}

/// One purchase of a pack that a top-up asks for, before it is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpPurchase {
    /// Number of the wish, starting at 1.
    pub n: u32,
    /// Id of the pack.
    pub pack: Name,
    /// Price of the pack, in the currency's smallest unit.
    pub amount: Amount,
    /// Currency of the price, ISO 4217 in lower case.
    pub currency: Name,
    /// Catalog version that sells the pack so; `None` in old journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<u32>,
    /// Calendar month (UTC) that the wish counts in; `None` in old journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<i32>,
    /// `true` while the payment is on its way at Stripe: nothing but its outcome ends the wish.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub processing: bool,
}

/// Terms of automatic top-ups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpTerms {
    /// Id of the pack to buy.
    pub pack: Name,
    /// Number of credits below which a pack is bought, open holds included.
    pub below: Amount,
    /// Maximum that may be spent in a calendar month (UTC), in the smallest unit of the pack's currency.
    pub monthly_max: Amount,
}

/// A pack as an admin agreed to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedPack {
    /// Credits it brings, with its bonus.
    pub credits: Amount,
    /// Price, in the currency's smallest unit.
    pub amount: Amount,
    /// Currency of the price, ISO 4217 in lower case.
    pub currency: Name,
    /// Time the credits last; `None` is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Span>,
}

/// Reasons for which top-ups stop until an admin asks for them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopUpStop {
    /// Stripe declined the payment.
    Declined,
    /// The bank asks the customer to confirm the payment, and no customer is present.
    AuthenticationRequired,
    /// The workspace has no Stripe customer, or the customer has no payment method.
    NoPaymentMethod,
    /// The pack costs more than was agreed, brings less, or is sold in another currency.
    PackChanged,
    /// The pack is not sold any more, or not to the workspace's plan.
    PackGone,
    /// Stripe does not take the payment as it is asked for: the operator must act.
    Refused,
    /// The pack was paid and could not be given: the operator must act.
    NotGiven,
}

impl TopUpStop {
    /// Returns the reason's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            TopUpStop::Declined => "declined",
            TopUpStop::AuthenticationRequired => "authentication_required",
            TopUpStop::NoPaymentMethod => "no_payment_method",
            TopUpStop::PackChanged => "pack_changed",
            TopUpStop::PackGone => "pack_gone",
            TopUpStop::Refused => "refused",
            TopUpStop::NotGiven => "not_given",
        }
    }
}

/// Reasons for which a wish is dropped before it is paid; the next low balance asks anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopUpDrop {
    /// The balance is no longer below the line.
    Recovered,
    /// A pack was bought meanwhile (R38).
    PackBought,
    /// Top-ups were switched off.
    Off,
    /// An operator froze the workspace.
    Frozen,
    /// A payment is in dispute.
    Disputed,
    /// The pack is sold otherwise by now, or another pack was chosen.
    Changed,
    /// The month that it counted in is over.
    MonthOver,
}

/// The status of automatic top-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopUpStatus {
    /// The next low balance buys a pack.
    On,
    /// A wish has not ended.
    Buying,
    /// The month's maximum leaves no room for another pack.
    UsedUp,
    /// Nothing is bought while the workspace is frozen.
    Frozen,
    /// Nothing is bought while a payment is in dispute.
    Disputed,
    /// Nothing is bought until an admin sets top-ups again.
    Stopped(TopUpStop),
    /// An admin ended the top-ups.
    Off,
}

impl AgreedPack {
    /// Returns a pack as it is sold now.
    pub(crate) fn of(pack: &Pack) -> AgreedPack {
        AgreedPack {
            credits: pack.credits + pack.bonus,
            amount: pack.amount,
            currency: Name::from(pack.currency.as_str()),
            expires: pack.expires,
        }
    }

    /// Returns true if a pack costs no more than this one and brings no less, for as long.
    fn covers(&self, pack: &AgreedPack) -> bool {
        let length = |span| Timestamp::default().after(span);
        let lasts = match (self.expires, pack.expires) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(agreed), Some(now)) => length(now) >= length(agreed),
        };
        lasts && pack.currency == self.currency && pack.amount <= self.amount && pack.credits >= self.credits
    }
}

impl TopUp {
    /// Returns the amount spent in the calendar month of an instant.
    pub fn spending_in_month(&self, at: Timestamp) -> Amount {
        if self.month == at.month() { self.spent } else { Amount::ZERO }
    }

    /// Returns the status at an instant.
    pub fn status(&self, workspace: &Workspace, catalogs: &Catalogs, at: Timestamp) -> TopUpStatus {
        if self.off {
            return TopUpStatus::Off;
        }
        if self.stopped {
            return TopUpStatus::Stopped(self.stop.unwrap_or(TopUpStop::Declined));
        }
        if self.pending.is_some() {
            return TopUpStatus::Buying;
        }
        let Some(terms) = Terms::of(workspace, catalogs, at) else { return TopUpStatus::On };
        match self.pack(workspace, &terms.menu.catalog) {
            Err(stop) => TopUpStatus::Stopped(stop),
            Ok(_) if workspace.frozen.is_some() => TopUpStatus::Frozen,
            Ok(_) if !workspace.disputes.is_empty() => TopUpStatus::Disputed,
            Ok(pack) if !self.has_room(pack, at) => TopUpStatus::UsedUp,
            Ok(_) => TopUpStatus::On,
        }
    }

    /// Returns the pack as the menu sells it.
    ///
    /// # Errors
    /// The reason for which top-ups stop, when the pack is not sold as it was agreed.
    pub(crate) fn pack<'c>(&self, workspace: &Workspace, menu: &'c Catalog) -> Result<&'c Pack, TopUpStop> {
        let pack = menu.pack(&self.terms.pack).filter(|pack| !pack.amount.is_zero());
        let plan = &workspace.subscription.plan;
        let pack = pack.filter(|pack| pack.plans.is_empty() || pack.plans.contains(plan)).ok_or(TopUpStop::PackGone)?;
        let is_agreed = self.agreed.as_ref().is_none_or(|agreed| agreed.covers(&AgreedPack::of(pack)));
        if is_agreed && pack.amount <= self.terms.monthly_max { Ok(pack) } else { Err(TopUpStop::PackChanged) }
    }

    /// Returns true if the month's maximum leaves room for a pack.
    pub(crate) fn has_room(&self, pack: &Pack, at: Timestamp) -> bool {
        self.spending_in_month(at) + pack.amount <= self.terms.monthly_max
    }

    /// Returns true if a pack would be bought now, if the month's maximum allowed it.
    pub(crate) fn is_wanted(&self, workspace: &Workspace) -> bool {
        let on = self.pending.is_none() && !self.off && !self.stopped;
        on && workspace.frozen.is_none() && workspace.disputes.is_empty() && self.is_low(workspace)
    }

    /// Returns the reason for which the pending wish is not wanted any more as it was asked for; `None` while it is,
    /// and while its payment is on its way.
    pub(crate) fn to_drop(
        &self,
        workspace: &Workspace,
        catalogs: &Catalogs,
        menu: &Catalog,
        at: Timestamp,
    ) -> Option<TopUpDrop> {
        let purchase = self.pending.as_ref().filter(|purchase| !purchase.processing)?;
        match () {
            () if self.off => Some(TopUpDrop::Off),
            () if workspace.frozen.is_some() => Some(TopUpDrop::Frozen),
            () if !workspace.disputes.is_empty() => Some(TopUpDrop::Disputed),
            () if !self.is_low(workspace) => Some(TopUpDrop::Recovered),
            () if !self.is_as_asked(purchase, workspace, catalogs, menu) => Some(TopUpDrop::Changed),
            () if purchase.month.unwrap_or(self.month) != at.month() => Some(TopUpDrop::MonthOver),
            () => None,
        }
    }

    fn is_low(&self, workspace: &Workspace) -> bool {
        credits_left(workspace) < self.terms.below
    }

    /// Returns true if the menu sells a wish's pack just as the version of the wish does.
    fn is_as_asked(&self, wish: &TopUpPurchase, workspace: &Workspace, catalogs: &Catalogs, menu: &Catalog) -> bool {
        let Ok(pack) = self.pack(workspace, menu) else { return false };
        let is_same = match wish.catalog.and_then(|version| catalogs.get(version)) {
            Some(asked) => asked.catalog.pack(&wish.pack).map(AgreedPack::of) == Some(AgreedPack::of(pack)),
            None => true,
        };
        is_same && wish.pack == pack.id && wish.amount == pack.amount && *wish.currency == *pack.currency
    }
}
