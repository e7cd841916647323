//! Test clocks, which move forward on command alone.

use serde::{Deserialize, Serialize};

/// Test clock to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTestClock {
    /// Name of the clock in lists.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First instant of the clock; the present when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
}

/// Advance of a test clock to a later instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdvanceRequest {
    /// New instant of the clock, after its present one.
    pub to: String,
}

/// A clock that moves forward on command alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TestClock {
    /// Id of the clock, `tc_…`.
    pub id: String,
    /// Name of the clock in lists.
    pub name: String,
    /// Present instant of the clock.
    pub now: String,
}
