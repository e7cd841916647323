//! Outbox: mails that were written with their entries, and the work of sending them.
//!
//! A mail is leased, its link is made, it is sent and marked. A worker that dies in between may have sent it, and after
//! the lease it is sent again: at least once, and a second copy has the same `Message-ID`.
//!
//! Invariant: only committed mails are sent, and every committed mail is sent or has a recorded cause.

use crate::jobs::work::{Failure, Work, one_line};
use crate::mail::links::{self, Links};
use crate::mail::transport::{Mailer, PATIENCE};
use crate::mail::{Mail, mailbox_of, person_of, templates};
use crate::people::blocks;
use scrip_engine::Timestamp;
use scrip_store::rows::mails::{self, LeasedMail};
use scrip_store::rows::profiles;
use scrip_store::{NewMail, Store, Unavailable};
use std::time::Duration;

/// Lifetime of a mail's lease in seconds, after which another worker sends it: longer than a server may take.
const LEASE_SECONDS: i64 = 120;
/// Seconds until a mail is tried again that was not sent in its first attempt, its second, and so on. The last attempt
/// is the one after the last of these.
const AGAIN: [i64; 7] = [60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600]; // # assumed from the fifth on
const _: () = assert!(
    LEASE_SECONDS > Outbox::PATIENCE.as_secs() as i64,
    "a lease keeps other processes from a mail that is being sent"
);
const _: () = assert!(Outbox::PATIENCE.as_secs() > PATIENCE.as_secs(), "a mail server is waited for");

/// Work of sending mails.
pub struct Outbox {
    links: Links,
    mailer: Mailer,
}

/// A mail that is leased to this process, since an instant.
#[derive(Clone)]
pub struct Sending {
    mail: LeasedMail,
    since: Timestamp,
}

/// Writes a mail that reports no entry, to be sent at once.
///
/// # Errors
/// When the store cannot write.
pub async fn enqueue(store: &Store, mail: NewMail) -> Result<(), Unavailable> {
    let now = store.now(None).await?;
    mails::add(store.reader(), &mail, now).await?;
    store.mail_signal().notify_one();
    Ok(())
}

impl Outbox {
    /// Returns an outbox that makes links and sends by a mailer.
    pub fn new(links: Links, mailer: Mailer) -> Outbox {
        Outbox { links, mailer }
    }

