//! The two keys of a request to Stripe: the secret key of the account, and the idempotency key of the decision.
//!
//! Invariant: a secret key is written into the header of a request and nowhere else.

use crate::crypto::{OPERATOR_PREFIXES, hex, is_key, sha256};
use std::fmt;

/// Mode of a Stripe key: whether money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Test mode: payments are simulated.
    Test,
    /// Live mode: payments move money.
    Live,
}

impl Mode {
    /// Returns the name of the mode, `test` or `live`.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Test => "test",
            Mode::Live => "live",
        }
    }

    /// Returns `true` if an object with this `livemode` belongs to the mode.
    pub const fn is_of(self, livemode: bool) -> bool {
        matches!(self, Mode::Live) == livemode
    }
}

/// A secret or restricted key of a Stripe account.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    text: String,
    mode: Mode,
}

impl SecretKey {
    /// Reads a secret key as the operator gives it.
    ///
    /// # Errors
    /// When the text is not a secret or restricted key of Stripe's; the message does not repeat the text.
    pub fn new(text: &str) -> Result<SecretKey, String> {
        let modes = [("test_", Mode::Test), ("live_", Mode::Live)];
        let kind = |prefix: &str| {
            let rest = text.strip_prefix(prefix)?;
            modes.iter().find(|(name, _)| rest.starts_with(name) && rest.len() > name.len()).map(|(_, mode)| *mode)
        };
        if OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, text)) {
            return Err("it is an operator key of Scrip's; Stripe's keys are in Stripe's dashboard".to_owned());
        }
        if kind("pk_").is_some() {
            return Err("it is a publishable key; the secret one begins with sk_ or rk_".to_owned());
        }
        let Some(mode) = kind("sk_").or_else(|| kind("rk_")) else {
            return Err("it is not a key of Stripe's: write sk_test_…, sk_live_…, rk_test_… or rk_live_…".to_owned());
        };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err("it has characters that no key has".to_owned());
        }
        Ok(SecretKey { text: text.to_owned(), mode })
    }

    /// Returns the mode that the key's prefix names.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the key in clear, for the header of a request.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns `text` with the key replaced by `…`, in case an answer quotes it.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.text, "…")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} key", self.mode.name())
    }
}

/// Name of one decision at Stripe: two requests with the same key are one request. The caller that decides makes the
/// key, stores it before anything is sent, and uses it again until the outcome is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns the key of a decision that its parts define fully: equal parts give the same key.
    pub fn of(parts: &[&str]) -> IdempotencyKey {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
        // The length before each part keeps two parts from passing as one.
        let pieces = parts.iter().zip(&lengths).flat_map(|(part, length)| [&length[..], part.as_bytes()]);
        IdempotencyKey(format!("scrip-{}", hex(&sha256(&pieces.collect::<Vec<&[u8]>>()))))
    }

    /// Returns the key as it is stored and sent.
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
        assert!(SecretKey::new("pk_live_1").expect_err("a publishable key is no secret").contains("publishable"));
    }

    #[test]
    fn a_key_is_hidden_wherever_it_might_be_told() {
        let key = SecretKey::new("sk_live_hush").expect("it is one");
        assert_eq!(format!("{key:?}"), "a live key");
        assert_eq!(key.redact("no such key: sk_live_hush."), "no such key: ….");
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
