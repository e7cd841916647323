//! Checks of settings, which go on after a fault, so that the operator sees every one of them at once.
//!
//! Invariant: an error names the setting and its source, and repeats no value that may be a secret.

use super::Settings;

/// Settings that are being checked, with the faults that were found.
pub struct Checks<'a> {
    /// Settings that the parts of the server are made of.
    pub settings: &'a Settings,
    wrong: Vec<String>,
}

impl<'a> Checks<'a> {
    /// Returns checks of settings, without a fault yet.
    pub fn of(settings: &'a Settings) -> Checks<'a> {
        Checks { settings, wrong: Vec::new() }
    }

    /// Returns the value of a setting, or records its fault.
    pub fn take<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(why) => {
                self.wrong.push(format!("{}: {why}", self.settings.name(key)));
                None
            }
        }
    }

    /// Returns the value of a setting that may be absent, or records its fault.
    pub fn maybe<S, T>(&mut self, key: &str, given: Option<S>, read: impl FnOnce(S) -> Result<T, String>) -> Option<T> {
        self.take(key, given.map(read).transpose()).flatten()
    }

    /// Returns `true` while no fault was found.
    pub fn are_good(&self) -> bool {
        self.wrong.is_empty()
    }

    /// Returns the faults, a line each.
    pub fn faults(self) -> String {
        self.wrong.join("\n")
    }
}
