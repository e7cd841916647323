//! Texts of people in entries of earlier versions, which named people by address: each entry has ids in their place
//! now, and the texts stand in the profiles of these people.
//!
//! Invariant: an entry's hash is that of its original body, and the original body is the present one with the texts put
//! back.

use crate::integrity::Seals;
use crate::journal::JournalRow;
use crate::{Row, Unavailable, Value};
use scrip_engine::limits::NAME_MAX;
use scrip_engine::{Timestamp, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Number of entries up to which a journal is brought over when it is opened; beyond that, `scrip migrate` does.
pub const AT_START_MAX: i64 = 100_000;
/// Reads entries after a position.
pub const ENTRIES: &str = "SELECT position, workspace, seq, at, idempotency_key, request_hash, next_due_at, body,
    previous_hash, hash FROM entries WHERE position > $1 ORDER BY position LIMIT $2";
/// Writes an entry with ids. Triggers forbid it outside of the transactions here.
pub const ENTRY: &str = "UPDATE entries SET body = $3 WHERE workspace = $1 AND seq = $2";
/// Reads a person by the address.
pub const USER_OF: &str = "SELECT id FROM users WHERE email = $1";
/// Adds a person who has not signed in yet.
pub const USER: &str = "INSERT INTO users (id, email, created_at, seal) VALUES ($1, $2, $3, $4)";
/// Reads the texts in a profile.
pub const EARLIER: &str = "SELECT earlier FROM profiles WHERE workspace = $1 AND user_id = $2";
/// Writes a profile with all texts.
pub const PROFILE: &str = "INSERT INTO profiles (workspace, user_id, email, earlier, seal) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (workspace, user_id) DO UPDATE SET email = excluded.email, earlier = excluded.earlier,
    seal = excluded.seal";
/// Name of a workspace whose name was the address of its owner.
const NAME: &str = "Workspace";

/// Returns the forms under which a person of an address may be stored; a new person is stored under the last.
pub type Forms = fn(&str) -> Vec<String>;

/// Text of a person that was taken out of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Number of the entry in its workspace.
    seq: u64,
    /// Place in the present body, in bytes.
    place: usize,
    /// Number of bytes that stand there now.
    length: usize,
    /// Bytes that stood there.
    text: String,
}

/// Person in an entry of an earlier version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Person's id, where the entry says it.
    user: Option<UserId>,
    /// Address by which the entry names the person.
    email: String,
    event: Place,
}

/// Event that names a person by address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Opening of a workspace, by its owner, with the name of the workspace where that is the owner's address.
    Opened(Option<String>),
    /// Invitation of a person.
    Invited,
    /// Person who became a member.
    Joined,
}

/// Part of a body in which people are named.
#[derive(Deserialize)]
struct Events {
    events: Vec<(i64, Json)>,
}

impl Mention {
    fn of(event: &Json) -> Option<Mention> {
        let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(profile) = event.get("workspace_opened").and_then(|opened| opened.get("profile")) {
            let email = text(profile.get("owner")?)?;
            let name = profile.get("name").and_then(Json::as_str).filter(|name| is_named_by(name, &email));
            return Some(Mention { user: None, email, event: Place::Opened(name.map(str::to_owned)) });
        }
        let team = event.get("team")?;
        if let Some(invited) = team.get("invited") {
            return Some(Mention { user: None, email: text(invited.get("email")?)?, event: Place::Invited });
        }
        let joined = team.get("member_joined")?;
        let user = joined.get("user").and_then(Json::as_i64).map(|id| UserId::new(id.unsigned_abs()));
        Some(Mention { user, email: text(joined.get("email")?)?, event: Place::Joined })
    }

