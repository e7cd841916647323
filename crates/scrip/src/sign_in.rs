//! Signing in without passwords: people, links that are good once, sessions.
//!
//! A link is sent to an address, or minted by an operator's own product; whoever redeems it has proved to be the one
//! the address belongs to. What comes of it is a session: an opaque text in a cookie, known here by its hash alone, so
//! that it ends the moment its row does.
//!
//! Invariant: a link or a session in plain text is in the answer that made it and nowhere else; what is kept is its
//! SHA-256.

pub mod upgrade;

use crate::crypto::{is_key, new_key, random, sha256};
use crate::email::{Email, earlier_form};
use crate::store::{Row, Store, Unavailable, Value, queries};
use scrip_engine::{DAY, SECOND, Timestamp, UserId, WorkspaceId};

/// The prefix of what signs somebody in once.
pub const TOKEN_PREFIX: &str = "st_";
/// Prefixes of sessions: the one they are given, and the one of before.
pub const SESSION_PREFIXES: [&str; 2] = ["scrip_ps_", "ps_"];
/// How long a link is good, in microseconds.
pub const LINK_LIFETIME: i64 = 15 * 60 * SECOND;
/// How much later a session must be used again for that to be written down, in microseconds.
const SEEN_EVERY: i64 = 60 * SECOND;
/// Maximum length of an address that a person of an earlier version may be kept under, in bytes.
const ADDRESS_MAX: usize = 1_024;
/// Rows that one statement clears away, so that others who write do not wait long.
const SWEPT: i64 = 1_000;

/// How long sessions last, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// From when it was last used.
    pub idle: i64,
    /// From when it was opened, however much it is used.
    pub absolute: i64,
}

/// The shortest and the longest a session may be told to last, in seconds. That a session is used is written down once
/// a minute, so that a shorter time would end sessions in use; browsers keep no cookie for longer than 400 days.
const BOUNDS: std::ops::RangeInclusive<u32> = 300..=400 * 86_400;

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes { idle: 7 * DAY, absolute: 30 * DAY }
    }
}

impl Lifetimes {
    /// So many seconds of each, or the default.
    ///
    /// # Errors
    /// Which one is out of bounds.
    pub fn of_seconds(idle: Option<u32>, absolute: Option<u32>) -> Result<Lifetimes, String> {
        let micros = |name: &str, seconds: Option<u32>, default: i64| match seconds {
            Some(seconds) if !BOUNDS.contains(&seconds) => {
                Err(format!("{name} is {} to {} seconds, not {seconds}", BOUNDS.start(), BOUNDS.end()))
            }
            seconds => Ok(seconds.map_or(default, |seconds| i64::from(seconds) * SECOND)),
        };
        let Lifetimes { idle: by_idling, absolute: at_all } = Lifetimes::default();
        let idle = micros("session_idle", idle, by_idling)?;
        Ok(Lifetimes { idle, absolute: micros("session_absolute", absolute, at_all)? })
    }

    /// The instant since which a session must have been used to be good at another.
    fn left_alone_since(self, now: Timestamp) -> Value {
        Value::Integer(now.micros().saturating_sub(self.idle))
    }
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What its text is known by.
    pub hash: [u8; 32],
    /// Who.
    pub user: UserId,
    /// Their address.
    pub email: Email,
    /// The only workspace it reaches; `None` when it reaches all of theirs.
    pub workspace: Option<WorkspaceId>,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

/// Whom a link signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// Their address.
    pub email: Email,
    /// The workspace that the session is to be bound to.
    pub workspace: Option<WorkspaceId>,
}

/// Returns the address that a person is known by. That is the one form of what was written, but for the few people who
/// are kept in the spelling of an earlier version, because another has the one form already: they are known by that
/// very spelling.
///
/// # Errors
/// When the store cannot answer; inside, when the text is no address, in words for whoever wrote it.
pub async fn address_of(store: &Store, text: &str) -> Result<Result<Email, &'static str>, Unavailable> {
    let (read, earlier) = (Email::parse(text), earlier_form(text));
    if read.as_ref().is_ok_and(|email| email.as_str() == earlier) {
        return Ok(read);
    }
    // What no store can keep is nobody's.
    if earlier.len() > ADDRESS_MAX || earlier.contains(char::is_control) {
        return Ok(read);
    }
    let rows = store.query(queries::USER, vec![earlier.clone().into()]).await?;
    Ok(if rows.is_empty() { read } else { Ok(Email::restore(earlier)) })
}

/// What a token or session is known by.
pub fn hash_of(token: &str) -> [u8; 32] {
    sha256(&[token.as_bytes()])
}

/// The address of the page that redeems a token. The token stands behind the `#`, which no browser sends to a server:
/// it is in no log and in no `Referer`, and a mail scanner that follows the link does not use it up.
pub fn link(public_url: &str, token: &str) -> String {
    format!("{public_url}/sign-in#{token}")
}

