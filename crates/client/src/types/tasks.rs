//! Background tasks of a server.

use serde::{Deserialize, Serialize};

/// A background task of the server that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Task {
    /// Name of the task.
    pub name: String,
    /// Maximum time between two rounds, in milliseconds, while nothing fails.
    pub period_ms: u64,
    /// Maximum number of jobs that the server works on at once.
    pub permits: u64,
    /// Number of jobs that the server works on now.
    pub busy: u64,
    /// Number of rows that are due in all servers, also those that are worked on; null for a task without rows, and
    /// when they cannot be counted.
    pub backlog: Option<u64>,
    /// Instant at which the last round began; null before the first.
    pub last_run_at: Option<String>,
    /// Number of rounds that failed since the last good one.
    pub failures: u32,
    /// Last failure of a round or of a job; null when nothing has failed since the server was started.
    pub last_error: Option<TaskError>,
}

/// A failure of a background task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TaskError {
    /// Instant of the failure.
    pub at: String,
    /// Cause of the failure, in words for the operator.
    pub cause: String,
}
