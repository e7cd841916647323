//! The published versions of a catalog, and which one is in force.

use super::Catalog;
use crate::time::Timestamp;
use std::sync::Arc;

/// The versions of one catalog that a deployment has published, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Catalogs {
    versions: Vec<Published>,
}

/// One version and since when it is in force.
#[derive(Clone, Debug)]
pub struct Published {
    /// Counts from 1.
    pub version: u32,
    /// In force from here on, for renewals.
    pub at: Timestamp,
    /// The data.
    pub catalog: Arc<Catalog>,
}

impl Catalogs {
    /// A deployment with one version, in force for ever.
    pub fn single(catalog: Catalog) -> Catalogs {
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::default(), Arc::new(catalog));
        catalogs
    }

    /// Adds a version and returns its number.
    pub fn publish(&mut self, at: Timestamp, catalog: Arc<Catalog>) -> u32 {
        let version = u32::try_from(self.versions.len() + 1).expect("versions are published by hand");
        self.versions.push(Published { version, at, catalog });
        version
    }

    /// The newest version. `None` before the first is published.
    pub fn newest(&self) -> Option<&Published> {
        self.versions.last()
    }

    /// A version by its number.
    pub fn get(&self, version: u32) -> Option<&Published> {
        self.versions.get((version as usize).checked_sub(1)?)
    }

    /// The version a renewal at this instant moves to (R33). On a test clock, whose instants have nothing to do with
    /// the day a version was published, that is the newest.
    pub fn in_force(&self, at: Timestamp, on_test_clock: bool) -> Option<&Published> {
        if on_test_clock {
            return self.newest();
        }
        self.versions.iter().rev().find(|version| version.at <= at).or_else(|| self.versions.first())
    }

    /// All versions, oldest first.
    pub fn all(&self) -> &[Published] {
        &self.versions
    }
}
