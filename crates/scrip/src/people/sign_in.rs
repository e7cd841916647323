//! Sign-in without passwords: people, links that are valid once, sessions.
//!
//! A link is sent to an address, or made by an operator's own product; a person who redeems it has proved to own the
//! address. The result is a session: an opaque text in a cookie, of which only the hash is stored, so that it ends when
//! its row is deleted.
//!
//! Invariant: a link or a session in plain text is in the answer that made it and nowhere else; only its SHA-256 is
//! stored.

pub mod upgrade;

use crate::config::checks::Checks;
use crate::crypto::{is_key, new_key, random, sha256};
use crate::people::email::{Email, earlier_form};
use scrip_engine::{DAY, SECOND, Timestamp, UserId, WorkspaceId};
use scrip_store::rows::sign_in_tokens::NewToken;
use scrip_store::rows::{identities, sessions, sign_in_tokens, spent, users};
use scrip_store::{Store, Unavailable};

/// Prefix of tokens that sign a person in once.
pub const TOKEN_PREFIX: &str = "st_";
/// Prefixes of sessions: the present one, and the former one.
pub const SESSION_PREFIXES: [&str; 2] = ["scrip_ps_", "ps_"];
/// Lifetime of a sign-in link, in microseconds.
pub const LINK_LIFETIME: i64 = 15 * 60 * SECOND;
/// Minimum time between two records of a session's use, in microseconds.
const SEEN_EVERY: i64 = 60 * SECOND;
/// Maximum length of an address that a person of an earlier version may be stored under, in bytes.
const ADDRESS_MAX: usize = 1_024;
/// Maximum number of rows that one statement deletes, so that other writers do not wait long.
const SWEPT: i64 = 1_000;

/// Lifetimes of sessions, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Lifetime since the last use, in microseconds.
    pub idle: i64,
    /// Lifetime since the session was opened, whatever its use, in microseconds.
    pub absolute: i64,
}

/// Bounds of a session's lifetime in the settings, in seconds. A use is recorded once a minute, so that a shorter
/// lifetime would end sessions in use; browsers keep no cookie for longer than 400 days.
const BOUNDS: std::ops::RangeInclusive<u32> = 300..=400 * 86_400;

impl Default for Lifetimes {
    fn default() -> Lifetimes {
        Lifetimes { idle: 7 * DAY, absolute: 30 * DAY }
    }
}

impl Lifetimes {
    /// Returns the lifetimes that the settings name, or the defaults; records what is wrong.
    pub fn of_settings(checks: &mut Checks<'_>) -> Option<Lifetimes> {
        let of = |idle, absolute| Lifetimes::of_seconds(idle, absolute);
        let idle = checks.take("session_idle", of(checks.settings.session_idle, None));
        let absolute = checks.take("session_absolute", of(None, checks.settings.session_absolute));
        Some(Lifetimes { idle: idle?.idle, absolute: absolute?.absolute })
    }

    /// Returns the lifetimes of so many seconds each, or the defaults.
    ///
    /// # Errors
    /// Names the lifetime that is out of bounds.
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

    /// Returns the instant, in microseconds, since which a session must have been used to be valid at `now`.
    fn idle_since(self, now: Timestamp) -> i64 {
        now.micros().saturating_sub(self.idle)
    }
}

/// Session of a person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Hash of the session's text.
    pub hash: [u8; 32],
    /// Person who is signed in.
    pub user: UserId,
    /// Address of the person.
    pub email: Email,
    /// Only workspace that the session reaches; `None` when it reaches all of the person's.
    pub workspace: Option<WorkspaceId>,
    /// Instant at which the session ends, whatever its use.
    pub expires_at: Timestamp,
}

/// Person that a link has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Address of the person.
    pub email: Email,
    /// Workspace that the session is to be bound to.
    pub workspace: Option<WorkspaceId>,
}

/// Returns the address that a person is known by. It is the one form of the text, except for the few people who are
/// stored in the spelling of an earlier version, because another person has the one form already: they are known by
/// that very spelling.
///
/// # Errors
/// When the store cannot answer; inside, when the text is no address, in words for the person who wrote it.
pub async fn address_of(store: &Store, text: &str) -> Result<Result<Email, &'static str>, Unavailable> {
    let (read, earlier) = (Email::parse(text), earlier_form(text));
    if read.as_ref().is_ok_and(|email| email.as_str() == earlier) {
        return Ok(read);
    }
    // A text that no store can hold is the address of no person.
    if earlier.len() > ADDRESS_MAX || earlier.contains(char::is_control) {
        return Ok(read);
    }
    let is_kept = users::has_address(store.reader(), &earlier).await?;
    Ok(if is_kept { Ok(Email::restore(earlier)) } else { read })
}

/// Returns the hash by which a token or a session is stored.
pub fn hash_of(token: &str) -> [u8; 32] {
    sha256(&[token.as_bytes()])
}

/// Returns the address of the page that redeems a token. The token stands behind the `#`, which no browser sends to a
/// server: it is in no log and in no `Referer`, and a mail scanner that follows the link does not use it up.
pub fn link(public_url: &str, token: &str) -> String {
    format!("{public_url}/sign-in#{token}")
}

/// Makes a token that signs the owner of an address in once, for so many microseconds, into one workspace or all of the
/// person's.
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
    let (hash, expires_at) = (hash_of(&token), now.after_micros(lifetime));
    let kept = NewToken { hash, email: email.as_str(), workspace, made_by, created_at: now, expires_at };
    sign_in_tokens::add(store.reader(), &kept).await?;
    Ok(token)
}

