//! Reading a catalog file: every error with its line, what is wrong, and what to write instead.
//!
//! A file is read in three passes, and the first pass that finds something ends the reading: the syntax of TOML, then
//! the shape of each plan, model and pack on its own (so that one misspelled key does not hide the next), then the
//! meaning (`check.rs`).

use super::wording::say;
use super::{Catalog, Model, Pack, Plan, check};
use crate::limits::CATALOG_BYTES_MAX;
use serde::Deserialize;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// One thing that is wrong with a catalog file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// Where in the data, for instance `plan[1].price[0].amount`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n    {}", self.help)?;
        }
        Ok(())
    }
}

/// Reads a catalog, or says everything that is wrong with it.
///
/// # Errors
/// At least one [`Problem`], in the order of the file.
pub fn parse(text: &str) -> Result<Catalog, Vec<Problem>> {
    let reader = Reader { text };
    if text.len() > CATALOG_BYTES_MAX {
        let message = format!("the file has {} bytes; at most {CATALOG_BYTES_MAX} are read", text.len());
        let help = "split the product: a catalog of this size is more than one".to_owned();
        return Err(vec![reader.problem(0..0, String::new(), message, help)]);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(reader.sorted(errors.iter().map(|error| reader.syntax(error)).collect()));
    }
    let mut problems = Vec::new();
    let mut root = table.get_ref().clone();
    reader.items::<Plan>(table.get_ref(), &mut root, "plan", &mut problems);
    reader.items::<Model>(table.get_ref(), &mut root, "model", &mut problems);
    reader.items::<Pack>(table.get_ref(), &mut root, "pack", &mut problems);
    let whole = Spanned::new(table.span(), DeValue::Table(root));
    let catalog = match Catalog::deserialize(ValueDeserializer::from(whole)) {
        Ok(catalog) if problems.is_empty() => catalog,
        Ok(_) => return Err(reader.sorted(problems)),
        Err(error) => {
            problems.push(reader.shape(table.get_ref(), &error));
            return Err(reader.sorted(problems));
        }
    };
    let found = check::check(&catalog);
    if found.is_empty() {
        return Ok(catalog);
    }
    let located = found.into_iter().map(|finding| {
        let span = locate(table.get_ref(), &finding.path).unwrap_or(0..0);
        reader.problem(span, written(&finding.path), finding.message, finding.help)
    });
    Err(reader.sorted(located.collect()))
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    /// Reads each table of an array on its own; those that cannot be read are reported and taken out.
    fn items<T: for<'de> Deserialize<'de>>(
        &self,
        whole: &DeTable<'_>,
        root: &mut DeTable<'_>,
        key: &str,
        problems: &mut Vec<Problem>,
    ) {
        let Some((name, value)) = root.remove_entry(key) else { return };
        let span = value.span();
        let kept = match value.into_inner() {
            DeValue::Array(array) => {
                let read = array.into_iter().filter(|item| {
                    T::deserialize(ValueDeserializer::from(item.clone()))
                        .map_err(|error| problems.push(self.shape(whole, &error)))
                        .is_ok()
                });
                DeValue::Array(read.collect())
            }
            other => other,
        };
        root.insert(name, Spanned::new(span, kept));
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let (mut message, help) = say(error.message());
        let span = error.span().unwrap_or(0..0);
        if let ("duplicate key", Some(key)) = (message.as_str(), self.text.get(span.clone())) {
            message = format!("`{key}` stands here a second time");
        }
        self.problem(span, String::new(), message, help)
    }

    fn shape(&self, whole: &DeTable<'_>, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or(0..0);
        // What is missing is reported at its table, which begins where the table's first key may begin.
        let keys = !error.message().starts_with("missing field");
        let path = path_at(whole, span.start, keys).unwrap_or_default();
        let (message, help) = say(error.message());
        self.problem(span, written(&path), message, help)
    }

    fn problem(&self, span: Range<usize>, path: String, message: String, help: String) -> Problem {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        Problem { line, column: before[line_start..].chars().count() + 1, path, message, help }
    }

    fn sorted(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup();
        problems
    }
}

/// The span of the value at a path, or of the deepest table on the way that exists.
fn locate(table: &DeTable<'_>, path: &[String]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == first.as_str())?;
    let mut value = value;
    let mut span = if matches!(value.get_ref(), DeValue::Table(_)) { key.span() } else { value.span() };
    for step in rest {
        value = match value.get_ref() {
            DeValue::Array(items) => match step.parse().ok().and_then(|index: usize| items.get(index)) {
                Some(item) => item,
                None => break,
            },
            DeValue::Table(items) => match items.iter().find(|(key, _)| key.get_ref().as_ref() == step.as_str()) {
                Some((_, item)) => item,
                None => break,
            },
            _ => break,
        };
        span = value.span();
    }
    Some(span)
}

/// The path of the key (if `keys` are wanted) or value that lies at an offset of the text.
fn path_at(table: &DeTable<'_>, offset: usize, keys: bool) -> Option<Vec<String>> {
    table.iter().find_map(|(key, value)| {
        let here = keys && key.span().contains(&offset);
        let below = if here { Some(Vec::new()) } else { path_inside(value, offset, keys) };
        below.map(|below| [vec![key.get_ref().to_string()], below].concat())
    })
}

fn path_inside(value: &Spanned<DeValue<'_>>, offset: usize, keys: bool) -> Option<Vec<String>> {
    let below = match value.get_ref() {
        DeValue::Table(table) => path_at(table, offset, keys),
        DeValue::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let below = path_inside(item, offset, keys)?;
            Some([vec![index.to_string()], below].concat())
        }),
        _ => None,
    };
    below.or_else(|| value.span().contains(&offset).then(Vec::new))
}

fn written(path: &[String]) -> String {
    let mut text = String::new();
    for step in path {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{step}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(step);
        }
    }
    text
}
