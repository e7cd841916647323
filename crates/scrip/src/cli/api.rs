//! How the client verbs reach the API: the global flags, and showing what comes back.

use super::output::{Done, Fault, print, problem_document, say};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use scrip_client::{Call, Client, Error, KeyKind, Scoped};
use serde::de::DeserializeOwned;

/// Where the API is and who asks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "API")]
pub struct Api {
    /// Where the server is
    #[arg(long, global = true, env = "SCRIP_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An operator's key `scrip_sk_…`, a workspace's `scrip_wk_…`, or a session `scrip_ps_…`; SCRIP_OPERATOR_KEY when
    /// neither this nor SCRIP_KEY is given
    #[arg(long, global = true, env = "SCRIP_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
    /// The workspace, `ws_…`. A key `scrip_wk_…` is of one and needs none: SCRIP_WORKSPACE is not looked at then
    #[arg(long, global = true, env = "SCRIP_WORKSPACE", value_name = "ID")]
    workspace: Option<String>,
    /// Whether the workspace is named by the environment alone.
    #[arg(skip)]
    is_ambient: bool,
    /// Print the API's JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// The key under which a write happens at most once; a new one when absent
    #[arg(long, global = true, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl Api {
    /// Looks at where the arguments came from.
    pub fn look_at(&mut self, matches: &ArgMatches) {
        self.is_ambient = matches.value_source("workspace") == Some(ValueSource::EnvVariable);
    }

    /// A client of the named server.
    pub fn client(&self) -> Result<Client, Fault> {
        Ok(Client::new(&self.url, &self.key())?)
    }

    /// Returns `true` when the key is one for live workspaces.
    pub fn has_live_key(&self) -> bool {
        self.key().contains("sk_live_")
    }

    fn key(&self) -> String {
        self.key.clone().or_else(|| std::env::var("SCRIP_OPERATOR_KEY").ok()).unwrap_or_default()
    }

    /// A client for the named workspace, or for the one that the key is of.
    pub fn scoped(&self) -> Result<Scoped, Fault> {
        let client = self.client()?;
        match self.named_workspace() {
            // The variable was set for a key that needs it; what is said on this command line must agree.
            Some(_) if self.is_ambient && client.kind() == Some(KeyKind::Workspace) => Ok(client.own_workspace()),
            Some(workspace) => Ok(client.workspace(workspace)),
            None if client.kind().is_some_and(KeyKind::implies_workspace) => Ok(client.own_workspace()),
            None => Err(Fault::Misused("name the workspace: --workspace ws_…, or SCRIP_WORKSPACE".to_owned())),
        }
    }

    /// The workspace, if one is named.
    pub fn named_workspace(&self) -> Option<&str> {
        self.workspace.as_deref().filter(|workspace| !workspace.is_empty())
    }

    /// A write, under the key that was given.
    pub fn write<T>(&self, call: Call<T>) -> Call<T> {
        match &self.idempotency_key {
            Some(key) => call.idempotency_key(key),
            None => call,
        }
    }

    /// Makes a call and shows the answer: as it came with `--json`, or in words.
    pub async fn show<T: DeserializeOwned>(&self, call: Call<T>, words: impl FnOnce(&T) -> String) -> Done {
        let text = self.text(call).await?;
        if self.json {
            return print(&text);
        }
        let answer = serde_json::from_str(&text)
            .map_err(|error| format!("the answer is of another version of Scrip: {error}"))?;
        say(&words(&answer))
    }

    /// Makes a call and gives the answer as it came; with `--json`, a refusal is printed as it came.
    pub async fn text<T>(&self, call: Call<T>) -> Result<String, Fault> {
        let answer = call.text().await;
        if let (true, Err(Error::Refused { problem, members, .. })) = (self.json, &answer) {
            print(&problem_document(problem, members).to_string())?;
        }
        Ok(answer?)
    }
}

/// Which part of a list is shown.
#[derive(Args, Clone, Debug)]
pub struct Part {
    /// How many, 1 to 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

impl Part {
    /// As the client takes it.
    pub fn paging(&self) -> scrip_client::Paging {
        scrip_client::Paging { limit: Some(self.limit), cursor: self.cursor.clone() }
    }
}

/// The line below a page that says how to see the next.
pub fn more(cursor: Option<&str>) -> String {
    cursor.map(|cursor| format!("more: --cursor {cursor}\n")).unwrap_or_default()
}
