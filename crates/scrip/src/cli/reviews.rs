//! `scrip reviews`: applications for reviews that plans require, and decisions about them.

use super::api::{Api, Part, more};
use super::output::{CommandResult, Fault, or_dash, print, say, table};
use clap::{Subcommand, ValueEnum};
use scrip_client::types::{NewReview, Review, ReviewFile};
use scrip_client::{Call, Client, FileKind};
use std::path::{Path, PathBuf};

/// Status of an application for a review.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Status {
    /// Waiting for a decision of the operator
    Submitted,
    /// Approved, so that the plans that require the review can be bought
    Approved,
    /// Rejected, and open to another application
    Rejected,
    /// Approved once, and not any more
    Revoked,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Status::Submitted => "submitted",
            Status::Approved => "approved",
            Status::Rejected => "rejected",
            Status::Revoked => "revoked",
        }
    }
}

/// Subcommands of `scrip reviews`.
#[derive(Subcommand)]
pub enum Verb {
    /// List applications, newest first: of the workspace, or of all workspaces when none is named
    List {
        /// Show applications with this status alone
        #[arg(long)]
        status: Option<Status>,
        #[command(flatten)]
        part: Part,
    },
    /// Show an application, with its form and files
    Show {
        /// Id of the application, `rev_…`
        id: String,
    },
    /// Apply for a review that a plan requires
    Apply {
        /// Id of the review, as `scrip catalog show` names it
        review: String,
        /// Field of the form, for the operator: company="Studio Ada"
        #[arg(value_name = "FIELD=TEXT", value_parser = field)]
        form: Vec<(String, String)>,
    },
    /// Add a PDF, PNG or JPEG to an application that is not decided yet; or save one of its files, `rf_…`, as PATH
    File {
        /// Id of the application to add to, `rev_…`, or of the file to save, `rf_…`
        id: String,
        /// Path of the file
        path: PathBuf,
    },
    /// Approve an application for a review
    Approve(Decision),
    /// Reject an application; the applicant is told why
    Reject(Decision),
    /// Take an approval back; the applicant is told why
    Revoke(Decision),
}

/// Decision about an application, and its reason.
#[derive(clap::Args)]
pub struct Decision {
    /// Id of the application, `rev_…`
    id: String,
    /// Reason for the decision
    #[arg(long)]
    reason: String,
}

impl Decision {
    fn call(&self, decided: impl FnOnce(&str, &str) -> Call<Review>) -> Result<Call<Review>, Fault> {
        parse_id(&self.id).map(|id| decided(id, &self.reason))
    }
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        // An operator who names no workspace sees all applications.
        let client = || -> Result<Client, Fault> {
            match api.named_workspace() {
                Some(_) => Ok((*api.workspace_client()?).clone()),
                None => api.client(),
            }
        };
        let call = match self {
            Verb::List { status, part } => {
                let call = client()?.reviews(&part.paging(), status.map(Status::name));
                return api.show(call, |page| render_list(&page.data) + &more(page.next_cursor.as_deref())).await;
            }
            Verb::Show { id } => return api.show(client()?.review(parse_id(&id)?), whole).await,
            Verb::Apply { review, form } => {
                let new = NewReview { review, form: form.into_iter().collect() };
                return api.show(api.write(api.workspace_client()?.apply_for_review(&new)), whole).await;
            }
            Verb::File { id, path } if id.starts_with("rf_") => return save(api, &client()?, &id, &path).await,
            Verb::File { id, path } => return add(api, &client()?, &id, &path).await,
            Verb::Approve(decision) => {
                let client = client()?;
                decision.call(|id, reason| client.approve_review(id, reason))?
            }
            Verb::Reject(decision) => {
                let client = client()?;
                decision.call(|id, reason| client.reject_review(id, reason))?
            }
            Verb::Revoke(decision) => {
                let client = client()?;
                decision.call(|id, reason| client.revoke_review(id, reason))?
            }
        };
        api.show(api.write(call), |review| render_list(std::slice::from_ref(review))).await
    }
}

async fn add(api: &Api, client: &Client, id: &str, path: &Path) -> CommandResult {
    let unreadable = |error| Fault::Misused(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let kind = FileKind::of(&bytes);
    let kind = kind.ok_or_else(|| Fault::Misused(format!("{}: it is not a PDF, PNG or JPEG", path.display())))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let call = api.write(client.add_review_file(parse_id(id)?, &name, kind, bytes));
    api.show(call, |file: &ReviewFile| files(std::slice::from_ref(file))).await
}

async fn save(api: &Api, client: &Client, id: &str, path: &Path) -> CommandResult {
    let bytes = client.review_file(id).bytes().await?;
    std::fs::write(path, &bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    if api.json {
        return print(&serde_json::json!({ "id": id, "bytes": bytes.len() }).to_string());
    }
    say(&format!("{id} is saved as {}\n", path.display()))
}

fn field(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, text) = parts.ok_or_else(|| format!("`{text}` is not FIELD=TEXT"))?;
    Ok((name.to_owned(), text.to_owned()))
}

/// Returns the id of an application, or refuses a text that is none.
fn parse_id(id: &str) -> Result<&str, Fault> {
    if id.starts_with("rev_") {
        return Ok(id);
    }
    Err(Fault::Misused(format!(
        "`{id}` is not the id of an application; name the application by its id, `rev_…`: scrip reviews list"
    )))
}

fn render_list(reviews: &[Review]) -> String {
    let row = |review: &Review| {
        vec![
            review.id.clone(),
            review.review.clone(),
            review.status.clone(),
            review.applied_at.clone(),
            or_dash(review.applied_by.as_deref()),
            or_dash(review.reason.as_deref()),
        ]
    };
    let head = ["application", "review", "status", "applied", "by", "reason"];
    table(&head, &reviews.iter().map(row).collect::<Vec<_>>())
}

fn whole(review: &Review) -> String {
    let fields: Vec<Vec<String>> = review.form.iter().map(|(name, text)| vec![name.clone(), text.clone()]).collect();
    let form = if fields.is_empty() { String::new() } else { format!("\n{}", table(&["field", "text"], &fields)) };
    let filed = if review.files.is_empty() { String::new() } else { format!("\n{}", files(&review.files)) };
    render_list(std::slice::from_ref(review)) + &form + &filed
}

fn files(files: &[ReviewFile]) -> String {
    let row = |file: &ReviewFile| {
        vec![
            file.id.clone(),
            file.name.clone(),
            file.content_type.clone(),
            file.bytes.to_string(),
            file.added_at.clone(),
        ]
    };
    table(&["file", "name", "type", "bytes", "added"], &files.iter().map(row).collect::<Vec<_>>())
}
