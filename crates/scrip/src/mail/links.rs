//! Links in mails, each made when its mail is sent and never before.
//!
//! Invariant: the secret part of a link is in no table, no log and no file; only the recipient of the mail gets it.

use crate::crypto::{is_signed, sign};
use crate::ledger::Ledger;
use crate::mail::{Link, Mail};
use crate::people::email::{Email, is_same};
use crate::people::sign_in::{self, LINK_LIFETIME};
use scrip_engine::{Kind, Links as Pages, Timestamp, WorkspaceId};
use scrip_store::Unavailable;
use scrip_store::rows::profiles;
use std::sync::Arc;

/// Means to make links: tokens, a signing secret, and the public address.
pub struct Links {
    /// Ledger over the store that keeps tokens, as hashes.
    pub ledger: Arc<Ledger>,
    /// Secret that signs invitations.
    pub secret: Vec<u8>,
    /// Public address of the server, without a slash at its end.
    pub public_url: String,
}

/// Returns the link of a mail to an address; `None` when its object is gone, so that the mail need not be sent.
///
/// # Errors
/// When the store cannot write the token of the link.
pub async fn mint(links: &Links, recipient: &str, mail: &Mail, now: Timestamp) -> Result<Option<Link>, Unavailable> {
    match mail {
        Mail::SignIn { workspace, known_as } => {
            let whom = known_as.as_deref().unwrap_or(recipient);
            sign_in_link(links, whom, *workspace, now).await
        }
        Mail::Invitation { invitation, expires_at, .. } => {
            let Some((invitation, invited)) = open_invitation(links, (invitation, *expires_at), recipient, now).await?
            else {
                return Ok(None);
            };
            let open = format!("{}/invitations/{invitation}.", links.public_url);
            Ok(Some(Link::new(open, invitation_signature(&links.secret, &invitation, &invited))))
        }
        Mail::ReviewRejected { .. } | Mail::ReviewRevoked { .. } => Ok(Some(page(links, |pages| pages.apply.as_ref()))),
        Mail::CreditsLow { .. }
        | Mail::GrantExpiring { .. }
        | Mail::PaymentFailed { .. }
        | Mail::TopUpStopped { .. }
        | Mail::TopUpPutOff { .. }
        | Mail::PriceRaised { .. }
        | Mail::RetentionShortened { .. }
        | Mail::ReviewApproved { .. } => Ok(Some(page(links, |pages| pages.upgrade.as_ref()))),
    }
}

/// Returns a page that the catalog names, on this site unless it is a full address; the site itself where the catalog
/// names none.
fn page(links: &Links, named: impl Fn(&Pages) -> Option<&String>) -> Link {
    let catalogs = links.ledger.store().catalogs();
    let path = catalogs.newest().and_then(|newest| named(&newest.catalog.links)).map_or("", String::as_str);
    match path.contains("://") {
        true => Link::to_page(path.to_owned()),
        false => Link::to_page(format!("{}/{}", links.public_url, path.trim_start_matches('/'))),
    }
}

/// Returns the id of the invitation that a mail is about and the address it is bound to, if it is still open. The mail
/// was written with the entry that invites, before the invitation had a number: it names the workspace, where at most
/// one invitation to an address is open. Invitations run out by the workspace's test clock, if it has one.
async fn open_invitation(
    links: &Links,
    (named, expires_at): (&str, Timestamp),
    recipient: &str,
    now: Timestamp,
) -> Result<Option<(String, String)>, Unavailable> {
    let Ok(id) = named.parse::<WorkspaceId>() else {
        return Ok((now < expires_at).then(|| (named.to_owned(), recipient.to_owned())));
    };
    let Some(workspace) = links.ledger.workspace(id).await? else { return Ok(None) };
    let there = links.ledger.now_of(&workspace).await?;
    let addresses = profiles::of_workspace(links.ledger.store().worker(), id).await?;
    let open = workspace.team.invitations.iter().filter(|open| there < open.expires_at);
    let mut invited = open.filter_map(|open| Some((open.n, addresses.get(&open.user?)?)));
    let found = invited.rfind(|(_, email)| is_same(email, recipient));
    Ok(found.map(|(n, email)| (id.id_of(Kind::Invitation, n), email.clone())))
}

/// Returns a link that signs a person in, made for this sending: of a mail that is sent twice either link is valid, and
/// each once.
async fn sign_in_link(
    links: &Links,
    email: &str,
    workspace: Option<WorkspaceId>,
    now: Timestamp,
) -> Result<Option<Link>, Unavailable> {
    let email = Email::restore(email.to_owned());
    let token = sign_in::issue(links.ledger.store(), &email, workspace, "mail", LINK_LIFETIME, now).await?;
    Ok(Some(Link::new(sign_in::link(&links.public_url, ""), token)))
}

/// Returns the signature which proves that its holder was invited at this address: without it an invitation's id, which
/// many may see, opens nothing.
pub fn invitation_signature(secret: &[u8], invitation: &str, recipient: &str) -> String {
    sign(secret, &invitation_text(invitation, recipient))
}

/// Returns whether a link's signature is that of an invitation to this address.
pub fn is_invitation(secret: &[u8], invitation: &str, recipient: &str, signature: &str) -> bool {
    is_signed(secret, &invitation_text(invitation, recipient), signature)
}

/// Returns the text that is signed. No id contains a space, so one text stands for one invitation to one address; and
/// no other signed text begins so.
fn invitation_text(invitation: &str, recipient: &str) -> String {
    format!("invitation {invitation} {recipient}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_for_one_address() {
        let signature = invitation_signature(b"secret", "inv_1", "bo@example.com");
        assert!(is_invitation(b"secret", "inv_1", "bo@example.com", &signature));
        assert!(!is_invitation(b"secret", "inv_1", "eve@example.com", &signature));
        assert!(!is_invitation(b"secret", "inv_2", "bo@example.com", &signature));
        assert!(!is_invitation(b"other", "inv_1", "bo@example.com", &signature));
    }
}
