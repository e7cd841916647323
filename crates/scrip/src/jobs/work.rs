//! Work on leased rows: a row is leased, attempted while its lease is renewed, and given back with the result.
//!
//! Invariant: a result is recorded under the lease it was made under, or not at all.

use futures_util::FutureExt;
use scrip_store::Unavailable;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

/// Longest pause between two attempts to record the result of a job.
const RECORD_AGAIN: Duration = Duration::from_secs(1); // # assumed
/// Maximum number of letters of a cause that are stored.
const CAUSE_MAX: usize = 500;

/// Failure of one attempt at a job, with its cause in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A later attempt may succeed.
    Later(String),
    /// No attempt can succeed.
    Never(String),
}

impl Failure {
    /// Returns the cause in words.
    pub fn cause(&self) -> &str {
        match self {
            Failure::Later(cause) | Failure::Never(cause) => cause,
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Failure {
        Failure::Later(error.to_string())
    }
}

/// Work of a task: rows that are leased, attempted one by one, and given back with the result.
pub trait Work: Send + Sync + 'static {
    /// A leased row. Every statement about the lease checks that this process still has it.
    type Lease: Clone + Send + Sync + 'static;
    /// Result of an attempt that did not fail.
    type Success: Send + Sync;
    /// Time between two renewals of a lease: at most a third of the lease's lifetime.
    const RENEW_EVERY: Duration;
    /// Maximum time of an attempt.
    const PATIENCE: Duration;

    /// Leases rows that are due, at most `most`.
    ///
    /// # Errors
    /// When the store cannot answer; no row is leased then.
    fn lease(&self, most: usize) -> impl Future<Output = Result<Vec<Self::Lease>, Unavailable>> + Send;

    /// Attempts the job of a leased row, and writes nothing about the lease.
    ///
    /// # Errors
    /// When the job failed.
    fn attempt(&self, lease: &Self::Lease) -> impl Future<Output = Result<Self::Success, Failure>> + Send;

    /// Extends a lease; returns `false` when this process has lost it.
    ///
    /// # Errors
    /// When the store cannot write.
    fn renew(&self, lease: &mut Self::Lease) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Records the result of an attempt and ends the lease, unless this process has lost it.
    ///
    /// # Errors
    /// When the store cannot write.
    fn record(
        &self,
        lease: &Self::Lease,
        result: &Result<Self::Success, Failure>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Counts the rows that are due, leased or not; returns `None` for work that has no rows.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn backlog(&self) -> impl Future<Output = Result<Option<u64>, Unavailable>> + Send;

    /// Returns a future that is ready once rows may have become due after this call.
    fn next_wake(&self) -> impl Future<Output = ()> + Send;
}

/// Attempts the job of a leased row while its lease is renewed, and records the result. A panic is a failed attempt,
/// and so is one that takes too long or whose lease cannot be renewed.
///
/// # Errors
/// When the attempt failed, the lease was lost, or the result could not be recorded.
pub async fn finish<W: Work>(work: &W, mut lease: W::Lease) -> Result<(), Failure> {
    let leased = lease.clone();
    let result = {
        let attempt = AssertUnwindSafe(tokio::time::timeout(W::PATIENCE, work.attempt(&leased))).catch_unwind();
        let mut attempt = pin!(attempt);
        let mut failed = 0;
        loop {
            tokio::select! {
                ended = &mut attempt => break match ended {
                    Ok(Ok(result)) => result,
                    Ok(Err(_)) => Err(Failure::Later("it took too long".to_owned())),
                    Err(panic) => Err(Failure::Later(panic_cause(panic.as_ref()))),
                },
                () = tokio::time::sleep(W::RENEW_EVERY) => match work.renew(&mut lease).await {
                    Ok(true) => failed = 0,
                    Ok(false) => return Err(Failure::Later("this process has lost the lease".to_owned())),
                    // The lease lasts for three renewals: after two that failed it is given up while it is still held.
                    Err(error) if failed == 1 => break Err(error.into()),
                    Err(_) => failed += 1,
                },
            }
        }
    };
    record(work, &lease, &result).await?;
    result.map(drop)
}

/// Records a result, again and again until the lease has ended by itself.
async fn record<W: Work>(work: &W, lease: &W::Lease, result: &Result<W::Success, Failure>) -> Result<(), Unavailable> {
    let mut left = W::RENEW_EVERY.saturating_mul(3);
    loop {
        let Err(error) = work.record(lease, result).await else { return Ok(()) };
        let pause = W::RENEW_EVERY.min(RECORD_AGAIN);
        tracing::warn!(%error, "the result of a job could not be recorded");
        left = left.saturating_sub(pause);
        if left.is_zero() {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
    }
}

/// Returns a cause in the form in which it is stored: one line of at most [`CAUSE_MAX`] letters.
pub fn one_line(cause: &str) -> String {
    cause.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CAUSE_MAX).collect()
}

/// Returns the cause of a panic, in words.
pub fn panic_cause(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_default())
}
