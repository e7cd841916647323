//! What the TOML reader says, in the words of somebody who writes a catalog: what is wrong, and what to write instead.
//!
//! Invariant: every message has a help, whatever the reader said.

/// Splits what the reader says into what is wrong and what to do about it.
pub(super) fn say(message: &str) -> (String, String) {
    let message = message.trim();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if let (Some((message, help)), false) = (message.split_once(": write "), message.starts_with("invalid type")) {
        return (message.to_owned(), format!("write {help}"));
    }
    if let (Some(key), true) = (quoted.first(), message.starts_with("missing field")) {
        return missing(key);
    }
    match quoted.split_first() {
        Some((wrong, known)) if message.starts_with("unknown field") => {
            (format!("`{wrong}` is not a key here"), choose(wrong, known))
        }
        Some((wrong, known)) if message.starts_with("unknown variant") => {
            (format!("`{wrong}` is not a word that can stand here"), choose(wrong, known))
        }
        _ => match message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected ")) {
            Some((got, expected)) => wrong_type(got, expected),
            None => other(message),
        },
    }
}

fn choose(wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("write one of: {}", known.join(", ")),
    }
}

fn missing(key: &str) -> (String, String) {
    if ["plan", "model"].contains(&key) {
        return (format!("there is no {key}"), format!("write at least one [[{key}]]"));
    }
    (format!("`{key}` is missing"), format!("add `{key} = …`"))
}

/// What was found and what belongs there, in the reader's words for both.
fn wrong_type(got: &str, expected: &str) -> (String, String) {
    let (wanted, help) = match expected {
        "i64" | "u64" | "u32" | "u8" => ("a whole number", "write it without quotes and decimals, for example 4"),
        "a boolean" => ("true or false", "write true or false, without quotes"),
        "a string" | "string or map" | "a borrowed string" => ("text", "write it in quotes"),
        "a sequence" => ("a list", "write [ … ]; for a plan, model, price, trial or pack write [[name]] above it"),
        "a map" => ("a table", "write { … }"),
        _ if expected.starts_with("struct ") => ("a table", "write { … }"),
        _ if expected.starts_with("a whole number, or up to three decimals") => {
            ("a rate", "write a whole number, or decimals as text such as \"0.5\"")
        }
        other => (other, "write that instead"),
    };
    let got = match got.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer", number)) => format!("the number {}", number.trim_matches('`')),
        Some(("boolean", value)) => value.trim_matches('`').to_owned(),
        Some(("floating", number)) => format!("the decimal {}", number.trim_start_matches("point ").trim_matches('`')),
        _ if got == "map" => "a table".to_owned(),
        _ if got == "sequence" => "a list".to_owned(),
        _ => got.to_owned(),
    };
    (format!("{got} stands where {wanted} belongs"), help.to_owned())
}

fn other(message: &str) -> (String, String) {
    let help = if message.contains("is not an amount") {
        "write a whole number, at least 0"
    } else if message.contains("a rate must be") {
        "write a whole number, or decimals as text such as \"0.5\""
    } else if message.contains("duplicate key") {
        "remove one of the two"
    } else if message.contains("string") {
        "write text between two quotes on one line, and a number without anything after it"
    } else {
        "write `key = value`, or a table's name in brackets"
    };
    (message.to_owned(), help.to_owned())
}

/// The known name that is closest to a misspelled one, if any is close.
pub(crate) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, name) = known.iter().map(|name| (distance(wrong, name), *name)).min()?;
    (distance <= 1 + wrong.chars().count() / 4).then_some(name)
}

/// How many letters must be put in, taken out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
