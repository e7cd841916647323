//! Rows for a spreadsheet: one for each posting, in the form of RFC 4180.
//!
//! Invariant: no cell with a text from outside can be read as a formula, and every row has the columns of the head.

use super::books::Step;
use super::names;
use scrip_engine::Entry;

const COLUMNS: [&str; 18] = [
    "entry",
    "hash",
    "workspace",
    "seq",
    "recorded_at",
    "at",
    "actor",
    "command",
    "event",
    "grant",
    "unit",
    "from",
    "to",
    "amount",
    "grant_available",
    "grant_held",
    "workspace_available",
    "workspace_held",
];

/// Returns the head row of the file.
pub(super) fn head() -> String {
    row(&COLUMNS.map(str::to_owned))
}

/// Returns an entry's rows; none where nothing moved.
pub(super) fn rows(entry: &Entry, hash: Option<&str>, steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        for posted in &step.moves {
            text.push_str(&row(&[
                names::entry_id(entry),
                hash.unwrap_or_default().to_owned(),
                entry.workspace.to_string(),
                entry.seq.to_string(),
                entry.at.to_string(),
                step.at.to_string(),
                entry.actor.clone(),
                entry.command.clone(),
                step.event.name().to_owned(),
                names::grant_id(entry.workspace, posted.grant),
                posted.unit.name().to_owned(),
                names::account(posted.from.account),
                names::account(posted.to.account),
                posted.amount.to_string(),
                posted.lot.available.to_string(),
                posted.lot.held.to_string(),
                posted.whole.available.to_string(),
                posted.whole.held.to_string(),
            ]));
        }
    }
    text
}

fn row(cells: &[String; COLUMNS.len()]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quote(&harmless(cell))).collect();
    format!("{}\r\n", cells.join(","))
}

/// Returns a cell that no spreadsheet takes for a formula: an apostrophe makes it text. Some programs trim a cell
/// first, so the first character that is not blank decides, or a control character in front.
fn harmless(cell: &str) -> String {
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if formula || cell.starts_with(char::is_control) { format!("'{cell}") } else { cell.to_owned() }
}

fn quote(cell: &str) -> String {
    if cell.contains(['"', ',', '\r', '\n', ';', '\t', '\'']) || cell.trim() != cell {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