    /// Returns the text that names the person, and the one that takes its place.
    fn texts(&self, user: UserId) -> (String, String) {
        let quoted = |text: &str| Json::from(text).to_string();
        let (email, id) = (quoted(&self.email), user.get());
        match &self.event {
            Place::Opened(None) => (format!("\"owner\":{email}"), format!("\"owner\":{id}")),
            Place::Opened(Some(name)) => {
                let [name, another] = [name, NAME].map(quoted);
                (format!("\"name\":{name},\"owner\":{email}"), format!("\"name\":{another},\"owner\":{id}"))
            }
            Place::Invited => (format!("\"email\":{email}"), format!("\"user\":{id}")),
            Place::Joined => (format!("\"email\":{email},"), String::new()),
        }
    }
}

/// Returns whether an import named a workspace by the address of its owner, cut to the length of a name.
fn is_named_by(name: &str, email: &str) -> bool {
    name.contains('@') && (name == email || email.starts_with(name) && name.chars().count() == NAME_MAX)
}

/// Returns the people that an entry names by address, in the order of its events.
fn mentions(entry: &JournalRow) -> Result<Vec<Mention>, Unavailable> {
    // Most entries name no person, and their bodies need not be parsed.
    if !["\"owner\":\"", "\"email\":\""].iter().any(|word| entry.body.contains(word)) {
        return Ok(Vec::new());
    }
    let read = serde_json::from_str(&entry.body);
    let Events { events } = read.map_err(|error| refuse(entry, &format!("it cannot be read: {error}")))?;
    let mut found: Vec<Mention> = events.iter().filter_map(|(_, event)| Mention::of(event)).collect();
    // The owner of a workspace joins it in the same entry.
    let joined: Vec<Mention> = found.iter().filter(|other| other.event == Place::Joined).cloned().collect();
    for owner in found.iter_mut().filter(|one| matches!(one.event, Place::Opened(_))) {
        owner.user = joined.iter().find(|other| other.email == owner.email).and_then(|other| other.user);
    }
    Ok(found)
}

fn refuse(entry: &JournalRow, why: &str) -> Unavailable {
    Unavailable(format!("entry {} of {} cannot be brought over: {why}", entry.seq, entry.workspace))
}

/// Writes an entry with ids, and returns the texts that were taken out, each with its person.
fn replace(entry: &mut JournalRow, people: &[(Mention, UserId)]) -> Result<Vec<(UserId, Original)>, Unavailable> {
    let (mut body, mut rest, mut taken) = (String::with_capacity(entry.body.len()), &*entry.body, Vec::new());
    for (mention, user) in people {
        let (text, now) = mention.texts(*user);
        let at = rest.find(&text).ok_or_else(|| refuse(entry, &format!("it does not say `{text}`")))?;
        body.push_str(&rest[..at]);
        rest = &rest[at + text.len()..];
        taken.push((*user, Original { seq: entry.seq, place: body.len(), length: now.len(), text }));
        body.push_str(&now);
    }
    body.push_str(rest);
    let before = std::mem::replace(&mut entry.body, body);
    put_back(entry, taken.iter().map(|(_, original)| original));
    match entry.original.as_ref() == Some(&before) && entry.entry().is_ok() {
        true => Ok(taken),
        false => Err(refuse(entry, "it would not be the same entry")),
    }
}

/// Puts texts back into an entry, as its original body.
fn put_back<'o>(entry: &mut JournalRow, originals: impl Iterator<Item = &'o Original>) {
    let mut originals: Vec<&Original> = originals.filter(|original| original.seq == entry.seq).collect();
    originals.sort_by_key(|original| original.place);
    let mut body = entry.body.clone();
    for original in originals.into_iter().rev() {
        let place = original.place..original.place.saturating_add(original.length);
        if body.get(place.clone()).is_some() {
            body.replace_range(place, &original.text);
        }
    }
    entry.original = Some(body);
}

