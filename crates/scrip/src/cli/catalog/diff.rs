//! Differences between two catalogs.
//!
//! Lists of plans, models, packs, prices and grants are compared by the ids of their items and not by position, so that
//! a plan put in between is one line. Every value that the engine reads is compared; comments are not.
//!
//! Invariant: no change of meaning is left out; the comparison knows names only to match items, never to skip any.

use super::words;
use serde::Serialize;
use serde_json::Value;

/// One difference between two catalogs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Place of the difference, for instance `plan pro, price month, grant allowance, amount`.
    pub at: String,
    /// Value before; absent for an added one.
    pub old: Option<Value>,
    /// Value after; absent for a removed one.
    pub new: Option<Value>,
    /// Warning about a change that is probably a mistake.
    pub warning: Option<String>,
}

/// Returns all differences: changes and additions in the order of the new catalog, then removals.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", "", old, new, &mut found);
    found
}

/// Renders the differences for people.
pub fn render(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing changed\n".to_owned();
    }
    let line = |change: &Change| {
        let at = &change.at;
        let mut line = match (&change.old, &change.new) {
            (Some(old), Some(new)) => format!("~ {at}: {} → {}\n", words(old), words(new)),
            (None, Some(new)) if new.is_object() => format!("+ {at}\n"),
            (Some(old), None) if old.is_object() => format!("- {at}\n"),
            (None, Some(new)) => format!("+ {at}: {}\n", words(new)),
            (Some(old), None) => format!("- {at}: {}\n", words(old)),
            (None, None) => String::new(),
        };
        line.extend(change.warning.iter().map(|warning| format!("  warning: {warning}\n")));
        line
    };
    changes.iter().map(line).collect()
}

fn compare(at: &str, name: &str, old: &Value, new: &Value, found: &mut Vec<Change>) {
    if old == new {
        return;
    }
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, new) in after {
                compare(&within(at, key), key, before.get(key).unwrap_or(&Value::Null), new, found);
            }
            for (key, old) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                compare(&within(at, key), key, old, &Value::Null, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if is_keyed(before) && is_keyed(after) => {
            items(at, before, after, found)
        }
        _ => found.push(Change {
            at: at.to_owned(),
            old: Some(old.clone()).filter(|old| !old.is_null()),
            new: Some(new.clone()).filter(|new| !new.is_null()),
            warning: drop_of(name, old, new),
        }),
    }
}

fn items(at: &str, before: &[Value], after: &[Value], found: &mut Vec<Change>) {
    let at = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at} {key}") };
    for new in after {
        let id = key(new);
        match before.iter().find(|old| key(old) == id) {
            Some(old) => compare(&at(&id), "", old, new, found),
            None => found.push(Change { at: at(&id), old: None, new: Some(new.clone()), warning: None }),
        }
    }
    let gone = before.iter().filter(|old| !after.iter().any(|new| key(new) == key(old)));
    found.extend(gone.map(|old| Change { at: at(&key(old)), old: Some(old.clone()), new: None, warning: None }));
    let kept = |of: &[Value], other: &[Value]| -> Vec<String> {
        let both = of.iter().map(key).filter(|id| other.iter().any(|item| key(item) == *id));
        both.collect()
    };
    let (old, new) = (kept(before, after), kept(after, before));
    if old != new {
        let order = |ids: &[String]| Some(Value::from(ids.join(", ")));
        found.push(Change { at: at("order").trim().to_owned(), old: order(&old), new: order(&new), warning: None });
    }
}

fn within(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}, {key}") }
}

/// Returns `true` when every item of a list has an id and no two have the same.
fn is_keyed(items: &[Value]) -> bool {
    let keys: Vec<String> = items.iter().map(key).collect();
    let mut distinct = keys.clone();
    distinct.sort();
    distinct.dedup();
    !keys.iter().any(String::is_empty) && distinct.len() == keys.len()
}

/// Returns the id of a list's item; empty when it has none.
fn key(item: &Value) -> String {
    ["id", "interval", "code", "model"].iter().find_map(|name| item[*name].as_str()).unwrap_or_default().to_owned()
}

/// Returns a warning when an amount fell to less than half, as it does when a digit is lost.
fn drop_of(name: &str, old: &Value, new: &Value) -> Option<String> {
    let amount = |value: &Value| thousandths(&words(value));
    let counts = ["amount", "credits", "bonus", "add", "runs", "runs_per_day", "batch", "storage_gb", "rollover_max"]
        .contains(&name);
    let (old, new) = (amount(old)?, amount(new)?);
    let percent = (old - new).checked_mul(100)?.checked_div(old)?;
    (counts && new.checked_mul(2)? < old).then(|| format!("it falls by {percent} %"))
}

/// Parses a number with up to three decimals, exactly, in thousandths.
fn thousandths(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let whole: i64 = whole.parse().ok()?;
    let decimals: i64 = format!("{decimals:0<3}").get(..3)?.parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped;
    use scrip_engine::parse_catalog;
    use serde_json::json;

    fn catalog(edit: impl Fn(&str) -> String) -> Value {
        let text = edit(shipped::find("canvas-tiers").expect("it is shipped"));
        json!(parse_catalog(&text).unwrap_or_else(|problems| panic!("{problems:?}")))
    }

    #[test]
    fn the_same_catalog_has_no_changes() {
        let one = catalog(str::to_owned);
        assert_eq!(changes(&one, &one), []);
        assert_eq!(render(&[]), "nothing changed\n");
    }

    #[test]
    fn a_lost_digit_is_warned_of_and_a_small_change_is_not() {
        let old = catalog(str::to_owned);
        let new = catalog(|text| {
            text.replace("amount = 3900\n", "amount = 3500\n").replace("{ amount = 5000 }", "{ amount = 500 }")
        });
        let text = render(&changes(&old, &new));
        assert!(text.contains("~ plan pro, price month, amount: 3900 → 3500\n~"), "{text}");
        assert!(
            text.contains(
                "~ plan pro, price month, grants allowance, amount: 5000 → 500\n  warning: it falls by 90 %\n"
            ),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn what_is_new_and_what_is_gone_is_one_line_each() {
        let old = catalog(str::to_owned);
        let new = catalog(|text| {
            text.replace("id = \"upscale\"", "id = \"enlarge\"").replace("id = \"credits-1000\"", "id = \"credits-1k\"")
        });
        let text = render(&changes(&old, &new));
        for line in ["+ model enlarge", "- model upscale", "+ pack credits-1k", "- pack credits-1000"] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        assert_eq!(text.lines().count(), 4, "{text}");
    }

    #[test]
    fn the_order_of_plans_is_their_rank_and_a_change_of_it_is_told() {
        let plans = |ids: [&str; 2]| json!({ "plan": ids.map(|id| json!({ "id": id })) });
        let text = render(&changes(&plans(["a", "b"]), &plans(["b", "a"])));
        assert_eq!(text, "~ plan order: a, b → b, a\n");
    }

    #[test]
    fn rates_with_decimals_are_compared_exactly() {
        let rate = |credits: Value| json!({ "model": [{ "id": "m", "rate": { "credits": credits } }] });
        let found = changes(&rate(json!("0.5")), &rate(json!("0.249")));
        assert_eq!(found[0].warning.as_deref(), Some("it falls by 50 %"));
        assert_eq!(changes(&rate(json!(1)), &rate(json!("0.5")))[0].warning, None);
    }
}
