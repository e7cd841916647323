//! Operator keys: the scopes of each, its lifetime, and its last use.
//!
//! A revoked key is invalid in every process once the revocation is answered. Processes over one database read the keys
//! again and again and use them for [`BELIEVED`] and no longer; a revocation is answered after that time.
//!
//! Invariant: a request that is not in the list of a scope needs `all`, and a key can only be made with a key that has
//! `all`.

use crate::crypto::{OPERATOR_PREFIXES, hex, sha256};
use crate::ledger::Ledger;
use crate::operate::acts;
use scrip_engine::{SECOND, Timestamp};
use scrip_store::clock::{self, Stopwatch};
use scrip_store::rows::operators::{self, DayGrants};
use scrip_store::{Store, Unavailable};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// Maximum age of keys that were read, where another process may have changed them.
const BELIEVED: Duration = Duration::from_millis(500);
/// Minimum time between two records of a key's use, in microseconds.
const USED_EVERY: i64 = 60 * SECOND;
/// Name of the key that the first start makes.
pub const FIRST: &str = "first";

/// A set of requests that an operator key is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To read everything, secrets excepted.
    Read,
    /// To quote, hold and run, and to read holds and runs.
    Holds,
    /// To give credits to workspaces.
    Grants,
    /// To make links that sign a person in, checkout sessions and sessions of the billing portal.
    Links,
    /// To open workspaces on the free plan, and to rename them.
    Workspaces,
    /// To check, publish and migrate catalogs.
    Catalog,
    /// To do everything an operator can.
    All,
}

impl Scope {
    /// Every scope, in their order.
    pub const ALL: [Scope; 7] =
        [Scope::Read, Scope::Holds, Scope::Grants, Scope::Links, Scope::Workspaces, Scope::Catalog, Scope::All];

    /// Returns the scope's name in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Holds => "holds",
            Scope::Grants => "grants",
            Scope::Links => "links",
            Scope::Workspaces => "workspaces",
            Scope::Catalog => "catalog",
            Scope::All => "all",
        }
    }

    /// Returns the scope with a name.
    pub fn of(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// An operator key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorKey {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Name of the key in lists.
    pub name: String,
    /// Last four letters of the secret.
    pub last4: String,
    /// Scopes of the key, each once, in their order.
    pub scopes: Vec<Scope>,
    /// Number of units that the key may grant in a day of UTC; `None` without a limit.
    pub grants_per_day: Option<i64>,
    /// Instant at which the key was made; `None` for the key that the environment gives.
    pub created_at: Option<Timestamp>,
    /// Instant from which the key is invalid.
    pub expires_at: Option<Timestamp>,
    /// Instant at which the key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Instant of the key's last use, to a minute.
    pub last_used_at: Option<Timestamp>,
}

impl OperatorKey {
    /// Returns a key that may do everything for ever.
    pub fn of_everything(secret: &str, name: &str) -> OperatorKey {
        OperatorKey {
            hash: sha256(&[secret.as_bytes()]),
            name: name.to_owned(),
            last4: last4(secret),
            scopes: vec![Scope::All],
            grants_per_day: None,
            created_at: None,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
    }

    /// Returns the key's id, which follows from its secret and does not reveal it.
    pub fn id(&self) -> String {
        format!("opk_{}", &hex(&self.hash)[..16])
    }

    /// Returns the name that the journal keeps for the user of the key.
    pub fn actor(&self) -> String {
        format!("operator …{}", self.last4)
    }

    /// Returns true if the key is valid at an instant.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Returns true if the key has `all`, or one of the scopes that are enough for a request.
    pub fn may(&self, enough: &[Scope]) -> bool {
        self.scopes.iter().any(|scope| *scope == Scope::All || enough.contains(scope))
    }

    /// Returns the key's row; a key without an instant of its making is made now.
    fn row(&self, now: Timestamp) -> operators::Key {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.name()).collect();
        operators::Key {
            hash: self.hash,
            name: self.name.clone(),
            last4: self.last4.clone(),
            created_at: self.created_at.unwrap_or(now),
            scopes: scopes.join(" "),
            grants_per_day: self.grants_per_day,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
        }
    }

