//! The pure core of Scrip.
//!
//! A [`Workspace`] is a small value. [`apply`] takes it, the [`Catalogs`], a [`Command`] and an instant, and returns
//! what happened and the workspace afterwards, or a [`Refusal`]:
//!
//! ```text
//! apply(&Workspace, &Catalogs, By, &Command, at) -> Result<Applied, Refusal>
//! ```
//!
//! Inside: *settle* lets time pass (every transition due by `at`, in due order), *decide* turns the command into
//! [`Event`]s, *evolve* folds an event into the workspace. [`fold`] is evolve alone: what replaying a journal does.
//!
//! Read in this order: `amount`, `time`, `catalog`, `grant`, `hold`, `workspace`, `event`, `command`, `refusal`, then
//! `apply`; `team` and `billing` are who belongs to a workspace and what is paid for it, in the same shape each.
//! `rate` stands alone: how often one may ask.
//!
//! Invariant: nothing here can do I/O, read a clock, draw a random number or use a float; the manifest lists serde,
//! toml and jiff without time-zone data, and nothing else.

#![deny(clippy::float_arithmetic)]

mod access;
mod amount;
mod apply;
pub mod billing;
mod catalog;
mod command;
mod draw_order;
mod due;
mod entry;
mod event;
mod explain;
mod grant;
mod hold;
mod id;
mod invalid;
pub mod limits;
mod migration;
mod money;
mod notice;
mod params;
mod posting;
mod purchase;
mod quote;
mod rate;
mod refusal;
mod renewal;
mod retirement;
mod rights;
mod subscription;
pub mod team;
mod terms;
pub mod text;
mod time;
mod ways_out;
mod workspace;

pub use access::{Access, Capability, access, includes, runs_left_today};
pub use amount::{Amount, Unit};
pub use apply::{Applied, apply, ending, fold, hold_is_good};
pub use catalog::{
    Above, Adjust, CancelRule, Catalog, Catalogs, Clocks, Finalize, GrantKind, GrantTemplate, Lane, Limited, Links,
    Model, Name, OnUpgrade, Output, Pack, Param, Params, Per, Plan, Price as PlanPrice, Problem, Published, Rate,
    Thousandths, Trial, Value, parse as parse_catalog, parse_published,
};
pub use command::{Ask, Choice, CitedQuote, Command, Give, Off, Outcome, is_privileged};
pub use entry::Entry;
pub use event::{Dated, End, Event, Failure, FailureCode, OutputFile, RunStatus, Script, ScriptedOutcome, Start};
pub use explain::{BalanceChange, Change, ExplainedEvent, ExplainedPosting, Explanation, explain, quantity};
pub use grant::{CostBasis, Grant, Settled, Sums};
pub use hold::{Hold, Part, Purpose, TrialUse};
pub use id::{Kind, UserId, WorkspaceId, parse_owned, workspace_in};
pub use invalid::Invalid;
pub use migration::{Effect, Migration, TermChange, preview_migration};
pub use money::money;
pub use notice::Notice;
pub use params::{fingerprint, resolve as resolve_params};
pub use posting::{Account, Posting};
pub use purchase::{Ends, How, Offer, Wanted, is_downgrade, offer, upgrade, yearly_bonus};
pub use quote::{Line, Price, delivered, price};
pub use rate::{Admission, Admissions, Askers};
pub use refusal::{Ending, FreshQuote, Refusal, WayOut};
pub use renewal::{Sale, renewal_sale};
pub use retirement::{Stranded, retired_models, stranded};
pub use rights::{By, Effective, Need, effective, judge, role_reaches, run_scope};
pub use subscription::{Carried, Period, Repriced, Subscription};
pub use terms::{Edition, Estimate, Priced, Terms};
pub use time::{DAY, Interval, SECOND, Span, Timestamp};
pub use workspace::{Mode, Profile, Window, Workspace};
