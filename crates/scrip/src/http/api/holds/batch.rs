//! `/v1/holds/batch`: many decisions about holds in one request, each as if it had been asked for alone.
//!
//! A request that cannot be read is refused whole, before anything is decided: its sender has a bug, and half of it
//! done would be worse. A fault that depends on a workspace, a hold or the catalog is the answer to that decision
//! alone.
//!
//! Invariant: no rule about holds is here; commands and answers come from the code for single requests.

use super::{capture_command, change_reply, creation_reply, open_command};
use crate::http::edge::app::App;
use crate::http::edge::caller::good_key;
use crate::http::edge::object::HoldId;
use crate::http::edge::problem::Problem;
use crate::http::edge::rates;
use crate::http::edge::reply::Reply;
use crate::http::edge::request::Body;
use crate::http::edge::rights::Operator;
use crate::ledger::Origin;
use axum::Json;
use axum::extract::State;
use scrip_client::types::{self as api, Decision};
use scrip_engine::{Command, HoldCommand, WorkspaceId, hold_is_good};
use scrip_store::{Commit, SubmitError};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Opens, captures and releases up to 1,000 holds of any workspaces, each decision with its own key and its own answer.
///
/// Decisions about one workspace are made in the order given. A decision that is refused leaves the others unchanged.
#[utoipa::path(post, path = "/v1/holds/batch", tag = "Holds", request_body = api::DecisionBatch,
    responses((status = 200, description = "One answer for each decision, in the order asked", body = api::DecisionAnswers)))]
pub async fn batch(
    operator: Operator,
    State(app): State<Arc<App>>,
    body: Body<api::DecisionBatch>,
) -> Result<Json<api::DecisionAnswers>, Problem> {
    let mut all = read(&app, &operator, body.value.decisions)?;
    for one in &mut all {
        one.count(&app).await;
    }
    let asked = all.iter().filter_map(|one| one.about.as_ref().ok());
    let many = asked.map(|about| (about.workspace, about.command.clone(), about.asked.clone())).collect();
    let results = app.ledger.submit_many(many).await;
    // When none of the decisions is known to be done, the whole request fails, and is tried again like any other.
    let undone = |result: &Result<_, _>| matches!(result, Err(SubmitError::Unavailable(_)));
    if let Some(Err(error)) = results.first()
        && results.iter().all(undone)
    {
        return Err(error.clone().into());
    }
    let mut results = results.into_iter();
    let mut answers = Vec::with_capacity(all.len());
    for One { key, at, about } in all {
        let reply = match about {
            Ok(about) => about.reply(&app, results.next().ok_or(Problem::Internal)?).await,
            Err(problem) => Err(problem),
        };
        answers.push(answer(key, reply.map_err(|problem| problem.within(&at)))?);
    }
    Ok(Json(api::DecisionAnswers { answers }))
}

/// One decision of a request, after reading.
struct One {
    key: String,
    /// JSON pointer to the decision in the body, for the pointers of errors.
    at: String,
    /// Command of the decision; not found when its workspace or hold has no valid id.
    about: Result<About, Problem>,
}

impl One {
    /// Counts the decision against its workspace's rate limit, if it asks for that. One too many is refused by itself.
    async fn count(&mut self, app: &App) {
        if let Ok(About { workspace, counts: true, .. }) = &self.about
            && let Err(problem) = rates::count(&app.ledger, *workspace).await
        {
            self.about = Err(problem);
        }
    }
}

/// Workspace, hold and command of a decision.
struct About {
    workspace: WorkspaceId,
    /// Number of the hold; `None` when the decision opens one.
    hold: Option<u32>,
    /// `true` when the decision counts against the workspace's rate limit.
    counts: bool,
    command: Command,
    asked: Origin,
}

impl About {
    async fn reply(self, app: &App, result: Result<Commit, SubmitError>) -> Result<Reply<api::Hold>, Problem> {
        match self.hold {
            None => creation_reply(self.workspace, result),
            Some(hold) => change_reply(app, self.workspace, hold, result).await,
        }
    }
}

