//! Reader of catalog files, which reports every error with its line, its reason, and the text to write instead.
//!
//! Method: a file is read in three passes, and the first pass with an error ends the reading: the syntax of TOML, then
//! the shape of each plan, model and pack on its own (so that one misspelled key does not hide the next), then the
//! meaning (`check.rs`).
//!
//! Invariant: the work is linear in the length of the file, and at most [`PROBLEMS_MAX`] problems are reported, each of
//! a bounded length: a faulty file costs no more than a good one.

use super::layout::{Mistake, mistakes};
use super::messages::{Place, say};
use super::{Catalog, Model, Pack, Plan, check};
use crate::kernel::limits::{CATALOG_BYTES_MAX, PROBLEMS_MAX};
use serde::Deserialize;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Maximum length of each part of a problem, in characters.
const PART_MAX: usize = 400;

/// Number of characters that are kept of the end of a part that is too long.
const TAIL: usize = 100;

/// One thing that is wrong with a catalog file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the problem, counted from 1.
    pub line: usize,
    /// Column of the problem in characters, counted from 1.
    pub column: usize,
    /// Path in the data, for instance `plan[1].price[0].amount`; empty for the file as a whole.
    pub path: String,
    /// Reason for the problem, in words.
    pub message: String,
    /// Advice on the text to write instead.
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

/// Reads a catalog, or reports everything that is wrong with it.
///
/// # Errors
/// At least one [`Problem`], in the order of the file: the first [`PROBLEMS_MAX`], and one that counts the others.
pub fn parse(text: &str) -> Result<Catalog, Vec<Problem>> {
    read(text, |catalog| catalog)
}

/// Reads a catalog that was published, perhaps before its links were checked. Links that would be refused now are left
/// out, so that the data can be served all the same and sends no person there.
///
/// # Errors
/// The same as those of [`parse`].
pub fn parse_published(text: &str) -> Result<Catalog, Vec<Problem>> {
    read(text, |mut catalog| {
        catalog.links = std::mem::take(&mut catalog.links).without_others();
        catalog
    })
}

fn read(text: &str, mend: impl Fn(Catalog) -> Catalog) -> Result<Catalog, Vec<Problem>> {
    let reader = Reader::of(text);
    if text.len() > CATALOG_BYTES_MAX {
        let message = format!("the file has {} bytes; at most {CATALOG_BYTES_MAX} are read", text.len());
        let help = "split the product: a catalog of this size is more than one".to_owned();
        return Err(vec![reader.problem(0..0, String::new(), message, help)]);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(reader.syntax_problems(&errors));
    }
    let mut problems = Problems::default();
    let mut root = table.get_ref().clone();
    reader.items::<Plan>(table.get_ref(), &mut root, "plan", &mut problems);
    reader.items::<Model>(table.get_ref(), &mut root, "model", &mut problems);
    reader.items::<Pack>(table.get_ref(), &mut root, "pack", &mut problems);
    let whole = Spanned::new(table.span(), DeValue::Table(root));
    let catalog = match Catalog::deserialize(ValueDeserializer::from(whole)) {
        Ok(catalog) if problems.all == 0 => mend(catalog),
        read => {
            if let Err(error) = read {
                problems.add(|| reader.shape(table.get_ref(), &error));
            }
            let layout = mistakes(text);
            return Err(if layout.is_empty() {
                reader.sort(problems.kept, problems.all)
            } else {
                reader.sort(layout.iter().map(|mistake| reader.mistake(mistake)).collect(), layout.len())
            });
        }
    };
    let (found, all) = check::check(&catalog);
    if all == 0 {
        return Ok(catalog);
    }
    let located = found.into_iter().map(|finding| {
        let span = locate(table.get_ref(), &finding.path).unwrap_or(0..0);
        reader.problem(span, path_text(&finding.path), finding.message, finding.help)
    });
    Err(reader.sort(located.collect(), all))
}

/// Problems as they are found: the first ones, and the number of all.
#[derive(Default)]
struct Problems {
    kept: Vec<Problem>,
    all: usize,
}

impl Problems {
    /// Adds a problem; it is put into words only if it will be reported.
    fn add(&mut self, problem: impl FnOnce() -> Problem) {
        self.all += 1;
        if self.kept.len() < PROBLEMS_MAX {
            self.kept.push(problem());
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Offsets at which the lines begin, in bytes.
    lines: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str) -> Reader<'a> {
        let after = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Reader { text, lines: std::iter::once(0).chain(after).collect() }
    }

