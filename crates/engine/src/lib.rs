//! The pure core of Scrip: it decides every command on a workspace.
//!
//! A [`Workspace`] is a small value. [`apply`] takes it, the [`Catalogs`], a [`Command`] and an instant, and returns
//! the events and the workspace afterwards, or a [`Refusal`]:
//!
//! ```text
//! apply(&Workspace, &Catalogs, By, &Command, at) -> Result<Applied, Refusal>
//! ```
//!
//! Inside, three steps: *settle* lets time pass (every transition due by `at`, in due order), *decide* turns the
//! command into [`Event`]s, *evolve* folds an event into the workspace. [`fold`] is evolve alone: it replays a journal.
//!
//! Read in this order: `kernel`, `catalog`, `workspace`, `event`, `command`, `refusal`, then `apply`, which decides and
//! folds by subject: `grants`, `holds`, `runs`, `plans`, `payments`, `reviews`, `team` and `notices`. Each subject has
//! its `state`, `command`, `event`, `decide`, `evolve` and `explain`, as far as it has them.
//!
//! Invariant: nothing here can do I/O, read a clock, draw a random number or use a float; the manifest lists serde,
//! toml, jiff without time-zone data, schemars for the feature `schema`, and nothing else.

#![deny(clippy::float_arithmetic)]

mod apply;
mod catalog;
mod command;
mod entry;
mod event;
mod explain;
mod grants;
mod holds;
mod kernel;
mod notices;
pub mod payments;
mod plans;
mod posting;
mod refusal;
mod reviews;
mod runs;
pub mod team;
mod workspace;

pub use apply::{Transition, apply, fold};
pub use catalog::{
    Above, Adjust, CancelRule, Catalog, Catalogs, Clocks, Finalize, GrantKind, GrantTemplate, Lane, Links, Model,
    ModelLimit, Name, OnUpgrade, Output, Pack, Param, Params, Per, Plan, Price as PlanPrice, Problem, PublishedCatalog,
    Rate, Thousandths, Trial, Value, parse as parse_catalog, parse_published,
};
pub use command::{Command, is_privileged};
pub use entry::Entry;
pub use event::{DatedEvent, Event};
pub use explain::{Addresses, BalanceChange, Change, ExplainedEvent, ExplainedPosting, Explanation, explain, quantity};
pub use grants::{CostBasis, Give, Grant, GrantCommand, GrantEvent, SettledSums, Sums};
pub use holds::{Ask, End, Hold, HoldCommand, HoldEvent, Part, Purpose, TrialUse, ending, hold_is_good};
pub use kernel::amount::{Amount, Unit};
pub use kernel::id::{Kind, UserId, WorkspaceId, parse_id, workspace_in};
pub use kernel::invalid::Invalid;
pub use kernel::money::money;
pub use kernel::rate_limit::{Admission, Admissions, Askers};
pub use kernel::time::{DAY, Interval, SECOND, Span, Timestamp};
pub use kernel::{limits, text};
pub use notices::Notice;
pub use payments::{PaymentCommand, PaymentEvent, TopUpCommand, TopUpEvent};
pub use plans::migration::{Effect, Migration, TermChange, preview_migration};
pub use plans::purchase::{Ends, How, Offer, PurchaseTarget, is_downgrade, offer, upgrade, yearly_bonus};
pub use plans::renewal::{Sale, renewal_sale};
pub use plans::retirement::{StrandedUnits, find_stranded, retired_models};
pub use plans::subscription::{CarriedPeriod, Period, PriceChange, Subscription};
pub use plans::terms::{Edition, Estimate, PricedRun, Terms, includes};
pub use plans::{Choice, PlanCommand, PlanEvent, Start};
pub use posting::{Account, Posting};
pub use refusal::{Ending, FreshQuote, Refusal, WayOut};
pub use reviews::{ReviewCommand, ReviewEvent};
pub use runs::access::{Access, Capability, access, runs_left_today};
pub use runs::params::{fingerprint, resolve as resolve_params};
pub use runs::quote::{Line, Price, delivered_quantity, price};
pub use runs::{
    CitedQuote, Failure, FailureCode, Off, Outcome, OutputFile, RunCommand, RunEvent, RunStatus, Script,
    ScriptedOutcome,
};
pub use team::TeamCommand;
pub use team::rights::{By, EffectiveRights, Need, effective, judge, role_reaches, run_scope};
pub use workspace::{Mode, Profile, Window, Workspace, WorkspaceCommand, WorkspaceEvent};