/// Makes what signs the owner of an address in once, for so many microseconds, into one workspace or all of theirs.
///
/// # Errors
/// When the store cannot write.
pub async fn issue(
    store: &Store,
    email: &Email,
    workspace: Option<WorkspaceId>,
    made_by: &str,
    lifetime: i64,
    now: Timestamp,
) -> Result<String, Unavailable> {
    let token = new_key(TOKEN_PREFIX);
    let mut values = vec![
        bytes(&hash_of(&token)),
        email.to_string().into(),
        workspace.into(),
        made_by.to_owned().into(),
        now.micros().into(),
        now.after_micros(lifetime).micros().into(),
    ];
    values.push(store.seals().seal("sign_in_tokens", &values));
    store.write(queries::NEW_SIGN_IN_TOKEN, values).await?;
    Ok(token)
}

/// Uses a token up; `None` when it is none, was used, or has run out. Of many who try at once, one is let in: whoever
/// takes its row away.
///
/// # Errors
/// When the store cannot answer.
pub async fn redeem(store: &Store, token: &str, now: Timestamp) -> Result<Option<Redeemed>, Unavailable> {
    if !is_key(TOKEN_PREFIX, token) {
        return Ok(None);
    }
    let values = vec![bytes(&hash_of(token)), now.micros().into()];
    let rows = store.query(queries::SIGN_IN_TOKEN, values.clone()).await?;
    let sealed = |row: &&Row| {
        let columns = [&values[..1], &row.0[..5]].concat();
        store.seals().is_sealed("sign_in_tokens", &columns, row.bytes(5))
    };
    let Some(row) = rows.first().filter(sealed) else { return Ok(None) };
    // A link that an earlier version sent may be to another spelling.
    let Ok(email) = address_of(store, row.text(0)).await? else { return Ok(None) };
    let redeemed = Redeemed { email, workspace: row.maybe_integer(1).map(workspace) };
    let taken = store.write(queries::USE_SIGN_IN_TOKEN, values.clone()).await?;
    Ok((taken == 1).then_some(redeemed))
}

/// Returns the person who has an address; a new one when nobody has it yet.
///
/// # Errors
/// When the store cannot write.
pub async fn user_of(store: &Store, email: &Email, now: Timestamp) -> Result<UserId, Unavailable> {
    let email = email.to_string();
    for _ in 0..3 {
        let rows = store.query(queries::USER, vec![email.clone().into()]).await?;
        if let Some(row) = rows.first() {
            let columns = [row.0[0].clone(), email.clone().into()];
            return match store.seals().is_sealed("users", &columns, row.bytes(1)) {
                true => Ok(UserId::new(row.integer(0) as u64)),
                false => Err(Unavailable("the row of a person is not what its seal says".to_owned())),
            };
        }
        // Who comes second adds nothing, and finds the first one's row.
        let id = UserId::new(u64::from_le_bytes(random()));
        let seal = store.seals().seal("users", &[id.into(), email.clone().into()]);
        store.write(queries::NEW_USER, vec![id.into(), email.clone().into(), now.micros().into(), seal]).await?;
    }
    Err(Unavailable("a person that was added is not there".to_owned()))
}

