//! A settings file, read key by key, so that an error names the place and the key of a mistake.
//!
//! Invariant: no error contains a value of the file, since it may be a secret.

use super::{Settings, keys};
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Maximum length of a key that an error repeats, in letters.
const KEY_MAX: usize = 40;

/// Reads a settings file, and records the place of every setting.
///
/// # Errors
/// When the file cannot be read, with the line and the column of every mistake.
pub fn read(path: &Path) -> Result<Settings, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--config {name}: {error}"))?;
    parse(&text, &name.to_string()).map_err(|wrong| wrong.join("\n"))
}

fn parse(text: &str, name: &str) -> Result<Settings, Vec<String>> {
    let place = |span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{name}:{line}:{column}")
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        let span = error.span().unwrap_or(0..0);
        let key = key_at(text, span.start).map(|key| format!("{key}: ")).unwrap_or_default();
        return Err(vec![format!(
            "{}: {key}this is not TOML; a text is in quotes on one line, \"like this\", and a list is in brackets",
            place(span)
        )]);
    }
    let known = keys();
    let mut settings = Settings::default();
    let mut wrong = Vec::new();
    for (key, value) in table.get_ref() {
        let text = key.get_ref().as_ref();
        if !known.iter().any(|known| known == text) {
            wrong.push(format!("{}: {}", place(key.span()), unknown(text, &known)));
            continue;
        }
        let one = DeTable::from_iter([(key.clone(), value.clone())]);
        let one = Spanned::new(value.span(), DeValue::Table(one));
        match Settings::deserialize(ValueDeserializer::from(one)) {
            Ok(read) => settings = settings.or(read),
            Err(error) => {
                wrong.push(format!("{}: {text}: {}", place(value.span()), expectation(text, error.message())))
            }
        }
        settings.sources.note(text, place(key.span()));
    }
    if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
}

/// Returns the kind of value that a key takes, from the parser's message, which names the kind after the value it
/// quotes.
fn expectation(key: &str, message: &str) -> String {
    match message.rsplit_once(", expected ") {
        Some((_, kind)) => {
            let kind = match kind.trim() {
                "a sequence" => "a list: [\"…\", \"…\"]",
                kind if kind.contains("string") || kind.contains("socket") => "a text in quotes",
                kind if kind.starts_with('u') => "a whole number, 0 or more",
                kind => kind,
            };
            format!("it must be {kind}")
        }
        None if key.ends_with("listen") => "write an address and a port: \"127.0.0.1:8080\"".to_owned(),
        None => "it is not a value of this setting".to_owned(),
    }
}

/// Returns the error text for a key that is no setting.
fn unknown(key: &str, known: &[String]) -> String {
    let written = key.replace('-', "_");
    if known.contains(&written) {
        return format!("`{key}` is written `{written}`");
    }
    let is_plain = key.len() <= KEY_MAX && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_-".contains(&byte));
    let nearest = known.iter().min_by_key(|known| distance(known, &written)).filter(|_| is_plain);
    let nearest = nearest.filter(|known| distance(known, &written) <= 3);
    let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    let key = if is_plain { format!("`{key}`") } else { "this key".to_owned() };
    format!("{key} is not a setting{hint} (config.default.toml names every one)")
}

/// Returns the setting that contains a mistake. At the end of the file the setting may have begun some lines before.
fn key_at(text: &str, at: usize) -> Option<String> {
    if at < text.trim_end().len() {
        return key_of_line(text, at);
    }
    let starts = text.char_indices().filter(|(_, letter)| *letter == '\n').map(|(place, _)| place + 1);
    [0].into_iter().chain(starts).collect::<Vec<_>>().into_iter().rev().find_map(|start| key_of_line(text, start))
}

/// Returns the setting that a line gives, if it begins with one.
fn key_of_line(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..)?.lines().next()?;
    let key = line.split('=').next()?.trim().trim_matches(['"', '\'']);
    let written = key.replace('-', "_");
    keys().contains(&written).then_some(written)
}

/// Returns the number of letters that must be added, removed or changed to turn one text into another.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULTS;

    fn wrong(text: &str) -> String {
        parse(text, "scrip.toml").expect_err("it is wrong").join("\n")
    }

    #[test]
    fn a_mistake_is_told_by_its_place_and_its_key_and_no_secret_is() {
        for (text, place, words) in [
            ("\nstripe_secret_key = sk_live_SECRET123\n", "scrip.toml:2:", "stripe_secret_key"),
            ("operator-key = \"sk_test_SECRET123\"", "scrip.toml:1:1:", "`operator-key` is written `operator_key`"),
            ("smtp_url = [\"smtps://u:SECRET123@x\"]", "scrip.toml:1:12:", "smtp_url: it must be a text in quotes"),
            ("database_url = 'postgres://a:SECRET123@b", "scrip.toml:1:", "database_url"),
            ("database-url = \"postgres://a:SECRET123@b\"", "scrip.toml:1:1:", "`database_url`"),
            ("stripe_webhook_secrets = \"whsec_SECRET123\"", "scrip.toml:1:26:", "it must be a list"),
            ("stripe_webhook_secrets = [\"whsec_SECRET123\", 7]", "scrip.toml:1:26:", "stripe_webhook_secrets"),
            ("log = \"info\"\nlog_json = \"SECRET123\"", "scrip.toml:2:12:", "it must be a boolean"),
            ("guesses_per_minute = \"SECRET123, expected a string\"", "scrip.toml:1:22:", "guesses_per_minute"),
            ("guesses_per_minute = -1", "scrip.toml:1:22:", "it must be a whole number"),
            ("session_idle = 1e9", "scrip.toml:1:16:", "it must be a whole number"),
            ("listen = \"SECRET123\"", "scrip.toml:1:10:", "listen: write an address and a port"),
            ("listen = 8080", "scrip.toml:1:10:", "listen: "),
            ("listne = \"127.0.0.1:1\"", "scrip.toml:1:1:", "did you mean `listen`?"),
            ("sk_live_SECRET123 = 1", "scrip.toml:1:1:", "this key is not a setting"),
            ("oidc_client_secret = \"SECRET123\" \"x\"", "scrip.toml:1:", "oidc_client_secret"),
            ("operator_key = \"\"\"SECRET123\n", "scrip.toml:", "operator_key"),
            ("[stripe]\nsecret_key = \"SECRET123\"", "scrip.toml:1:2:", "`stripe` is not a setting"),
            ("operator_key = \"SECRET123\"\noperator_key = \"SECRET123\"", "scrip.toml:2:", "operator_key"),
            ("operator_key = \"SECRET123\\q\"", "scrip.toml:1:", "operator_key"),
        ] {
            let said = wrong(text);
            assert!(said.starts_with(place) && said.contains(words), "{text}\n{said}");
            assert!(!said.contains("SECRET"), "{said}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let said = wrong("listne = 1\nlog_json = 2\n");
        assert_eq!(said.lines().count(), 2, "{said}");
    }

    #[test]
    fn the_place_of_a_setting_is_known_later() {
        let settings = parse("# first\n\npublic_url = \"x\"\n", "scrip.toml").expect("it is read");
        assert_eq!(settings.name("public_url"), "public_url (scrip.toml:3:1)");
        assert_eq!(settings.name("log"), "log");
        let flags = Settings { public_url: Some("y".to_owned()), ..Settings::default() };
        assert_eq!(flags.or(settings).public_url.as_deref(), Some("y"));
        assert!(parse(DEFAULTS, "config.default.toml").is_ok());
    }
}
