//! Prices by exact fractions of unsigned integers, and the parameters that a model accepts.

use scrip_engine::{Model, Param, Params, Per, Value};

/// Largest price of one run, in whole units.
const MOST: u128 = 1_000_000_000;

/// Fills in defaults; `None` when any parameter is wrong.
pub fn fill_in(model: &Model, asked: &Params) -> Option<Params> {
    if asked.len() > 50 || asked.keys().any(|name| !model.params.contains_key(name)) {
        return None;
    }
    let mut filled = Params::new();
    for (name, declared) in &model.params {
        let value = match (asked.get(name).cloned(), declared) {
            (Some(Value::Integer(n)), Param::Integer { min, max, .. }) if *min <= n && n <= *max => Value::Integer(n),
            (None, Param::Integer { default: Some(n), .. }) => Value::Integer(*n),
            (Some(Value::Text(word)), Param::Choice { choices, .. }) if choices.iter().any(|c| **c == *word) => {
                Value::Text(word)
            }
            (None, Param::Choice { default: Some(word), .. }) => Value::Text(word.to_string()),
            (Some(Value::Boolean(yes)), Param::Boolean { .. }) => Value::Boolean(yes),
            (None, Param::Boolean { default, .. }) => Value::Boolean(*default),
            (Some(Value::Text(text)), Param::Text { max_bytes, required, .. })
                if text.len() <= *max_bytes as usize && text.len() <= 10_000 && !(*required && text.trim() == "") =>
            {
                Value::Text(text)
            }
            (None, Param::Text { required: false, .. }) => Value::Text(String::new()),
            (Some(Value::List(items)), Param::List { min, max, .. })
                if items.len() >= *min as usize
                    && items.len() <= *max as usize
                    && items.iter().all(|item| item.len() <= 10_000) =>
            {
                Value::List(items)
            }
            (None, Param::List { min: 0, .. }) => Value::List(Vec::new()),
            _ => return None,
        };
        filled.insert(name.clone(), value);
    }
    Some(filled)
}

/// Returns true if a parameter takes a value.
pub fn takes(param: &Param, value: &Value) -> bool {
    match (value, param) {
        (Value::Integer(n), Param::Integer { min, max, .. }) => min <= n && n <= max,
        (Value::Text(word), Param::Choice { choices, .. }) => choices.iter().any(|choice| **choice == **word),
        (Value::Boolean(_), Param::Boolean { .. }) => true,
        (Value::Text(text), Param::Text { max_bytes, required, .. }) => {
            text.len() <= *max_bytes as usize && text.len() <= 10_000 && !(*required && text.trim() == "")
        }
        (Value::List(items), Param::List { min, max, .. }) => {
            items.len() >= *min as usize
                && items.len() <= *max as usize
                && items.iter().all(|item| item.len() <= 10_000)
        }
        _ => false,
    }
}

fn number(filled: &Params, name: &str) -> u128 {
    match filled.get(name) {
        None => 1,
        Some(Value::Integer(n)) => u128::try_from(*n).expect("counted parameters start at 1"),
        Some(Value::List(items)) => items.len() as u128,
        Some(other) => panic!("{name} = {other:?} cannot be counted"),
    }
}

/// Returns the asked quantity, in what the rate counts.
pub fn asked_quantity(model: &Model, filled: &Params) -> u64 {
    let asked = match model.rate.per {
        Per::Image => number(filled, "images"),
        Per::Second => number(filled, "duration") * number(filled, "images"),
        Per::Call => 1,
    };
    u64::try_from(asked).expect("the catalog bounds what can be asked")
}

/// Returns the price in whole units: each line an exact fraction of thousandths, rounded up once. `None` above the
/// largest price of one run.
pub fn price(model: &Model, filled: &Params) -> Option<i64> {
    let thousandths = |rate: scrip_engine::Thousandths| u128::try_from(rate.get()).expect("rates are positive");
    let applies: Vec<_> = model
        .adjusts
        .iter()
        .filter(|adjust| adjust.when.iter().all(|(name, value)| filled.get(name) == Some(value)))
        .collect();
    let (mut above, mut below) =
        (u128::from(asked_quantity(model, filled)) * thousandths(model.rate.credits), 1_000_u128);
    for times in applies.iter().filter_map(|adjust| adjust.times) {
        above *= thousandths(times);
        below *= 1_000;
        let common = common_divisor(above, below);
        (above, below) = (above / common, below / common);
    }
    let mut sum = above.div_ceil(below);
    for adjust in applies {
        let (Some(add), Some(per)) = (adjust.add, &adjust.per) else { continue };
        let units = match &**per {
            "call" => 1,
            "image" => number(filled, "images"),
            "second" => number(filled, "duration") * number(filled, "images"),
            list => number(filled, list),
        };
        sum += (units * thousandths(add)).div_ceil(1_000);
    }
    (sum <= MOST).then(|| i64::try_from(sum).expect("it was just compared"))
}

fn common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
