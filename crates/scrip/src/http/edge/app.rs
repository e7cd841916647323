//! The parts that handlers work with, put together once at the start.
//!
//! Invariant: parts know nothing of the whole. Extractors that read the whole for a request (a caller, a person, a
//! client) are in modules above it.

use super::address::{Client, Proxies};
use super::followed_runs::FollowedRuns;
use super::health::Health;
use super::key_directory::Directory;
use super::stop::Stop;
use super::streams::Streams;
use super::throttle::Throttle;
use crate::assets::disk::Assets;
use crate::history::Histories;
use crate::jobs::driver::Driver;
use crate::jobs::scheduler::TimeMachine;
use crate::ledger::Ledger;
use crate::operate::operator_keys::OperatorKeys;
use crate::operate::switches::Switches;
use crate::payments::Billing;
use crate::people::blocks::BlockedPeople;
use crate::people::oidc::Oidc;
use crate::people::sign_in::Lifetimes;
use std::sync::Arc;

/// The parts that every handler works with.
pub struct App {
    /// Ledger that commands are submitted to.
    pub ledger: Arc<Ledger>,
    /// Time machine that moves test clocks.
    pub time: Arc<TimeMachine>,
    /// Background tasks of this server.
    pub tasks: Arc<Driver>,
    /// Runs that callers follow.
    pub followed: FollowedRuns,
    /// States of workspaces at earlier entries.
    pub histories: Histories,
    /// Store of the outputs of runs.
    pub assets: Arc<Assets>,
    /// Secret key that signs quotes and links.
    pub secret: Vec<u8>,
    /// Keys of operators, with their scopes.
    pub operator_keys: OperatorKeys,
    /// The workspaces of keys, and when each key was last used.
    pub keys: Directory,
    /// Models and providers that are switched off.
    pub switches: Arc<Switches>,
    /// Scheme and host of links that are sent or shown.
    pub public_url: String,
    /// Lifetimes of sessions, idle and absolute.
    pub lifetimes: Lifetimes,
    /// Identity provider that people may sign in with; `None` without one.
    pub oidc: Option<Oidc>,
    /// Sales through Stripe; `None` where this server does not sell.
    pub billing: Option<Arc<Billing>>,
    /// Readiness probe of this server.
    pub health: Health,
    /// Signal of the end of this server.
    pub stop: Stop,
    /// Proxies that are believed about the address of a client.
    pub proxies: Proxies,
    /// Counts unknown keys, by client.
    pub bad_keys: Throttle<Client>,
    /// Counts requests for sign-in links, by client.
    pub sign_ins: Throttle<Client>,
    /// Counts returns from the identity provider, by client.
    pub callbacks: Throttle<Client>,
    /// Counts of open event streams and waits.
    pub streams: Arc<Streams>,
    /// People who are blocked, as this process knows them.
    pub blocked: BlockedPeople,
}

/// Callers that a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All callers, when operators have no listener of their own.
    All,
    /// All callers except operators.
    Public,
    /// Operators and no other caller.
    Operators,
}
