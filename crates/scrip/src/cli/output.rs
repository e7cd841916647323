//! Output and failures of the subcommands.
//!
//! Invariant: text that came from elsewhere reaches a terminal without control characters, so that no name or reason
//! can move the cursor or rewrite a line.

use scrip_client::Error;
use scrip_client::types::Problem;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// Exit codes and their meanings, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused, or wrong; the code says why
  2  misused: the arguments make no sense
  3  the server cannot be reached or cannot answer now";

/// Reason why a command failed, which decides the exit code.
#[derive(Debug)]
pub enum Fault {
    /// Refused by the server, or wrong in itself; exit code 1.
    Refused(String),
    /// Arguments that make no sense; exit code 2.
    Misused(String),
    /// Server that cannot be reached or cannot answer now; exit code 3.
    Unavailable(String),
}

/// Result of a subcommand.
pub type CommandResult = Result<(), Fault>;

impl Fault {
    /// Returns the reason in words.
    pub fn text(&self) -> &str {
        match self {
            Fault::Refused(text) | Fault::Misused(text) | Fault::Unavailable(text) => text,
        }
    }

    /// Prints the reason on standard error and returns the exit code.
    pub fn exit(self) -> ExitCode {
        let (text, code) = match self {
            Fault::Refused(text) => (text, 1),
            Fault::Misused(text) => (text, 2),
            Fault::Unavailable(text) => (text, 3),
        };
        // Standard error may be closed; the exit code tells the failure all the same.
        drop(writeln!(io::stderr(), "{}", clean(text.trim_end())));
        ExitCode::from(code)
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Fault {
        Fault::Refused(text)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        Fault::Refused(error.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let text = match &error {
            Error::Refused { problem, members, .. } => refusal(problem, members),
            Error::Transport { .. } => {
                format!("{error}\n  - does `scrip serve` run there? name its address: --url URL, or SCRIP_URL")
            }
            other => other.to_string(),
        };
        match error {
            error if error.is_unavailable() => Fault::Unavailable(text),
            Error::Misused(_) => Fault::Misused(text),
            _ => Fault::Refused(text),
        }
    }
}

/// Renders a refusal for people: its code, the detail, and the ways out.
fn refusal(problem: &Problem, members: &Value) -> String {
    let mut lines = vec![format!("{}: {}", problem.code, problem.detail)];
    let errors = members["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The first error is the detail already.
    lines.extend(
        errors.iter().skip(1).map(|error| format!("  {}: {}", words(&error["pointer"]), words(&error["detail"]))),
    );
    let options = members["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.extend(options.iter().map(|option| format!("  - {}", way_out(option))));
    if options.is_empty() {
        let plans: Vec<String> = members["plans_that_include"].as_array().into_iter().flatten().map(words).collect();
        lines.extend(plans.iter().map(|plan| format!("  - take plan {plan}: scrip workspaces subscribe ID {plan}")));
    }
    let told = |name: &str, text: &str| members[name].as_str().map(|value| format!("  - {text} {value}"));
    lines.extend(told("upgrade_url", "the page to upgrade:"));
    lines.extend(told("apply_url", "the page to apply:"));
    lines.extend(told("renews_at", "wait until"));
    let fresh = &members["quote"];
    if let Some(id) = fresh["id"].as_str() {
        lines.push(format!("  - use the fresh quote of {}: --quote {id}", words(&fresh["credits"])));
    }
    lines.extend(members["retry_after"].as_u64().map(|seconds| format!("  - try again in {seconds} seconds")));
    if problem.code == "UNAUTHENTICATED" {
        lines.push("  - name a key: --key scrip_sk_… or scrip_wk_…, or SCRIP_KEY".to_owned());
    }
    lines.extend(raise(&members["cap"]).map(|line| format!("  - {line}")));
    lines.extend(told("resets_at", "wait until"));
    if problem.code == "INTERNAL" {
        lines.push(format!("  - ask the operator about request {}", problem.request_id));
    }
    lines.join("\n")
}

/// Returns the command with which an admin raises the cap that was reached.
fn raise(cap: &Value) -> Option<String> {
    let of = cap["of"].as_str()?;
    let verb = if of.starts_with("key_") { format!("keys change {of} --cap") } else { format!("members cap {of}") };
    Some(format!("have the cap raised: scrip {verb} CREDITS"))
}

/// Renders one way out of a balance that is too small, as something to do.
pub fn way_out(option: &Value) -> String {
    let credits = words(&option["credits"]);
    match option["kind"].as_str() {
        Some("smaller") => {
            let params = option["params"].as_object();
            let params: Vec<String> =
                params.into_iter().flatten().map(|(name, value)| format!("-p {name}={}", words(value))).collect();
            format!("ask for less: {} costs {credits} credits", params.join(" "))
        }
        Some("pack") => {
            let price = money(&option["price"]);
            format!("buy pack {} for {price}, which brings {credits} credits", words(&option["pack"]))
        }
        Some("plan") => {
            format!(
                "take plan {} by the {}, which brings {credits} credits",
                words(&option["plan"]),
                words(&option["interval"])
            )
        }
        Some("renewal") => format!("wait for the next allowance of {credits} credits at {}", words(&option["at"])),
        Some("held") => format!("wait for the runs in flight, which hold {credits} credits"),
        _ => option.to_string(),
    }
}

/// Renders an amount of money, such as `12.00 usd`.
pub fn money(price: &Value) -> String {
    let cents = price["amount"].as_i64();
    cents.map_or_else(
        || "by contract".to_owned(),
        |cents| format!("{}.{:02} {}", cents / 100, cents % 100, words(&price["currency"])),
    )
}

/// Renders a JSON value in a sentence: text without its quotes.
pub fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns the problem document of a refusal, as the API gave it.
pub fn problem_document(problem: &Problem, members: &Value) -> Value {
    let mut document = json!(problem);
    if let Some(document) = document.as_object_mut() {
        document.extend(members.as_object().cloned().unwrap_or_else(Map::new));
    }
    document
}

/// Prints text that may come from elsewhere, without control characters.
///
/// # Errors
/// When standard output cannot be written; a closed pipe (`| head`) is no error.
pub fn say(text: &str) -> CommandResult {
    print(&clean(text))
}

/// Prints exact text: JSON, or the content of a file.
///
/// # Errors
/// When standard output cannot be written; a closed pipe (`| head`) is no error.
pub fn print(text: &str) -> CommandResult {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Replaces every control character but the newline.
pub fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}

/// Renders a table: columns of numbers to the right, all others to the left.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let width = |column: usize, name: &str| {
        cells(column).map(|cell| cell.chars().count()).chain([name.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = head.iter().enumerate().map(|(column, name)| width(column, name)).collect();
    let is_number = |cell: &String| cell.is_empty() || cell.parse::<i64>().is_ok();
    let numbers: Vec<bool> = (0..head.len()).map(|column| cells(column).all(is_number)).collect();
    let line = |row: Vec<&str>| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
            if numbers[column] { format!("{gap}{cell}") } else { format!("{cell}{gap}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(head.to_vec())).chain(body).collect()
}

/// Returns a value, or a dash when it is absent.
pub fn or_dash(value: Option<&str>) -> String {
    value.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let rows = vec![vec!["a".to_owned(), "5".to_owned()], vec!["longer".to_owned(), "1200".to_owned()]];
        assert_eq!(table(&["model", "credits"], &rows), "model   credits\na             5\nlonger     1200\n");
        assert_eq!(table(&["model"], &[]), "none\n");
    }

    #[test]
    fn a_name_cannot_rewrite_the_terminal() {
        assert_eq!(clean("evil\u{1b}[2J\rname\nnext"), "evil\u{fffd}[2J\u{fffd}name\nnext");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let problem = Problem {
            kind: String::new(),
            title: String::new(),
            status: 402,
            code: "INSUFFICIENT_CREDITS".to_owned(),
            detail: "the run costs 200 credits".to_owned(),
            request_id: String::new(),
        };
        let members = json!({ "options": [
            { "kind": "smaller", "params": { "duration": 4 }, "credits": 80 },
            { "kind": "pack", "pack": "p", "credits": 1000, "price": { "amount": 1205, "currency": "usd" } },
        ] });
        let text = refusal(&problem, &members);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "INSUFFICIENT_CREDITS: the run costs 200 credits",
                "  - ask for less: -p duration=4 costs 80 credits",
                "  - buy pack p for 12.05 usd, which brings 1000 credits",
            ]
        );
    }

    #[test]
    fn a_cap_that_is_reached_names_who_raises_it_and_when_it_begins_again() {
        let problem = Problem {
            kind: String::new(),
            title: String::new(),
            status: 402,
            code: "SPEND_CAP_REACHED".to_owned(),
            detail: "it may spend 5 credits".to_owned(),
            request_id: String::new(),
        };
        let told = |of: &str, resets_at: Value| {
            refusal(&problem, &json!({ "cap": { "of": of, "credits": 5, "spent": 5 }, "resets_at": resets_at }))
        };
        assert_eq!(
            told("key_1_2", json!("2027-01-31T00:00:00Z")).lines().skip(1).collect::<Vec<_>>(),
            ["  - have the cap raised: scrip keys change key_1_2 --cap CREDITS", "  - wait until 2027-01-31T00:00:00Z",]
        );
        assert_eq!(
            told("usr_1", Value::Null).lines().last(),
            Some("  - have the cap raised: scrip members cap usr_1 CREDITS")
        );
    }
}
