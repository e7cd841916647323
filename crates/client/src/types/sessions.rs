//! Signing in: links that are good once, and the sessions that they open.

use serde::{Deserialize, Serialize};

/// Request for a sign-in link by mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Address that the link is sent to.
    pub email: String,
}

/// Answer to every request for a sign-in link, whether or not a person has the address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignInAsked {
    /// Time for which the link is good once it is sent, in seconds.
    pub expires_in: i64,
}

/// Link to be made that signs in a user of the operator's own product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPortalLink {
    /// Address of the person to sign in.
    pub email: String,
    /// Id of the only workspace that the session reaches; absent is every workspace of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
}

/// Link that signs a person in once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PortalLink {
    /// Address to send the person to. Its holder is signed in as that person: show it to no other person, and do not
    /// store it.
    pub url: String,
    /// Instant at which the link expires.
    pub expires_at: String,
}

/// Session to be opened with a link's token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// Token of the link, `st_…`: the part after its `#`.
    pub token: String,
    /// `false` returns the session's secret in the answer, in place of a cookie; for programs that are no browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<bool>,
}

/// Account of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct User {
    /// Id of the user, `usr_…`.
    pub id: String,
    /// Address of the user, in lower case.
    pub email: String,
}

/// A session, and the user who is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Session {
    /// User who is signed in.
    pub user: User,
    /// Id of the only workspace that the session reaches; absent is every workspace of the user.
    pub workspace: Option<String>,
    /// Value of the header `Scrip-CSRF` for every request that changes state and comes with the cookie.
    pub csrf: String,
    /// Instant at which the session ends, however much it is used.
    pub expires_at: String,
    /// Secret of the session, `scrip_ps_…`, in the answer that opens a session without a cookie: send it as
    /// `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// Answer to signing out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignedOut {
    /// Number of sessions that were ended.
    pub sessions: u64,
}
