//! Signature of a delivery: `t=…,v1=…` over the instant and the body.
//!
//! Invariant: the signed bytes are the bytes that are sent.

use aws_lc_rs::hmac;
use std::fmt::Write;

/// Returns the header for a body, with one signature for each secret that is valid.
pub fn header(secrets: &[String], at: i64, body: &str) -> String {
    let mut header = format!("t={at}");
    for secret in secrets {
        let _ = write!(header, ",v1={}", signature(secret, at, body));
    }
    header
}

/// Returns the signature alone, in hexadecimal.
pub fn signature(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    signed.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by another implementation of the same standard.
    #[test]
    fn a_known_body_has_a_known_signature() {
        let expected = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
        assert_eq!(signature("whsec_test", 1_700_000_000, "{\"id\":\"evt_1\"}"), expected);
        let header = header(&["whsec_test".to_owned(), "whsec_old".to_owned()], 1_700_000_000, "{\"id\":\"evt_1\"}");
        assert!(header.starts_with(&format!("t=1700000000,v1={expected},v1=")), "{header}");
    }
}
