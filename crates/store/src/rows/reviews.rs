//! Applications for reviews, written together with the entries that decide them.
//!
//! Invariant: the workspace decides whether a review is approved; a row is the application that was sent, for lists.

use super::text;
use crate::{Handle, Row, Statement, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds an application, unless it exists.
    NEW = "INSERT INTO reviews
    (workspace, number, review, application, form, actor, applied_at, status, seal)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, 'submitted', $7 FROM reviews WHERE workspace = $1
    ON CONFLICT DO NOTHING";
    /// Reads an application by its number in the workspace.
    BY_NUMBER = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE workspace = $1 AND number = $2";
    /// Reads an application by its number among those for its review.
    BY_APPLICATION = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE workspace = $1 AND review = $2 AND application = $3";
    /// Reads applications before one, newest first.
    BEFORE = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE n < $1 ORDER BY n DESC LIMIT $2";
    /// Reads applications of one workspace before one, newest first.
    BEFORE_OF = "SELECT n, workspace, number, review, application, form, actor, applied_at, status, reason,
    decided_at FROM reviews WHERE n < $1 AND workspace = $3 ORDER BY n DESC LIMIT $2";
    /// Reads applications with a status before one, newest first.
    BEFORE_BY_STATUS = "SELECT n, workspace, number, review, application, form, actor, applied_at, status,
    reason, decided_at FROM reviews WHERE n < $1 AND status = $3 ORDER BY n DESC LIMIT $2";
    /// Reads applications of one workspace with a status before one, newest first.
    BEFORE_OF_BY_STATUS = "SELECT n, workspace, number, review, application, form, actor, applied_at,
    status, reason, decided_at FROM reviews WHERE n < $1 AND workspace = $3 AND status = $4 ORDER BY n DESC LIMIT $2";
    /// Writes the decision about an application.
    DECIDE = "UPDATE reviews SET status = $4, reason = $5, decided_at = $6
    WHERE workspace = $1 AND review = $2 AND application = $3";
    /// Reads the status of every application, in the order in which they were made in each workspace.
    STATES = "SELECT workspace, review, application, status, reason, decided_at, number FROM reviews ORDER BY workspace, n";
    /// Adds or decides a review that was approved with a plan, without an application.
    DECIDE_UNASKED = "INSERT INTO reviews
    (workspace, number, review, application, form, actor, applied_at, status, reason, decided_at, seal)
    SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, '{}', '', $6, $4, $5, $6, $7 FROM reviews WHERE workspace = $1
    ON CONFLICT (workspace, review, application) DO UPDATE
    SET status = excluded.status, reason = excluded.reason, decided_at = excluded.decided_at";
}

/// An application for a review, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Number among all applications, by which a list continues.
    pub n: i64,
    /// Identifier of the workspace that applied.
    pub workspace: WorkspaceId,
    /// Number of the application in the workspace.
    pub number: u32,
    /// Name of the review.
    pub review: String,
    /// Number among the workspace's applications for this review.
    pub application: u32,
    /// Form that was sent, as JSON.
    pub form: String,
    /// Name of the person who sent it, as the journal keeps it.
    pub actor: String,
    /// Instant at which it was sent.
    pub applied_at: Timestamp,
    /// Name of the application's status.
    pub status: String,
    /// Reason for the rejection or revocation.
    pub reason: Option<String>,
    /// Instant of the decision.
    pub decided_at: Option<Timestamp>,
}

impl Application {
    fn read(row: &Row) -> Application {
        let number = |column: usize| u32::try_from(row.integer(column)).unwrap_or(u32::MAX);
        Application {
            n: row.integer(0),
            workspace: row.workspace(1),
            number: number(2),
            review: row.text_owned(3),
            application: number(4),
            form: row.text_owned(5),
            actor: row.text_owned(6),
            applied_at: row.instant(7),
            status: row.text_owned(8),
            reason: row.maybe_text(9),
            decided_at: row.maybe_instant(10),
        }
    }
}

/// An application that is added with an entry.
#[derive(Clone, Debug)]
pub struct NewApplication<'a> {
    /// Identifier of the workspace that applies.
    pub workspace: WorkspaceId,
    /// Name of the review.
    pub review: &'a str,
    /// Number among the workspace's applications for this review.
    pub application: u32,
    /// Form of the application, as JSON.
    pub form: &'a str,
    /// Name of the person who sends it, as the journal keeps it.
    pub actor: &'a str,
    /// Instant at which it is sent.
    pub applied_at: Timestamp,
}

