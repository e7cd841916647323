//! Holds, one at a time and many at once.
//!
//! Invariant: an idempotency key is compared on a decision as it is written here. Members of [`Decision`] and of what
//! is in it may be added, absent where nobody gives them, but not moved or renamed.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

/// Decisions that one request may ask for, at most.
pub const DECISIONS_MAX: usize = 1_000;

/// Credits to be held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// So many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub credits: Option<i64>,
    /// Or the price of a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// With these parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub params: Map<String, Value>,
    /// The caller's name for it.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 200))]
    pub reference: String,
    /// For how long; an hour when absent.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2592000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// The member or key it is for, whose rights and caps bind it as they bind a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OnBehalfOf>,
    /// `true` to count it against the workspace's limit of requests, as if the workspace's own key had asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_request: bool,
}

/// The member or key that a hold is for; of a member's key the key is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OnBehalfOf {
    /// `usr_…`, a member of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// `key_…`, a key of the workspace or of the member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// How much of a hold is spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CaptureRequest {
    /// All of it when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 1_000_000_000))]
    pub credits: Option<i64>,
}

/// How much longer a hold lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// From now on.
    #[cfg_attr(feature = "schema", schema(minimum = 1, maximum = 2592000))]
    pub seconds: i64,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Hold {
    /// `hd_…`
    pub id: String,
    /// The caller's name for it.
    pub reference: String,
    /// The model it is for.
    pub model: Option<String>,
    /// `open`, `captured`, `released` or `expired`.
    pub status: String,
    /// What it counts.
    pub unit: String,
    /// How much was held.
    pub credits: i64,
    /// Spent.
    pub captured: i64,
    /// Given back.
    pub released: i64,
    /// When it was opened.
    pub created_at: String,
    /// When it is given up.
    pub expires_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The member or key it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<OnBehalfOf>,
}

/// Decisions to be made in one request, those about one workspace in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DecisionBatch {
    /// At most [`DECISIONS_MAX`].
    #[serde(deserialize_with = "crate::strict::list")]
    #[cfg_attr(feature = "schema", schema(min_items = 1))]
    pub decisions: Vec<Decision>,
}

/// One decision about holds, with what asking for it once takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged, try_from = "Members")]
pub enum Decision {
    /// Opens a hold.
    Open(OpenDecision),
    /// Spends one.
    Capture(CaptureDecision),
    /// Gives one back.
    Release(ReleaseDecision),
}

impl Decision {
    /// The key under which it happens at most once.
    pub fn key(&self) -> &str {
        match self {
            Decision::Open(OpenDecision { key, .. })
            | Decision::Capture(CaptureDecision { key, .. })
            | Decision::Release(ReleaseDecision { key, .. }) => key,
        }
    }
}

/// Opens a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// `ws_…`
    pub workspace: String,
    /// What is held.
    pub open: NewHold,
}

/// Spends a hold, in whole or in part; the rest goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CaptureDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// `hd_…`, which was there before this request.
    pub hold: String,
    /// How much of it.
    pub capture: CaptureRequest,
}

/// Gives a hold back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseDecision {
    /// The decision's idempotency key.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$"))]
    pub key: String,
    /// `hd_…`, which was there before this request.
    pub hold: String,
    /// Nothing.
    pub release: ReleaseRequest,
}

/// There is nothing to say about giving a hold back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {}

/// A decision as it is read. Serde tries the variants of an enum without a tag one after the other and then says that
/// none fits; this says which member is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    key: String,
    #[serde(default, deserialize_with = "given")]
    workspace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    hold: Option<String>,
    #[serde(default, deserialize_with = "given_object")]
    open: Option<NewHold>,
    #[serde(default, deserialize_with = "given_object")]
    capture: Option<CaptureRequest>,
    #[serde(default, deserialize_with = "given_object")]
    release: Option<ReleaseRequest>,
}

/// A member that may be left out, but not be null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The same for one that is an object.
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

/// What became of the decisions of one request, in the order asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionAnswers {
    /// One a decision.
    pub answers: Vec<DecisionAnswer>,
}

/// What became of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum DecisionAnswer {
    /// It was made.
    Made(DecisionMade),
    /// It was not; nothing of it happened.
    Refused(DecisionRefused),
}

/// A decision that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionMade {
    /// Its key.
    pub key: String,
    /// The status the request for it alone would be answered with: 201 for a hold that was opened, or 200.
    pub status: u16,
    /// The hold.
    pub hold: Hold,
    /// `en_…`, the journal entry behind it.
    pub entry: Option<String>,
    /// Whether this was answered before, to a request with the same key.
    pub replayed: bool,
}

/// A decision that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionRefused {
    /// Its key.
    pub key: String,
    /// The status the request for it alone would be answered with.
    pub status: u16,
    /// The problem document it would be answered with.
    pub problem: DecisionProblem,
}

/// A problem document whole: what every one has, and what its code has beside that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DecisionProblem {
    /// What every problem has.
    #[serde(flatten)]
    pub problem: super::Problem,
    /// For instance the `options` of `INSUFFICIENT_CREDITS`.
    #[serde(flatten)]
    #[cfg_attr(feature = "schema", schema(value_type = Object, additional_properties))]
    pub members: Map<String, Value>,
}
