//! The Rust client of the Scrip API.
//!
//! There is a method for each route, and answers have the types that the server answers with. Every write gets an
//! `Idempotency-Key` of its own, which retries keep: it happens once, however often it is sent.
//!
//! ```no_run
//! use scrip_client::types::NewRun;
//! use scrip_client::{Client, Error};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::new("http://127.0.0.1:8080", "scrip_sk_test_…")?;
//! let workspace = client.workspace("ws_…");
//! let params = serde_json::Map::from_iter([("prompt".to_owned(), "a lighthouse in the fog".into())]);
//! let model = "image-standard".to_owned();
//! let new = NewRun { model, params, quote: None, sandbox: None, metadata: Default::default() };
//! match workspace.create_run(&new).await {
//!     Ok(run) => {
//!         let run = workspace.wait(&run.id).await?;
//!         println!("{}: {} credits", run.status, run.credits.captured);
//!     }
//!     Err(Error::Refused { problem, members, .. }) if problem.code == "INSUFFICIENT_CREDITS" => {
//!         println!("{}; what would help: {}", problem.detail, members["options"]);
//!     }
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: one logical call has one key. Every retry sends the same bytes as the first try.

mod call;
mod error;
mod follow;
mod key;
mod routes;
mod strict;
#[cfg(test)]
mod tests;
pub mod types;

pub use call::Call;
pub use error::Error;
pub use follow::Follow;
pub use key::{KeyKind, new_idempotency_key};
pub use routes::{FileKind, Paging};

use reqwest::Url;
use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Future that ends when a pause is over.
pub type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

type Sleeper = Arc<dyn Fn(Duration) -> Pause + Send + Sync>;

/// Number and pauses of a call's tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Most times that a call is sent; 1 never tries again.
    pub tries: u32,
    /// Pause before the second try. It doubles with each later try.
    pub first: Duration,
    /// Longest pause. When the server asks for a longer one, its answer is returned instead.
    pub longest: Duration,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries { tries: 4, first: Duration::from_millis(200), longest: Duration::from_secs(30) }
    }
}

/// Client of one Scrip server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    key: String,
    workspace: Option<String>,
    retries: Retries,
    sleeper: Sleeper,
}

impl Client {
    /// Makes a client of the Scrip server at an address, with a key: an operator's `scrip_sk_…`, a workspace's
    /// `scrip_wk_…`, or a session's `scrip_ps_…`. Sends nothing yet.
    ///
    /// # Errors
    /// Fails when the address is no URL with a host, or when the key cannot be sent in a header.
    pub fn new(base_url: &str, key: &str) -> Result<Client, Error> {
        let base = Url::parse(base_url).ok().filter(|base| !base.cannot_be_a_base() && base.has_host());
        let base = base
            .ok_or_else(|| Error::Misused(format!("`{base_url}` is not an address such as http://127.0.0.1:8080")))?;
        if key.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::Misused("a key has letters, digits and `_` only".to_owned()));
        }
        // A redirect would send the key to another server.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let http = http.map_err(|source| Error::Transport { tries: 0, source })?;
        let sleeper: Sleeper = Arc::new(|pause| Box::pin(tokio::time::sleep(pause)));
        Ok(Client { http, base, key: key.to_owned(), workspace: None, retries: Retries::default(), sleeper })
    }

    /// Returns this client with other numbers of tries and pauses.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Client {
        self.retries = retries;
        self
    }

    /// Returns this client with another way to wait between two tries: one that takes no time in tests, or one that
    /// can be stopped.
    #[must_use]
    pub fn with_sleeper(mut self, sleeper: impl Fn(Duration) -> Pause + Send + Sync + 'static) -> Client {
        self.sleeper = Arc::new(sleeper);
        self
    }

    /// Returns this client for one workspace: its calls carry `Scrip-Workspace`.
    pub fn workspace(&self, id: &str) -> WorkspaceClient {
        WorkspaceClient { client: Client { workspace: Some(id.to_owned()), ..self.clone() } }
    }

    /// Returns this client for the one workspace that its key is good for: a workspace's `scrip_wk_…`, or a session
    /// of one workspace. Its calls do not name a workspace.
    pub fn own_workspace(&self) -> WorkspaceClient {
        WorkspaceClient { client: Client { workspace: None, ..self.clone() } }
    }

    /// Returns the kind of this client's key, or `None` when the key begins like no kind.
    pub fn kind(&self) -> Option<KeyKind> {
        KeyKind::of(&self.key)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

/// Client for one workspace: a [`Client`] with the calls that need a workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceClient {
    client: Client,
}

impl Deref for WorkspaceClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