impl NewApplication<'_> {
    /// Returns the columns that the row's seal is over.
    fn columns(&self) -> Vec<Value> {
        vec![
            self.workspace.into(),
            text(self.review),
            i64::from(self.application).into(),
            text(self.form),
            text(self.actor),
            self.applied_at.micros().into(),
        ]
    }
}

/// Returns the statement that adds an application with its entry, unless it exists.
pub fn add_with_entry(application: &NewApplication<'_>) -> Statement {
    let values = application.columns();
    Statement { sql: NEW, sealed: Some(("reviews", values.clone())), values }
}

/// A decision about an application.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Identifier of the workspace that applied.
    pub workspace: WorkspaceId,
    /// Name of the review.
    pub review: &'a str,
    /// Number among the applications for this review; 0 where none was sent.
    pub application: u32,
    /// Name of the new status.
    pub status: &'a str,
    /// Reason for the rejection or revocation.
    pub reason: Option<String>,
    /// Instant of the decision.
    pub at: Timestamp,
}

/// Returns the statement that decides an application with an entry. Where none was sent, the row is made.
pub fn decide_with_entry(decision: &Decision<'_>) -> Statement {
    let Decision { workspace, review, application, status, reason, at } = decision;
    let values = vec![
        (*workspace).into(),
        text(review),
        i64::from(*application).into(),
        text(status),
        reason.clone().into(),
        at.micros().into(),
    ];
    if *application > 0 {
        return Statement::new(DECIDE, values);
    }
    let unasked =
        NewApplication { workspace: *workspace, review, application: 0, form: "{}", actor: "", applied_at: *at };
    Statement { sql: DECIDE_UNASKED, values, sealed: Some(("reviews", unasked.columns())) }
}

/// Returns an application by its number in the workspace.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_number(
    on: Handle<'_>,
    workspace: WorkspaceId,
    number: u32,
) -> Result<Option<Application>, Unavailable> {
    let rows = on.read(BY_NUMBER, vec![workspace.into(), i64::from(number).into()]).await?;
    Ok(rows.first().map(Application::read))
}

/// Returns an application by its number among those of the workspace for its review.
///
/// # Errors
/// When the store cannot answer.
pub async fn by_application(
    on: Handle<'_>,
    workspace: WorkspaceId,
    review: &str,
    application: u32,
) -> Result<Option<Application>, Unavailable> {
    let values = vec![workspace.into(), text(review), i64::from(application).into()];
    Ok(on.read(BY_APPLICATION, values).await?.first().map(Application::read))
}

/// Returns applications before one, newest first, at most `most`; of a workspace, with a status, or both.
///
/// # Errors
/// When the store cannot answer.
pub async fn before(
    on: Handle<'_>,
    (n, most): (i64, i64),
    workspace: Option<WorkspaceId>,
    status: Option<&str>,
) -> Result<Vec<Application>, Unavailable> {
    let sql = match (workspace, status) {
        (None, None) => BEFORE,
        (None, Some(_)) => BEFORE_BY_STATUS,
        (Some(_), None) => BEFORE_OF,
        (Some(_), Some(_)) => BEFORE_OF_BY_STATUS,
    };
    let mut values = vec![n.into(), most.into()];
    values.extend(workspace.map(Value::from));
    values.extend(status.map(text));
    Ok(on.read(sql, values).await?.iter().map(Application::read).collect())
}

/// The status of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Identifier of the workspace that applied.
    pub workspace: WorkspaceId,
    /// Name of the review.
    pub review: String,
    /// Number among the workspace's applications for this review.
    pub application: i64,
    /// Name of the application's status.
    pub status: String,
    /// Reason for the rejection or revocation.
    pub reason: Option<String>,
    /// Instant of the decision, in microseconds.
    pub decided_at: Option<i64>,
    /// Number of the application in the workspace.
    pub number: i64,
}

/// Returns the status of every application, in the order in which they were made in each workspace.
///
/// # Errors
/// When the store cannot answer.
pub async fn states(on: Handle<'_>) -> Result<Vec<State>, Unavailable> {
    let rows = on.read(STATES, Vec::new()).await?;
    let read = |row: &Row| State {
        workspace: row.workspace(0),
        review: row.text_owned(1),
        application: row.integer(2),
        status: row.text_owned(3),
        reason: row.maybe_text(4),
        decided_at: row.maybe_integer(5),
        number: row.integer(6),
    };
    Ok(rows.iter().map(read).collect())
}
