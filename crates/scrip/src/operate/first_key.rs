//! Operator key of a first start: made where none may do everything, and shown on a terminal, or else left in a file
//! for the operator alone.
//!
//! Invariant: the key is never written to a pipe, since its reader stores it: a service manager's journal, the log of a
//! container.

use super::operator_keys::{Actor, FIRST, OperatorKey, OperatorKeys};
use crate::crypto::{OPERATOR_PREFIXES, hex, is_key, new_key, random};
use scrip_store::clock;
use scrip_store::files;
use scrip_store::{Store, Unavailable};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Name of the key's file, in the data directory.
const FILE: &str = "operator-key";

/// A new operator key, in the form in which the operator gets it.
pub enum NewKey {
    /// Key that is shown on the terminal.
    Shown(String),
    /// Path of a file of mode 0600 with the key.
    Kept(PathBuf),
}

impl NewKey {
    /// Writes a key to a file in the data directory, unless it can be shown.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn of(key: &str, data: &Path) -> Result<NewKey, String> {
        if io::stdout().is_terminal() {
            return Ok(NewKey::Shown(key.to_owned()));
        }
        let path = write(data, key).map_err(|error| format!("{}: {error}", data.join(FILE).display()))?;
        Ok(NewKey::Kept(path))
    }

    /// Deletes the file, since the key is not valid.
    fn forget(self) {
        if let NewKey::Kept(path) = self {
            // A reader of the file in between has a key that is valid nowhere.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes the key into a new file and returns its path. A file that exists already may belong to another process that
/// starts on the same database: it is left unchanged.
fn write(data: &Path, key: &str) -> io::Result<PathBuf> {
    let mut path = data.join(FILE);
    let mut file = match files::create_new(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            path = data.join(format!("{FILE}-{}", hex(&random::<4>())));
            files::create_new(&path)?
        }
        made => made?,
    };
    writeln!(file, "{key}")?;
    file.sync_all()?;
    Ok(path)
}

impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewKey::Shown(key) => write!(f, "Your operator key, shown this once: {key}"),
            NewKey::Kept(path) => write!(f, "Your operator key is in {}: keep it, and delete the file", path.display()),
        }
    }
}

/// Returns the operator keys, with the one that the settings give. Where no key may do everything, one is made and
/// returned, for the operator alone.
pub async fn operator_keys(
    store: &Store,
    given: Option<&str>,
    data: &Path,
) -> Result<(OperatorKeys, Option<NewKey>), String> {
    let unavailable = |error: Unavailable| error.to_string();
    let keys = OperatorKeys::new(given.map(|secret| OperatorKey::of_everything(secret, "environment")));
    let (known, now) = (keys.all(store).await.map_err(unavailable)?, clock::now());
    let good = || known.iter().filter(|key| key.is_good(now));
    let actor = Actor { name: "start", request: None };
    if given.is_some() {
        for first in good().filter(|key| key.name == FIRST && key.created_at.is_some()) {
            tracing::warn!(
                key = first.id(),
                "the operator key of the first start is revoked, because the \
                                              configuration gives another"
            );
            keys.revoke(store, first, &actor).await.map_err(unavailable)?;
        }
        return Ok((keys, None));
    }
    if good().any(|key| key.may(&[])) {
        return Ok((keys, None));
    }
    let secret = new_key(OPERATOR_PREFIXES[0]);
    // The operator is given the key before it is valid.
    let made = NewKey::of(&secret, data)?;
    match keys.make(store, &OperatorKey::of_everything(&secret, FIRST), &actor).await {
        Ok(true) => Ok((keys, Some(made))),
        // Another process that starts on the same database was first, and shows its own key.
        Ok(false) => {
            made.forget();
            Ok((keys, None))
        }
        Err(error) => {
            made.forget();
            Err(unavailable(error))
        }
    }
}

/// Checks an operator key that the settings give.
///
/// # Errors
/// Says what the text is instead, without repeating it.
pub fn check(key: &str) -> Result<(), String> {
    if OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, key)) {
        return Ok(());
    }
    let what = match key {
        "" => "it is empty",
        key if key.trim() != key => "there is white space around it",
        key if key.starts_with("wk_") || key.starts_with("scrip_wk_") => "it is a workspace's key, not an operator key",
        key if key.starts_with("whsec_") || key.starts_with("rk_") => "it is a secret of Stripe's, not an operator key",
        key if OPERATOR_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) => {
            "it is not an operator key of Scrip's: some letters are missing or mistyped, or it is one of Stripe's"
        }
        _ => "it is not an operator key",
    };
    Err(format!("{what}; `scrip keys new` makes one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_wrong_kind_is_refused_without_telling_it() {
        let ours = new_key(OPERATOR_PREFIXES[0]);
        assert!(check(&ours).is_ok());
        let short = &ours[..ours.len() - 1];
        for bad in ["", "hush", "sk_test_hush", "wk_test_hush", "whsec_hush", &format!(" {ours}"), short] {
            let said = check(bad).expect_err(bad);
            assert!(!said.contains("hush") && !said.contains(short) && said.contains("scrip keys new"), "{said}");
        }
    }
}
