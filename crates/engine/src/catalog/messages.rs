//! Messages of the TOML reader, put into the words of people who write catalogs: the reason, and the text to write
//! instead.
//!
//! Invariant: every message has a help, whatever the reader said, and a value in a help is one that may stand at that
//! place.

use super::layout::LISTS;
use crate::kernel::money::digits;

/// Maximum number of names that are listed in a help.
const NAMES_LISTED: usize = 20;

/// Maximum length of two words that are compared, in characters: names are shorter.
const COMPARED_MAX: usize = 200;

/// Keys whose value is a length of time.
const SPANS: [&str; 11] = [
    "release_grace",
    "renewal_bridge",
    "payment_grace",
    "processing_grace",
    "expiry_notice",
    "rate_notice",
    "price_notice",
    "retention",
    "window",
    "expires",
    "timeout",
];

/// Place of a value: its keys from the top, its text in the file, and the currency beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    /// Keys from the top, without the numbers of lists.
    pub keys: &'a [&'a str],
    /// Text of the value in the file.
    pub text: &'a str,
    /// Value of `currency` in the same table.
    pub currency: Option<&'a str>,
}

impl Place<'_> {
    fn key(&self) -> &str {
        self.keys.last().copied().unwrap_or_default()
    }

    fn is_span(&self) -> bool {
        SPANS.contains(&self.key())
    }

    fn is_money(&self) -> bool {
        matches!(self.keys, [.., "price" | "pack", "amount"])
    }

    /// Returns the value without quotes.
    fn bare(&self) -> &str {
        let inside = |quote: char| self.text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        inside('"').or_else(|| inside('\'')).unwrap_or(self.text)
    }

    /// Returns the value, if it is short and plain enough to be shown again.
    fn short(&self) -> Option<&str> {
        let bare = self.bare();
        let is_plain = |letter: char| !letter.is_control() && letter != '"' && letter != '\\';
        (!bare.is_empty() && bare.len() <= 60 && bare.chars().all(is_plain)).then_some(bare)
    }
}

/// Splits a message of the reader into the reason and the help.
pub(super) fn say(message: &str, place: Place<'_>) -> (String, String) {
    let message = message.trim();
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if place.is_span()
        && let Some((message, _)) = message.split_once(": write ")
    {
        return (message.to_owned(), span(place));
    }
    if let (Some((message, help)), false) = (message.split_once(": write "), message.starts_with("invalid type")) {
        return (message.to_owned(), format!("write {help}"));
    }
    if let (Some(key), true) = (quoted.first(), message.starts_with("missing field")) {
        return missing(key);
    }
    let expected = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected "));
    match quoted.split_first() {
        Some((wrong, known)) if message.starts_with("unknown field") => {
            (format!("`{wrong}` is not a key here"), choose(wrong, known))
        }
        Some((wrong, known)) if message.starts_with("unknown variant") => {
            (format!("`{wrong}` is not a value that is allowed here"), choose(wrong, known))
        }
        _ => match (expected("invalid type: "), expected("invalid value: ")) {
            (Some((got, expected)), _) => wrong_type(got, expected, place),
            (None, Some((got, expected))) => wrong_value(got, expected, message, place),
            (None, None) => other(message, place),
        },
    }
}

fn choose(wrong: &str, known: &[&str]) -> String {
    match nearest(wrong, known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => one_of(known),
    }
}

/// Lists the names that can be written.
pub(super) fn one_of(known: &[&str]) -> String {
    let more = known.len().saturating_sub(NAMES_LISTED);
    let listed = known[..known.len() - more].join(", ");
    if more == 0 { format!("write one of: {listed}") } else { format!("write one of: {listed}, or one of {more} more") }
}

fn missing(key: &str) -> (String, String) {
    if ["plan", "model"].contains(&key) {
        return (format!("there is no {key}"), format!("write at least one [[{key}]]"));
    }
    (format!("`{key}` is missing"), format!("add `{key} = …`"))
}

