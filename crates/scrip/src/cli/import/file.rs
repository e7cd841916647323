//! File of users: a CSV in UTF-8 whose first line names the columns.
//!
//! Invariant: a value is taken as it was written or refused with its line and column; nothing is guessed, and no value
//! is read by its position.

use crate::people::email::form_of;
use scrip_client::types::Interval;
use scrip_engine::limits::OPERATION_MAX;
use std::collections::{BTreeSet, HashMap};

/// Columns that a file may have; `email` is required.
pub const COLUMNS: [&str; 7] = ["email", "name", "external_id", "plan", "interval", "credits", "welcome"];

/// One user, as a line of the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the line in the file, counted from 1.
    pub number: u64,
    /// E-mail address of the owner.
    pub email: String,
    /// Name of the workspace.
    pub name: Option<String>,
    /// The operator's own id for the workspace.
    pub external_id: Option<String>,
    /// Plan, which is billed by hand.
    pub plan: Option<String>,
    /// Interval of the plan.
    pub interval: Option<Interval>,
    /// Number of credits to give.
    pub credits: i64,
    /// `false` for a user who had the welcome credits before.
    pub welcome: bool,
}

/// Line that cannot be imported, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineFault {
    /// Number of the line in the file, counted from 1.
    pub number: u64,
    /// E-mail address or id of the user, if it can be read, and the reason.
    pub text: String,
}

/// File that could be read.
#[derive(Debug, Default)]
pub struct Users {
    /// Lines that are valid by themselves.
    pub lines: Vec<Line>,
    /// Faults of all other lines.
    pub faults: Vec<LineFault>,
    /// Sum of all credits that could be read, those of faulty lines included.
    pub credits: i128,
}

/// Reads a file. `welcome` is the value for lines without that column.
///
/// # Errors
/// When the file as a whole cannot be read: it is no text, or its first line does not name the columns.
pub fn read(bytes: &[u8], welcome: bool) -> Result<Users, String> {
    let text = text(bytes)?;
    is_quoted_to_the_end(text)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let wrong = |error: csv::Error| format!("the file is not CSV: {error}");
    let header = records.next().ok_or("the file is empty: its first line names the columns")?.map_err(wrong)?;
    let columns = columns(&header)?;
    let mut users = Users::default();
    let mut place = Place { text, offset: 0, line: 1 };
    for record in records {
        let record = record.map_err(wrong)?;
        let number = place.line_of(record.position().map_or(0, csv::Position::byte));
        users.add(number, &columns, &record, welcome);
    }
    if users.lines.is_empty() && users.faults.is_empty() {
        return Err("the file has no line below the names of the columns".to_owned());
    }
    users.refuse_repeated();
    users.faults.sort();
    Ok(users)
}

/// Position in the text that only moves forward. (The reader's own count of lines is off by one after `\r\n`.)
struct Place<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl Place<'_> {
    /// Returns the number of the line with the first value at or after an offset.
    fn line_of(&mut self, offset: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let start = usize::try_from(offset).unwrap_or(bytes.len());
        while let Some(byte) = bytes.get(self.offset) {
            let ends_line = *byte == b'\n' || (*byte == b'\r' && bytes.get(self.offset + 1) != Some(&b'\n'));
            if self.offset >= start && !matches!(byte, b'\n' | b'\r') {
                break;
            }
            self.offset += 1;
            self.line += u64::from(ends_line);
        }
        self.line
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("the file is in UTF-16: save it as CSV in UTF-8".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let place = |good: &str| {
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, character {column}")
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        let byte = bytes[error.valid_up_to()];
        format!("{}: the byte {byte:02X} is not UTF-8: save the file as CSV in UTF-8", place(good))
    })?;
    match text.split_once('\0') {
        Some((good, _)) => Err(format!("{}: a zero byte: the file is not text in UTF-8", place(good))),
        None => Ok(text),
    }
}

