//! What an operator switches off everywhere.

use serde::{Deserialize, Serialize};

/// How a model or a provider is to stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchChange {
    /// Whether it is to be off.
    pub off: bool,
    /// Why; required to switch it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: Option<String>,
}

/// A change of a switch, and how it stands after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Switch {
    /// `model` or `provider`.
    pub kind: String,
    /// The model's id, or the provider's name.
    pub name: String,
    /// Whether it is off.
    pub off: bool,
    /// Why.
    pub reason: Option<String>,
    /// Who changed it.
    pub actor: String,
    /// The request they changed it with.
    pub request_id: Option<String>,
    /// When.
    pub at: String,
}
