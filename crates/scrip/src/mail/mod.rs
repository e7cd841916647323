//! Mails: their subjects, their texts, and the way they are sent.
//!
//! Invariant: no text of another person reaches a header as a line of its own, or HTML as anything but text; and no
//! stored mail holds a link.

pub mod links;
pub mod notices;
pub mod outbox;
pub mod templates;
pub mod transport;

use crate::people::email::Email;
use lettre::Address;
use scrip_engine::payments::TopUpStop;
use scrip_engine::{Amount, Span, Timestamp, Unit, UserId, WorkspaceId};
use scrip_store::NewMail;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Maximum length of an address, in bytes, by SMTP.
const ADDRESS_MAX: usize = 254;

/// Kind of a mail, with the values of its text. The recipient is stored beside it, and the link is made when it is
/// sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Mail {
    /// A person asked to sign in.
    SignIn {
        /// Workspace that the person arrives in, if the link is for a single one.
        workspace: Option<WorkspaceId>,
        /// Spelling that the person is stored under, where an earlier version stored another than the mail is sent to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_as: Option<String>,
    },
    /// A person was invited to a workspace.
    Invitation {
        /// Name of the workspace.
        workspace: String,
        /// Address of the member who invites.
        inviter: String,
        /// Role that the invitation offers.
        role: String,
        /// Identifier of the invitation.
        invitation: String,
        /// Instant until which the invitation can be accepted.
        expires_at: Timestamp,
    },
    /// Few credits of the workspace are left.
    CreditsLow {
        /// Name of the workspace.
        workspace: String,
        /// Number of credits that are left.
        left: Amount,
        /// Number of credits below which the mail is sent.
        line: Amount,
    },
    /// A grant of the workspace will expire.
    GrantExpiring {
        /// Name of the workspace.
        workspace: String,
        /// Amount of the grant that is left.
        amount: Amount,
        /// Unit that the grant counts.
        unit: Unit,
        /// Instant at which the grant expires.
        expires_at: Timestamp,
    },
    /// A payment for the plan was declined.
    PaymentFailed {
        /// Name of the workspace.
        workspace: String,
        /// Name of the plan.
        plan: String,
        /// Number of the payment attempt, starting at 1.
        attempt: u32,
        /// End of the paid period, if there is one.
        period_ends: Option<Timestamp>,
        /// Instant until which Scrip waits for a payment, once the period is over.
        awaited_until: Option<Timestamp>,
    },
    /// Automatic top-ups have stopped.
    TopUpStopped {
        /// Name of the workspace.
        workspace: String,
        /// Identifier of the pack.
        pack: String,
        /// Reason for the stop.
        why: TopUpStop,
        /// Credits and price of the pack that were agreed, where they are known.
        was: Option<String>,
        /// Present credits and price of the pack, if it is on sale.
        now: Option<String>,
    },
    /// The balance is low, and the month's maximum leaves no room for an automatic top-up.
    TopUpPutOff {
        /// Name of the workspace.
        workspace: String,
        /// Beginning of the next month.
        until: Timestamp,
    },
    /// Renewals of the plan will cost more.
    PriceRaised {
        /// Name of the workspace.
        workspace: String,
        /// Name of the plan.
        plan: String,
        /// New price, with its currency and interval.
        price: String,
        /// First instant at which a renewal may cost the new price.
        from: Timestamp,
    },
    /// Outputs are stored for a shorter time from now on.
    RetentionShortened {
        /// Name of the workspace.
        workspace: String,
        /// Name of the plan.
        plan: String,
        /// Time for which the plan stores outputs.
        keeps: Span,
        /// Instant until which present outputs are stored at least.
        old_until: Timestamp,
    },
    /// A review of the workspace was approved.
    ReviewApproved {
        /// Name of the workspace.
        workspace: String,
        /// Name of the review.
        review: String,
        /// Names of the plans that require the review.
        plans: Vec<String>,
    },
    /// A review of the workspace was rejected.
    ReviewRejected {
        /// Name of the workspace.
        workspace: String,
        /// Name of the review.
        review: String,
        /// Reason for the rejection.
        reason: String,
    },
    /// The approval of a review was revoked.
    ReviewRevoked {
        /// Name of the workspace.
        workspace: String,
        /// Name of the review.
        review: String,
        /// Names of the plans that require the review.
        plans: Vec<String>,
        /// Reason for the revocation.
        reason: String,
    },
}

