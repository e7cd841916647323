//! The signature of Stripe's webhook deliveries: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=…]`, each `v1` the
//! HMAC-SHA256 of `t.body` under one of the endpoint's secrets.
//!
//! Invariant: the raw bytes are judged, before anything reads them (R7).

use crate::crypto::hmac_is;
use scrip_engine::{SECOND, Timestamp};

/// Maximum difference between a signature's time and the clock, in seconds either way; an older delivery may be a
/// replay.
pub const TOLERANCE: i64 = 300;

/// Reason for which a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// The signature header is missing or cannot be read.
    Unreadable,
    /// The signature's time is too far in the past or the future.
    Stale,
    /// No signature matches the body under any of the secrets.
    Wrong,
}

impl Forgery {
    /// Describes the reason without helping a forger.
    pub const fn detail(self) -> &'static str {
        match self {
            Forgery::Unreadable => "the Stripe-Signature header is missing or cannot be read",
            Forgery::Stale => "the signature's time is more than 300 seconds away",
            Forgery::Wrong => "no signature of the body matches",
        }
    }
}

/// Judges a delivery by its header, its body and the clock. Several secrets are valid while one is replaced by another.
///
/// # Errors
/// When the delivery is not believed; the reason.
pub fn judge(header: Option<&str>, body: &[u8], secrets: &[String], now: Timestamp) -> Result<(), Forgery> {
    let header = header.ok_or(Forgery::Unreadable)?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map(|(_, time)| time).ok_or(Forgery::Unreadable)?;
    let signed: i64 = time.parse().map_err(|_| Forgery::Unreadable)?;
    let signatures: Vec<Vec<u8>> =
        parts().filter(|(name, _)| *name == "v1").filter_map(|(_, hex)| bytes(hex)).collect();
    if signatures.is_empty() {
        return Err(Forgery::Unreadable);
    }
    let is_ours = |signature: &Vec<u8>| {
        secrets.iter().any(|secret| hmac_is(secret.as_bytes(), &[time.as_bytes(), b".", body], signature))
    };
    if !signatures.iter().any(is_ours) {
        return Err(Forgery::Wrong);
    }
    if (now.micros().div_euclid(SECOND) - signed).abs() > TOLERANCE {
        return Err(Forgery::Stale);
    }
    Ok(())
}

/// Decodes the hexadecimal digits of a signature in Stripe's header.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.bytes().map(|byte| (byte as char).to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}
