//! Keys of a workspace: their terms, and the secrets that open them.

use super::Cap;
use super::cap::CapTerms;
use crate::catalog::Name;
use crate::kernel::id::UserId;
use crate::kernel::time::Timestamp;
use crate::runs::access::Capability;
use serde::{Deserialize, Serialize};
use std::fmt;

/// SHA-256 of a secret. The secret itself is not kept.
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

/// Terms of a key: its name, capabilities, limits and expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTerms {
    /// Name of the key for people.
    pub name: String,
    /// Capabilities that were given; the plan and the owner's role bound them.
    pub capabilities: Vec<Capability>,
    /// Ids of the only models that the key may run; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Name>,
    /// The only workflows that the key may run; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<Name>,
    /// Cap on what the key may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<CapTerms>,
    /// Instant at which the key expires; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A secret that was replaced and still opens its key for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiredSecret {
    /// SHA-256 of the secret.
    pub hash: KeyHash,
    /// Instant until which the secret opens the key.
    pub until: Timestamp,
}

/// Authority with which a key was frozen: a caller with less cannot thaw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// Authority of the member who owns the key.
    #[default]
    Owner,
    /// Authority of an admin.
    Admin,
    /// Authority of the operator.
    Operator,
}

impl Authority {
    /// Returns `true` for the value that an absent field means.
    pub fn is_owner(&self) -> bool {
        *self == Authority::Owner
    }

    /// Returns the name in refusals of a caller with less authority.
    pub const fn name(self) -> &'static str {
        match self {
            Authority::Owner => "member",
            Authority::Admin => "admin",
            Authority::Operator => "operator",
        }
    }
}

/// A key of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Number of the key in the workspace, starting at 1.
    pub n: u32,
    /// SHA-256 of the key's secret.
    pub hash: KeyHash,
    /// Last four characters of the secret, by which people recognize it.
    pub last4: String,
    /// The previous secret, within its grace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<RetiredSecret>,
    /// Name, capabilities, limits and expiry.
    pub terms: KeyTerms,
    /// Cap and what was spent under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// Member who owns the key, which ends when the member leaves; `None` is a key of the workspace itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// User who made the key; `None` is the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<UserId>,
    /// `true` once an admin has confirmed the key after its maker had left.
    #[serde(default)]
    pub reviewed: bool,
    /// Instant at which the key was made.
    pub made_at: Timestamp,
    /// Reason and authority of the freeze; `None` when the key is not frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<(Name, Authority)>,
}

impl Key {
    /// Returns `true` if a secret opens the key at an instant.
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