/// Uses a token up; `None` when it is invalid, was used, or has run out. Of many requests at once only one succeeds:
/// the one that deletes the row.
///
/// # Errors
/// When the store cannot answer.
pub async fn redeem(store: &Store, token: &str, now: Timestamp) -> Result<Option<SignIn>, Unavailable> {
    if !is_key(TOKEN_PREFIX, token) {
        return Ok(None);
    }
    let (on, hash) = (store.reader(), hash_of(token));
    let Some(kept) = sign_in_tokens::find(on, &hash, now).await? else { return Ok(None) };
    // A link that an earlier version sent may be to another spelling.
    let Ok(email) = address_of(store, &kept.email).await? else { return Ok(None) };
    let redeemed = SignIn { email, workspace: kept.workspace };
    Ok(sign_in_tokens::use_up(on, &hash, now).await?.then_some(redeemed))
}

/// Returns the person who has an address; a new person when there is none yet.
///
/// # Errors
/// When the store cannot write.
pub async fn user_of(store: &Store, email: &Email, now: Timestamp) -> Result<UserId, Unavailable> {
    let email = email.to_string();
    for _ in 0..3 {
        if let Some(user) = users::by_address(store.reader(), &email).await? {
            return Ok(user);
        }
        // The second of two requests at once adds nothing, and finds the first one's row.
        let id = UserId::new(u64::from_le_bytes(random()));
        users::add(store.reader(), id, &email, now).await?;
    }
    Err(Unavailable("a person that was added is not there".to_owned()))
}

/// Opens a session; returns its text, which cannot be read again later.
///
/// # Errors
/// When the store cannot write.
pub async fn open(
    store: &Store,
    user: UserId,
    for_whom: SignIn,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<(String, Session), Unavailable> {
    let token = new_key(SESSION_PREFIXES[0]);
    let (hash, expires_at) = (hash_of(&token), now.after_micros(lifetimes.absolute));
    let SignIn { email, workspace } = for_whom;
    let kept = sessions::Session { hash, user, workspace, created_at: now, seen_at: now, expires_at };
    sessions::add(store.reader(), &kept).await?;
    Ok((token, Session { hash, user, email, workspace, expires_at }))
}

/// Returns the session of a text, if it has neither ended nor run out by now. Its use is recorded, at most once a
/// minute.
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
    let found = sessions::find(store.reader(), &hash, now, lifetimes.idle_since(now)).await?;
    let Some((kept, email)) = found else { return Ok(None) };
    let session = Session {
        hash,
        user: kept.user,
        email: Email::restore(email),
        workspace: kept.workspace,
        expires_at: kept.expires_at,
    };
    let before = now.micros().saturating_sub(SEEN_EVERY);
    if kept.seen_at.micros() <= before {
        // A store that cannot write may still be readable.
        if let Err(error) = sessions::mark_seen(store.reader(), kept, now, before).await {
            tracing::warn!(%error, "the last use of a session was not recorded");
        }
    }
    Ok(Some(session))
}

/// Returns the address of the person that has a subject at an identity provider. A new subject is given to the person
/// with the address, and identifies that person from then on: an address may pass to another person at the identity
/// provider, and the account does not go along. `None` when the address belongs to another subject there.
///
/// # Errors
/// When the store cannot write; inside, when the text is no address.
pub async fn identify(
    store: &Store,
    (issuer, subject): (&str, &str),
    address: &str,
    now: Timestamp,
) -> Result<Result<Option<Email>, &'static str>, Unavailable> {
    let on = store.reader();
    if let Some(email) = identities::address_of(on, issuer, subject).await? {
        return Ok(Ok(Some(Email::restore(email))));
    }
    let email = match address_of(store, address).await? {
        Ok(email) => email,
        Err(why) => return Ok(Err(why)),
    };
    let user = user_of(store, &email, now).await?;
    identities::add(on, (issuer, subject), user, now).await?;
    Ok(Ok(identities::address_of(on, issuer, subject).await?.map(Email::restore)))
}

/// Ends a session; returns whether it existed.
///
/// # Errors
/// When the store cannot write.
pub async fn close(store: &Store, hash: &[u8; 32]) -> Result<bool, Unavailable> {
    sessions::end(store.reader(), hash).await
}

/// Ends every session of a person, or only the ones that reach a single workspace; returns their number.
///
/// # Errors
/// When the store cannot write.
pub async fn close_all(store: &Store, user: UserId, only: Option<WorkspaceId>) -> Result<usize, Unavailable> {
    sessions::end_all(store.reader(), user, only).await
}

/// Uses up an id that runs out at an instant; returns whether it was still unused.
///
/// # Errors
/// When the store cannot write.
pub async fn spend(store: &Store, what: &str, until: Timestamp) -> Result<bool, Unavailable> {
    spent::add(store.reader(), &hash_of(what), until).await
}

/// Deletes sessions, tokens and used ids that have run out; returns the number of rows.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(store: &Store, lifetimes: Lifetimes, now: Timestamp) -> Result<usize, Unavailable> {
    let (on, idle_since) = (store.reader(), lifetimes.idle_since(now));
    let mut swept = 0;
    loop {
        let gone = [
            sessions::sweep(on, now, idle_since, SWEPT).await?,
            sign_in_tokens::sweep(on, now, SWEPT).await?,
            spent::sweep(on, now, SWEPT).await?,
        ];
        swept += gone.iter().sum::<usize>();
        if gone.iter().all(|gone| *gone < SWEPT as usize) {
            return Ok(swept);
        }
    }
}

#[cfg(test)]
mod tests;
