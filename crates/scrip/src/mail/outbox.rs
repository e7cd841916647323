//! Outbox: mails that were written with their entries, and one worker in each process that sends them.
//!
//! A mail is leased, its link is made, it is sent and marked. A worker that dies in between may have sent it, and after
//! the lease it is sent again: at least once, and a second copy has the same `Message-ID`.
//!
//! Invariant: only committed mails are sent, and every committed mail is sent or has a recorded cause.

use crate::mail::links::{self, Links};
use crate::mail::transport::{Failure, Mailer, PATIENCE};
use crate::mail::{Mail, templates};
use crate::people::blocks;
use crate::store::rows::mails::{self, Leased};
use crate::store::{NewMail, Store, Unavailable};
use scrip_engine::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Maximum number of mails that are sent at once.
const WAVE: i64 = 16;
/// Lifetime of a mail's lease in seconds, after which another worker sends it: longer than a server may take.
const LEASE_SECONDS: i64 = 120;
/// Time between two reads of due mails without a signal: other processes write some, and some are tried again.
const EVERY: Duration = Duration::from_secs(1);
/// Seconds until a mail is tried again that was not sent in its first attempt, its second, and so on. The last attempt
/// is the one after the last of these.
const AGAIN: [i64; 7] = [60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600]; // # assumed from the fifth on
/// Maximum number of letters of a cause that are stored.
const CAUSE_MAX: usize = 500;

const _: () =
    assert!(LEASE_SECONDS > PATIENCE.as_secs() as i64, "a lease keeps other processes from a mail that is being sent");

/// Worker that sends mails.
pub struct Outbox {
    links: Links,
    mailer: Mailer,
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

    /// Sends mails for as long as the process lives.
    pub async fn run(self: Arc<Self>) {
        loop {
            let round = async { self.round(self.links.ledger.now(None).await?).await };
            match round.await {
                // A full wave: more mails are due.
                Ok(sent) if sent == WAVE as usize => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "waiting mails cannot be read; it is tried again"),
            }
            // A mail that this process writes wakes the worker; the time-out is for all others.
            let _ = tokio::time::timeout(EVERY, self.links.ledger.store().mail_signal().notified()).await;
        }
    }

    /// Sends mails that are due at an instant, at most a wave of them; returns their number, sent or not.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn round(self: &Arc<Self>, now: Timestamp) -> Result<usize, Unavailable> {
        let store = self.links.ledger.store();
        // Most often no mail is due, and a read delays no other work.
        if !mails::is_any_due(store.worker(), now).await? {
            return Ok(0);
        }
        let leased = mails::lease(store.worker(), now, now.after_seconds(LEASE_SECONDS), WAVE).await?;
        let many = leased.len();
        let mut sending = JoinSet::new();
        for mail in leased {
            let this = Arc::clone(self);
            sending.spawn(async move { this.one(&mail, now).await });
        }
        while let Some(ended) = sending.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the outcome of a mail could not be recorded; it may be sent again")
                }
                Err(panic) => tracing::error!(%panic, "the task of a mail panicked; the mail is sent again later"),
            }
        }
        Ok(many)
    }

    /// Sends a mail, and records the result.
    async fn one(&self, mail: &Leased, now: Timestamp) -> Result<(), Unavailable> {
        let sent = match usize::try_from(mail.attempt).is_ok_and(|attempt| attempt <= AGAIN.len() + 1) {
            true => self.send(mail, now).await,
            false => Err(Failure::Never("every process that leased the mail died".to_owned())),
        };
        let again = usize::try_from(mail.attempt - 1).ok().and_then(|tried| AGAIN.get(tried));
        let on = self.links.ledger.store().worker();
        match (sent, again) {
            (Ok(()), _) => {
                tracing::info!(id = mail.id, kind = mail.kind, "a mail was sent");
                mails::mark_sent(on, &mail.id, now).await.map(drop)
            }
            (Err(Failure::Later(cause)), Some(seconds)) => {
                let cause = cause_line(&cause);
                tracing::warn!(
                    id = mail.id,
                    attempt = mail.attempt,
                    cause,
                    again_in_seconds = seconds,
                    "a mail could not be sent; it is tried again"
                );
                mails::put_off(on, &mail.id, mail.attempt, now.after_seconds(*seconds)).await.map(drop)
            }
            (Err(Failure::Later(cause) | Failure::Never(cause)), _) => {
                let cause = cause_line(&cause);
                tracing::error!(id = mail.id, attempt = mail.attempt, cause, "a mail is given up");
                mails::give_up(on, &mail.id, mail.attempt, &cause).await.map(drop)
            }
        }
    }

    /// Returns true if a mail goes to a blocked person, or is an invitation by one.
    async fn is_of_the_blocked(&self, leased: &Leased, mail: &Mail) -> Result<bool, Unavailable> {
        let store = self.links.ledger.store();
        if let Mail::Invitation { inviter, .. } = mail
            && blocks::of_mailbox(store, inviter).await?.is_some()
        {
            return Ok(true);
        }
        Ok(blocks::of_mailbox(store, &leased.recipient).await?.is_some())
    }

    async fn send(&self, leased: &Leased, now: Timestamp) -> Result<(), Failure> {
        // A newer version may share the database: it sends the mails that it wrote.
        let mail = Mail::read(&leased.kind, &leased.data).map_err(Failure::Later)?;
        if !leased.is_sealed {
            return Err(Failure::Never("its row does not match its seal".to_owned()));
        }
        if self.is_of_the_blocked(leased, &mail).await.map_err(|error| Failure::Later(error.to_string()))? {
            return Err(Failure::Never("its recipient or its sender is blocked".to_owned()));
        }
        let link = links::mint(&self.links, &leased.recipient, &mail, now).await;
        let link = link.map_err(|error| Failure::Later(error.to_string()))?;
        let link =
            link.ok_or_else(|| Failure::Never("the invitation or sign-in that it links to has ended".to_owned()))?;
        let catalogs = self.links.ledger.store().catalogs();
        let product = catalogs.newest().map_or("Scrip", |newest| &newest.catalog.name);
        let shown = self.mailer.transport().render_link(&link);
        let message = templates::message(product, &leased.recipient, &mail, &shown);
        self.mailer.send(&leased.id, &message, &link, now).await
    }
}

/// Returns a cause in the form in which it is stored: one line of at most [`CAUSE_MAX`] letters.
fn cause_line(cause: &str) -> String {
    let line = cause.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(CAUSE_MAX).collect()
}
