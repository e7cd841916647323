//! Signatures over texts, and the format of keys; with the store's hashes and randomness.
//!
//! Invariant: a key in plain text exists only in the answer that made it; only its SHA-256 is stored.

use aws_lc_rs::{constant_time, hmac};
pub use scrip_store::crypto::{hex, hmac_is, random, sha256};

/// Returns the HMAC-SHA256 of a quote, a link or a cookie, cut to 128 bits, in hexadecimal.
pub fn sign(secret: &[u8], text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hex(&hmac::sign(&key, text.as_bytes()).as_ref()[..16])
}

/// Returns whether a text carries its signature, compared in constant time.
pub fn is_signed(secret: &[u8], text: &str, signature: &str) -> bool {
    constant_time::verify_slices_are_equal(sign(secret, text).as_bytes(), signature.as_bytes()).is_ok()
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH: usize = 30;
const CHECK_LENGTH: usize = 6;

/// Prefixes of operator keys: for play credits and for real ones, and the former prefixes, which scanners take for
/// Stripe's.
pub const OPERATOR_PREFIXES: [&str; 4] = ["scrip_sk_test_", "scrip_sk_live_", "sk_test_", "sk_live_"];

/// Returns a new key: prefix, 30 random characters of base 62 (178 bits), 6 of checksum.
pub fn new_key(prefix: &str) -> String {
    let mut secret = String::with_capacity(SECRET_LENGTH);
    while secret.len() < SECRET_LENGTH {
        // 248 is the largest multiple of 62 below 256: bytes above it would favour the first letters.
        let fair = random::<64>().into_iter().filter(|byte| *byte < 248);
        let letters = fair.map(|byte| char::from(BASE62[usize::from(byte % 62)]));
        secret.extend(letters.take(SECRET_LENGTH - secret.len()));
    }
    let body = format!("{prefix}{secret}");
    let check = checksum(&body);
    body + &check
}

/// Returns whether a text has the form of a key with this prefix and a right checksum; any other is refused without a
/// look-up.
pub fn is_key(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    if rest.len() != SECRET_LENGTH + CHECK_LENGTH || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return false;
    }
    let (body, check) = text.split_at(text.len() - CHECK_LENGTH);
    checksum(body) == check
}

/// Returns the CRC-32 (IEEE) in six digits of base 62, as secret scanners compute it.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECK_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_passes_and_a_key_with_one_letter_changed_does_not() {
        let key = new_key("sk_test_");
        assert!(is_key("sk_test_", &key), "{key}");
        assert!(!is_key("sk_live_", &key));
        for place in 8..key.len() {
            let mut wrong = key.clone().into_bytes();
            wrong[place] = if wrong[place] == b'a' { b'b' } else { b'a' };
            assert!(!is_key("sk_test_", &String::from_utf8(wrong).expect("ASCII")), "letter {place}");
        }
    }

    #[test]
    fn of_a_million_keys_none_is_another() {
        let made = |_| (0..500_000).map(|_| new_key("wk_test_")).collect::<Vec<String>>();
        let mut all = std::thread::scope(|scope| {
            let makers = [0, 1].map(|maker| scope.spawn(move || made(maker)));
            makers.map(|maker| maker.join().expect("keys can be made")).concat()
        });
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1_000_000);
    }

    #[test]
    fn the_checksum_is_the_common_crc32() {
        // The check value of CRC-32 for "123456789" is cbf43926, which is 3,421,780,262.
        assert_eq!(checksum("123456789"), "3jZRME".to_owned());
    }

    #[test]
    fn a_signature_holds_for_its_text_alone() {
        let signature = sign(b"secret", "text");
        assert!(is_signed(b"secret", "text", &signature));
        assert!(!is_signed(b"secret", "texts", &signature));
        assert!(!is_signed(b"other", "text", &signature));
        assert!(!is_signed(b"secret", "text", ""));
    }
}