/// Returns the reason and the help for a value of the wrong type, from the reader's words for both types.
fn wrong_type(got: &str, expected: &str, place: Place<'_>) -> (String, String) {
    let (wanted, help) = match expected {
        _ if place.is_span() => ("a length of time", span(place)),
        "i64" | "u64" | "u32" | "u8" if place.is_money() => ("an amount of money", money(place)),
        "i64" | "u64" | "u32" | "u8" => ("a whole number", whole(place)),
        "a boolean" => ("true or false", boolean(place)),
        "a string" | "string or map" | "a borrowed string" => ("text", text(got, place)),
        "a sequence" => ("a list", list(got, place)),
        "a map" => ("a table", table(got, place)),
        _ if expected.starts_with("struct ") => ("a table", table(got, place)),
        _ if expected.starts_with("a whole number, or up to three decimals") => ("a rate", rate(place)),
        other => (other, "write that instead".to_owned()),
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
    (format!("{got} is written where {wanted} belongs"), help)
}

/// Returns the reason and the help for a number that the type at this place cannot hold.
fn wrong_value(got: &str, expected: &str, message: &str, place: Place<'_>) -> (String, String) {
    let most = match expected {
        "u8" => u64::from(u8::MAX),
        "u32" => u64::from(u32::MAX),
        "i64" | "u64" => i64::MAX.unsigned_abs(),
        _ => return other(message, place),
    };
    let number = got.split('`').nth(1).unwrap_or(got);
    (format!("{number} is out of range here"), format!("write a whole number from 0 to {most}"))
}

fn other(message: &str, place: Place<'_>) -> (String, String) {
    if message.starts_with("invalid length") {
        return ("a list is written where a table belongs".to_owned(), table("sequence", place));
    }
    let help = if message.contains("is not an amount") {
        "write a whole number, at least 0"
    } else if message.contains("a rate must be") {
        "write a whole number, or decimals as text such as \"0.5\""
    } else if message.contains("duplicate key") {
        "remove one of the two"
    } else if message.contains("too large") || message.contains("overflow") {
        "write a smaller number"
    } else if message.contains("string") {
        "write text between two quotes on one line, and a number without anything after it"
    } else if place.is_span() {
        return (message.to_owned(), span(place));
    } else {
        "write `key = value`, or a table's name in brackets"
    };
    (message.to_owned(), help.to_owned())
}

/// Returns a help for an amount of money, which is counted in the smallest unit: `15.00` is written 1500.
fn money(place: Place<'_>) -> String {
    let currency = place.currency.unwrap_or("usd");
    let digits = digits(currency);
    let is_sign = |letter: char| letter.is_alphabetic() || letter.is_whitespace() || "$€£¥".contains(letter);
    let written = place.bare().trim_matches(is_sign);
    let (whole, part) = written.split_once('.').unwrap_or((written, ""));
    let is_number = |text: &str| text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = !whole.is_empty() && is_number(whole) && is_number(part);
    let part = part.trim_end_matches('0');
    if is_plain && digits == 0 && part.is_empty() {
        return format!("write {}: {currency} has no smaller unit", trim_zeros(whole));
    }
    if is_plain && part.len() <= digits && (written.contains('.') || place.bare() != written) {
        let units = format!("{whole}{part:0<digits$}");
        return format!(
            "{written} is written {}: money is counted in the currency's smallest unit",
            trim_zeros(&units)
        );
    }
    let example = match digits {
        0 => "1500",
        2 => "15.00 is written 1500",
        _ => "1.500 is written 1500",
    };
    format!("write a whole number, without quotes, in the currency's smallest unit: {example}")
}

/// Returns a help for a whole number, from the text in the file.
fn whole(place: Place<'_>) -> String {
    let example = || "write it without quotes and decimals, for example 4".to_owned();
    let written: String = place.bare().chars().filter(|letter| ![',', '_', ' '].contains(letter)).collect();
    let (whole, part) = written.split_once('.').unwrap_or((&written, ""));
    let is_number = |text: &str| text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = whole.parse::<u64>().ok().filter(|_| is_number(whole) && is_number(part)) else {
        return example();
    };
    if part.bytes().all(|byte| byte == b'0') {
        let quotes = if place.text == place.bare() { "" } else { ", without quotes" };
        return format!("write {number}{quotes}");
    }
    format!("write a whole number, such as {number} or {}", number + 1)
}

fn rate(place: Place<'_>) -> String {
    let written = place.bare();
    let (whole, part) = written.split_once('.').unwrap_or((written, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = is_number(whole) && is_number(part) && whole.len() <= 7;
    match part.trim_end_matches('0') {
        "" if is_decimal => format!("write {}", trim_zeros(whole)),
        part if is_decimal && part.len() <= 3 => format!("write \"{whole}.{part}\", in quotes"),
        _ => "write a whole number, or up to three decimals as text such as \"0.5\"".to_owned(),
    }
}

/// Returns a help for a length of time, from the text in the file: `90` and `"90d"` are `"90 days"`.
fn span(place: Place<'_>) -> String {
    let written = place.bare().trim();
    let count = &written[..written.bytes().take_while(u8::is_ascii_digit).count()];
    let usual = if place.key() == "timeout" { "second" } else { "day" };
    let unit = match written[count.len()..].trim().to_ascii_lowercase().as_str() {
        "" => Some(usual),
        "s" | "sec" | "secs" | "second" | "seconds" => Some("second"),
        "m" if place.key() == "timeout" => Some("minute"),
        "min" | "mins" | "minute" | "minutes" => Some("minute"),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some("hour"),
        "d" | "day" | "days" => Some("day"),
        "w" | "wk" | "week" | "weeks" => Some("week"),
        "mo" | "month" | "months" => Some("month"),
        "y" | "yr" | "year" | "years" => Some("year"),
        _ => None,
    };
    match (count.parse::<u32>(), unit) {
        (Ok(count), Some(unit)) if count <= 100_000 => {
            format!("write \"{count} {unit}{}\"", if count == 1 { "" } else { "s" })
        }
        _ if usual == "second" => "write for example \"90 seconds\" or \"10 minutes\"".to_owned(),
        _ => "write for example \"90 days\" or \"12 months\"".to_owned(),
    }
}

fn boolean(place: Place<'_>) -> String {
    match place.bare().to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" | "true" => "write true, without quotes".to_owned(),
        "no" | "off" | "0" | "false" => "write false, without quotes".to_owned(),
        _ => "write true or false, without quotes".to_owned(),
    }
}

fn text(got: &str, place: Place<'_>) -> String {
    match place.short().filter(|_| !["map", "sequence"].contains(&got)) {
        Some(value) => format!("write \"{value}\", in quotes"),
        None => "write one text, in quotes".to_owned(),
    }
}

fn list(got: &str, place: Place<'_>) -> String {
    let name = place.keys.join(".");
    match (got, place.short()) {
        ("map", _) if LISTS.contains(&name.as_str()) => format!("write [[{name}]] above its keys"),
        _ if LISTS.contains(&name.as_str()) => format!("write [[{name}]], and its keys below"),
        ("map", _) | (_, None) => "write [ … ]".to_owned(),
        (_, Some(_)) => format!("write [{}]", place.text),
    }
}

fn table(got: &str, place: Place<'_>) -> String {
    let number = place.text.parse::<u64>().unwrap_or(10);
    match place.key() {
        "rate" => format!("write {{ credits = {number}, per = \"call\" }}"),
        _ if got == "sequence" => "write one { … } and no list".to_owned(),
        _ => "write { … }".to_owned(),
    }
}

/// Returns a number without zeros before it.
fn trim_zeros(digits: &str) -> &str {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() { "0" } else { digits }
}

/// Returns the known name that is closest to a misspelled one, if any is close.
pub(crate) fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = wrong.chars().count();
    let most = 1 + length / 4;
    // A word that is longer or shorter by more than `most` cannot be near: most names are passed over without a
    // comparison.
    let similar = |name: &&&str| {
        let other = name.chars().count();
        length <= COMPARED_MAX && other <= COMPARED_MAX && length.abs_diff(other) <= most
    };
    let (distance, name) = known.iter().filter(similar).map(|name| (distance(wrong, name), *name)).min()?;
    (distance <= most).then_some(name)
}

/// Returns the number of letters to insert, remove or change to make one word of the other.
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