/// Refuses a quoted value that never ends, because it would swallow every line after it.
fn is_quoted_to_the_end(text: &str) -> Result<(), String> {
    let (mut line, mut opened, mut is_start) = (1, None, true);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        line += u64::from(letter == '\n');
        match (opened, letter) {
            (Some(_), '"') if letters.peek() == Some(&'"') => drop(letters.next()),
            (Some(_), '"') => opened = None,
            (None, '"') if is_start => opened = Some(line),
            _ => {}
        }
        is_start = opened.is_none() && [',', '\n', '\r'].contains(&letter);
    }
    opened.map_or(Ok(()), |line| Err(format!("line {line}: a value begins with a quote, and no quote ends it")))
}

/// Returns the names of the columns in the order of the file.
fn columns(header: &csv::StringRecord) -> Result<Vec<&'static str>, String> {
    let known = COLUMNS.join(",");
    let mut columns = Vec::new();
    for (index, written) in header.iter().enumerate() {
        let place = format!("line 1, column {}", index + 1);
        let name = COLUMNS.into_iter().find(|name| *name == written.trim());
        let name = name.ok_or_else(|| {
            let why = if written.contains([';', '\t']) {
                "; separate the values by commas"
            } else if written.contains('@') {
                "; the first line names the columns"
            } else {
                ""
            };
            format!("{place}: `{}` is not a column{why}; the columns are {known}", written.trim())
        })?;
        if columns.contains(&name) {
            return Err(format!("{place}: `{name}` is named a second time"));
        }
        columns.push(name);
    }
    if !columns.contains(&"email") {
        return Err(format!("line 1: the column `email` is missing; the columns are {known}"));
    }
    Ok(columns)
}

impl Users {
    fn add(&mut self, number: u64, columns: &[&'static str], record: &csv::StringRecord, welcome: bool) {
        let (named, given) = (columns.len(), record.len());
        if named != given {
            let text = format!("{given} values, and the first line names {named} columns");
            self.faults.push(LineFault { number, text });
            return;
        }
        let value = |name: &str| {
            let index = columns.iter().position(|column| *column == name)?;
            record.get(index).filter(|value| !value.trim().is_empty())
        };
        let credits = credits(value("credits"));
        self.credits += i128::from(*credits.as_ref().unwrap_or(&0));
        let line = (|| {
            Ok::<Line, String>(Line {
                number,
                email: value("email").ok_or("column `email`: the address is missing")?.trim().to_owned(),
                name: value("name").map(|name| name.trim().to_owned()),
                // An external id is kept to the letter, as the operator's own system has it.
                external_id: value("external_id").map(str::to_owned),
                plan: value("plan").map(|plan| plan.trim().to_owned()),
                interval: interval(value("interval"))?,
                credits: credits?,
                welcome: yes_or_no(value("welcome"), welcome)?,
            })
        })();
        let who = value("email").or(value("external_id")).map(|who| format!("{}: ", who.trim())).unwrap_or_default();
        match line {
            Ok(line) => self.lines.push(line),
            Err(text) => self.faults.push(LineFault { number, text: format!("{who}{text}") }),
        }
    }

    /// Removes users who stand on several lines, because it is unknown which line is meant.
    fn refuse_repeated(&mut self) {
        let mut ids: HashMap<&str, u64> = HashMap::new();
        let mut addresses: HashMap<String, (u64, bool)> = HashMap::new();
        let mut out = BTreeSet::new();
        for line in &self.lines {
            let has_id = line.external_id.is_some();
            let same_id = line.external_id.as_deref().and_then(|id| ids.get(id).map(|first| (*first, id)));
            let first = addresses.get(&form_of(&line.email)).copied();
            let repeated = match (same_id, first) {
                (Some((first, id)), _) => Some((first, format!("the external_id `{id}`"))),
                // Two workspaces of one person need external ids to be told apart.
                (None, Some((first, first_has_id))) if !(has_id && first_has_id) => {
                    Some((first, format!("the address {}", line.email)))
                }
                _ => None,
            };
            if let Some((first, what)) = repeated {
                let number = line.number;
                let text = format!("{}: {what} is also on line {first}; neither line is imported", line.email);
                self.faults.push(LineFault { number, text });
                out.extend([first, number]);
            }
            if let Some(id) = &line.external_id {
                ids.entry(id).or_insert(line.number);
            }
            let kept = addresses.entry(form_of(&line.email)).or_insert((line.number, has_id));
            if !has_id {
                *kept = (kept.0, false);
            }
        }
        self.lines.retain(|line| !out.contains(&line.number));
    }
}

fn credits(value: Option<&str>) -> Result<i64, String> {
    let Some(value) = value.map(str::trim) else { return Ok(0) };
    let wrong =
        |why: &str| format!("column `credits`: `{value}` {why}: write a whole number from 0 to {OPERATION_MAX}");
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("is not made of decimal digits alone"));
    }
    value.parse().ok().filter(|credits| *credits <= OPERATION_MAX).ok_or_else(|| wrong("is too large"))
}

