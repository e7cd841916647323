//! `scrip tasks`: the background tasks of a server, with their last results.

use super::api::Api;
use super::output::{CommandResult, or_dash, table};
use scrip_client::types::Task;

/// Calls the API and prints the answer.
pub async fn run(api: &Api) -> CommandResult {
    api.show(api.client()?.tasks(), |page| table_of(&page.data)).await
}

fn table_of(tasks: &[Task]) -> String {
    let row = |task: &Task| {
        let backlog = task.backlog.map(|backlog| backlog.to_string());
        let error = task.last_error.as_ref().map(|error| format!("{}: {}", error.at, error.cause));
        vec![
            task.name.clone(),
            or_dash(task.last_run_at.as_deref()),
            format!("{} of {}", task.busy, task.permits),
            or_dash(backlog.as_deref()),
            task.failures.to_string(),
            or_dash(error.as_deref()),
        ]
    };
    let head = ["task", "last run", "busy", "backlog", "failures", "last error"];
    table(&head, &tasks.iter().map(row).collect::<Vec<_>>())
}