    fn of_row(row: operators::Key) -> OperatorKey {
        OperatorKey {
            hash: row.hash,
            name: row.name,
            last4: row.last4,
            created_at: Some(row.created_at),
            // A scope that this version does not know allows nothing.
            scopes: row.scopes.split(' ').filter_map(Scope::of).collect(),
            grants_per_day: row.grants_per_day,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// Keys that were made, with the time of the last read.
#[derive(Default)]
struct StoredKeys {
    /// Number of changes by this process: keys that were read before a change are not used after it.
    changes: u64,
    read: Option<(Stopwatch, Arc<[Arc<OperatorKey>]>)>,
}

/// The operator keys of a deployment.
pub struct OperatorKeys {
    /// Key that the environment gives.
    given: Option<Arc<OperatorKey>>,
    /// Keys that were made, and the time of the last read.
    made: RwLock<StoredKeys>,
    used: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl OperatorKeys {
    /// Returns the keys of a deployment, with one that may be given from outside.
    pub fn new(given: Option<OperatorKey>) -> OperatorKeys {
        OperatorKeys { given: given.map(Arc::new), made: RwLock::default(), used: Mutex::default() }
    }

    /// Returns all keys in their present state: the given one first, then those that were made, oldest first.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn all(&self, store: &Store) -> Result<Vec<Arc<OperatorKey>>, Unavailable> {
        let made = self.read(store).await?;
        let is_another = |key: &&Arc<OperatorKey>| self.given.as_ref().is_none_or(|given| given.hash != key.hash);
        Ok(self.given.iter().chain(made.iter().filter(is_another)).cloned().collect())
    }

    /// Returns the key of a secret, if it is valid now.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn of_secret(&self, store: &Store, secret: &str) -> Result<Option<Arc<OperatorKey>>, Unavailable> {
        let hash = sha256(&[secret.as_bytes()]);
        if let Some(given) = self.given.as_ref().filter(|given| given.hash == hash) {
            return Ok(Some(Arc::clone(given)));
        }
        let made = self.stored_keys(store).await?;
        let now = store.about_now();
        Ok(made.iter().find(|key| key.hash == hash && key.is_good(now)).cloned())
    }

    /// Records that a key was used, at most once a minute, in a task beside the request.
    pub fn record_use(&self, ledger: &Arc<Ledger>, key: &OperatorKey, secret: &str) {
        let now = clock::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let last = used.get(&key.hash).copied();
        if last.is_some_and(|last| now < last.after_micros(USED_EVERY)) {
            return;
        }
        used.insert(key.hash, now);
        if last.is_none() && !secret.starts_with(OPERATOR_PREFIXES[0]) && !secret.starts_with(OPERATOR_PREFIXES[1]) {
            let key = key.id();
            tracing::warn!(key, "an operator key begins like one of Stripe's; make another: scrip keys operator make");
        }
        let (ledger, hash) = (Arc::clone(ledger), key.hash);
        tokio::spawn(async move {
            if let Err(error) = operators::mark_used(ledger.store().reader(), &hash, now).await {
                tracing::warn!(%error, "the last use of an operator key was not recorded");
            }
        });
    }

    /// Adds a new key; returns `false` where a valid one has its name.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn make(&self, store: &Store, key: &OperatorKey, actor: &Actor<'_>) -> Result<bool, Unavailable> {
        self.forget();
        let now = store.now(None).await?;
        if self.all(store).await?.iter().any(|known| known.name == key.name && known.is_good(now)) {
            return Ok(false);
        }
        let row = operators::Key { created_at: now, ..key.row(now) };
        actor.note(store, "make_operator_key", key, &row.scopes, now).await?;
        if key.grants_per_day.is_some() {
            operators::begin_counting(store.reader(), &key.hash).await?;
        }
        let is_made = operators::add(store.reader(), &row).await?;
        self.forget();
        Ok(is_made)
    }

    /// Revokes a key for ever; when this returns, the key is invalid in every process.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn revoke(&self, store: &Store, key: &OperatorKey, actor: &Actor<'_>) -> Result<(), Unavailable> {
        let now = store.now(None).await?;
        actor.note(store, "revoke_operator_key", key, "", now).await?;
        operators::revoke(store.reader(), &key.row(now), now).await?;
        self.forget();
        if matches!(store, Store::Postgres(_)) {
            tokio::time::sleep(BELIEVED).await;
        }
        Ok(())
    }