fn interval(value: Option<&str>) -> Result<Option<Interval>, String> {
    match value.map(str::trim) {
        None => Ok(None),
        Some("week") => Ok(Some(Interval::Week)),
        Some("month") => Ok(Some(Interval::Month)),
        Some("year") => Ok(Some(Interval::Year)),
        Some(other) => Err(format!("column `interval`: `{other}` is not an interval: write week, month or year")),
    }
}

fn yes_or_no(value: Option<&str>, absent: bool) -> Result<bool, String> {
    match value.map(str::trim) {
        None => Ok(absent),
        Some("yes" | "true") => Ok(true),
        Some("no" | "false") => Ok(false),
        Some(other) => Err(format!("column `welcome`: `{other}` is neither yes nor no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_to_the_letter() {
        let lines = |file: &str| {
            let users = read(file.as_bytes(), true).expect("it is read");
            users.lines.iter().map(|line| line.number).collect::<Vec<_>>()
        };
        assert_eq!(lines("email\n\na@b.co\n\n\nc@b.co\n"), [3, 6]);
        assert_eq!(lines("\r\nemail\r\na@b.co\r\n\r\nc@b.co"), [3, 5]);
        assert_eq!(lines("email,name\ra@b.co,\"x\ny\"\rc@b.co,\r"), [2, 4]);
        let file = "\u{feff} email ,external_id,name,credits\r\n a@example.com ,\"ext, 5\",\" A \"\"B\"\" \", 007 \r\n";
        let users = read(file.as_bytes(), true).expect("it is good");
        let [line] = users.lines.as_slice() else { panic!("{users:?}") };
        assert_eq!((line.number, line.email.as_str(), line.credits), (2, "a@example.com", 7));
        assert_eq!((line.external_id.as_deref(), line.name.as_deref()), (Some("ext, 5"), Some("A \"B\"")));
        assert!(line.welcome && users.faults.is_empty());
    }

    #[test]
    fn a_repeated_user_is_on_no_line() {
        let names = |file: &str| {
            let users = read(file.as_bytes(), true).expect("it is read");
            (users.lines.len(), users.faults.iter().map(|fault| fault.number).collect::<Vec<_>>())
        };
        assert_eq!(names("email\na@b.co\nA@B.co\nc@b.co\na@b.co\n"), (1, vec![3, 5]));
        assert_eq!(names("email\nuser@bücher.example\nUser@XN--BCHER-KVA.example\n"), (0, vec![3]));
        assert_eq!(names("email,external_id\na@b.co,1\na@b.co,2\n"), (2, vec![]), "one person has two workspaces");
        assert_eq!(names("email,external_id\na@b.co,1\nc@b.co,1\n"), (0, vec![3]));
        assert_eq!(names("email,external_id\na@b.co,1\na@b.co,\n"), (0, vec![3]));
        assert_eq!(names("email,external_id\na@b.co,\na@b.co,1\na@b.co,2\n"), (0, vec![3, 4]));
    }
}
