//! Checks of addresses in settings.
//!
//! Invariant: an error repeats nothing of the address, which may hold a password.

use crate::outbound::is_loopback;
use reqwest::Url;

/// Checks the public address of links: an https address, or one of this machine.
pub fn public_url(text: &str) -> Result<String, String> {
    let url = plain_url(text, "https://credits.example.com")?;
    let is_here = is_loopback(url.host_str().unwrap_or_default());
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err("links must lead to an https address; http is for this machine alone (localhost)".to_owned()),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Checks an address that secrets are sent to: an https address, or one of this machine.
pub fn service_url(text: &str) -> Result<(), String> {
    let url = plain_url(text, "https://id.example.com")?;
    match url.scheme() {
        "https" => Ok(()),
        _ if is_loopback(url.host_str().unwrap_or_default()) => Ok(()),
        _ => Err("it must be an https address, or one of this machine".to_owned()),
    }
}

/// Parses an address of http or https that has a host, maybe a port and a path, and nothing else.
fn plain_url(text: &str, example: &str) -> Result<Url, String> {
    let wrong = |what: &str| Err(format!("{what}; write an address like {example}"));
    if text.is_empty() {
        return Err(format!("it is empty; write an address like {example}, or leave it out"));
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return wrong("there is white space in it, or a letter that no address has");
    }
    let parts = text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match parts.as_ref().map(|(scheme, rest)| (scheme.as_str(), *rest)) {
        Some(("http" | "https", rest)) if rest.starts_with('/') => return wrong("it names no host"),
        Some(("http" | "https", _)) => {}
        Some(_) => return wrong("it is neither http:// nor https://"),
        None => return wrong("the scheme is missing"),
    }
    let Ok(url) = Url::parse(text) else { return wrong("it is not an address") };
    if !url.has_host() {
        return wrong("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return wrong("there is a user in it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("it has a part behind a `?` or a `#`");
    }
    if url.port() == Some(0) {
        return wrong("port 0 cannot be reached");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_an_https_address_or_to_this_machine() {
        for (good, becomes) in [
            ("https://credits.example.com", "https://credits.example.com"),
            ("https://credits.example.com/", "https://credits.example.com"),
            ("https://Credits.Example.com:443/x/", "https://credits.example.com/x"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://192.0.2.7:8443", "https://192.0.2.7:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(public_url(good).as_deref(), Ok(becomes), "{good}");
        }
        for bad in [
            "",
            " ",
            "x.example",
            "credits.example.com:443",
            "//x.example",
            "ftp://x",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://evil.example",
            "http://10.0.0.7",
            "http://0.0.0.0:8080",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "https://",
            "https:///x",
            "https://x.example?y=1",
            "https://x.example/?",
            "https://x#f",
            "https://x#",
            "https://user:hush@x",
            "https://user@x",
            "https://@x",
            " https://x",
            "https://x ",
            "https://x y",
            "https://x\n",
            "https:\\\\x",
            "https://x:99999",
            "https://x:0",
            "https://[::1",
            "https://exa mple",
            "localhost:8080",
            "127.0.0.1",
        ] {
            let said = public_url(bad).expect_err(bad);
            assert!(!said.contains("hush") && said.len() > 20, "{bad}: {said}");
        }
    }

    #[test]
    fn secrets_are_sent_to_https_or_to_this_machine() {
        for good in ["https://api.stripe.com", "http://127.0.0.1:12111", "https://id.example.com/realms/x"] {
            assert_eq!(service_url(good), Ok(()), "{good}");
        }
        for bad in
            ["", "api.stripe.com", "http://api.stripe.com", "https://u:hush@x", "https://x?y", "https://x#y", "ws://x"]
        {
            let said = service_url(bad).expect_err(bad);
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
