//! Limits on actions of one person that cost other people something: mails, requests to Stripe, streams, workspaces,
//! and files.
//!
//! Each limit holds wherever a plan names none, and has two numbers: one for workspaces for which nothing was ever
//! paid, and one for the others. Requests with the operator's own key are not counted: its owner can do all of this at
//! will. The same table is in `docs/API.md`; a test compares the two.
//!
//! Invariant: only a hash of an address is stored, and the mailbox behind the address is counted, however it is
//! spelled.

use crate::crypto::{hex, sha256};
use crate::people::email::Email;
use scrip_engine::{Timestamp, UserId, Workspace, WorkspaceId};
use scrip_store::rows::allowances;
use scrip_store::{Allowance, ClaimLimit, Store, Unavailable, Use};

/// Number of seconds in a day.
const DAY: u32 = 86_400;
/// Maximum number of rows that one sweep deletes.
const SWEPT: i64 = 10_000;
/// Maximum number of workspaces that a person may belong to and still open one more.
const WORKSPACES_MAX: u32 = 100; // # assumed

/// Place of a limit's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Counter in the database: exact over all processes and restarts.
    Database,
    /// Counter in memory: exact in each process.
    Process,
}

/// A row of the table of limits.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "what is only said in the documentation is compared with it"))]
pub struct Limit {
    /// Name of the row, which is also the kind that its uses are counted under.
    pub name: &'static str,
    /// Name of the counted things, in words.
    pub what: &'static str,
    /// Name of the counted subject, in words.
    pub of: &'static str,
    /// Length of the window, in seconds; 0 where open things are counted.
    pub window: u32,
    /// Maximum number of uses before anything was paid.
    pub unpaid: u32,
    /// Maximum number of uses after something was paid.
    pub paid: u32,
    /// Place of the counter.
    pub counter: Counter,
    /// Reason for the numbers.
    pub why: &'static str,
}

const fn database(name: &'static str, what: &'static str, of: &'static str, window: u32) -> Limit {
    Limit { name, what, of, window, unpaid: 0, paid: 0, counter: Counter::Database, why: "" }
}

const fn process(name: &'static str, what: &'static str, of: &'static str, window: u32) -> Limit {
    Limit { counter: Counter::Process, ..database(name, what, of, window) }
}

/// Limit on invitation mails to one mailbox, over all workspaces (R39).
pub const MAILS_TO_RECIPIENT: Limit = Limit {
    unpaid: 3,
    paid: 10,
    why: "a mailbox needs no more; withdrawn invitations count",
    ..database("mails_to_recipient", "invitation mails to one mailbox", "mailbox", DAY)
};
/// Limit on invitation mails that one person causes, over all workspaces (R39).
pub const MAILS_OF_PERSON: Limit = Limit {
    unpaid: 20,
    paid: 200,
    why: "200 invite the largest team, of 1,000, within a week",
    ..database("mails_of_person", "invitation mails of one person", "person", DAY)
};
/// Limit on invitation mails that one workspace causes.
pub const MAILS_OF_WORKSPACE: Limit = Limit {
    unpaid: 20,
    paid: 500,
    why: "several admins may invite at once",
    ..database("mails_of_workspace", "invitation mails of one workspace", "workspace", DAY)
};
/// Limit on invitation mails of one workspace to one mailbox.
pub const INVITATION: Limit = Limit {
    unpaid: 1,
    paid: 1,
    why: "the link of the first one is good for seven days",
    ..database("invitation", "invitation mails of one workspace to one mailbox", "workspace and mailbox", DAY)
};
/// Limit on sign-in mails to one mailbox, in a quarter of an hour.
pub const SIGN_INS: Limit = Limit {
    unpaid: 5,
    paid: 5,
    why: "a link is good for as long",
    ..database("sign_ins", "sign-in mails to one mailbox", "mailbox", 900)
};
/// Limit on sign-in mails to one mailbox, in a day.
pub const SIGN_INS_A_DAY: Limit = Limit {
    unpaid: 20,
    paid: 20,
    why: "a session lasts for days",
    ..database("sign_ins_a_day", "sign-in mails to one mailbox", "mailbox", DAY)
};
/// Limit on sign-in links that one network address asks for.
pub const SIGN_INS_OF_ADDRESS: Limit = Limit {
    unpaid: 20,
    paid: 20,
    why: "an office behind one address",
    ..process("sign_ins_of_address", "sign-in links requested from one address", "address", 900)
};
/// Limit on returns from the identity provider to one network address, each of which sends a request there.
pub const CALLBACKS_OF_ADDRESS: Limit = Limit {
    unpaid: 60,
    paid: 60,
    why: "each asks the identity provider; counted before it is asked",
    ..process("callbacks_of_address", "returns from the identity provider to one address", "address", 900)
};
/// Limit on requests to Stripe that the people of one workspace wait for. A customer that was just created is read
/// once, which takes five more: 30 in all (R39).
pub const STRIPE_REQUESTS: Limit = Limit {
    unpaid: 25,
    paid: 1_000,
    why: "a checkout is 2 to 6 and a portal session 1; with the 5 that read a new customer once, 30",
    ..database("stripe_requests", "requests to Stripe of one workspace", "workspace", DAY)
};
/// Limit on checkout and portal sessions that the people of one workspace ask for.
pub const STRIPE_SESSIONS: Limit = Limit {
    unpaid: 5,
    paid: 20,
    why: "more than a person clicks",
    ..database("stripe_sessions", "checkout and portal sessions of one workspace", "workspace", 60)
};
/// Limit on workspaces that one person opens (R39).
pub const WORKSPACES: Limit = Limit {
    unpaid: 5,
    paid: 20,
    why: "one per team; and 100 in all that a person belongs to",
    ..database("workspaces", "workspaces opened by one person", "person", DAY)
};
/// Limit on files that one workspace adds to its applications for reviews.
pub const UPLOADS: Limit = Limit {
    unpaid: 20,
    paid: 100,
    why: "an application has at most 10, of 5 MB each",
    ..database("uploads", "files of one workspace", "workspace", DAY)
};
/// Limit on open event streams and waits for the runs of one workspace (R39).
pub const STREAMS_OF_WORKSPACE: Limit = Limit {
    unpaid: 10,
    paid: 100,
    why: "each reads its run whenever the run changes",
    ..process("streams_of_workspace", "event streams and waits of one workspace", "workspace", 0)
};
/// Limit on open event streams and waits of one person.
pub const STREAMS_OF_PERSON: Limit = Limit {
    unpaid: 50,
    paid: 50,
    why: "over all workspaces",
    ..process("streams_of_person", "event streams and waits of one person", "person", 0)
};
/// Limit on open event streams and waits of one network address (R39).
pub const STREAMS_OF_ADDRESS: Limit = Limit {
    unpaid: 50,
    paid: 50,
    why: "an office behind one address; the operator's own server has no limit",
    ..process("streams_of_address", "event streams and waits of one address", "address", 0)
};

