//! The price of a run: a base line and the lines of additions, in whole credits.
//!
//! Invariant: each line is rounded up once, from exact thousandths; nothing is ever rounded in between
//! (a published price calculator that used floats was one credit low 2,307 times in 3,000,000).

use crate::catalog::{Adjust, Model, Params, Per, Thousandths, Value};
use crate::kernel::amount::Amount;
use crate::kernel::limits::OPERATION_MAX;
use crate::runs::params::count;
use serde::{Deserialize, Serialize};

/// One line of a price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Text of the line, such as `4 images × 2 credits`.
    pub text: String,
    /// Amount of the line, in whole units.
    pub credits: Amount,
}

/// Price of a model for exact parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Sum of the lines, in whole units.
    pub credits: Amount,
    /// Lines that the price is the sum of.
    pub lines: Vec<Line>,
    /// Quantity that is asked for, in what the rate counts (images, seconds, calls); a partial delivery is charged as a
    /// share of it.
    pub asked: u64,
}

/// Returns the price of a model for resolved parameters; `None` when it is above what one operation may move.
pub fn price(model: &Model, resolved: &Params) -> Option<Price> {
    let asked = quantity(model.rate.per, resolved);
    let mut factors = Vec::new();
    let mut text = format!("{} × {}", describe_count(model.rate.per, resolved), credits(model.rate.credits));
    for adjust in model.adjusts.iter().filter(|adjust| applies(adjust, resolved)) {
        if let Some(times) = adjust.times {
            factors.push(times);
            text.push_str(&format!(" × {times} ({})", condition(adjust)));
        }
    }
    let mut lines = vec![Line { text, credits: round_up(model.rate.credits, asked, &factors)? }];
    for adjust in model.adjusts.iter().filter(|adjust| applies(adjust, resolved)) {
        let (Some(add), Some(per)) = (adjust.add, &adjust.per) else { continue };
        let (units, what) = match &**per {
            "image" => (quantity(Per::Image, resolved), describe_count(Per::Image, resolved)),
            "second" => (quantity(Per::Second, resolved), describe_count(Per::Second, resolved)),
            "call" => (1, "1 call".to_owned()),
            list => (count(resolved, list), format!("{} {list}", count(resolved, list))),
        };
        if units > 0 {
            let prefix = if adjust.when.is_empty() { String::new() } else { format!("{}: ", condition(adjust)) };
            lines
                .push(Line {
                    text: format!("{prefix}{what} × {}", credits(add)), credits: round_up(add, units, &[])?
                });
        }
    }
    let sum: i64 = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(line.credits.get()))?;
    let credits = Amount::new(sum).filter(|sum| sum.get() <= OPERATION_MAX)?;
    Some(Price { credits, lines, asked })
}

/// Returns the quantity of a delivery in what a rate counts: images, seconds of all images, or one call.
pub fn delivered_quantity(model_per: Per, images: u64, seconds: u64) -> u64 {
    match model_per {
        Per::Image => images,
        Per::Second => seconds.saturating_mul(images.max(1)),
        Per::Call => 1,
    }
}

fn quantity(per: Per, resolved: &Params) -> u64 {
    match per {
        Per::Image => count(resolved, "images"),
        Per::Second => count(resolved, "duration").saturating_mul(count(resolved, "images")),
        Per::Call => 1,
    }
}

fn describe_count(per: Per, resolved: &Params) -> String {
    let plural = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match per {
        Per::Image => plural(count(resolved, "images"), "image"),
        Per::Call => "1 call".to_owned(),
        Per::Second => {
            let seconds = plural(count(resolved, "duration"), "second");
            if resolved.contains_key("images") {
                format!("{seconds} × {}", plural(count(resolved, "images"), "image"))
            } else {
                seconds
            }
        }
    }
}

fn credits(rate: Thousandths) -> String {
    format!("{rate} credit{}", if rate.get() == 1_000 { "" } else { "s" })
}

fn applies(adjust: &Adjust, resolved: &Params) -> bool {
    adjust.when.iter().all(|(name, value)| resolved.get(name) == Some(value))
}

fn condition(adjust: &Adjust) -> String {
    let words = adjust.when.iter().map(|(name, value)| match value {
        Value::Boolean(true) => name.to_string(),
        Value::Boolean(false) => format!("no {name}"),
        Value::Integer(value) => format!("{name} {value}"),
        Value::Text(value) => format!("{name} {value}"),
        Value::List(entries) => format!("{} {name}", entries.len()),
    });
    let text = words.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "always".to_owned() } else { text }
}

fn round_up(rate: Thousandths, units: u64, factors: &[Thousandths]) -> Option<Amount> {
    let mut exact = i128::from(rate.get()).checked_mul(i128::from(units))?;
    let mut whole: i128 = 1_000;
    for factor in factors {
        exact = exact.checked_mul(i128::from(factor.get()))?;
        whole = whole.checked_mul(1_000)?;
    }
    let rounded = exact.checked_add(whole - 1)? / whole;
    Amount::new(i64::try_from(rounded).ok()?)
}