/// Opens a session; its text, which nobody can ask for again.
///
/// # Errors
/// When the store cannot write.
pub async fn open(
    store: &Store,
    user: UserId,
    for_whom: Redeemed,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<(String, Session), Unavailable> {
    let token = new_key(SESSION_PREFIXES[0]);
    let (hash, expires_at) = (hash_of(&token), now.after_micros(lifetimes.absolute));
    let Redeemed { email, workspace } = for_whom;
    let now = now.micros();
    let mut values =
        vec![bytes(&hash), user.into(), workspace.into(), now.into(), now.into(), expires_at.micros().into()];
    values.push(store.seals().seal("sessions", &values));
    store.write(queries::NEW_SESSION, values).await?;
    Ok((token, Session { hash, user, email, workspace, expires_at }))
}

/// The session behind a text, if it has neither ended nor run out by now. That it was used is written down, at most
/// once a minute.
///
/// # Errors
/// When the store cannot answer.
pub async fn find(
    store: &Store,
    token: &str,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<Option<Session>, Unavailable> {
    if !SESSION_PREFIXES.iter().any(|prefix| is_key(prefix, token)) {
        return Ok(None);
    }
    let hash = hash_of(token);
    let values = vec![bytes(&hash), now.micros().into(), lifetimes.left_alone_since(now)];
    let rows = store.query(queries::SESSION, values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let seals = store.seals();
    let mut columns: Vec<Value> =
        [bytes(&hash)].into_iter().chain([0, 2, 5, 3, 4].map(|column| row.0[column].clone())).collect();
    if !seals.is_sealed("sessions", &columns, row.bytes(6)) || !seals.is_sealed("users", &row.0[..2], row.bytes(7)) {
        return Ok(None);
    }
    let session = Session {
        hash,
        user: UserId::new(row.integer(0) as u64),
        email: Email::restore(row.text(1).to_owned()),
        workspace: row.maybe_integer(2).map(workspace),
        expires_at: Timestamp::from_micros(row.integer(4)),
    };
    let before = now.micros().saturating_sub(SEEN_EVERY);
    if row.integer(3) <= before {
        columns[4] = now.micros().into();
        let seen = vec![bytes(&hash), now.micros().into(), before.into(), seals.seal("sessions", &columns)];
        let seen = store.write(queries::SESSION_SEEN, seen).await;
        // A store that cannot write may still be read.
        if let Err(error) = seen {
            tracing::warn!(%error, "that a session was used could not be written down");
        }
    }
    Ok(Some(session))
}

/// Returns the address of the person whom an identity provider knows by a subject. Somebody whom it vouches for the
/// first time is the person with the address, and is known by the subject from then on: an address may change hands at
/// the provider, and the account does not go along. `None` when the address is that of another of its subjects.
///
/// # Errors
/// When the store cannot write; inside, when the text is no address.
pub async fn identify(
    store: &Store,
    (issuer, subject): (&str, &str),
    address: &str,
    now: Timestamp,
) -> Result<Result<Option<Email>, &'static str>, Unavailable> {
    let named = || -> Vec<Value> { vec![issuer.to_owned().into(), subject.to_owned().into()] };
    let is_sealed = |row: &&Row| {
        let columns = [named(), vec![row.0[0].clone()]].concat();
        store.seals().is_sealed("identities", &columns, row.bytes(2))
            && store.seals().is_sealed("users", &row.0[..2], row.bytes(3))
    };
    let known = |rows: Vec<Row>| {
        // One that does not carry its seal is nobody's: the address alone would let somebody else in.
        let row = rows.first();
        match row.filter(is_sealed) {
            None if row.is_some() => Err(Unavailable("the row of an identity is not what its seal says".to_owned())),
            row => Ok(row.map(|row| Email::restore(row.text(1).to_owned()))),
        }
    };
    if let Some(email) = known(store.query(queries::IDENTITY, named()).await?)? {
        return Ok(Ok(Some(email)));
    }
    let email = match address_of(store, address).await? {
        Ok(email) => email,
        Err(why) => return Ok(Err(why)),
    };
    let user = user_of(store, &email, now).await?;
    let mut values: Vec<Value> = named().into_iter().chain([user.into()]).collect();
    let seal = store.seals().seal("identities", &values);
    values.extend([now.micros().into(), seal]);
    store.write(queries::NEW_IDENTITY, values).await?;
    Ok(Ok(known(store.query(queries::IDENTITY, named()).await?)?))
}

/// Ends a session; whether it was there.
///
/// # Errors
/// When the store cannot write.
pub async fn close(store: &Store, hash: &[u8; 32]) -> Result<bool, Unavailable> {
    Ok(store.write(queries::END_SESSION, vec![bytes(hash)]).await? == 1)
}

/// Ends every session of a person, or of those the ones that reach a single workspace; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn close_all(store: &Store, user: UserId, only: Option<WorkspaceId>) -> Result<usize, Unavailable> {
    match only {
        None => store.write(queries::END_SESSIONS, vec![user.into()]).await,
        Some(only) => store.write(queries::END_SESSIONS_OF, vec![user.into(), only.into()]).await,
    }
}

/// Uses up something that is good once, until an instant at which it runs out by itself; whether it was good still.
///
/// # Errors
/// When the store cannot write.
pub async fn spend(store: &Store, what: &str, until: Timestamp) -> Result<bool, Unavailable> {
    Ok(store.write(queries::SPEND, vec![bytes(&hash_of(what)), until.micros().into()]).await? == 1)
}

/// Clears away what has run out; how many rows.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(store: &Store, lifetimes: Lifetimes, now: Timestamp) -> Result<usize, Unavailable> {
    let (at, most) = (Value::Integer(now.micros()), Value::Integer(SWEPT));
    let sessions = vec![at.clone(), lifetimes.left_alone_since(now), most.clone()];
    let mut swept = 0;
    let others = vec![at, most];
    for (sql, values) in [
        (queries::SWEEP_SESSIONS, sessions),
        (queries::SWEEP_SIGN_IN_TOKENS, others.clone()),
        (queries::SWEEP_SPENT, others),
    ] {
        loop {
            let gone = store.write(sql, values.clone()).await?;
            swept += gone;
            if gone < SWEPT as usize {
                break;
            }
        }
    }
    Ok(swept)
}

fn bytes(hash: &[u8; 32]) -> Value {
    Value::Bytes(hash.to_vec())
}

fn workspace(number: i64) -> WorkspaceId {
    WorkspaceId::new(number as u64)
}

#[cfg(test)]
mod tests;