/// Reads every decision of a request.
///
/// # Errors
/// The fault of the first decision that cannot be read, or when there are none or too many, or two have the same key.
fn read(app: &App, operator: &Operator, decisions: Vec<Decision>) -> Result<Vec<One>, Problem> {
    if !(1..=api::DECISIONS_MAX).contains(&decisions.len()) {
        return Err(Problem::invalid("/decisions", format!("must be 1 to {} decisions", api::DECISIONS_MAX)));
    }
    let mut all = Vec::with_capacity(decisions.len());
    let mut first = HashMap::with_capacity(decisions.len());
    for (n, decision) in decisions.into_iter().enumerate() {
        let one = one(app, operator, n, decision)?;
        if let Ok(about) = &one.about
            && let Some(before) = first.insert((about.workspace, one.key.clone()), n)
        {
            let detail = format!("is also the key of /decisions/{before}, for the same workspace");
            return Err(Problem::invalid(format!("/decisions/{n}/key"), detail));
        }
        all.push(one);
    }
    Ok(all)
}

fn one(app: &App, operator: &Operator, n: usize, decision: Decision) -> Result<One, Problem> {
    let key = decision.key().to_owned();
    good_key(&format!("/decisions/{n}/key"), &key)?;
    // A key is compared on the content of its decision, and not on the batch or the place in it.
    let said = serde_json::to_vec(&decision).map_err(|_| Problem::Internal)?;
    let member = match &decision {
        Decision::Open(_) => "open",
        Decision::Capture(_) => "capture",
        Decision::Release(_) => "release",
    };
    let counts = matches!(&decision, Decision::Open(open) if open.open.count_request);
    let at = format!("/decisions/{n}/{member}");
    let (place, command) = command(app, operator, decision).map_err(|problem| problem.within(&at))?;
    let about = place.map(|(workspace, hold)| {
        let asked = operator.origin_with_key(workspace, Some(&key), &said);
        About { workspace, hold, counts, command, asked }
    });
    Ok(One { key, at, about })
}

type Target = Result<(WorkspaceId, Option<u32>), Problem>;

/// Returns the workspace and hold of a decision, and its command. Faults of the rest are found whatever hold it names.
fn command(app: &App, operator: &Operator, decision: Decision) -> Result<(Target, Command), Problem> {
    let hold = |id: &str| operator.read(id).map(|HoldId { workspace, n }| (workspace, Some(n)));
    let number = |found: &Target| found.as_ref().ok().and_then(|(_, n)| *n).unwrap_or_default();
    Ok(match decision {
        Decision::Open(api::OpenDecision { workspace, open, .. }) => {
            hold_is_good(&open.reference, open.seconds).map_err(Problem::Refused)?;
            let found = operator.read::<WorkspaceId>(&workspace).map(|workspace| (workspace, None));
            let of = found.as_ref().map_or(WorkspaceId::new(0), |(workspace, _)| *workspace);
            (found, open_command(app, of, open)?)
        }
        Decision::Capture(api::CaptureDecision { hold: id, capture, .. }) => {
            let found = hold(&id);
            let command = capture_command(number(&found), &capture)?;
            (found, command)
        }
        Decision::Release(api::ReleaseDecision { hold: id, .. }) => {
            let found = hold(&id);
            let command = Command::Hold(HoldCommand::Release { hold: number(&found) });
            (found, command)
        }
    })
}

/// Converts the result of a decision to its own answer.
fn answer(key: String, reply: Result<Reply<api::Hold>, Problem>) -> Result<api::DecisionAnswer, Problem> {
    Ok(match reply {
        Ok(Reply { status, body: hold, replayed, entry }) => {
            api::DecisionAnswer::Made(api::DecisionMade { key, status: status.as_u16(), hold, entry, replayed })
        }
        Err(problem) => {
            let status = problem.status().as_u16();
            let problem = serde_json::from_value(Value::Object(problem.document())).map_err(|_| Problem::Internal)?;
            api::DecisionAnswer::Refused(api::DecisionRefused { key, status, problem })
        }
    })
}