/// Puts back the texts of an entry that stand in its workspace's profiles. A profile that cannot be read has none.
pub fn restore<'p>(entry: &mut JournalRow, earlier: impl Iterator<Item = &'p str>) {
    let read = |earlier| serde_json::from_str::<Vec<Original>>(earlier).unwrap_or_default();
    let originals: Vec<Original> = earlier.filter(|earlier| !earlier.is_empty()).flat_map(read).collect();
    put_back(entry, originals.iter());
}

/// Entries of a page that name people by address, each with these people.
pub struct Page {
    entries: Vec<(JournalRow, Vec<Mention>)>,
    /// Position of the last entry that was read.
    pub last: i64,
}

/// Texts that stood in a workspace's entries about a person, and the last address there.
type Texts = BTreeMap<(WorkspaceId, UserId), (String, Vec<Original>)>;

impl Page {
    /// Finds the entries of a page that name people; `None` at the end of the journal.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn of(rows: Vec<JournalRow>) -> Result<Option<Page>, Unavailable> {
        let Some(last) = rows.last().map(|row| row.position) else { return Ok(None) };
        let found = rows.into_iter().map(|row| mentions(&row).map(|people| (row, people)));
        let mut entries = found.collect::<Result<Vec<_>, Unavailable>>()?;
        entries.retain(|(_, people)| !people.is_empty());
        Ok(Some(Page { entries, last }))
    }

    /// Returns the addresses of people whose id the entries do not say.
    pub fn strangers(&self) -> BTreeSet<String> {
        let all = self.entries.iter().flat_map(|(_, people)| people);
        all.filter(|mention| mention.user.is_none()).map(|mention| mention.email.clone()).collect()
    }

    /// Writes the entries with ids; `ids` are those of the strangers.
    ///
    /// # Errors
    /// When an entry would not be the same.
    pub fn replace(self, ids: &BTreeMap<String, UserId>) -> Result<(Vec<JournalRow>, Texts), Unavailable> {
        let (mut entries, mut taken) = (Vec::new(), Texts::new());
        for (mut entry, people) in self.entries {
            let known = |mention: Mention| {
                let user = mention.user.or_else(|| ids.get(&mention.email).copied());
                user.map(|user| (mention, user)).ok_or_else(|| refuse(&entry, "a person in it has no id"))
            };
            let people = people.into_iter().map(known).collect::<Result<Vec<_>, _>>()?;
            let originals = replace(&mut entry, &people)?;
            for ((mention, _), (user, original)) in people.into_iter().zip(originals) {
                let one = taken.entry((entry.workspace, user)).or_default();
                one.0 = mention.email;
                one.1.push(original);
            }
            entries.push(entry);
        }
        Ok((entries, taken))
    }
}

/// Returns the values of [`ENTRY`] for an entry.
pub fn entry_values(entry: &JournalRow) -> Vec<Value> {
    vec![entry.workspace.into(), (entry.seq as i64).into(), Value::Text(entry.body.clone())]
}

/// Returns the values of [`USER`] for a new person.
pub fn user_values(user: UserId, email: &str, now: Timestamp, seals: &Seals) -> Vec<Value> {
    let columns = [user.into(), Value::Text(email.to_owned())];
    let seal = seals.seal("users", &columns);
    columns.into_iter().chain([now.micros().into(), seal]).collect()
}

/// Returns the values of [`PROFILE`] for a person, with the texts that are in the profile already.
pub fn profile_values(
    (workspace, user): (WorkspaceId, UserId),
    (email, originals): (String, Vec<Original>),
    kept: Option<&Row>,
    seals: &Seals,
) -> Vec<Value> {
    let kept = kept.map_or("", |row| row.text(0));
    let mut all: Vec<Original> = serde_json::from_str(kept).unwrap_or_default();
    all.extend(originals);
    let earlier = serde_json::to_string(&all).expect("texts are plain data");
    let mut values = vec![workspace.into(), user.into(), Value::Text(email), Value::Text(earlier)];
    values.push(seals.seal("profiles", &values));
    values
}

