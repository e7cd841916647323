//! Tests of exports, which are judged by other programs and by the workspace itself.

mod journal;
mod tools;

use super::ledger_format::{account_name, commodity};
use super::{Exporter, Format};
use journal::{HOSTILE, Journal, amount};
use scrip_engine::{Account, DatedEvent, Entry, Event, Part, RunEvent, Unit, Workspace};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use tools::{Balances, bean_check, beancount_balances, hledger_balances, hledger_check};

fn export<'e>(format: Format, entries: impl IntoIterator<Item = &'e Entry>) -> String {
    let mut exporter = Exporter::new(format, Vec::new()).expect("memory can be written");
    for entry in entries {
        exporter.entry(entry, Some(&format!("{:064x}", entry.seq))).expect("the journal is in order");
    }
    String::from_utf8(exporter.finish().expect("memory can be written")).expect("an export is UTF-8")
}

/// Returns the balances that the accounts must have by the engine.
fn expected_balances(workspaces: &BTreeMap<scrip_engine::WorkspaceId, Workspace>) -> Balances {
    let mut balances = Balances::new();
    for workspace in workspaces.values() {
        let mut put = |account: Account, unit: Unit, number: i64| {
            balances.insert((account_name(workspace.id, account), commodity(unit).to_owned()), number);
        };
        for grant in &workspace.grants {
            put(Account::Available(grant.n), grant.unit, grant.available.get());
            put(Account::Held(grant.n), grant.unit, grant.held.get());
        }
        for (unit, sums) in workspace.sums() {
            put(Account::Captured, unit, sums.captured.get());
            put(Account::Expired, unit, sums.expired.get());
            put(Account::Revoked, unit, sums.revoked.get());
        }
    }
    balances.retain(|_, number| *number != 0);
    balances
}

/// Returns the granted units of each kind: the opposite of all other balances.
fn granted_units(workspaces: &BTreeMap<scrip_engine::WorkspaceId, Workspace>) -> BTreeMap<String, i64> {
    let mut granted = BTreeMap::new();
    for (unit, sums) in workspaces.values().flat_map(Workspace::sums) {
        *granted.entry(commodity(unit).to_owned()).or_default() += sums.granted.get();
    }
    granted
}

fn assert_balances(tool: &str, found: Balances, journal: &Journal) {
    let (equity, rest): (Balances, Balances) = found.into_iter().partition(|((name, _), _)| name.starts_with("Equity"));
    assert_eq!(rest, expected_balances(&journal.workspaces), "{tool}");
    let mut given: BTreeMap<String, i64> = BTreeMap::new();
    for ((_, commodity), number) in equity {
        *given.entry(commodity).or_default() -= number;
    }
    assert_eq!(given, granted_units(&journal.workspaces), "{tool}");
}

fn assert_accepted(journal: &Journal) {
    let text = export(Format::Beancount, &journal.entries);
    assert_eq!(bean_check(&text), Ok(String::new()));
    assert_balances("beancount", beancount_balances(&text), journal);
    let text = export(Format::Hledger, &journal.entries);
    assert_eq!(hledger_check(&text), Ok(String::new()));
    assert_balances("hledger", hledger_balances(&text), journal);
}

#[test]
fn the_story_has_every_event() {
    let journal = Journal::story();
    let names: BTreeSet<&str> = all_events(&journal).map(Event::name).collect();
    assert_eq!(names.len(), 27, "{names:?}");
}

fn all_events(journal: &Journal) -> impl Iterator<Item = &Event> {
    journal.entries.iter().flat_map(|entry| entry.events.iter().map(|DatedEvent(_, event)| event))
}

#[test]
fn both_tools_accept_the_story_and_find_the_workspaces_balances() {
    assert_accepted(&Journal::story());
}

