//! Mails: what they are about, what they say, and how they leave.
//!
//! Invariant: nothing anybody else wrote reaches a header as a line of its own, or HTML as anything but text; and what
//! is kept of a mail holds no link.

pub mod templates;
pub mod transport;

use crate::email::Email;
use crate::store::NewMail;
use lettre::Address;
use scrip_engine::billing::TopUpStop;
use scrip_engine::{Amount, Span, Timestamp, Unit, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bytes an address may have, as SMTP has it.
const ADDRESS_MAX: usize = 254;

/// What a mail is about. Whom it is for is kept beside it, and its link is made when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Mail {
    /// A person asked to sign in.
    SignIn {
        /// Where they are to arrive, if that matters.
        workspace: Option<WorkspaceId>,
        /// The spelling that the person is kept in, where an earlier version kept another than the mail is sent to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_as: Option<String>,
    },
    /// Somebody was invited to a workspace.
    Invitation {
        /// The workspace's name.
        workspace: String,
        /// The address of whoever invites.
        inviter: String,
        /// What they are invited as.
        role: String,
        /// The invitation's id.
        invitation: String,
        /// Until when it can be accepted.
        expires_at: Timestamp,
    },
    /// Few credits are left.
    CreditsLow {
        /// The workspace's name.
        workspace: String,
        /// How many.
        left: Amount,
        /// Fewer than this is few.
        line: Amount,
    },
    /// Something that was given or bought will expire.
    GrantExpiring {
        /// The workspace's name.
        workspace: String,
        /// How much of it is left.
        amount: Amount,
        /// What it counts.
        unit: Unit,
        /// When.
        expires_at: Timestamp,
    },
    /// A payment was declined.
    PaymentFailed {
        /// The workspace's name.
        workspace: String,
        /// The plan's name.
        plan: String,
        /// Which attempt it was, from 1.
        attempt: u32,
        /// When the paid period ends, if there is one.
        period_ends: Option<Timestamp>,
        /// Until when a payment is waited for, once the period is over.
        awaited_until: Option<Timestamp>,
    },
    /// Automatic top-ups have stopped.
    TopUpStopped {
        /// The workspace's name.
        workspace: String,
        /// The pack.
        pack: String,
        /// The reason.
        why: TopUpStop,
        /// Credits and price of the pack as they were agreed, where that is known.
        was: Option<String>,
        /// Credits and price of the pack as it is sold now, if it is.
        now: Option<String>,
    },
    /// The balance is low, and the month's maximum leaves no room for an automatic top-up.
    TopUpPutOff {
        /// The workspace's name.
        workspace: String,
        /// The beginning of the next month.
        until: Timestamp,
    },
    /// Renewals will cost more.
    PriceRaised {
        /// The workspace's name.
        workspace: String,
        /// The plan's name.
        plan: String,
        /// The price from then on, with its currency and interval.
        price: String,
        /// First instant at which a renewal may cost it.
        from: Timestamp,
    },
    /// Outputs are kept for a shorter time from now on.
    RetentionShortened {
        /// The workspace's name.
        workspace: String,
        /// The plan's name.
        plan: String,
        /// How long it keeps them.
        keeps: Span,
        /// Until when those that are there are kept at least.
        old_until: Timestamp,
    },
    /// A review was approved.
    ReviewApproved {
        /// The workspace's name.
        workspace: String,
        /// The review.
        review: String,
        /// The names of the plans that require it.
        plans: Vec<String>,
    },
    /// A review was not approved.
    ReviewRejected {
        /// The workspace's name.
        workspace: String,
        /// The review.
        review: String,
        /// Why.
        reason: String,
    },
    /// A review is approved no more.
    ReviewRevoked {
        /// The workspace's name.
        workspace: String,
        /// The review.
        review: String,
        /// The names of the plans that require it.
        plans: Vec<String>,
        /// Why.
        reason: String,
    },
}

impl Mail {
    /// This mail to an address, to be written with the entry it tells of or by itself. The same id is the same mail.
    ///
    /// # Errors
    /// When the address is none: such a mail could never be sent.
    pub fn to(&self, id: impl Into<String>, recipient: &str) -> Result<NewMail, String> {
        // People and members of earlier versions may be kept in another form.
        let recipient = match Email::parse(recipient) {
            Ok(email) => email.to_string(),
            Err(_) => address(recipient).map(|_| recipient.to_owned())?,
        };
        let mut parts = serde_json::to_value(self).expect("a mail is plain data");
        let data = parts["data"].take().to_string();
        let kind = parts["kind"].as_str().expect("it is the tag").to_owned();
        Ok(NewMail { id: id.into(), kind, recipient, data })
    }

