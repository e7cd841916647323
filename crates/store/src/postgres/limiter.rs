//! Rate limits of workspaces, exact over all processes: each workspace's log is a row, and a process that judges by it
//! locks it and takes the time from the database.
//!
//! Requests that arrive during a transaction are gathered and share the next one, so a thousand requests of a workspace
//! at once lock one row once. The rows need not survive a crash: the table is unlogged, and no commit waits for a disk.
//!
//! Invariant: no request is admitted whose admission the database has not confirmed.

use super::inserts::Inserts;
use super::{QUEUE_MAX, SharedState, await_answer, patiently};
use crate::{Unavailable, Value};
use scrip_engine::limits::RATE_SECONDS;
use scrip_engine::{Admission, Admissions, SECOND, Timestamp, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

/// Maximum number of requests that share a transaction.
const BATCH_MAX: usize = 1_024;
/// Number of rounds in which rows are made anew that another process has deleted.
const ROUNDS_MAX: usize = 4;
/// Settings of the connection. A lock is held for the time of two messages: a process that holds one for longer has
/// stopped in the middle, and one that waits for longer has lost its caller.
const SESSION: &str = "SET synchronous_commit = off; SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '2s'"; // # assumed
/// Locks rows in the order of workspaces in every process, so that no two wait for each other.
const LOCK: &str = "SELECT workspace, log FROM admissions WHERE workspace = ANY($1) ORDER BY workspace FOR UPDATE";
/// Reads the time after the rows are locked: a log's instants are in the order in which they were written.
const NOW: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";
const WRITE: &str = "UPDATE admissions SET log = asked.log, last = asked.last
    FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS asked (workspace, log, last)
    WHERE admissions.workspace = asked.workspace AND admissions.workspace = ANY($1)";
/// Deletes rows that are not needed any more. A request that meets one makes it again.
const SWEEP: &str = "DELETE FROM admissions WHERE last < $1";
/// Time between two sweeps, and time without a request after which a row is deleted, in seconds.
const SWEEP_SECONDS: i64 = 2 * RATE_SECONDS as i64;

type Answer = Result<Admission, Unavailable>;

/// One request to be admitted.
struct Ask {
    workspace: i64,
    /// Part of the database that the workspace is in.
    part: i64,
    limit: u32,
    reply: oneshot::Sender<Answer>,
}

/// Handle to the task that judges this process's requests.
pub(super) struct Limiter(mpsc::Sender<Ask>);

impl Limiter {
    /// Starts the task that gathers requests. It connects at the first request.
    pub(super) fn start(shared: &Arc<SharedState>) -> Limiter {
        let (asks, waiting) = mpsc::channel(QUEUE_MAX);
        let sweep_at = shared.now().after_seconds(SWEEP_SECONDS);
        let judge = Judge { shared: Arc::clone(shared), link: None, sweep_at };
        tokio::spawn(judge.run(waiting));
        Limiter(asks)
    }

    /// Judges one request; see [`crate::Store::admit`].
    pub(super) async fn admit(&self, workspace: WorkspaceId, part: i64, limit: u32) -> Answer {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.try_send(Ask { workspace: workspace.get(), part, limit, reply });
        await_answer(sent.map(|()| answer).map_err(|_| Unavailable(format!("{QUEUE_MAX} requests are waiting"))))
            .await?
    }
}

/// Connection of the limiter, with its statements prepared.
struct Link {
    client: Client,
    lock: Statement,
    now: Statement,
    write: Statement,
    make: Inserts,
    sweep: Statement,
}

impl Link {
    async fn new(shared: &SharedState) -> Result<Link, Unavailable> {
        let client = shared.connect().await?;
        client.batch_execute(SESSION).await?;
        let (lock, now, write, sweep) =
            tokio::try_join!(client.prepare(LOCK), client.prepare(NOW), client.prepare(WRITE), client.prepare(SWEEP))?;
        let make = "INSERT INTO admissions (workspace, log, last)";
        let make = Inserts::new(make, &["bigint", "bytea", "bigint"], "ON CONFLICT (workspace) DO NOTHING");
        Ok(Link { client, lock, now, write, make, sweep })
    }

    /// Locks the logs of workspaces, in a transaction that begins here, and reads the time. That is one message and its
    /// answer, but for a workspace that has no row yet.
    async fn lock(&self, workspaces: &BTreeSet<i64>) -> Result<(Vec<Row>, Timestamp), Unavailable> {
        let all: Vec<i64> = workspaces.iter().copied().collect();
        for _ in 0..ROUNDS_MAX {
            let asked: [&(dyn ToSql + Sync); 1] = [&all];
            let (begun, rows, now) = tokio::join!(
                biased;
                self.client.batch_execute("BEGIN"),
                self.client.query(&self.lock, &asked),
                self.client.query_one(&self.now, &[])
            );
            begun?;
            let (rows, now) = (rows?, Timestamp::from_micros(now?.get(0)));
            if rows.len() == all.len() {
                return Ok((rows, now));
            }
            let there: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
            let fresh = |id: &i64| vec![(*id).into(), Value::Bytes(Vec::new()), now.micros().into()];
            let missing: Vec<Vec<Value>> = workspaces.difference(&there).map(fresh).collect();
            // Rows are made while none is locked: another process may be making those of several workspaces.
            self.client.batch_execute("ROLLBACK").await?;
            self.make.prepare(&self.client, missing.len()).await?;
            self.make.insert(&self.client, &missing).await?;
        }
        Err(Unavailable("the rows of the rate limits are deleted as soon as they are made".to_owned()))
    }

    /// Judges requests, those of one workspace in this order, and keeps the admitted ones.
    async fn judge(&self, asks: &[Ask]) -> Result<Vec<Answer>, Unavailable> {
        let workspaces: BTreeSet<i64> = asks.iter().map(|ask| ask.workspace).collect();
        let (rows, now) = self.lock(&workspaces).await?;
        let read = |row: &Row| (row.get(0), Admissions::from_bytes(RATE_SECONDS, row.get(1)));
        let mut logs: BTreeMap<i64, Option<Admissions>> = rows.iter().map(read).collect();
        let mut changed = BTreeSet::new();
        let mut answers = Vec::with_capacity(asks.len());
        for Ask { workspace, limit, .. } in asks {
            let Some(log) = logs.get_mut(workspace).and_then(Option::as_mut) else {
                answers.push(Err(Unavailable(format!("the admissions of workspace {workspace} cannot be read"))));
                continue;
            };
            let admission = log.ask(*limit, now);
            if let Admission::Admitted { .. } = admission {
                changed.insert(*workspace);
            }
            answers.push(Ok(admission));
        }
        let log = |workspace: &i64| logs.get(workspace).and_then(Option::as_ref);
        let changed: Vec<(i64, &Admissions)> = changed.iter().filter_map(|id| Some((*id, log(id)?))).collect();
        self.keep(&changed).await?;
        Ok(answers)
    }

    /// Writes logs and ends the transaction, in one message and its answer.
    async fn keep(&self, changed: &[(i64, &Admissions)]) -> Result<(), Unavailable> {
        if changed.is_empty() {
            return Ok(self.client.batch_execute("ROLLBACK").await?);
        }
        let workspaces: Vec<i64> = changed.iter().map(|(workspace, _)| *workspace).collect();
        let logs: Vec<Vec<u8>> = changed.iter().map(|(_, log)| log.to_bytes()).collect();
        let last = |log: &Admissions| log.last().unwrap_or_default().micros();
        let last: Vec<i64> = changed.iter().map(|(_, log)| last(log)).collect();
        let kept: [&(dyn ToSql + Sync); 3] = [&workspaces, &logs, &last];
        let (written, committed) = tokio::join!(
            biased;
            self.client.execute(&self.write, &kept),
            self.client.batch_execute("COMMIT")
        );
        let written = written?;
        committed?;
        if written != workspaces.len() as u64 {
            return Err(Unavailable("rows of the rate limits were gone although they were locked".to_owned()));
        }
        Ok(())
    }
}

/// The task behind a [`Limiter`].
struct Judge {
    shared: Arc<SharedState>,
    link: Option<Link>,
    sweep_at: Timestamp,
}

impl Judge {
    async fn run(mut self, mut waiting: mpsc::Receiver<Ask>) {
        let mut asks = Vec::with_capacity(BATCH_MAX);
        while waiting.recv_many(&mut asks, BATCH_MAX).await > 0 {
            // A caller that was told to come back meanwhile must not count twice.
            asks.retain(|ask| !ask.reply.is_closed());
            // The requests of one workspace are of one part, and keep their order.
            asks.sort_by_key(|ask| ask.part);
            while let Some(part) = asks.first().map(|ask| ask.part) {
                let end = asks.partition_point(|ask| ask.part == part);
                let asked: Vec<Ask> = asks.drain(..end).collect();
                self.answer(asked).await;
            }
            self.sweep().await;
        }
    }

    /// Judges requests of one part, and answers them.
    async fn answer(&mut self, asks: Vec<Ask>) {
        let answers = patiently(self.judge(&asks)).await;
        let mut answers = answers.unwrap_or_else(|why| vec![Err(why); asks.len()]).into_iter();
        for ask in asks {
            let answer = answers
                .next()
                .unwrap_or_else(|| Err(Unavailable("the limiter has not judged this request".to_owned())));
            // A caller that does not wait any more was told to come back.
            let _ = ask.reply.send(answer);
        }
    }

    /// Judges on the present connection, or on a new one. After an error or a timeout the connection is dropped, and
    /// its transaction ends with it.
    async fn judge(&mut self, asks: &[Ask]) -> Result<Vec<Answer>, Unavailable> {
        let link = match self.link.take().filter(|link| !link.client.is_closed()) {
            Some(link) => link,
            None => Link::new(&self.shared).await?,
        };
        let answers = link.judge(asks).await?;
        self.link = Some(link);
        Ok(answers)
    }

    /// Deletes the rows of workspaces without recent requests, when a sweep is due.
    async fn sweep(&mut self) {
        let now = self.shared.now();
        if now < self.sweep_at {
            return;
        }
        let Some(link) = self.link.take() else { return };
        let before = now.micros() - SWEEP_SECONDS * SECOND;
        match patiently(async { Ok(link.client.execute(&link.sweep, &[&before]).await?) }).await {
            Ok(_) => self.link = Some(link),
            Err(error) => tracing::warn!(%error, "the rows of silent workspaces could not be deleted"),
        }
        self.sweep_at = now.after_seconds(SWEEP_SECONDS);
    }
}