    /// Reserves units of those that a key may still grant today; `None` where fewer are left.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn reserve(store: &Store, key: &OperatorKey, units: i64) -> Result<Option<Reservation>, Unavailable> {
        let Some(most) = key.grants_per_day else { return Ok(Some(Reservation::default())) };
        if units > most {
            return Ok(None);
        }
        let day = store.now(None).await?.day();
        let is_reserved = take(store, key.hash, day, units, most).await?;
        Ok(is_reserved.then_some(Reservation(Some((key.hash, day, units)))))
    }

    /// Returns the operator keys that the store has, read at most [`BELIEVED`] ago where other processes share it.
    async fn stored_keys(&self, store: &Store) -> Result<Arc<[Arc<OperatorKey>]>, Unavailable> {
        let is_alone = !matches!(store, Store::Postgres(_));
        match &self.made.read().unwrap_or_else(PoisonError::into_inner).read {
            Some((read, made)) if is_alone || read.elapsed() < BELIEVED => return Ok(Arc::clone(made)),
            _ => {}
        }
        self.read(store).await
    }

    /// Reads the keys that were made.
    async fn read(&self, store: &Store) -> Result<Arc<[Arc<OperatorKey>]>, Unavailable> {
        let changes = self.made.read().unwrap_or_else(PoisonError::into_inner).changes;
        let read = Stopwatch::start();
        let rows = operators::keys(store.reader()).await?;
        let made: Arc<[Arc<OperatorKey>]> = rows.into_iter().map(OperatorKey::of_row).map(Arc::new).collect();
        let mut known = self.made.write().unwrap_or_else(PoisonError::into_inner);
        if known.changes == changes {
            known.read = Some((read, Arc::clone(&made)));
        }
        Ok(made)
    }

    /// Has the keys read again before the next one is checked.
    fn forget(&self) {
        let mut known = self.made.write().unwrap_or_else(PoisonError::into_inner);
        known.changes += 1;
        known.read = None;
    }
}

/// Operator who changes operator keys, for the audit log.
pub struct Actor<'a> {
    /// Name of the operator, as the journal keeps it.
    pub name: &'a str,
    /// Identifier of the request.
    pub request: Option<String>,
}

impl Actor<'_> {
    async fn note(
        &self,
        store: &Store,
        act: &str,
        key: &OperatorKey,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        let what = format!("{} ({}, …{})", key.id(), key.name, key.last4);
        acts::note(store, (act, &what, detail), (self.name, self.request.clone()), now).await
    }
}

/// Units that a key has reserved of its day; those that are not granted are returned.
#[must_use]
#[derive(Default)]
pub struct Reservation(Option<([u8; 32], i64, i64)>);

impl Reservation {
    /// Returns units to the key's day that were not granted.
    pub async fn give_back(self, store: &Store) {
        let Some((hash, day, units)) = self.0 else { return };
        if let Err(error) = take(store, hash, day, -units, i64::MAX).await {
            tracing::warn!(%error, units, "units that an operator key reserved and did not grant count for today all \
                                           the same");
        }
    }
}

/// Maximum number of attempts to take units while other requests take units of the same key.
const TRIES: usize = 100;

/// Takes units of those that a key may grant in a day; returns `false` where fewer are left.
///
/// # Errors
/// When the store cannot write, or the row is missing or does not carry its seal.
async fn take(store: &Store, hash: [u8; 32], day: i64, units: i64, most: i64) -> Result<bool, Unavailable> {
    for _ in 0..TRIES {
        let before = operators::grants_of_day(store.reader(), &hash).await?;
        // Units of a day that is over are not returned, and another day begins at zero.
        let taken = if before.day == day { before.amount } else { 0 };
        let amount = taken.saturating_add(units);
        if amount > most {
            return Ok(false);
        }
        if amount < 0 {
            return Ok(true);
        }
        if operators::set_grants_of_day(store.reader(), &hash, before, DayGrants { day, amount }).await? {
            return Ok(true);
        }
    }
    Err(Unavailable("an operator key is used by too many at once".to_owned()))
}

/// Returns the last four letters of a secret.
pub fn last4(secret: &str) -> String {
    secret.chars().skip(secret.chars().count().saturating_sub(4)).collect()
}
