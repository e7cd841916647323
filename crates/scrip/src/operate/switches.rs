//! Switches: models and providers that an operator has stopped, in all workspaces and at once.
//!
//! Every change is a row that stays, with the operator, the reason and the request; the newest row of a name is its
//! state. Every process reads them once a second, and a process that changes one applies it at once.
//!
//! Invariant: a model or provider that is switched off starts no new run, and its provider is not asked about the runs
//! it has.

use crate::operate::acts;
use scrip_engine::Timestamp;
use scrip_store::rows::acts::{self as rows, Act};
use scrip_store::{Store, Unavailable};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Provider that serves every model: there is no other yet.
pub const SANDBOX: &str = "sandbox";

/// Kind of object that can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A model of the catalog.
    Model,
    /// A provider, which runs models.
    Provider,
}

impl Kind {
    /// Returns the kind's name in the API.
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
    /// Kind of the switched object.
    pub kind: Kind,
    /// Name of the model or provider.
    pub name: String,
    /// Reason why it is off; `None` is on.
    pub off: Option<String>,
    /// Name of the operator who changed it.
    pub actor: String,
    /// Identifier of the request, if the change came with one.
    pub request: Option<String>,
    /// Instant of the change.
    pub at: Timestamp,
}

impl Change {
    fn of(act: Act) -> Option<Change> {
        let off = Some(act.detail).filter(|reason| !reason.is_empty());
        let (name, actor, request, at) = (act.name, act.actor, act.request, act.at);
        Some(Change { kind: Kind::read(&act.kind)?, name, off, actor, request, at })
    }
}

/// Models and providers that are switched off, each with the reason.
#[derive(Default)]
pub struct Switches {
    off: RwLock<Arc<BTreeMap<(Kind, String), String>>>,
}

impl Switches {
    /// Returns the reason why a model or provider is switched off; `None` when it is on.
    pub fn off(&self, kind: Kind, name: &str) -> Option<String> {
        let off = Arc::clone(&self.off.read().unwrap_or_else(PoisonError::into_inner));
        if off.is_empty() { None } else { off.get(&(kind, name.to_owned())).cloned() }
    }

    /// Reads the switches again.
    ///
    /// # Errors
    /// When the store cannot answer; then they stay unchanged.
    pub async fn refresh(&self, store: &Store) -> Result<(), Unavailable> {
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

    /// Changes a switch, for this process at once.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn change(&self, store: &Store, change: &Change) -> Result<(), Unavailable> {
        let what = (change.kind.name(), &*change.name, change.off.as_deref().unwrap_or_default());
        acts::note(store, what, (&change.actor, change.request.clone()), change.at).await?;
        self.refresh(store).await
    }
}

/// Returns changes before one, newest first, with their numbers.
///
/// # Errors
/// When the store cannot answer.
pub async fn changes(store: &Store, before: i64, limit: i64) -> Result<Vec<(i64, Change)>, Unavailable> {
    let acts = rows::switches(store.reader(), before, limit).await?;
    Ok(acts.into_iter().filter_map(|act| Some((act.n, Change::of(act)?))).collect())
}
