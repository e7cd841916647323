//! Access of the client verbs to the API: the global flags, and printing of answers.

use super::output::{CommandResult, Fault, print, problem_document, say};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use scrip_client::{Call, Client, Error, KeyKind, WorkspaceClient};
use serde::de::DeserializeOwned;

/// Global flags that name the server, the key and the workspace.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "API")]
pub struct Api {
    /// Base URL of the server
    #[arg(long, global = true, env = "SCRIP_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Operator key `scrip_sk_…`, workspace key `scrip_wk_…` or session `scrip_ps_…`; SCRIP_OPERATOR_KEY is used when
    /// neither this nor SCRIP_KEY is given
    #[arg(long, global = true, env = "SCRIP_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
    /// Id of the workspace, `ws_…`. A key `scrip_wk_…` belongs to one workspace and needs none; SCRIP_WORKSPACE is
    /// ignored with such a key
    #[arg(long, global = true, env = "SCRIP_WORKSPACE", value_name = "ID")]
    workspace: Option<String>,
    /// `true` when the workspace comes from the environment and not from the command line.
    #[arg(skip)]
    is_ambient: bool,
    /// Print the JSON that the API answers
    #[arg(long, global = true)]
    pub json: bool,
    /// Idempotency key of a write, which makes a repetition change nothing; a new one when absent
    #[arg(long, global = true, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Api {
    /// Records whether the workspace was given on the command line or by the environment.
    pub fn note_source(&mut self, matches: &ArgMatches) {
        self.is_ambient = matches.value_source("workspace") == Some(ValueSource::EnvVariable);
    }

    /// Returns a client of the named server.
    pub fn client(&self) -> Result<Client, Fault> {
        Ok(Client::new(&self.url, &self.key())?)
    }

    /// Returns `true` when the key is an operator key for live workspaces.
    pub fn has_live_key(&self) -> bool {
        self.key().contains("sk_live_")
    }

    fn key(&self) -> String {
        self.key.clone().or_else(|| std::env::var("SCRIP_OPERATOR_KEY").ok()).unwrap_or_default()
    }

    /// Returns a client for the named workspace, or for the workspace of the key.
    pub fn workspace_client(&self) -> Result<WorkspaceClient, Fault> {
        let client = self.client()?;
        match self.named_workspace() {
            // A workspace key implies its workspace, so the environment variable is ignored; `--workspace` must agree
            // with the key.
            Some(_) if self.is_ambient && client.kind() == Some(KeyKind::Workspace) => Ok(client.own_workspace()),
            Some(workspace) => Ok(client.workspace(workspace)),
            None if client.kind().is_some_and(KeyKind::implies_workspace) => Ok(client.own_workspace()),
            None => Err(Fault::Misused("name the workspace: --workspace ws_…, or SCRIP_WORKSPACE".to_owned())),
        }
    }

    /// Returns the workspace that is named by a flag or the environment.
    pub fn named_workspace(&self) -> Option<&str> {
        self.workspace.as_deref().filter(|workspace| !workspace.is_empty())
    }

    /// Adds the idempotency key that was given to a write.
    pub fn write<T>(&self, call: Call<T>) -> Call<T> {
        match &self.idempotency_key {
            Some(key) => call.idempotency_key(key),
            None => call,
        }
    }

    /// Makes a call and prints the answer: unchanged with `--json`, or in words.
    pub async fn show<T: DeserializeOwned>(&self, call: Call<T>, words: impl FnOnce(&T) -> String) -> CommandResult {
        let text = self.text(call).await?;
        if self.json {
            return print(&text);
        }
        let answer = serde_json::from_str(&text)
            .map_err(|error| format!("the answer is of another version of Scrip: {error}"))?;
        say(&words(&answer))
    }

    /// Makes a call and returns the body of the answer unchanged; with `--json`, prints a refusal unchanged.
    pub async fn text<T>(&self, call: Call<T>) -> Result<String, Fault> {
        let answer = call.text().await;
        if let (true, Err(Error::Refused { problem, members, .. })) = (self.json, &answer) {
            print(&problem_document(problem, members).to_string())?;
        }
        Ok(answer?)
    }
}

/// Part of a list that is shown.
#[derive(Args, Clone, Debug)]
pub struct Part {
    /// Maximum number of items, 1 to 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Cursor at which the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

impl Part {
    /// Converts the flags to the client's paging.
    pub fn paging(&self) -> scrip_client::Paging {
        scrip_client::Paging { limit: Some(self.limit), cursor: self.cursor.clone() }
    }
}

/// Returns the line below a page that names the cursor of the next page.
pub fn more(cursor: Option<&str>) -> String {
    cursor.map(|cursor| format!("more: --cursor {cursor}\n")).unwrap_or_default()
}