impl Mail {
    /// Returns this mail to an address, to be written with the entry that it reports or by itself. A second mail with
    /// the same id is the first.
    ///
    /// # Errors
    /// When the text is no address: such a mail could never be sent.
    pub fn to(&self, id: impl Into<String>, recipient: &str) -> Result<NewMail, String> {
        // People and members of earlier versions may be stored in another form.
        let recipient = match Email::parse(recipient) {
            Ok(email) => email.to_string(),
            Err(_) => address(recipient).map(|_| recipient.to_owned())?,
        };
        Ok(self.write(id.into(), recipient))
    }

    /// Returns this mail to a person of a workspace. It is addressed when it is sent.
    pub fn to_person(&self, id: impl Into<String>, workspace: WorkspaceId, user: UserId) -> NewMail {
        self.write(id.into(), format!("{workspace}/{user}"))
    }

    fn write(&self, id: String, recipient: String) -> NewMail {
        let mut parts = serde_json::to_value(self).expect("a mail is plain data");
        let data = parts["data"].take().to_string();
        let kind = parts["kind"].as_str().expect("it is the tag").to_owned();
        NewMail { id, kind, recipient, data }
    }

    /// Reads a stored mail by its kind and its data.
    ///
    /// # Errors
    /// When this version does not know the kind, or cannot read the data.
    pub fn read(kind: &str, data: &str) -> Result<Mail, String> {
        let unknown = |error: serde_json::Error| format!("this version knows no such mail of kind `{kind}`: {error}");
        let data: serde_json::Value = serde_json::from_str(data).map_err(unknown)?;
        serde_json::from_value(serde_json::json!({ "kind": kind, "data": data })).map_err(unknown)
    }
}

/// A mail with its text, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Address of the recipient.
    pub to: String,
    /// Subject of the mail, one line.
    pub subject: String,
    /// Plain text of the mail.
    pub text: String,
    /// Text of the mail as HTML.
    pub html: String,
}

/// A link with a secret that identifies its holder, or a link to a page that is open to everybody.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    open: String,
    secret: String,
}

impl Link {
    /// Returns a link whose end is the secret part.
    pub fn new(open: String, secret: String) -> Link {
        Link { open, secret }
    }

    /// Returns a link without a secret.
    pub fn to_page(address: String) -> Link {
        Link { open: address, secret: String::new() }
    }

    /// Returns whether the link has no secret.
    pub fn is_open(&self) -> bool {
        self.secret.is_empty()
    }

    /// Returns the whole link, for its recipient.
    pub fn whole(&self) -> String {
        format!("{}{}", self.open, self.secret)
    }

    /// Returns the link without its secret, for logs and files.
    pub fn mask(&self) -> String {
        if self.is_open() { self.open.clone() } else { format!("{}…", self.open) }
    }

    /// Returns the secret part of the link.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// Formats the link without its secret, so that no log or panic contains it.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mask())
    }
}

/// Returns the workspace and the person that a mail is to, where it is to a person and not to an address.
pub fn person_of(recipient: &str) -> Option<(WorkspaceId, UserId)> {
    let (workspace, user) = recipient.split_once('/')?;
    Some((workspace.parse().ok()?, user.parse().ok()?))
}

/// Returns the address of the mailbox behind a stored address: earlier versions stored it in other forms.
pub fn mailbox_of(kept: &str) -> String {
    Email::from_earlier(kept).map_or_else(|| kept.to_owned(), |email| email.to_string())
}

/// Returns an address that mail can be sent to.
///
/// # Errors
/// When the text is no address, in words that do not repeat it.
pub fn address(text: &str) -> Result<Address, String> {
    let email = Email::parse(text);
    let text = email.as_ref().map_or(text, Email::as_str);
    if text.len() > ADDRESS_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("the address has spaces or control characters in it, or is too long".to_owned());
    }
    text.parse().map_err(|error| format!("it is not an address: {error}"))
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
        assert_eq!(link.mask(), "https://credits.example.com/x.…");
        assert!(!format!("{link:?}").contains("hush"));
        let page = Link::to_page("https://credits.example.com/billing".to_owned());
        assert!(page.is_open() && !link.is_open());
        assert_eq!((page.whole(), page.mask()), (page.mask(), page.whole()));
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
