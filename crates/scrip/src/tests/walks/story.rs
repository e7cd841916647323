//! Steps of a walk, and how they are drawn.
//!
//! **Invariant:** a step names its object by a number that is taken modulo the number of objects, so that a walk from
//! which steps are dropped is still a walk.

use super::account::{Card, DAY, HOUR};
use scrip_testing::dice::Dice;

/// Fate of the events that Stripe delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Prompt,
    Twice,
    /// Held back, and delivered newest first when the fate changes.
    Backwards,
    Lost,
}

/// Length of a wait in a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Seconds(i64),
    /// Up to this number of seconds from the end of the current period, or of the month where there is none.
    PeriodEnd(i64),
}

/// Step of a walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Asks Scrip for a checkout session of a plan or pack.
    Wish(usize),
    /// Pays the checkout session that was opened last, or an older one.
    Pay {
        back: usize,
        card: Card,
    },
    /// Changes to one of the plans on the portal's home page.
    PortalSwitch(usize),
    PortalCancel {
        by_date: bool,
    },
    PortalKeep,
    /// Cancels by Scrip's own API, as an operator.
    Cancel {
        undo: bool,
    },
    /// Ends the subscription in Stripe's dashboard.
    EndNow,
    SetCard(Card),
    PayInvoice(Card),
    Refund {
        which: usize,
        percent: i64,
    },
    Credit {
        which: usize,
        percent: i64,
        kind: usize,
    },
    CreditOpen {
        percent: i64,
    },
    Dispute(usize),
    CloseDispute {
        which: usize,
        won: bool,
    },
    Balance(i64),
    AddLine(i64),
    Void,
    GiveUp,
    Publish(u64),
    TopUp {
        pack: usize,
        below: usize,
        times: i64,
    },
    NoTopUp,
    Hold {
        percent: usize,
        hours: i64,
    },
    Capture {
        which: usize,
        percent: usize,
    },
    Release(usize),
    Goodwill(i64),
    Deliver(Delivery),
    /// Lets the hourly sweep reconcile every customer.
    Sweep,
    /// Loses the answer to one of the next decisions on its way; the number says which.
    LoseAnswer(usize),
    Wait(Wait),
}

fn card(dice: &mut Dice) -> Card {
    match dice.below(10) {
        0 | 1 => Card::Debit { after: *dice.pick(&[HOUR, 3 * DAY, 5 * DAY]), settles: dice.percent(60) },
        2 => Card::Secure,
        3 => Card::Declined,
        _ => Card::Good,
    }
}

fn delivery(dice: &mut Dice) -> Delivery {
    *dice.pick(&[Delivery::Prompt, Delivery::Prompt, Delivery::Twice, Delivery::Backwards, Delivery::Lost])
}

fn wait(dice: &mut Dice) -> Wait {
    match dice.below(10) {
        0 => Wait::Seconds(60),
        1 => Wait::Seconds(HOUR),
        2 => Wait::Seconds(20 * HOUR),
        3 => Wait::Seconds(DAY * (1 + dice.below(5) as i64)),
        4 => Wait::Seconds(DAY * (7 + dice.below(30) as i64)),
        _ => Wait::PeriodEnd(*dice.pick(&[-HOUR, -1, 0, 1, 120, HOUR / 2, HOUR + 60, 3 * HOUR, 25 * HOUR, 6 * DAY])),
    }
}

/// Draws the steps of a walk.
pub fn draw(seed: u64, length: usize) -> Vec<Step> {
    let dice = &mut Dice::new(seed ^ 0x5eed);
    let mut steps = Vec::new();
    while steps.len() < length {
        steps.extend(some(dice));
    }
    steps
}

/// Draws a step, with the steps that mostly follow it at once.
fn some(dice: &mut Dice) -> Vec<Step> {
    let hundred = |dice: &mut Dice| *dice.pick(&[100, 100, 50, 33, 7]);
    match dice.below(100) {
        0..=19 => {
            let wish = Step::Wish(dice.below(64));
            if dice.percent(85) { vec![wish, Step::Pay { back: 0, card: card(dice) }] } else { vec![wish] }
        }
        20..=21 => vec![Step::Pay { back: 1 + dice.below(3), card: card(dice) }],
        22..=25 => vec![Step::PortalSwitch(dice.below(64))],
        26..=28 => vec![Step::PortalCancel { by_date: dice.percent(50) }],
        29 => vec![Step::PortalKeep],
        30..=31 => vec![Step::Cancel { undo: dice.percent(30) }],
        32 => vec![Step::EndNow],
        33..=35 => vec![Step::SetCard(card(dice))],
        36..=38 => vec![Step::PayInvoice(card(dice))],
        39..=41 => vec![Step::Refund { which: dice.below(8), percent: hundred(dice) }],
        42..=44 => vec![Step::Credit { which: dice.below(8), percent: hundred(dice), kind: dice.below(3) }],
        45 => vec![Step::CreditOpen { percent: hundred(dice) }],
        46..=47 => vec![Step::Dispute(dice.below(8))],
        48..=50 => vec![Step::CloseDispute { which: dice.below(4), won: dice.percent(60) }],
        51..=53 => vec![Step::Balance(*dice.pick(&[-500, -899, -2_000, -30_000, 250, 700]))],
        54 => vec![Step::AddLine(*dice.pick(&[300, 1_000]))],
        55 => vec![Step::Void],
        56 => vec![Step::GiveUp],
        57..=60 => vec![Step::Publish(dice.next())],
        61..=62 => {
            let (pack, below, times) = (dice.below(2), 1 + dice.below(99), 1 + dice.below(4) as i64);
            vec![Step::TopUp { pack, below, times }]
        }
        63 => vec![Step::NoTopUp],
        64..=69 => vec![Step::Hold { percent: *dice.pick(&[10, 50, 100]), hours: *dice.pick(&[1, 30, 400]) }],
        70..=73 => vec![Step::Capture { which: dice.below(4), percent: *dice.pick(&[100, 40]) }],
        74..=75 => vec![Step::Release(dice.below(4))],
        76 => vec![Step::Goodwill(50)],
        77..=80 => vec![Step::Deliver(delivery(dice))],
        81 => vec![Step::Sweep],
        82..=83 => vec![Step::LoseAnswer(dice.below(3))],
        _ => vec![Step::Wait(wait(dice))],
    }
}