/// Every row of the table, in its order.
#[cfg(test)]
const TABLE: [Limit; 15] = [
    MAILS_TO_RECIPIENT,
    MAILS_OF_PERSON,
    MAILS_OF_WORKSPACE,
    INVITATION,
    SIGN_INS,
    SIGN_INS_A_DAY,
    SIGN_INS_OF_ADDRESS,
    CALLBACKS_OF_ADDRESS,
    STRIPE_REQUESTS,
    STRIPE_SESSIONS,
    WORKSPACES,
    UPLOADS,
    STREAMS_OF_WORKSPACE,
    STREAMS_OF_PERSON,
    STREAMS_OF_ADDRESS,
];

impl Limit {
    /// Returns the maximum number for a workspace, which depends on a former payment.
    pub const fn number(&self, has_paid: bool) -> u32 {
        if has_paid { self.paid } else { self.unpaid }
    }

    /// Returns one use of the limit by a subject.
    pub fn of(&self, subject: String, has_paid: bool) -> Use {
        let (kind, window, limit, what) = (self.name, self.window, self.number(has_paid), self.what);
        Use { kind, subject, window, limit, cost: 1, room: 1, what }
    }
}

/// Returns true if anything was ever paid for a workspace: through Stripe, by hand according to the operator, or for a
/// pack. A payment in dispute counts as not paid.
pub fn has_paid(workspace: &Workspace) -> bool {
    if !workspace.disputes.is_empty() {
        return false;
    }
    let subscription = &workspace.subscription;
    // The sources of Stripe's invoices and payments, which are remembered for ever.
    let by_stripe = |source: &str| source.starts_with("in_") || source.starts_with("pi_");
    let is_bought = |cost: &scrip_engine::CostBasis| !cost.amount.is_zero();
    subscription.period.is_some()
        || !subscription.carried.is_empty()
        || workspace.sources.iter().any(|source| by_stripe(source))
        || workspace.grants.iter().any(|grant| grant.cost_basis.as_ref().is_some_and(is_bought))
}

/// Returns the uses that are counted for an invitation by a person.
pub fn invitation(workspace: &Workspace, person: UserId, email: &Email) -> Allowance {
    let (paid, id) = (has_paid(workspace), workspace.id.to_string());
    let mailbox = mailbox_hash(email);
    Allowance::of(vec![
        INVITATION.of(format!("{id} {mailbox}"), paid),
        MAILS_TO_RECIPIENT.of(mailbox, paid),
        MAILS_OF_PERSON.of(person.to_string(), paid),
        MAILS_OF_WORKSPACE.of(id, paid),
    ])
}

/// Returns the uses that are counted for a sign-in mail.
pub fn sign_in(email: &Email) -> Allowance {
    let mailbox = mailbox_hash(email);
    Allowance::of(vec![SIGN_INS.of(mailbox.clone(), false), SIGN_INS_A_DAY.of(mailbox, false)])
}

