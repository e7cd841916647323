//! Switches by which an operator stops a model or a provider in all workspaces.

use serde::{Deserialize, Serialize};

/// Change of a switch to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchChange {
    /// `true` to switch the model or provider off.
    pub off: bool,
    /// Reason of the change; required to switch off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reason: Option<String>,
}

/// A change of a switch, with the switch's state after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Switch {
    /// Kind of the switch: `model` or `provider`.
    pub kind: String,
    /// Id of the model, or name of the provider.
    pub name: String,
    /// `true` when the model or provider is off.
    pub off: bool,
    /// Reason of the change.
    pub reason: Option<String>,
    /// Operator who made the change.
    pub actor: String,
    /// Id of the request that made the change.
    pub request_id: Option<String>,
    /// Instant of the change.
    pub at: String,
}