    /// Leases mails that are due at an instant, at most `most`.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn lease_at(&self, now: Timestamp, most: usize) -> Result<Vec<Sending>, Unavailable> {
        let on = self.links.ledger.store().worker();
        // Most often no mail is due, and a read delays no other work.
        if !mails::is_any_due(on, now).await? {
            return Ok(Vec::new());
        }
        let leased = mails::lease(on, now, now.after_seconds(LEASE_SECONDS), most as i64).await?;
        Ok(leased.into_iter().map(|mail| Sending { mail, since: now }).collect())
    }

    /// Returns the address that a mail goes to; `None` where the workspace has no address of the person.
    async fn recipient(&self, leased: &LeasedMail) -> Result<Option<String>, Unavailable> {
        match person_of(&leased.recipient) {
            None => Ok(Some(leased.recipient.clone())),
            Some((workspace, user)) => {
                let kept = profiles::address(self.links.ledger.store().worker(), workspace, user).await?;
                Ok(kept.map(|kept| mailbox_of(&kept)))
            }
        }
    }

    /// Returns true if a mail goes to a blocked person, or is an invitation by one.
    async fn is_of_the_blocked(&self, recipient: &str, mail: &Mail) -> Result<bool, Unavailable> {
        let store = self.links.ledger.store();
        if let Mail::Invitation { inviter, .. } = mail
            && blocks::of_mailbox(store, inviter).await?.is_some()
        {
            return Ok(true);
        }
        Ok(blocks::of_mailbox(store, recipient).await?.is_some())
    }

    async fn send(&self, leased: &LeasedMail, now: Timestamp) -> Result<(), Failure> {
        if !usize::try_from(leased.attempt).is_ok_and(|attempt| attempt <= AGAIN.len() + 1) {
            return Err(Failure::Never("every process that leased the mail died".to_owned()));
        }
        // A newer version may share the database: it sends the mails that it wrote.
        let mail = Mail::read(&leased.kind, &leased.data).map_err(Failure::Later)?;
        if !leased.is_sealed {
            return Err(Failure::Never("its row does not match its seal".to_owned()));
        }
        let recipient = self.recipient(leased).await.map_err(|error| Failure::Later(error.to_string()))?;
        let recipient = &*recipient.ok_or_else(|| Failure::Never("its recipient has no address".to_owned()))?;
        if self.is_of_the_blocked(recipient, &mail).await.map_err(|error| Failure::Later(error.to_string()))? {
            return Err(Failure::Never("its recipient or its sender is blocked".to_owned()));
        }
        let link = links::mint(&self.links, recipient, &mail, now).await;
        let link = link.map_err(|error| Failure::Later(error.to_string()))?;
        let link =
            link.ok_or_else(|| Failure::Never("the invitation or sign-in that it links to has ended".to_owned()))?;
        let catalogs = self.links.ledger.store().catalogs();
        let product = catalogs.newest().map_or("Scrip", |newest| &newest.catalog.name);
        let shown = self.mailer.transport().render_link(&link);
        let message = templates::message(product, recipient, &mail, &shown);
        self.mailer.send(&leased.id, &message, &link, now).await
    }
}

impl Work for Outbox {
    type Lease = Sending;
    type Success = ();
    const RENEW_EVERY: Duration = Duration::from_secs(LEASE_SECONDS as u64 / 3);
    const PATIENCE: Duration = Duration::from_secs(100); // # assumed

    async fn lease(&self, most: usize) -> Result<Vec<Sending>, Unavailable> {
        self.lease_at(self.links.ledger.now(None).await?, most).await
    }

    async fn attempt(&self, Sending { mail, since }: &Sending) -> Result<(), Failure> {
        self.send(mail, *since).await
    }

    /// A mail is sent or given back before its lease ends, so none is renewed.
    async fn renew(&self, _sending: &mut Sending) -> Result<bool, Unavailable> {
        Ok(true)
    }

    async fn record(&self, Sending { mail, since }: &Sending, result: &Result<(), Failure>) -> Result<(), Unavailable> {
        let on = self.links.ledger.store().worker();
        let again = usize::try_from(mail.attempt - 1).ok().and_then(|tried| AGAIN.get(tried));
        match (result, again) {
            (Ok(()), _) => {
                tracing::info!(id = mail.id, kind = mail.kind, "a mail was sent");
                mails::mark_sent(on, &mail.id, *since).await.map(drop)
            }
            (Err(Failure::Later(cause)), Some(seconds)) => {
                let cause = one_line(cause);
                tracing::warn!(
                    id = mail.id,
                    attempt = mail.attempt,
                    cause,
                    again_in_seconds = seconds,
                    "a mail could not be sent; it is tried again"
                );
                mails::put_off(on, &mail.id, mail.attempt, since.after_seconds(*seconds)).await.map(drop)
            }
            (Err(Failure::Later(cause) | Failure::Never(cause)), _) => {
                let cause = one_line(cause);
                tracing::error!(id = mail.id, attempt = mail.attempt, cause, "a mail is given up");
                mails::give_up(on, &mail.id, mail.attempt, &cause).await.map(drop)
            }
        }
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        let now = self.links.ledger.now(None).await?;
        mails::count_due(self.links.ledger.store().worker(), now).await.map(Some)
    }

    /// A mail that this process writes wakes the task; the period is for all others.
    async fn next_wake(&self) {
        self.links.ledger.store().mail_signal().notified().await;
    }
}
