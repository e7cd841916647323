//! Kill switches: models and providers that an operator has switched off, everywhere and at once.
//!
//! Every change is a row that stays, with who made it, why and with which request; the newest row of a name is how it
//! stands. Every process reads them once a second, and whoever changes one has it at once.
//!
//! Invariant: what is switched off starts nothing new, and what it runs already is not asked of its provider.

use crate::acts;
use crate::ledger::Ledger;
use crate::store::rows::acts::{self as rows, Act};
use crate::store::{Store, Unavailable};
use scrip_engine::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How often the switches are read: what one process changes holds in all of them soon after.
const EVERY: Duration = Duration::from_secs(1);

/// The provider that serves every model: there is no other yet.
pub const SANDBOX: &str = "sandbox";

/// What can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A model of the catalog.
    Model,
    /// Whoever runs models.
    Provider,
}

impl Kind {
    /// The kind's name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Model => "model",
            Kind::Provider => "provider",
        }
    }

    fn read(name: &str) -> Option<Kind> {
        [Kind::Model, Kind::Provider].into_iter().find(|kind| kind.name() == name)
    }
}

/// A change of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it is off; `None` is on.
    pub off: Option<String>,
    /// Who changed it.
    pub actor: String,
    /// The request they changed it with.
    pub request: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl Change {
    fn of(act: Act) -> Option<Change> {
        let off = Some(act.detail).filter(|reason| !reason.is_empty());
        let (name, actor, request, at) = (act.name, act.actor, act.request, act.at);
        Some(Change { kind: Kind::read(&act.kind)?, name, off, actor, request, at })
    }
}

/// What is switched off, and why.
#[derive(Default)]
pub struct Switches {
    off: RwLock<Arc<BTreeMap<(Kind, String), String>>>,
}

impl Switches {
    /// Why something is switched off; `None` when it is not.
    pub fn off(&self, kind: Kind, name: &str) -> Option<String> {
        let off = Arc::clone(&self.off.read().unwrap_or_else(PoisonError::into_inner));
        if off.is_empty() { None } else { off.get(&(kind, name.to_owned())).cloned() }
    }

    /// Reads the switches again.
    ///
    /// # Errors
    /// When the store cannot answer; then they stay as they were.
    pub async fn look(&self, store: &Store) -> Result<(), Unavailable> {
        let mut off = BTreeMap::new();
        for change in changes(store, i64::MAX, i64::MAX).await?.into_iter().rev().map(|(_, change)| change) {
            match change.off {
                Some(reason) => drop(off.insert((change.kind, change.name), reason)),
                None => drop(off.remove(&(change.kind, change.name))),
            }
        }
        *self.off.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(off);
        Ok(())
    }

    /// Looks for as long as the process lives.
    pub async fn keep_looking(self: Arc<Self>, ledger: Arc<Ledger>) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.look(ledger.store()).await {
                tracing::warn!(%error, "the switches could not be read; they stay as they were");
            }
        }
    }

    /// Changes a switch, for this process at once.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn change(&self, store: &Store, change: &Change) -> Result<(), Unavailable> {
        let what = (change.kind.name(), &*change.name, change.off.as_deref().unwrap_or_default());
        acts::note(store, what, (&change.actor, change.request.clone()), change.at).await?;
        self.look(store).await
    }
}

/// Changes before one, newest first, with their numbers.
///
/// # Errors
/// When the store cannot answer.
pub async fn changes(store: &Store, before: i64, limit: i64) -> Result<Vec<(i64, Change)>, Unavailable> {
    let acts = rows::switches(store.reader(), before, limit).await?;
    Ok(acts.into_iter().filter_map(|act| Some((act.n, Change::of(act)?))).collect())
}