    /// A mail as it was kept.
    ///
    /// # Errors
    /// When this version knows no such mail.
    pub fn read(kind: &str, data: &str) -> Result<Mail, String> {
        let unknown = |error: serde_json::Error| format!("this version knows no such mail of kind `{kind}`: {error}");
        let data: serde_json::Value = serde_json::from_str(data).map_err(unknown)?;
        serde_json::from_value(serde_json::json!({ "kind": kind, "data": data })).map_err(unknown)
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The address it goes to.
    pub to: String,
    /// Its subject, one line.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// A link that says who its holder is, or one to a page that is anybody's to open.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    open: String,
    secret: String,
}

impl Link {
    /// A link whose end is the secret part.
    pub fn new(open: String, secret: String) -> Link {
        Link { open, secret }
    }

    /// A link without a secret.
    pub fn to_page(address: String) -> Link {
        Link { open: address, secret: String::new() }
    }

    /// Whether there is nothing in it to hide.
    pub fn is_open(&self) -> bool {
        self.secret.is_empty()
    }

    /// All of it, for whom it is meant.
    pub fn whole(&self) -> String {
        format!("{}{}", self.open, self.secret)
    }

    /// What anybody may see of it.
    pub fn masked(&self) -> String {
        if self.is_open() { self.open.clone() } else { format!("{}…", self.open) }
    }

    /// What nobody else may see.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// So that no log or panic tells it.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// An address that mail can go to.
///
/// # Errors
/// When it is none, in words that do not repeat it.
pub fn address(text: &str) -> Result<Address, String> {
    let email = Email::parse(text);
    let text = email.as_ref().map_or(text, Email::as_str);
    if text.len() > ADDRESS_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the address has spaces or control characters in it, or is too long".to_owned());
    }
    text.parse().map_err(|error| format!("the address is none: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Mail {
        let [workspace, inviter] = ["Ada's \"studio\"", "ada@example.com"].map(str::to_owned);
        let [role, invitation] = ["member", "inv_1"].map(str::to_owned);
        Mail::Invitation { workspace, inviter, role, invitation, expires_at: Timestamp::from_micros(1) }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        for mail in [
            Mail::SignIn { workspace: None, known_as: None },
            Mail::SignIn { workspace: Some(WorkspaceId::new(7)), known_as: None },
            invitation(),
        ] {
            let kept = mail.to("a", "bo@example.com").expect("the address is good");
            assert_eq!(Mail::read(&kept.kind, &kept.data), Ok(mail));
        }
        let kept = invitation().to("a", "bo@example.com").expect("the address is good");
        assert_eq!(kept.kind, "invitation");
        assert_eq!(
            kept.data,
            r#"{"expires_at":1,"invitation":"inv_1","inviter":"ada@example.com","role":"member","workspace":"Ada's \"studio\""}"#
        );
    }

    #[test]
    fn a_link_shows_its_secret_only_whole() {
        let link = Link::new("https://credits.example.com/x.".to_owned(), "hush".to_owned());
        assert_eq!(link.whole(), "https://credits.example.com/x.hush");
        assert_eq!(link.masked(), "https://credits.example.com/x.…");
        assert!(!format!("{link:?}").contains("hush"));
        let page = Link::to_page("https://credits.example.com/billing".to_owned());
        assert!(page.is_open() && !link.is_open());
        assert_eq!((page.whole(), page.masked()), (page.masked(), page.whole()));
    }

    #[test]
    fn what_another_version_kept_is_not_guessed_at() {
        for (kind, data) in [("later", "{}"), ("invitation", "{}"), ("invitation", "x"), ("sign_in", "null")] {
            assert!(Mail::read(kind, data).is_err_and(|error| error.contains(kind)), "{kind} {data}");
        }
    }

    #[test]
    fn an_address_is_one_line_and_an_address() {
        for good in
            ["bo@example.com", "o'hara+tag@mail.example.co", "büro@example.com", "bo@müller.example", "bo@localhost"]
        {
            assert!(address(good).is_ok(), "{good}: {:?}", address(good));
        }
        let long = format!("bo@{}.example", "a".repeat(250));
        for bad in [
            "",
            "bo",
            "@example.com",
            "bo@",
            "bo@example.com\r\nBcc: eve@example.com",
            "bo\r\n@example.com",
            "\"bo\r\nBcc: eve@example.com\r\n\"@example.com",
            "bo@example.com\0",
            "bo@example.com\u{85}",
            "bo@example.com\u{2028}",
            "bo@example.com, eve@example.com",
            "Bo <bo@example.com>",
            "bo@exa mple.com",
            &long,
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
            assert!(invitation().to("a", bad).is_err(), "{bad:?}");
        }
    }
}
