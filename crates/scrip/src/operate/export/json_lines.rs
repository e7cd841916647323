//! JSON lines, one complete entry each: every event with all its fields, and its postings.
//!
//! Invariant: instants are RFC 3339 and objects have their ids, wherever the journal has a number for them; texts of
//! callers (parameters, metadata) are passed on unchanged.

use super::books::Step;
use super::names;
use scrip_engine::{Entry, Kind, Timestamp, WorkspaceId};
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'a str>,
    workspace: String,
    seq: u64,
    at: String,
    actor: &'a str,
    command: &'a str,
    events: Vec<Value>,
}

/// Returns the line of an entry.
pub(super) fn line(entry: &Entry, hash: Option<&str>, steps: &[Step<'_>]) -> String {
    let line = Line {
        id: names::entry_id(entry),
        hash,
        workspace: entry.workspace.to_string(),
        seq: entry.seq,
        at: entry.at.to_string(),
        actor: &entry.actor,
        command: &entry.command,
        events: steps.iter().map(|step| event(entry.workspace, step)).collect(),
    };
    let json = serde_json::to_string(&line).expect("an entry is plain data with text for keys");
    format!("{json}\n")
}

fn event(workspace: WorkspaceId, step: &Step<'_>) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), step.event.name().into());
    object.insert("at".to_owned(), step.at.to_string().into());
    let tagged = serde_json::to_value(step.event).expect("an event is plain data with text for keys");
    let fields = tagged.as_object().and_then(|tagged| tagged.values().next()).and_then(Value::as_object);
    for (name, value) in fields.into_iter().flatten() {
        object.insert(name.clone(), field(workspace, name, value));
    }
    let postings: Vec<Value> = step
        .moves
        .iter()
        .map(|posted| {
            json!({
                "unit": posted.unit.name(),
                "grant": names::grant_id(workspace, posted.grant),
                "from": names::account(posted.from.account),
                "to": names::account(posted.to.account),
                "amount": posted.amount,
            })
        })
        .collect();
    if !postings.is_empty() {
        object.insert("postings".to_owned(), postings.into());
    }
    Value::Object(object)
}

/// Returns a field of an event, or of an object in the event, by its name.
fn field(workspace: WorkspaceId, name: &str, value: &Value) -> Value {
    match (name, value) {
        ("expires_at" | "opens_until" | "anchor" | "start" | "end", Value::Number(micros)) => {
            micros.as_i64().map_or(Value::Null, |micros| Timestamp::from_micros(micros).to_string().into())
        }
        ("limited_day", Value::Number(day)) => day.as_i64().map_or(Value::Null, |day| names::date(day).into()),
        ("grant" | "from" | "owed_by", Value::Number(n)) => id(workspace, Kind::Grant, n),
        ("run", Value::Number(n)) => id(workspace, Kind::Run, n),
        ("hold", Value::Number(n)) => id(workspace, Kind::Hold, n),
        ("parts" | "ends", Value::Array(items)) => items.iter().map(|item| inside(workspace, item)).collect(),
        ("period", period) => inside(workspace, period),
        _ => value.clone(),
    }
}

fn inside(workspace: WorkspaceId, value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    fields.iter().map(|(name, value)| (name.clone(), field(workspace, name, value))).collect()
}

fn id(workspace: WorkspaceId, kind: Kind, n: &serde_json::Number) -> Value {
    let n = n.as_u64().and_then(|n| u32::try_from(n).ok());
    n.map_or(Value::Null, |n| workspace.id_of(kind, n).into())
}