    /// Returns the problems of the syntax. Of a mistake in the layout everything after it is a consequence; of a line
    /// the first error is the reason.
    fn syntax_problems(&self, errors: &[toml::de::Error]) -> Vec<Problem> {
        let layout = mistakes(self.text);
        let first = layout.first().map_or(usize::MAX, |mistake| self.line(mistake.offset));
        let mut spans: Vec<(usize, &toml::de::Error)> =
            errors.iter().map(|error| (error.span().map_or(0, |span| span.start), error)).collect();
        spans.sort_by_key(|(start, _)| *start);
        spans.dedup_by_key(|(start, _)| self.line(*start));
        spans.retain(|(start, _)| self.line(*start) < first);
        let all = spans.len() + layout.len();
        let syntax = spans.iter().take(PROBLEMS_MAX).map(|(_, error)| self.syntax(error));
        self.sort(syntax.chain(layout.iter().take(PROBLEMS_MAX).map(|mistake| self.mistake(mistake))).collect(), all)
    }

    fn mistake(&self, mistake: &Mistake) -> Problem {
        self.problem(mistake.offset..mistake.offset, String::new(), mistake.message.clone(), mistake.help.clone())
    }

    /// Returns the number of the line at an offset, from 0.
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Reads each table of an array on its own; a table that cannot be read is reported and taken out.
    fn items<T: for<'de> Deserialize<'de>>(
        &self,
        whole: &DeTable<'_>,
        root: &mut DeTable<'_>,
        key: &str,
        problems: &mut Problems,
    ) {
        let Some((name, value)) = root.remove_entry(key) else { return };
        let span = value.span();
        let kept = match value.into_inner() {
            DeValue::Array(array) => {
                let read = array.into_iter().filter(|item| {
                    T::deserialize(ValueDeserializer::from(item.clone()))
                        .map_err(|error| problems.add(|| self.shape(whole, &error)))
                        .is_ok()
                });
                DeValue::Array(read.collect())
            }
            other => other,
        };
        root.insert(name, Spanned::new(span, kept));
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let (mut message, help) = say(error.message(), Place::default());
        let span = error.span().unwrap_or(0..0);
        if let ("duplicate key", Some(key)) = (message.as_str(), self.text.get(span.clone())) {
            message = format!("`{key}` is written here a second time");
        }
        self.problem(span, String::new(), message, help)
    }

    fn shape(&self, whole: &DeTable<'_>, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or(0..0);
        // A missing key is reported at its table, which begins where the table's first key may begin.
        let keys = !error.message().starts_with("missing field");
        let path = path_at(whole, span.start, keys).unwrap_or_default();
        let keys: Vec<&str> = path.iter().map(String::as_str).filter(|step| !is_index(step)).collect();
        let text = self.text.get(span.clone()).unwrap_or_default();
        let place = Place { keys: &keys, text, currency: currency_beside(whole, &path) };
        let (message, help) = say(error.message(), place);
        self.problem(span, path_text(&path), message, help)
    }

    fn problem(&self, span: Range<usize>, path: String, message: String, help: String) -> Problem {
        let line = self.line(span.start);
        let before = self.text.get(self.lines[line]..span.start).unwrap_or_default();
        let [path, message, help] = [path, message, help].map(|part| shorten(&part));
        Problem { line: line + 1, column: before.chars().count() + 1, path, message, help }
    }

    /// Puts problems in the order of the file and adds how many of all were left out.
    fn sort(&self, mut problems: Vec<Problem>, all: usize) -> Vec<Problem> {
        let doubled = problems.len();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup();
        let doubled = doubled - problems.len();
        problems.truncate(PROBLEMS_MAX);
        let more = all.saturating_sub(problems.len() + doubled);
        if let (1.., Some(last)) = (more, problems.last()) {
            let (message, help) = (format!("and {more} more"), "mend these first, and check again".to_owned());
            let Problem { line, column, .. } = *last;
            problems.push(Problem { line, column, path: String::new(), message, help });
        }
        problems
    }
}

/// Returns a part of a problem on one line and with a bounded length.
fn shorten(text: &str) -> String {
    let line = text.split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
    let letters = line.chars().count();
    if letters <= PART_MAX {
        return line;
    }
    // The end of the text gives the reason for the long word before it.
    let head: String = line.chars().take(PART_MAX - TAIL).collect();
    let tail: String = line.chars().skip(letters - TAIL).collect();
    format!("{head}…{tail}")
}

fn is_index(step: &str) -> bool {
    !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the value of `currency` in the table of the value at a path.
fn currency_beside<'a>(whole: &'a DeTable<'_>, path: &[String]) -> Option<&'a str> {
    let (_, above) = path.split_last()?;
    let (first, rest) = above.split_first()?;
    let mut value = whole.get(first.as_str())?.get_ref();
    for step in rest {
        value = match value {
            DeValue::Array(items) => items.get(step.parse::<usize>().ok()?)?.get_ref(),
            DeValue::Table(table) => table.get(step.as_str())?.get_ref(),
            _ => return None,
        };
    }
    match value {
        DeValue::Table(table) => table.get("currency")?.get_ref().as_str(),
        _ => None,
    }
}

/// Returns the span of the value at a path, or of the deepest value on the way that exists.
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

/// Returns the path of the key (if `keys` are wanted) or value that lies at an offset of the text.
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

fn path_text(path: &[String]) -> String {
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
