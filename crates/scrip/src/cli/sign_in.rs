//! `scrip sign-in`: a link that signs a person in, when no mail brings it.

use super::api::Api;
use super::output::CommandResult;
use clap::Args;
use scrip_client::types::{NewPortalLink, PortalLink};

/// Arguments of `scrip sign-in`.
#[derive(Args)]
pub struct SignIn {
    /// E-mail address of the person
    email: String,
}

impl SignIn {
    /// Makes the link and prints it.
    pub async fn run(self, api: &Api) -> CommandResult {
        let SignIn { email } = self;
        let workspace = api.named_workspace().map(str::to_owned);
        let reach = workspace.as_ref().map_or("all of their workspaces".to_owned(), |id| format!("{id} alone"));
        let told = |link: &PortalLink| {
            let PortalLink { url, expires_at } = link;
            format!(
                "{url}\n\
                 The link signs in {email}, to {reach}, once, until {expires_at}. Its holder is signed in as that \
                 person.\n\
                 A program sends the part behind the # to POST /v1/sessions, as `token` with `\"cookie\": false`.\n"
            )
        };
        let new = NewPortalLink { email: email.clone(), workspace };
        api.show(api.write(api.client()?.create_portal_link(&new)), told).await
    }
}
