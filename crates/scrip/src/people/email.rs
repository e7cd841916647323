//! E-mail addresses: one check and one form for every address that comes in.
//!
//! The form is that of SMTP without extensions: ASCII letters in lower case before the `@`, and behind it the domain in
//! DNS's form (UTS 46, so that `bücher.example`, `BÜCHER.example` and `xn--bcher-kva.example` are one). Other letters
//! before the `@` are refused rather than folded: Unicode's folding turns two people into one (U+212A and `k`), and few
//! servers take such mail. Quoted local parts, comments and IP literals are refused, since each mailbox has endlessly
//! many spellings with them.
//!
//! Invariant: two spellings that reach one mailbox by the protocols are one [`Email`] or are refused, and to read an
//! [`Email`] again gives the same one.

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use std::fmt;
use std::ops::Deref;

/// Maximum length of an address, in bytes, by SMTP.
const ADDRESS_MAX: usize = 254;
/// Maximum length of the part before the `@`, in bytes, by SMTP.
const LOCAL_MAX: usize = 64;
/// Maximum length of a text that is parsed at all, in bytes: a domain may become shorter in ASCII, but not by so much.
const TEXT_MAX: usize = 1_024;

const NO_ADDRESS: &str = "must be an e-mail address, one such as `ada@example.com`";
const LOCAL: &str = "before the `@` an e-mail address may have the letters a to z, digits, .!#$%&'*+-/=?^_`{|}~, and no \
                     dot first, last or beside another";
const DOMAIN: &str = "must be an e-mail address at a domain, such as `ada@example.com`";
const LONG: &str = "an e-mail address has at most 254 characters, and 64 before the `@`";

/// An e-mail address in the form in which addresses are stored, compared and written to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

impl Email {
    /// Parses an address and brings it to its form.
    ///
    /// # Errors
    /// When the text is no address, in words for the person who wrote it.
    pub fn parse(text: &str) -> Result<Email, &'static str> {
        let text = text.trim_matches([' ', '\t']);
        if text.len() > TEXT_MAX {
            return Err(LONG);
        }
        let (local, domain) = text.split_once('@').ok_or(NO_ADDRESS)?;
        // Several addresses, or an address with a name or a comment beside it.
        if domain.contains('@') || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(NO_ADDRESS);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        if !local.split('.').all(|part| !part.is_empty() && part.bytes().all(plain)) {
            return Err(LOCAL);
        }
        let domain = ascii_domain(domain).ok_or(DOMAIN)?;
        if local.len() > LOCAL_MAX || local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err(LONG);
        }
        Ok(Email(format!("{}@{domain}", local.to_ascii_lowercase())))
    }

    /// Restores an address from a row of people unchanged: a few older ones could not be brought to this form.
    pub fn restore(kept: String) -> Email {
        Email(kept)
    }

    /// Parses an address that an earlier version accepted, whose quotes have no effect: `"ada"@…` is `ada@…`.
    pub fn from_earlier(text: &str) -> Option<Email> {
        if let Ok(email) = Email::parse(text) {
            return Some(email);
        }
        let (local, domain) = text.trim().rsplit_once('@')?;
        let quoted = local.strip_prefix('"')?.strip_suffix('"')?;
        let mut letters = quoted.chars();
        let mut plain = String::with_capacity(quoted.len());
        while let Some(letter) = letters.next() {
            plain.push(if letter == '\\' { letters.next()? } else { letter });
        }
        Email::parse(&format!("{plain}@{domain}")).ok()
    }

    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text that stands for the person behind the address (R8): `+tags`, and the dots that one large host
    /// ignores, do not make another person.
    pub fn person(&self) -> String {
        person_of(&self.0)
    }
}

impl Deref for Email {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns true for two spellings of one address, whichever version stored them.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || form_of(one) == form_of(other)
}

/// Returns the form of an address; for a text that has none, the form of an earlier version.
pub fn form_of(text: &str) -> String {
    Email::from_earlier(text).map_or_else(|| earlier_form(text), |email| email.0)
}

/// Returns the forms under which a person of an address may be stored: that of earlier versions, and the present one.
pub fn stored_forms(text: &str) -> Vec<String> {
    vec![earlier_form(text), form_of(text)]
}

/// Returns the form in which earlier versions stored and compared addresses.
pub fn earlier_form(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Returns the text that stands for the person behind a stored address: by its form where it can be parsed, otherwise
/// by the rules of earlier versions.
pub fn person_of(kept: &str) -> String {
    Email::from_earlier(kept).map_or_else(|| earlier_person(kept), |email| person(&email.0))
}

/// Returns the text that earlier versions compared people by.
pub fn earlier_person(kept: &str) -> String {
    person(&kept.to_lowercase())
}

fn person(lower: &str) -> String {
    let (local, domain) = lower.rsplit_once('@').unwrap_or((lower, ""));
    let local = local.split('+').next().unwrap_or(local);
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}

/// Returns a domain of two labels or more in DNS's form; `None` for any other text, an IP address among them.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?
        .into_owned();
    let last = ascii.rsplit_once('.')?.1;
    last.starts_with(|first: char| first.is_ascii_lowercase()).then_some(ascii)
}

#[cfg(test)]
mod tests;
