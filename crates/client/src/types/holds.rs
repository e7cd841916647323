//! Holds, one at a time and many at once.
//!
//! Invariant: the JSON of a decision is what its idempotency key is compared on. Members of [`Decision`] and of the
//! types in it may be added, if they are left out of the JSON when absent; they are never moved or renamed.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

/// Most decisions that one request may ask for.
pub const DECISIONS_MAX: usize = 1_000;

/// Hold to be opened: a number of credits, or the price of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Number of credits to hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub credits: Option<i64>,
    /// Id of the model whose price is held, in place of `credits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Parameters that the model's price is computed from.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: Map<String, Value>,
    /// The caller's name for the hold.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reference: String,
    /// Time until the hold expires, in seconds; 3,600 when absent.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2592000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Member or key that the hold is for: their rights and caps bind the hold as they bind a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OnBehalfOf>,
    /// `true` to count it against the workspace's limit of requests, as if the workspace's own key had asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_request: bool,
}

/// Member or key that a hold is for; for a key of a member, `key` is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OnBehalfOf {
    /// Id of a member of the workspace, `usr_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Id of a key of the workspace or of the member, `key_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Amount of a hold to spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// Number of credits to spend; absent is all of the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub credits: Option<i64>,
}

/// New duration of a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// Time until the hold expires, in seconds from now.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2592000))]
    pub seconds: i64,
}

/// Units that are set aside until they are captured or released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Hold {
    /// Id of the hold, `hd_…`.
    pub id: String,
    /// The caller's name for the hold.
    pub reference: String,
    /// Id of the model that the hold is for.
    pub model: Option<String>,
    /// Status: `open`, `captured`, `released` or `expired`.
    pub status: String,
    /// Unit that the hold counts.
    pub unit: String,
    /// Number of units that were held at the start.
    pub credits: i64,
    /// Number of units spent.
    pub captured: i64,
    /// Number of units that went back to their grants.
    pub released: i64,
    /// Instant at which the hold was opened.
    pub created_at: String,
    /// Instant at which an open hold expires.
    pub expires_at: String,
    /// Instant at which the hold ended.
    pub ended_at: Option<String>,
    /// Member or key that the hold is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OnBehalfOf>,
}

/// Decisions to be made in one request; those about one workspace are made in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DecisionBatch {
    /// Decisions in order, at most [`DECISIONS_MAX`].
    #[serde(deserialize_with = "crate::strict::list")]
    #[cfg_attr(feature = "schema", schema(min_items = 1))]
    pub decisions: Vec<Decision>,
}

/// One decision about holds, with the members that a request for it alone would have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged, try_from = "Members")]
pub enum Decision {
    /// Opens a new hold.
    Open(OpenDecision),
    /// Captures a hold, in whole or in part.
    Capture(CaptureDecision),
    /// Releases all of a hold.
    Release(ReleaseDecision),
}

impl Decision {
    /// Returns the idempotency key, under which the decision happens at most once.
    pub fn key(&self) -> &str {
        match self {
            Decision::Open(OpenDecision { key, .. })
            | Decision::Capture(CaptureDecision { key, .. })
            | Decision::Release(ReleaseDecision { key, .. }) => key,
        }
    }
}

/// Decision that opens a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// Id of the workspace, `ws_…`.
    pub workspace: String,
    /// The hold to be opened.
    pub open: NewHold,
}

/// Decision that captures a hold, in whole or in part; the rest is released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CaptureDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// Id of a hold that was opened before this request, `hd_…`.
    pub hold: String,
    /// Amount of the hold to spend.
    pub capture: CaptureRequest,
}

/// Decision that releases a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// Id of a hold that was opened before this request, `hd_…`.
    pub hold: String,
    /// An empty object; its presence says that the hold is released.
    pub release: ReleaseRequest,
}

/// Empty object: a release has no members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {}

/// Raw members of a decision. Serde would try the variants of an untagged enum in turn and report only that none
/// fits; this type lets the error name the member that is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    key: String,
    #[serde(default, deserialize_with = "read_given")]
    workspace: Option<String>,
    #[serde(default, deserialize_with = "read_given")]
    hold: Option<String>,
    #[serde(default, deserialize_with = "given_object")]
    open: Option<NewHold>,
    #[serde(default, deserialize_with = "given_object")]
    capture: Option<CaptureRequest>,
    #[serde(default, deserialize_with = "given_object")]
    release: Option<ReleaseRequest>,
}

/// Reads a member that may be left out, but not be null.
fn read_given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a member that is an object, and may be left out, but not be null.
fn given_object<'de, T: de::DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    crate::strict::object(deserializer).map(Some)
}

impl TryFrom<Members> for Decision {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Decision, &'static str> {
        let Members { key, workspace, hold, open, capture, release } = members;
        match (workspace, hold, open, capture, release) {
            (Some(workspace), None, Some(open), None, None) => {
                Ok(Decision::Open(OpenDecision { key, workspace, open }))
            }
            (None, Some(hold), None, Some(capture), None) => {
                Ok(Decision::Capture(CaptureDecision { key, hold, capture }))
            }
            (None, Some(hold), None, None, Some(release)) => {
                Ok(Decision::Release(ReleaseDecision { key, hold, release }))
            }
            (_, _, Some(_), None, None) => Err("to open a hold, name its `workspace` and no `hold`"),
            (_, _, None, Some(_), None) | (_, _, None, None, Some(_)) => {
                Err("to capture or release a hold, name the `hold` and no `workspace`")
            }
            _ => Err("must have one of `open`, `capture` and `release`"),
        }
    }
}

/// Outcomes of the decisions of one request, in the order asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionAnswers {
    /// One answer for each decision.
    pub answers: Vec<DecisionAnswer>,
}

/// Outcome of one decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum DecisionAnswer {
    /// The decision was made.
    Made(DecisionMade),
    /// The decision was refused, and changed nothing.
    Refused(DecisionRefused),
}

/// A decision that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionMade {
    /// Idempotency key of the decision.
    pub key: String,
    /// HTTP status that a request for this decision alone would get: 201 for a hold that was opened, or 200.
    pub status: u16,
    /// The hold after the decision.
    pub hold: Hold,
    /// Id of the journal entry of the decision, `en_…`.
    pub entry: Option<String>,
    /// `true` when the same key was answered before, and this is that answer.
    pub replayed: bool,
}

/// A decision that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionRefused {
    /// Idempotency key of the decision.
    pub key: String,
    /// HTTP status that a request for this decision alone would get.
    pub status: u16,
    /// Problem document that a request for this decision alone would get.
    pub problem: DecisionProblem,
}

/// A whole problem document: the members of every problem, and the members of its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionProblem {
    /// Members that every problem has.
    #[serde(flatten)]
    pub problem: super::Problem,
    /// Members of the problem's code, for instance the `options` of `INSUFFICIENT_CREDITS`.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub members: Map<String, Value>,
}
