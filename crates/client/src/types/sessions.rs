//! Signing in: links that are good once, and sessions.

use serde::{Deserialize, Serialize};

/// Somebody who wants to sign in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Where the link goes.
    pub email: String,
}

/// What is said to whoever asks, whether or not anybody has that address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignInAsked {
    /// How many seconds the link is good once it is sent.
    pub expires_in: i64,
}

/// A link that signs an operator's own user in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewPortalLink {
    /// Whom it signs in.
    pub email: String,
    /// The only workspace that its session reaches; absent is all of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
}

/// A link that signs somebody in once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PortalLink {
    /// Where to send them. Whoever has it is signed in: show it to nobody else, and keep it nowhere.
    pub url: String,
    /// Until when it is good.
    pub expires_at: String,
}

/// A session to be opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// `st_…`: what stands behind the `#` of the link.
    pub token: String,
    /// `false` gives the session in the answer instead of a cookie; for programs that are no browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<bool>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct User {
    /// `usr_…`
    pub id: String,
    /// Their address, in lower case.
    pub email: String,
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Session {
    /// Who.
    pub user: User,
    /// The only workspace that the session reaches.
    pub workspace: Option<String>,
    /// What `Scrip-CSRF` must say in every request that changes something and comes with the cookie.
    pub csrf: String,
    /// When it ends, however much it is used.
    pub expires_at: String,
    /// `scrip_ps_…`, in the answer that opens a session without a cookie: send it as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What signing out ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignedOut {
    /// How many sessions.
    pub sessions: u64,
}
