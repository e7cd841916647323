//! Identifiers: a workspace has a number; a thing of a workspace is named by the workspace and a count.
//!
//! Invariant: every id says where its workspace is (`run_06fz3k9q1m2c7_42` is the 42nd of `ws_06fz3k9q1m2c7`), the
//! engine draws no random number, and a retry that is decided again names the same things.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 13;

/// Identifier of a workspace, written as `ws_` and 13 digits of Crockford's base 32. Positive, below 2^63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkspaceId(i64);

impl WorkspaceId {
    /// Returns the identifier with this number; the sign bit is dropped.
    pub const fn new(number: u64) -> WorkspaceId {
        WorkspaceId((number & (u64::MAX >> 1)) as i64)
    }

    /// Returns the number, as databases keep it.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the identifier of the `n`th thing of a kind in this workspace.
    pub fn id_of(self, kind: Kind, n: u32) -> String {
        format!("{}_{}_{n}", kind.prefix(), Digits(self.0))
    }
}

/// Identifier of a user, written as `usr_` and 13 digits like that of a workspace. Positive, below 2^63.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(i64);

impl UserId {
    /// Returns the identifier with this number; the sign bit is dropped.
    pub const fn new(number: u64) -> UserId {
        UserId((number & (u64::MAX >> 1)) as i64)
    }

    /// Returns the number, as databases keep it.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usr_{}", Digits(self.0))
    }
}

impl FromStr for UserId {
    type Err = ();
    fn from_str(text: &str) -> Result<UserId, ()> {
        text.strip_prefix("usr_").and_then(digits).map(UserId).ok_or(())
    }
}

struct Digits(i64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |place: usize| ALPHABET[((self.0 >> ((DIGITS - 1 - place) * 5)) & 31) as usize];
        let digits: [u8; DIGITS] = std::array::from_fn(digit);
        f.write_str(std::str::from_utf8(&digits).expect("the alphabet is ASCII"))
    }
}

fn digits(text: &str) -> Option<i64> {
    if text.len() != DIGITS {
        return None;
    }
    let mut number: u64 = 0;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        number = number.checked_mul(32)?.checked_add(digit as u64)?;
    }
    i64::try_from(number).ok()
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws_{}", Digits(self.0))
    }
}

impl FromStr for WorkspaceId {
    type Err = ();
    fn from_str(text: &str) -> Result<WorkspaceId, ()> {
        text.strip_prefix("ws_").and_then(digits).map(WorkspaceId).ok_or(())
    }
}

/// Kind of a thing that a workspace owns by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A grant, `gr_…`, by its number.
    Grant,
    /// A hold that its caller ends, `hd_…`.
    Hold,
    /// A run, `run_…`; runs and holds share one count, since a run owns at most one hold.
    Run,
    /// A journal entry, `en_…`, by its sequence number.
    Entry,
    /// A key of the workspace, `key_…`.
    Key,
    /// An invitation to the workspace, `inv_…`.
    Invitation,
    /// An application for a review, `rev_…`.
    Review,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Kind::Grant => "gr",
            Kind::Hold => "hd",
            Kind::Run => "run",
            Kind::Entry => "en",
            Kind::Key => "key",
            Kind::Invitation => "inv",
            Kind::Review => "rev",
        }
    }
}

/// Reads `prefix_workspace_n`. Returns `None` for any other text, a leading zero included, so that a thing has one
/// name.
pub fn parse_id(kind: Kind, text: &str) -> Option<(WorkspaceId, u32)> {
    let rest = text.strip_prefix(kind.prefix())?.strip_prefix('_')?;
    let (workspace, n) = rest.split_once('_')?;
    let plain = n == "0" || n.starts_with(|first: char| matches!(first, '1'..='9'));
    let number = n.parse().ok().filter(|_| plain)?;
    Some((WorkspaceId(digits(workspace)?), number))
}

/// Returns the workspace that an id of any kind names or belongs to; `None` for a text that is no id.
pub fn workspace_in(text: &str) -> Option<WorkspaceId> {
    if let Ok(workspace) = text.parse() {
        return Some(workspace);
    }
    let (_, rest) = text.split_once('_')?;
    let (workspace, _) = rest.split_once('_')?;
    digits(workspace).map(WorkspaceId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_print() {
        for number in [0, 1, 31, 32, 1 << 40, u64::MAX >> 1] {
            let workspace = WorkspaceId::new(number);
            assert_eq!(workspace.to_string().parse(), Ok(workspace));
            let user = UserId::new(number);
            assert_eq!(user.to_string().parse(), Ok(user));
            assert!(user.to_string().parse::<WorkspaceId>().is_err());
            assert_eq!(parse_id(Kind::Run, &workspace.id_of(Kind::Run, 42)), Some((workspace, 42)));
        }
    }

    #[test]
    fn a_thing_has_one_name() {
        let run = WorkspaceId::new(7).id_of(Kind::Run, 42);
        for wrong in [
            run.replace("run_", "hd_"),
            run.replace("42", "042"),
            run.replace("42", "-42"),
            format!("{run}_1"),
            run.to_uppercase(),
        ] {
            assert_eq!(parse_id(Kind::Run, &wrong), None, "{wrong}");
        }
        assert!("ws_zzzzzzzzzzzzz".parse::<WorkspaceId>().is_err(), "above 2^63");
    }
}
