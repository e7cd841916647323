//! Workspaces of a load: opened by the client that customers have, with more credits than the load can spend.

use super::load::block_on;
use super::place::Target;
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip_client::types::{NewGrant, NewWorkspace, Owner};
use scrip_client::{Client, Error};

/// Maximum number of workspaces that are being opened at one time.
const OPENING: usize = 64;

/// Returns the request for a workspace with a name.
pub fn new(name: &str) -> NewWorkspace {
    let owner = Owner { email: format!("{}@example.com", name.replace(' ', "-")) };
    NewWorkspace { name: name.to_owned(), owner: Some(owner), ..NewWorkspace::default() }
}

/// Opens workspaces, gives each its credits, and returns their identifiers in order.
///
/// # Errors
/// When the server does not open one.
pub fn open(target: &Target, wanted: Vec<(NewWorkspace, i64)>) -> Result<Vec<String>, String> {
    let client = client(target)?;
    let opened = stream::iter(wanted).map(|(new, credits)| open_one(&client, new, credits)).buffered(OPENING);
    block_on(async { opened.try_collect().await.map_err(|error: Error| error.to_string()) })
}

async fn open_one(client: &Client, new: NewWorkspace, credits: i64) -> Result<String, Error> {
    let id = client.open_workspace(&new).await?.id;
    if credits > 0 {
        let reason = "to be spent by a benchmark".to_owned();
        let (pack, amount, unit, source, expires_at) = (None, Some(credits), None, None, None);
        let grant = NewGrant { pack, amount, unit, reason, source, expires_at, models: Vec::new() };
        client.give(&id, &grant).await?;
    }
    Ok(id)
}

/// Returns a client of a server.
///
/// # Errors
/// When the server's address or its key is not one.
pub fn client(target: &Target) -> Result<Client, String> {
    Client::new(&format!("http://{}", target.address), &target.key).map_err(|error| error.to_string())
}
