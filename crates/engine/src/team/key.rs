//! Keys of a workspace: what each was given, and which secrets open it.

use super::Cap;
use super::cap::CapTerms;
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use crate::runs::access::Capability;
use serde::{Deserialize, Serialize};
use std::fmt;

/// SHA-256 of a secret. The secret itself is nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        let good = text.len() == 64 && text.bytes().all(digit);
        let byte = |index: usize| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..32).filter(|_| good).map(byte).collect();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(KeyHash).ok_or_else(|| serde::de::Error::custom("a hash has 64 digits"))
    }
}

/// What a key is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTerms {
    /// What people know it by.
    pub name: String,
    /// What it may do, as far as the plan and its owner may.
    pub capabilities: Vec<Capability>,
    /// The only models it may run; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Name>,
    /// The only workflows it may run; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<Name>,
    /// What it may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<CapTerms>,
    /// From when on it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A secret that was replaced and opens its key for a while longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its hash.
    pub hash: KeyHash,
    /// From when on it is dead.
    pub until: Timestamp,
}

/// With what authority something was switched off: nobody with less switches it on again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Of the member whose key it is.
    #[default]
    Owner,
    /// Of an admin.
    Admin,
    /// Of whoever runs Scrip.
    Operator,
}

impl Authority {
    /// Whether it is what an absent field means.
    pub fn is_owner(&self) -> bool {
        *self == Authority::Owner
    }

    /// What whoever has less is told that they lack.
    pub const fn name(self) -> &'static str {
        match self {
            Authority::Owner => "member",
            Authority::Admin => "admin",
            Authority::Operator => "operator",
        }
    }
}

/// A key of the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its number in the workspace, from 1.
    pub n: u32,
    /// Of its secret.
    pub hash: KeyHash,
    /// How its secret ends, for people who look for it.
    pub last4: String,
    /// The secret before, within its grace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// What it was given.
    pub terms: KeyTerms,
    /// What was spent under its cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// The member whose key it is and with whom it goes; `None` is the workspace's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// Who made it; `None` is the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<UserId>,
    /// Whether somebody looked at it after its maker had left.
    #[serde(default)]
    pub reviewed: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// Why it is switched off, and with whose authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<(Name, Authority)>,
}

impl Key {
    /// Whether a secret opens it at an instant.
    pub fn is_opened_by(&self, secret: &KeyHash, at: Timestamp) -> bool {
        let retired = self.retired.is_some_and(|retired| retired.hash == *secret && at < retired.until);
        (self.hash == *secret || retired) && self.terms.expires_at.is_none_or(|end| at < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_one_spelling() {
        let hash = KeyHash([0xa5; 32]);
        let text = hash.to_string();
        let read = |text: &str| serde_json::from_value::<KeyHash>(serde_json::json!(text)).ok();
        assert_eq!(read(&text), Some(hash));
        let wrong = [format!("{text}0"), text.to_uppercase(), text.replacen("a5", "+5", 1), text[2..].to_owned()];
        assert!(wrong.iter().all(|wrong| read(wrong).is_none()), "{wrong:?}");
    }
}