#[test]
fn both_tools_accept_what_happens_by_chance() {
    let mut kinds = BTreeSet::new();
    for seed in [1, 2, 3] {
        let journal = Journal::by_chance(seed, 800);
        kinds.extend(all_events(&journal).map(Event::name));
        assert_accepted(&journal);
    }
    for needed in ["run_settled", "hold_ended", "grant_revoked", "grant_expired", "debt_repaid", "period_started"] {
        assert!(kinds.contains(needed), "chance never made a {needed}");
    }
}

#[test]
fn the_order_of_workspaces_does_not_matter() {
    let mut journal = Journal::by_chance(4, 300);
    journal.entries.sort_by_key(|entry| (std::cmp::Reverse(entry.workspace), entry.seq));
    assert_accepted(&journal);
}

/// Returns the text with its `n`th capture changed by one, on one side or on both.
fn corrupt(text: &str, both: bool) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let posted = |line: &str| line.starts_with(' ') && line.contains("Expenses:Captured");
    let index = lines.iter().position(|line| posted(line)).expect("something was captured");
    let shifted = |line: &str| {
        let (account, amount) = line.trim_start().split_once("  ").expect("a posting");
        let (number, rest) = amount.split_once(' ').expect("a number and a commodity");
        let number: i64 = number.parse().expect("a whole number");
        format!("    {account}  {} {rest}", number + number.signum())
    };
    lines[index] = shifted(&lines[index]);
    if both {
        lines[index - 1] = shifted(&lines[index - 1]);
    }
    lines.join("\n") + "\n"
}

#[test]
fn both_tools_refuse_an_amount_that_was_changed() {
    let journal = Journal::story();
    for both in [false, true] {
        // One side: the transaction does not balance. Both sides: only the assertions can tell.
        let (beancount, hledger) =
            if both { ("Balance failed", "assertion") } else { ("not balance", "could not balance") };
        let text = corrupt(&export(Format::Beancount, &journal.entries), both);
        let said = bean_check(&text).expect_err("bean-check accepted a changed amount");
        assert!(said.contains(beancount), "{said}");
        let text = corrupt(&export(Format::Hledger, &journal.entries), both);
        let said = hledger_check(&text).expect_err("hledger accepted a changed amount");
        assert!(said.contains(hledger), "{said}");
    }
}

#[test]
fn an_expiry_is_booked_on_the_day_it_fell_on() {
    let journal = Journal::story();
    let late = journal.entries.iter().find(|entry| entry.at.to_string() == "2026-06-01T00:00:00Z").expect("the tick");
    let DatedEvent(due, _) = late.events.first().expect("the tick did something");
    assert!(due.day() < late.at.day() - 20, "the story's tick is late");
    let id = super::names::entry_id(late);
    for (format, mark) in [(Format::Beancount, format!("entry: \"{id}\"")), (Format::Hledger, format!("({id})"))] {
        let text = export(format, &journal.entries);
        let transaction = text.split("\n\n").find(|part| part.contains(&mark)).expect("the tick is booked");
        let date = super::names::date(due.day());
        assert!(transaction.contains(&format!("\n{date} *")) || transaction.starts_with(&date), "{transaction}");
    }
}

#[test]
fn transactions_read_well() {
    let journal = Journal::story();
    let first = &journal.entries[..2];
    assert_eq!(export(Format::Beancount, first), include_str!("tests/first.beancount"));
    assert_eq!(export(Format::Hledger, first), include_str!("tests/first.journal"));
}

/// Parses the rows of a CSV text, by a reader that follows RFC 4180 and nothing else.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut inside, mut chars) = (false, text.chars().peekable());
    while let Some(one) = chars.next() {
        match one {
            '"' if inside && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => inside = !inside,
            ',' if !inside => row.push(std::mem::take(&mut cell)),
            '\r' if !inside => assert_eq!(chars.peek(), Some(&'\n'), "rows end with CR LF"),
            '\n' if !inside => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            one => cell.push(one),
        }
    }
    assert!(!inside && row.is_empty() && cell.is_empty(), "the text ends inside a row");
    rows
}

