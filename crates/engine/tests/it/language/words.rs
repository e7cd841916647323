//! The words of one line: plain words, then `name=value` options, then the expected text after `->`.
//!
//! **Invariant:** a word is read once; a word that is left over at the end of a statement is an error.

use scrip_engine::{Amount, Params, Value};
use std::collections::VecDeque;
use std::str::FromStr;

/// Words of a line that are not read yet.
pub struct Words {
    plain: VecDeque<String>,
    options: Vec<(String, String)>,
    arrow: Option<String>,
}

impl Words {
    /// Splits a line; a `#` that starts a word starts a comment.
    pub fn read(line: &str) -> Result<Words, String> {
        let text = match line.match_indices('#').find(|(at, _)| line[..*at].ends_with([' ', '\t']) || *at == 0) {
            Some((at, _)) => &line[..at],
            None => line,
        };
        let (text, arrow) = match text.split_once(" -> ") {
            Some((text, arrow)) => (text, Some(arrow.trim().to_owned())),
            None => (text, None),
        };
        if text.contains('→') {
            return Err("expected `->`, got `→`".to_owned());
        }
        let mut words = Words { plain: VecDeque::new(), options: Vec::new(), arrow };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => words.options.push((name.to_owned(), value.to_owned())),
                None => words.plain.push_back(word.to_owned()),
            }
        }
        Ok(words)
    }

    /// Returns true if the line has no words.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.options.is_empty() && self.arrow.is_none()
    }

    /// Takes the next plain word, which must be there.
    pub fn word(&mut self, what: &str) -> Result<String, String> {
        self.plain.pop_front().ok_or_else(|| format!("expected {what}, got the end of the line"))
    }

    /// Takes the next plain word, if there is one.
    pub fn maybe(&mut self) -> Option<String> {
        self.plain.pop_front()
    }

    /// Takes the next plain word, and reads it as a value.
    pub fn parse<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        read(&self.word(what)?, what)
    }

    /// Takes the next plain word, and reads it as an amount.
    pub fn amount(&mut self, what: &str) -> Result<Amount, String> {
        amount(&self.word(what)?)
    }

    /// Takes all plain words that are left, with one space between them.
    pub fn rest(&mut self) -> String {
        self.plain.drain(..).collect::<Vec<_>>().join(" ")
    }

    /// Takes the value of an option out.
    pub fn option(&mut self, name: &str) -> Option<String> {
        let index = self.options.iter().position(|(known, _)| known == name)?;
        Some(self.options.remove(index).1)
    }

    /// Takes all options that are left, as parameters: whole numbers, `true`, `false`, `[a,b]`, or text.
    pub fn params(&mut self) -> Params {
        let value = |text: &str| match (text.parse(), text) {
            (Ok(number), _) => Value::Integer(number),
            (_, "true") => Value::Boolean(true),
            (_, "false") => Value::Boolean(false),
            _ => match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
                Some(list) => Value::List(list.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()),
                None => Value::Text(text.to_owned()),
            },
        };
        self.options.drain(..).map(|(name, text)| (name.as_str().into(), value(&text))).collect()
    }

    /// Takes the expected text after the arrow out.
    pub fn arrow(&mut self) -> Option<String> {
        self.arrow.take()
    }

    /// Checks that no word is left.
    pub fn end(&self) -> Result<(), String> {
        let options = self.options.iter().map(|(name, value)| format!("{name}={value}"));
        let left: Vec<String> = self.plain.iter().cloned().chain(options).chain(self.arrow.clone()).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("expected the end of the line, got `{}`", left.join(" "))) }
    }
}

/// Reads a value, or says what it should have been.
pub fn read<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("expected {what}, got `{text}`"))
}

/// Reads an amount of units.
pub fn amount(text: &str) -> Result<Amount, String> {
    text.parse().ok().and_then(Amount::new).ok_or_else(|| format!("expected an amount, got `{text}`"))
}
