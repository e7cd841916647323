//! The two keys of a request: the secret one that says who asks, and the one that says which decision it carries out.
//!
//! Invariant: a secret key is written into the header of a request and nowhere else.

use crate::crypto::{OPERATOR_PREFIXES, hex, is_key, sha256};
use std::fmt;

/// Whether money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It only seems to.
    Test,
    /// It does.
    Live,
}

impl Mode {
    /// The mode's name.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }

    /// Whether an object that says it is live, or not, is of this mode.
    pub const fn is_of(self, livemode: bool) -> bool {
        matches!(self, Mode::Live) == livemode
    }
}

/// A secret key of a Stripe account, or a restricted one.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    text: String,
    mode: Mode,
}

impl SecretKey {
    /// A key as the operator gives it.
    ///
    /// # Errors
    /// When it is none, in words that do not repeat it.
    pub fn new(text: &str) -> Result<SecretKey, String> {
        let modes = [("test_", Mode::Test), ("live_", Mode::Live)];
        let kind = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            modes.iter().find(|(name, _)| rest.starts_with(name) && rest.len() > name.len()).map(|(_, mode)| *mode)
        };
        if OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, text)) {
            return Err("it is an operator key of Scrip's; Stripe's are in its dashboard".to_owned());
        }
        if kind("pk_").is_some() {
            return Err("it is a publishable key; the secret one begins with sk_ or rk_".to_owned());
        }
        let Some(mode) = kind("sk_").or_else(|| kind("rk_")) else {
            return Err("it is no key of Stripe's: sk_test_…, sk_live_…, rk_test_… or rk_live_…".to_owned());
        };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("there are letters in it that no key has".to_owned());
        }
        Ok(SecretKey { text: text.to_owned(), mode })
    }

    /// Whether money moves.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The key itself, for the header of a request.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// A text of somebody else's without the key, should it be quoted there.
    pub fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.text, "…")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} key", self.mode.name())
    }
}

/// What Stripe knows a decision by: two requests with one key are one request. Whoever decides makes it, keeps it
/// before anything is sent, and uses it again until the outcome is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a decision that is nothing but its parts: whoever decides the same has the same key.
    pub fn of(parts: &[&str]) -> IdempotencyKey {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        // With its length before it, no part can pass as two.
        let pieces = parts.iter().zip(&lengths).flat_map(|(part, length)| [&length[..], part.as_bytes()]);
        IdempotencyKey(format!("scrip-{}", hex(&sha256(&pieces.collect::<Vec<&[u8]>>()))))
    }

    /// As it is kept and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::new_key;

    #[test]
    fn a_key_says_whether_money_moves() {
        for (key, mode) in [("sk_test_x1", Mode::Test), ("rk_test_x", Mode::Test), ("sk_live_x", Mode::Live)] {
            assert_eq!(SecretKey::new(key).map(|key| key.mode()), Ok(mode), "{key}");
        }
        assert!(Mode::Live.is_of(true) && Mode::Test.is_of(false) && !Mode::Test.is_of(true));
    }

    #[test]
    fn what_is_no_secret_key_is_refused_without_telling_it() {
        let ours = new_key("sk_test_");
        for key in ["", "hush", "sk_hush", "sk_test_", "pk_test_hush", "sk_test_hush\r\nX: y", "sk_test_hüsh", &ours] {
            let said = SecretKey::new(key).expect_err("it is none");
            assert!(!said.contains("hush") && !said.contains(&ours), "{said}");
        }
        assert!(SecretKey::new(&ours).expect_err("it is Scrip's").contains("Scrip"));
        assert!(SecretKey::new("pk_live_1").expect_err("anybody has it").contains("publishable"));
    }

    #[test]
    fn a_key_is_hidden_wherever_it_might_be_told() {
        let key = SecretKey::new("sk_live_hush").expect("it is one");
        assert_eq!(format!("{key:?}"), "a live key");
        assert_eq!(key.hidden_in("no such key: sk_live_hush."), "no such key: ….");
    }

    #[test]
    fn a_decision_has_one_key_and_no_other_decision_has_it() {
        assert_eq!(IdempotencyKey::of(&["a", "b"]), IdempotencyKey::of(&["a", "b"]));
        assert_ne!(IdempotencyKey::of(&["a", "b"]), IdempotencyKey::of(&["ab", ""]));
    }

    #[test]
    fn whatever_a_decision_is_about_its_key_can_be_sent() {
        for part in ["", "a b", "a\r\nX: y", "ä", &"a".repeat(256)] {
            let key = IdempotencyKey::of(&[part]);
            let is_taken = (1..=255).contains(&key.as_str().len());
            assert!(is_taken && key.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{part:?}: {key:?}");
        }
    }
}