#[test]
fn csv_ends_with_the_workspaces_balances() {
    for journal in [Journal::story(), Journal::by_chance(5, 800)] {
        let rows = rows(&export(Format::Csv, &journal.entries));
        let column = |name: &str| rows[0].iter().position(|head| head == name).expect("a column");
        let (grant, available, held) = (column("grant"), column("grant_available"), column("grant_held"));
        let (workspace, unit) = (column("workspace"), column("unit"));
        let (all_available, all_held) = (column("workspace_available"), column("workspace_held"));
        let mut grants = BTreeMap::new();
        let mut wholes = BTreeMap::new();
        for row in &rows[1..] {
            assert_eq!(row.len(), rows[0].len(), "{row:?}");
            grants.insert(row[grant].clone(), (row[available].clone(), row[held].clone()));
            let whole = (row[all_available].clone(), row[all_held].clone());
            wholes.insert((row[workspace].clone(), row[unit].clone()), whole);
        }
        for workspace in journal.workspaces.values() {
            for found in &workspace.grants {
                let id = super::names::grant_id(workspace.id, found.n);
                assert_eq!(grants[&id], (found.available.to_string(), found.held.to_string()), "{id}");
            }
            for (unit, sums) in workspace.sums() {
                let whole = &wholes[&(workspace.id.to_string(), unit.name().to_owned())];
                assert_eq!(*whole, (sums.available.to_string(), sums.held.to_string()), "{}", workspace.id);
            }
        }
    }
}

#[test]
fn csv_has_no_formulas() {
    let mut entry = Journal::story().entries.swap_remove(0);
    for actor in [HOSTILE, "=1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u{a0}=1", "＝1", "\n"] {
        entry.actor = actor.to_owned();
        let rows = rows(&export(Format::Csv, [&entry]));
        assert!(rows.len() > 2);
        assert!(rows[1..].iter().all(|row| row[6] == format!("'{actor}")), "{actor:?}: {:?}", rows[1]);
    }
    entry.actor = "Ops, \"the\" team".to_owned();
    assert_eq!(rows(&export(Format::Csv, [&entry]))[1][6], entry.actor);
}

#[test]
fn json_lines_are_complete_and_typed() {
    let journal = Journal::story();
    let text = export(Format::JsonLines, &journal.entries);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(lines.len(), journal.entries.len());
    for (line, entry) in lines.iter().zip(&journal.entries) {
        assert_eq!(line["id"], format!("en_0000000000007_{}", entry.seq));
        assert_eq!(line["hash"], format!("{:064x}", entry.seq));
        assert_eq!(line["at"], entry.at.to_string());
        assert_eq!(line["actor"], entry.actor);
        let events = line["events"].as_array().expect("events");
        assert_eq!(events.len(), entry.events.len());
        for (told, DatedEvent(at, event)) in events.iter().zip(&entry.events) {
            let tagged = serde_json::to_value(event).expect("plain data");
            let (name, fields) = match &tagged {
                Value::String(name) => (name.clone(), None),
                tagged => tagged
                    .as_object()
                    .and_then(|tagged| tagged.iter().next())
                    .map_or_else(|| panic!("an event has a name"), |(name, fields)| (name.clone(), fields.as_object())),
            };
            assert_eq!(told["type"], name);
            assert_eq!(told["at"], at.to_string());
            for (name, value) in fields.into_iter().flatten() {
                assert!(!told[name].is_null(), "{name} of {told} is lost");
                if matches!(&**name, "params" | "metadata" | "lines" | "outputs" | "quoted" | "reason" | "profile") {
                    assert_eq!(told[name], *value, "{name} is not ours to change");
                }
            }
            assert_typed(told);
        }
    }
}

