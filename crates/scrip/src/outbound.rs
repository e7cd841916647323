//! Requests to other servers: the addresses that secrets may be sent to, the encoding of forms, and the maximum size of
//! answers.
//!
//! Invariant: no request goes unencrypted to another machine.

use reqwest::{Client, ClientBuilder, Response, Url};
use std::net::IpAddr;

/// Returns an address, if secrets may be sent there: by `https`, or to this machine.
pub fn parse_trusted(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    let (encrypted, here) = (url.scheme() == "https", url.scheme() == "http" && is_here(&url));
    (url.has_host() && (encrypted || here)).then_some(url)
}

/// Returns whether a host is this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_here(url: &Url) -> bool {
    is_loopback(url.host_str().unwrap_or_default())
}

/// Returns a client for requests to an address. It follows no redirect, so it never sends to another.
pub fn asker(url: &Url) -> ClientBuilder {
    let http = Client::builder().redirect(reqwest::redirect::Policy::none());
    // An address on this machine is not reached through a proxy on another one.
    if is_here(url) { http.no_proxy() } else { http }
}

/// Returns a value, encoded for a form.
pub fn encode(value: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let letter = |byte: u8| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(letter).collect()
}

/// Returns the body of an answer; `None` when it is longer than `most` bytes.
///
/// # Errors
/// When the connection ends before the body does.
pub async fn read(mut response: Response, most: usize) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        if body.len() + part.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_this_machine_or_encrypted() {
        for good in ["https://example.com", "http://127.0.0.1:1/x", "http://[::1]:1", "http://localhost:8080"] {
            assert!(parse_trusted(good).is_some(), "{good}");
        }
        for bad in ["http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "ftp://x", ""]
        {
            assert!(parse_trusted(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_value_in_a_form_has_no_letter_that_means_something() {
        assert_eq!(encode("a b:c/ü~"), "a%20b%3Ac%2F%C3%BC~");
        assert_eq!(encode("&=+%\r\n"), "%26%3D%2B%25%0D%0A");
    }
}