/// Returns the position up to which entries were brought over, by the value of its setting; `i64::MAX` for all entries.
pub fn position_of(mark: Option<&[u8]>) -> i64 {
    mark.and_then(|mark| mark.try_into().ok()).map_or(i64::MIN, i64::from_le_bytes)
}

/// Returns the error for a journal whose entries name people by address.
pub fn not_brought_over() -> Unavailable {
    Unavailable(
        "its entries name people by address, as earlier versions wrote them: stop every server and run `scrip migrate`, \
         which can be interrupted and run again"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: &str) -> JournalRow {
        let mut row = JournalRow {
            position: 1,
            workspace: WorkspaceId::new(7),
            seq: 3,
            at: Timestamp::from_micros(1),
            idempotency_key: None,
            request_hash: None,
            next_due_at: None,
            body: body.to_owned(),
            original: None,
            previous_hash: vec![0; 32],
            hash: Vec::new(),
        };
        row.hash = row.expected_hash().to_vec();
        row
    }

    #[test]
    fn an_entry_of_an_earlier_version_gets_ids_and_keeps_its_hash() {
        let opened = |name: &str| {
            format!(
                r#"{{"actor":"key","command":"open_workspace","events":[[1,{{"workspace_opened":{{"mode":"test","profile":{{"name":"{name}","owner":"ada@example.com"}},"catalog":1,"plan":"free","lifetime_allowed":true}}}}],[1,{{"team":{{"member_joined":{{"user":11,"email":"ada@example.com","role":"admin"}}}}}}]]}}"#
            )
        };
        let invited = r#"{"actor":"usr_000000000000b","command":"invite","events":[[2,{"team":{"invited":{"invitation":1,"email":"bo \u0022\u00e9@example.com","role":"member","expires_at":9}}}]]}"#;
        let invited = invited.replace("\\u0022", "\\\"").replace("\\u00e9", "é");
        for (body, strangers, words) in [
            (opened("Studio"), 0, r#""name":"Studio","owner":11"#),
            (opened("ada@example.com"), 0, r#""name":"Workspace","owner":11"#),
            (invited, 1, r#""invitation":1,"user":12,"role":"member""#),
        ] {
            let old = entry(&body);
            let page = Page::of(vec![old.clone()]).expect("it is read").expect("there is an entry");
            let ids: BTreeMap<String, UserId> =
                page.strangers().into_iter().map(|email| (email, UserId::new(12))).collect();
            assert_eq!(ids.len(), strangers, "{body}");
            let (entries, taken) = page.replace(&ids).expect("it is brought over");
            let mut now = entries[0].clone();
            assert!(!now.body.contains('@') && now.body.contains(words), "{}", now.body);
            now.original = None;
            assert_ne!(now.expected_hash().to_vec(), now.hash, "the texts are missing");
            let rows: Vec<String> = taken
                .into_values()
                .map(|(_, originals)| serde_json::to_string(&originals).expect("texts are plain data"))
                .collect();
            restore(&mut now, rows.iter().map(String::as_str));
            assert_eq!((now.expected_hash().to_vec(), now.original.as_deref()), (old.hash, Some(&*body)));
        }
    }

    #[test]
    fn an_entry_that_names_no_person_by_address_stays() {
        for body in [
            r#"{"actor":"a","command":"invite","events":[[2,{"team":{"invited":{"invitation":1,"user":12,"role":"member","expires_at":9}}}]]}"#,
            r#"{"actor":"a","command":"run","events":[[2,{"run_queued":{"params":{"email":"ada@example.com"}}}]]}"#,
            r#"{"actor":"a","command":"open_workspace","events":[[1,{"workspace_opened":{"profile":{"name":"A","owner":""}}}]]}"#,
        ] {
            let page = Page::of(vec![entry(body)]).expect("it is read").expect("there is an entry");
            assert!(page.entries.is_empty(), "{body}");
        }
    }
}