/// Checks that no number is left in the place of an instant or an id.
fn assert_typed(event: &Value) {
    let id = |value: &Value, prefix: &str| value.as_str().is_some_and(|text| text.starts_with(prefix));
    let instant = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("202") && text.ends_with('Z'));
    for (name, value) in event.as_object().expect("an event") {
        let good = match &**name {
            "grant" | "from" | "owed_by" => id(value, "gr_0000000000007_"),
            "run" => id(value, "run_0000000000007_"),
            "hold" => id(value, "hd_0000000000007_"),
            "expires_at" | "opens_until" => instant(value),
            "limited_day" => value == "2026-02-02",
            "period" => ["anchor", "start", "end"].iter().all(|name| instant(&value[name])),
            "parts" | "ends" | "postings" => {
                value.as_array().is_some_and(|items| items.iter().all(|item| id(&item["grant"], "gr_")))
            }
            _ => true,
        };
        assert!(good, "{name} of {event}");
    }
}

#[test]
fn json_lines_have_the_postings() {
    let journal = Journal::by_chance(6, 400);
    let mut balances: BTreeMap<(String, String), i64> = BTreeMap::new();
    for line in export(Format::JsonLines, &journal.entries).lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let events = line["events"].as_array().expect("events").iter();
        for posting in events.flat_map(|event| event["postings"].as_array().into_iter().flatten()) {
            let text = |name: &str| posting[name].as_str().expect("text").to_owned();
            let number = posting["amount"].as_i64().expect("a number");
            *balances.entry((text("grant"), text("from"))).or_default() -= number;
            *balances.entry((text("grant"), text("to"))).or_default() += number;
        }
    }
    for workspace in journal.workspaces.values() {
        for grant in &workspace.grants {
            let balance = |account: &str| {
                let key = (super::names::grant_id(workspace.id, grant.n), account.to_owned());
                balances.get(&key).copied().unwrap_or(0)
            };
            for (account, known) in [
                ("available", grant.available),
                ("held", grant.held),
                ("captured", grant.captured),
                ("expired", grant.expired),
                ("revoked", grant.revoked),
            ] {
                assert_eq!(balance(account), known.get(), "{} {account}", grant.n);
            }
        }
    }
}

#[test]
fn what_does_not_follow_is_refused_in_every_format() {
    let journal = Journal::story();
    for format in [Format::Csv, Format::JsonLines, Format::Beancount, Format::Hledger] {
        let refused = |entries: &[Entry]| {
            let mut exporter = Exporter::new(format, Vec::new()).expect("memory can be written");
            let error =
                entries.iter().find_map(|entry| exporter.entry(entry, None).err()).expect("nothing was refused");
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            error.to_string()
        };
        assert_eq!(
            refused(&journal.entries[1..]),
            "en_0000000000007_2: it follows entry 0 of its workspace; every entry must be exported"
        );
        let mut twice = journal.entries[..2].to_vec();
        twice.push(journal.entries[1].clone());
        assert!(refused(&twice).contains("it follows entry 2"));
        let mut overdrawn = journal.entries[..2].to_vec();
        for DatedEvent(_, event) in &mut overdrawn[1].events {
            if let Event::Run(RunEvent::RunQueued { parts, .. }) = event {
                parts.clone_from(&vec![Part { grant: 1, amount: amount(21) }]);
            }
        }
        assert_eq!(refused(&overdrawn), "en_0000000000007_2: grant 1 has 20 where 21 are taken");
        let mut back = journal.entries[..2].to_vec();
        back[1].events[0].0 = "2026-01-09T00:00:00Z".parse().expect("a test instant is RFC 3339");
        assert!(refused(&back).contains("lies before"), "{}", refused(&back));
    }
}

#[test]
fn an_empty_journal_is_a_good_export() {
    assert_eq!(bean_check(&export(Format::Beancount, [])), Ok(String::new()));
    assert_eq!(hledger_check(&export(Format::Hledger, [])), Ok(String::new()));
    assert_eq!(rows(&export(Format::Csv, [])).len(), 1);
    assert_eq!(export(Format::JsonLines, []), "");
}
