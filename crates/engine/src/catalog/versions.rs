//! Published versions of a catalog, and the choice of the version in force.
//!
//! Invariant: a published version never changes.

use super::Catalog;
use crate::kernel::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instants by the id of a test clock.
pub type Clocks = BTreeMap<i64, Timestamp>;

/// Versions of one catalog that a deployment has published, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Catalogs {
    versions: Vec<PublishedCatalog>,
}

/// One version and the instant at which it comes into force.
#[derive(Clone, Debug)]
pub struct PublishedCatalog {
    /// Number of the version, counted from 1.
    pub version: u32,
    /// First instant at which the version is in force on the wall clock.
    pub at: Timestamp,
    /// First instants at which the version is in force on test clocks. On a test clock that was made later it has
    /// always been in force.
    pub clocks: Clocks,
    /// Contents of the version.
    pub catalog: Arc<Catalog>,
}

impl PublishedCatalog {
    /// Returns the first instant at which the version is in force, on the wall clock or on a test clock.
    pub fn starts_at(&self, test_clock: Option<i64>) -> Timestamp {
        match test_clock {
            None => self.at,
            Some(clock) => self.clocks.get(&clock).copied().unwrap_or(Timestamp::default()),
        }
    }
}

impl Catalogs {
    /// Returns a deployment with one version, which is in force for ever.
    pub fn single(catalog: Catalog) -> Catalogs {
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::default(), Arc::new(catalog));
        catalogs
    }

    /// Adds a version that is in force from an instant on, and at once on every test clock, and returns its number.
    pub fn publish(&mut self, at: Timestamp, catalog: Arc<Catalog>) -> u32 {
        self.publish_on(at, Clocks::new(), catalog)
    }

    /// Adds a version that is in force from an instant on, and on test clocks from instants of their own, and returns
    /// its number.
    pub fn publish_on(&mut self, at: Timestamp, clocks: Clocks, catalog: Arc<Catalog>) -> u32 {
        let version = u32::try_from(self.versions.len() + 1).expect("versions are published by hand");
        self.versions.push(PublishedCatalog { version, at, clocks, catalog });
        version
    }

    /// Returns the newest version; `None` before the first is published.
    pub fn newest(&self) -> Option<&PublishedCatalog> {
        self.versions.last()
    }

    /// Returns a version by its number; `None` when it was never published.
    pub fn get(&self, version: u32) -> Option<&PublishedCatalog> {
        self.versions.get((version as usize).checked_sub(1)?)
    }

    /// Returns the version that is in force at an instant, on the wall clock or on a test clock: the newest that has
    /// started (R33). The first version is in force before its start, too.
    pub fn in_force(&self, at: Timestamp, test_clock: Option<i64>) -> Option<&PublishedCatalog> {
        let mut started = self.versions.iter().rev().filter(|version| version.starts_at(test_clock) <= at);
        started.next().or_else(|| self.versions.first())
    }

    /// Returns all versions, oldest first.
    pub fn all(&self) -> &[PublishedCatalog] {
        &self.versions
    }
}
