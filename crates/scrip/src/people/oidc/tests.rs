//! Tests of an ID token, claim by claim, and of all that needs no identity provider.

use super::*;
use serde_json::json;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_micros(NOW * SECOND)
}

fn oidc() -> Oidc {
    let issuer = Some("https://id.example.com");
    Oidc::of(issuer, Some("scrip"), Some("secret")).expect("it is whole").expect("it is named")
}

fn good() -> Value {
    json!({ "iss": "https://id.example.com", "aud": "scrip", "sub": "7", "exp": NOW + 1, "nonce": "n",
            "email": "Ada@example.com", "email_verified": true })
}

/// Returns the verdict about a token with one claim changed; `null` removes the claim.
fn check_claim(claim: &str, value: Value) -> Result<Identity, String> {
    let mut claims = good();
    claims[claim] = value;
    oidc().check_claims(&claims, "n", now()).map_err(|failure| format!("{failure:?}"))
}

#[test]
fn a_token_vouches_for_nobody_unless_every_claim_is_right() {
    let ada = Identity { subject: "7".to_owned(), email: "Ada@example.com".to_owned() };
    assert_eq!(oidc().check_claims(&good(), "n", now()).ok(), Some(ada));
    for (claim, value) in [
        ("exp", json!(NOW + 3_600)),
        ("aud", json!(["scrip"])),
        ("azp", json!("scrip")),
        ("iat", json!(NOW)),
        ("email_verified", json!("true")),
        ("nbf", json!(NOW)),
        ("nbf", json!(NOW - 9)),
        ("nbf", json!(NOW + 60)),
    ] {
        assert!(check_claim(claim, value.clone()).is_ok(), "{claim} {value}");
    }
    for (claim, value) in [
        ("iss", json!("https://id.example.com/")),
        ("iss", json!("https://evil.example")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("aud", json!({ "scrip": "scrip" })),
        ("azp", json!("other")),
        ("azp", json!(["scrip"])),
        ("exp", json!(NOW)),
        ("exp", json!(NOW - 1)),
        ("exp", json!((NOW + 9).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(i64::MIN)),
        ("exp", Value::Null),
        ("nbf", json!(NOW + 61)),
        ("nbf", json!(NOW + 3_600)),
        ("nbf", json!(i64::MAX)),
        ("nbf", json!(NOW.to_string())),
        ("nbf", json!(1e300)),
        ("nonce", json!("m")),
        ("nonce", json!("")),
        ("nonce", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a\u{0}b")),
        ("sub", Value::Null),
        ("email_verified", json!(false)),
        ("email_verified", json!("True")),
        ("email_verified", json!("false")),
        ("email_verified", json!("yes")),
        ("email_verified", json!(["true"])),
        ("email_verified", json!(1)),
        ("email_verified", Value::Null),
        ("email", json!("")),
        ("email", Value::Null),
        ("email", json!(["ada@example.com"])),
    ] {
        let said = check_claim(claim, value.clone()).expect_err("it is refused");
        assert!(said.contains(&format!("`{claim}`")), "{claim} {value}: {said}");
    }
    let many = |party: Value| {
        let mut claims = good();
        (claims["aud"], claims["azp"]) = (json!(["other", "scrip"]), party);
        oidc().check_claims(&claims, "n", now()).is_ok()
    };
    assert!(many(json!("scrip")) && !many(Value::Null) && !many(json!("other")));
    for other in [json!([]), json!("x"), json!(7), Value::Null] {
        assert!(oidc().check_claims(&other, "n", now()).is_err(), "{other}");
    }
}

#[test]
fn an_attempt_is_good_for_ten_minutes_in_the_browser_that_began_it() {
    let (secret, attempt) = (b"secret", Attempt::new(now()));
    let cookie = attempt.cookie(secret);
    let read = |cookie: &str, after: i64| Attempt::read(cookie, secret, now().after_seconds(after));
    assert_eq!(read(&cookie, 599).expect("it is good").verifier(secret), attempt.verifier(secret));
    assert!(read(&cookie, 600).is_none());
    assert!(Attempt::read(&cookie, b"another", now()).is_none());
    for place in 0..cookie.len() {
        let mut wrong = cookie.clone().into_bytes();
        wrong[place] = if wrong[place] == b'1' { b'2' } else { b'1' };
        assert!(read(&String::from_utf8(wrong).expect("ASCII"), 0).is_none(), "letter {place}");
    }
    for wrong in ["", ".", "..", "...", &format!("{cookie}."), &cookie[1..]] {
        assert!(read(wrong, 0).is_none(), "{wrong}");
    }
    let other = Attempt::new(now());
    assert!(attempt.is_of(&attempt.state(secret), secret));
    assert!(!attempt.is_of(&other.state(secret), secret) && !attempt.is_of("", secret));
    // The values that the identity provider and the address bar see do not reveal the others.
    let verifier = attempt.verifier(secret);
    let all = [attempt.state(secret), attempt.nonce(secret), attempt.id.clone(), verifier[..32].to_owned()];
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert_eq!(verifier.len(), 64);
}

#[test]
fn a_provider_is_named_whole_and_reached_safely() {
    assert!(Oidc::of(None, None, None).is_ok_and(|none| none.is_none()));
    let named = |issuer: &str| Oidc::of(Some(issuer), Some("a"), Some("b")).is_ok();
    for good in ["https://id.example.com", "http://127.0.0.1:8080", "http://[::1]:80/realm", "http://localhost"] {
        assert!(named(good), "{good}");
    }
    for bad in ["http://id.example.com", "id.example.com", "ftp://localhost", "http://127.0.0.1.example.com", ""] {
        assert!(!named(bad), "{bad}");
    }
    let id = Some("https://id.example.com");
    for part in [(id, None, None), (id, Some("a"), None), (None, Some("a"), Some("b")), (id, None, Some("b"))] {
        assert!(Oidc::of(part.0, part.1, part.2).is_err_and(|why| why.contains("all or none")), "{part:?}");
    }
}

#[test]
fn base64url_is_that_of_the_standards() {
    // RFC 7636, appendix B.
    let challenge = base64url(&sha256(&[b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"]));
    assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    // RFC 4648, section 10, without the padding.
    for (plain, text) in
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE")]
    {
        assert_eq!(base64url(plain.as_bytes()), text);
        assert_eq!(from_base64url(text).as_deref(), Some(plain.as_bytes()));
    }
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(from_base64url(&base64url(&all)), Some(all));
    for wrong in ["Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm v", "Zm9vY", "ü"] {
        assert_eq!(from_base64url(wrong), None, "{wrong}");
    }
    let token = |claims: &str| format!("e30.{}.x", base64url(claims.as_bytes()));
    assert_eq!(claims_of(&token(r#"{"a":1}"#)), Some(json!({ "a": 1 })));
    for wrong in ["", "a.b", "e30.e30", "e30.e30.x.y", &token("{"), "e30.!.x"] {
        assert_eq!(claims_of(wrong), None, "{wrong}");
    }
}
