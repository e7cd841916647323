//! `scrip demo`: a server with workspaces on every plan of a catalog, some history, and lines to try.
//!
//! Invariant: everything is made through the public API by the Rust client; the demo knows nothing a customer of the
//! API does not.

mod access;
mod lines;
mod purchase;
mod seed;
mod tries;

use super::output::{CommandResult, Fault, print};
use super::serve::{log, wait_for_stop};
use crate::config::Settings;
use crate::crypto::{OPERATOR_PREFIXES, new_key};
use crate::server::{Server, read_catalog};
use clap::Args;
use purchase::Till;
use scrip_client::types::Workspace;
use scrip_client::{Client, Error, Paging};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `scrip demo`.
#[derive(Args)]
pub struct Demo {
    /// Catalog file, or the name of a shipped catalog (`scrip catalog list`)
    #[arg(long, env = "SCRIP_CATALOG", value_name = "FILE", default_value = "canvas-tiers")]
    catalog: PathBuf,
    // Not read from SCRIP_DATA: a demo must not write to a product's data because the variable is set.
    /// Data directory; one with workspaces is served unchanged
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    data: PathBuf,
    /// Address and port to listen on
    #[arg(long, env = "SCRIP_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Operator key of the server; a new one for this start when absent
    #[arg(long, env = "SCRIP_OPERATOR_KEY", value_name = "KEY", hide_env_values = true)]
    operator_key: Option<String>,
    /// Log filter: error, warn, info, debug, trace, or levels by module
    #[arg(long, env = "SCRIP_LOG", value_name = "FILTER", default_value = "warn")]
    log: String,
}

impl Demo {
    /// Serves until the process is told to stop.
    pub async fn run(self) -> CommandResult {
        let (_, catalog) = read_catalog(&self.catalog)?;
        let key = self.operator_key.unwrap_or_else(|| new_key(OPERATOR_PREFIXES[0]));
        let till = Till::open(&catalog).await?;
        let settings = till.settings(Settings {
            catalog: Some(self.catalog),
            data: Some(self.data),
            listen: Some(self.listen),
            operator_key: Some(key.clone()),
            log: Some(self.log),
            // The demo sends no mail, so its sign-in links are printed.
            print_links: true,
            ..Settings::default()
        });
        log(&settings)?;
        let server = Server::prepare(&settings).await?;
        let url = server.url.clone();
        till.tell(&url);
        let client = Client::new(&url, &key)?;
        let serving = tokio::spawn(server.serve(wait_for_stop()));
        let mut workspaces = all(&client).await?;
        if workspaces.is_empty() {
            seed::seed(&client, &catalog).await?;
            workspaces = all(&client).await?;
        }
        print(&lines::render(&url, &key, &client, &catalog, &workspaces, &till).await?)?;
        let served = serving.await.map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(served?)
    }
}

async fn all(client: &Client) -> Result<Vec<Workspace>, Error> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = client.workspaces(&Paging { limit: Some(100), cursor }, None).await?;
        found.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}
