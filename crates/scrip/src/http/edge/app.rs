//! The parts that handlers work with, put together once at the start.
//!
//! Invariant: parts know nothing of the whole. What reads the whole for a request (a caller, a person, a client) lies
//! above it in files of its own.

use super::address::{Client, Proxies};
use super::followed_runs::FollowedRuns;
use super::health::Health;
use super::key_directory::Directory;
use super::stop::Stop;
use super::streams::Streams;
use super::throttle::Throttle;
use crate::billing::Billing;
use crate::blocks::Blocked;
use crate::gateway::assets::Assets;
use crate::history::Histories;
use crate::ledger::Ledger;
use crate::oidc::Oidc;
use crate::operators::OperatorKeys;
use crate::scheduler::TimeMachine;
use crate::sign_in::Lifetimes;
use crate::switches::Switches;
use std::sync::Arc;

/// The parts that every handler works with.
pub struct App {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// Moves test clocks.
    pub time: Arc<TimeMachine>,
    /// Runs that callers follow.
    pub followed: FollowedRuns,
    /// States of workspaces as they once were.
    pub histories: Histories,
    /// Stored outputs.
    pub assets: Arc<Assets>,
    /// Signs quotes and links.
    pub secret: Vec<u8>,
    /// Keys of operators.
    pub operator_keys: OperatorKeys,
    /// The workspaces of keys, and when each key was last used.
    pub keys: Directory,
    /// Models and providers that are switched off.
    pub switches: Arc<Switches>,
    /// Scheme and host that links lead to.
    pub public_url: String,
    /// Lifetimes of sessions.
    pub lifetimes: Lifetimes,
    /// The provider that people may sign in with.
    pub oidc: Option<Oidc>,
    /// Selling through Stripe; `None` where this server does not.
    pub billing: Option<Arc<Billing>>,
    /// Readiness.
    pub health: Health,
    /// The end of this server.
    pub stop: Stop,
    /// Proxies whose word is taken for who sent a request.
    pub proxies: Proxies,
    /// Counts keys that nobody has, by who sends them.
    pub bad_keys: Throttle<Client>,
    /// Counts links that were asked for, by who asks.
    pub sign_ins: Throttle<Client>,
    /// Counts returns from the OpenID provider, by who returns.
    pub callbacks: Throttle<Client>,
    /// Open event streams and waits.
    pub streams: Arc<Streams>,
    /// People who are blocked.
    pub blocked: Blocked,
}

/// Callers that an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody: there is no address for operators alone.
    All,
    /// Everybody but operators.
    Public,
    /// Operators alone.
    Operators,
}