/// Returns the uses and claims that are counted for a workspace that a person opens; `scope` is the scope of the
/// person's memberships.
pub fn workspace(person: UserId, scope: String, has_paid: bool) -> Allowance {
    let claims = ClaimLimit { scope, limit: WORKSPACES_MAX, what: "workspaces of a person" };
    Allowance { uses: vec![WORKSPACES.of(person.to_string(), has_paid)], claims: Some(claims) }
}

/// Returns the uses that are counted for an uploaded file.
pub fn upload(workspace: &Workspace) -> Allowance {
    Allowance::of(vec![UPLOADS.of(workspace.id.to_string(), has_paid(workspace))])
}

/// Returns the uses that are counted for a checkout or portal session, besides its requests.
pub fn stripe_session(workspace: &Workspace) -> Allowance {
    Allowance::of(vec![STRIPE_SESSIONS.of(workspace.id.to_string(), has_paid(workspace))])
}

/// Returns the use for `cost` requests to Stripe, of which at least `room` must be left before.
pub fn stripe_requests(workspace: WorkspaceId, has_paid: bool, cost: u32, room: u32) -> Allowance {
    Allowance::of(vec![Use { cost, room, ..STRIPE_REQUESTS.of(workspace.to_string(), has_paid) }])
}

/// Deletes counters without a use for two days; returns the number of rows.
///
/// # Errors
/// When the store cannot write.
pub async fn sweep(store: &Store, now: Timestamp) -> Result<usize, Unavailable> {
    allowances::sweep(store.reader(), now.after_seconds(-2 * i64::from(DAY)), SWEPT).await
}

/// Returns the hash under which a mailbox is counted.
fn mailbox_hash(email: &Email) -> String {
    hex(&sha256(&[b"mailbox ", email.person().as_bytes()])[..16])
}

/// Returns the table in the form of the documentation.
#[cfg(test)]
fn render_table() -> String {
    let every = |row: &Limit| match row.window {
        0 => "open at once".to_owned(),
        60 => "a minute".to_owned(),
        DAY => "a day".to_owned(),
        seconds => format!("{} minutes", seconds / 60),
    };
    let counter = |row: &Limit| match row.counter {
        Counter::Database => "all processes",
        Counter::Process => "each process",
    };
    let line = |row: &Limit| {
        let Limit { name, what, of, unpaid, paid, why, .. } = row;
        format!("| `{name}` | {what} | {of} | {} | {unpaid} | {paid} | {} | {why} |\n", every(row), counter(row))
    };
    TABLE.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::{CostBasis, Name};
    use std::sync::Arc;

    #[test]
    fn the_documentation_has_the_table() {
        let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/API.md"));
        let document = document.expect("the document is there");
        assert!(document.contains(&render_table()), "docs/API.md must have these rows:\n{}", render_table());
    }

    #[test]
    fn no_two_rows_share_a_counter_and_every_number_is_finite_and_none_is_lower_for_whoever_pays() {
        let mut names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        for row in TABLE {
            assert!((1..=1_000).contains(&row.unpaid) && (row.unpaid..=10_000).contains(&row.paid), "{row:?}");
        }
    }

    #[test]
    fn a_mailbox_is_one_however_it_is_written() {
        let read = |email: &str| Email::parse(email).expect("it is an address");
        let subjects = |email: &str| sign_in(&read(email)).uses.into_iter().map(|one| one.subject).collect::<Vec<_>>();
        for other in ["Ada@Example.com", "ada+1@example.com", "ADA+x+y@EXAMPLE.COM"] {
            assert_eq!(subjects(other), subjects("ada@example.com"), "{other}");
        }
        assert_eq!(subjects("a.d.a@googlemail.com"), subjects("ada@gmail.com"));
        assert_ne!(subjects("bo@example.com"), subjects("ada@example.com"));
        assert!(!subjects("ada@example.com")[0].contains("ada"));
    }

    #[test]
    fn a_workspace_has_paid_once_money_came_and_stayed() {
        let mut workspace = Workspace::new(WorkspaceId::new(7));
        assert!(!has_paid(&workspace));
        Arc::make_mut(&mut workspace.sources).insert(Name::from("trial:free:image-pro"));
        assert!(!has_paid(&workspace), "what is given once is not paid");
        Arc::make_mut(&mut workspace.sources).insert(Name::from("in_1"));
        assert!(has_paid(&workspace));
        workspace.disputes.insert(Name::from("in_1"));
        assert!(!has_paid(&workspace), "a bank claims it back");
        let cost = |amount| CostBasis {
            currency: Name::from("usd"),
            amount: scrip_engine::Amount::new(amount).expect("it is in range"),
            credits: scrip_engine::Amount::ZERO,
        };
        assert!(cost(0).amount.is_zero() && !cost(1).amount.is_zero());
    }
}
