//! Letting time pass: every transition that is due, in due order.
//!
//! At one instant the order is release, expire, renew (R1); spending comes after, because commands do. A late
//! scheduler delays a notice and never a balance (R3): whoever comes next settles first.

use super::Step;
use crate::event::{Event, Failure, FailureCode};
use crate::time::Timestamp;
use crate::workspace::{Purpose, Workspace};

/// What falls due, in the order it is done at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A hold that nobody ended.
    Hold(u32),
    /// A grant with something left.
    Grant(u32),
    /// A monthly grant inside a paid year.
    Month,
    /// The end of a paid period.
    Period,
}

/// Does everything that is due by the step's instant.
pub(super) fn settle(step: &mut Step<'_>) {
    while let Some((at, due)) = next_due(&step.workspace).filter(|(at, _)| *at <= step.at) {
        match due {
            Due::Hold(n) => expire_hold(step, n, at),
            Due::Grant(n) => {
                let amount = step.workspace.grant(n).expect("a due grant is remembered").available;
                // A reinstated grant keeps its old expiry, which may lie before the instant it was made: it is dead
                // from the start, but the journal never says that it died before it was born (R3).
                let at = at.max(step.workspace.at);
                step.emit_at(at, Event::GrantExpired { grant: n, amount });
            }
            Due::Month => step.start_month(at),
            Due::Period => step.end_period(at),
        }
    }
}

fn next_due(workspace: &Workspace) -> Option<(Timestamp, Due)> {
    let holds = workspace.holds.iter().map(|hold| (hold.expires_at, Due::Hold(hold.n))).min();
    let lots = workspace.grants.iter().filter(|grant| !grant.available.is_zero());
    let grants = lots.filter_map(|grant| Some((grant.expires_at?, Due::Grant(grant.n)))).min();
    let period = workspace.subscription.period.map(|period| match period.next_month_at() {
        Some(at) => (at, Due::Month),
        None => (period.end, Due::Period),
    });
    [holds, grants, period].into_iter().flatten().min()
}

fn expire_hold(step: &mut Step<'_>, n: u32, at: Timestamp) {
    let hold = step.workspace.hold(n).expect("a due hold is open").clone();
    match hold.purpose {
        Purpose::Run { .. } => {
            let detail = "the run had not ended by its deadline".to_owned();
            step.fail_run(&hold, Failure { code: FailureCode::Timeout, detail }, at);
        }
        Purpose::Caller => step.end_hold(&hold, crate::Amount::ZERO, true, at),
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::{Catalogs, GrantKind, Name, parse};
    use crate::command::{Command, Give};
    use crate::event::{Dated, Event};
    use crate::id::WorkspaceId;
    use crate::time::Timestamp;
    use crate::workspace::{Mode, Profile, Workspace};
    use crate::{Applied, apply};

    const CATALOG: &str = r#"
        name = "packs"
        free_plan = "free"
        [[plan]]
        id = "free"
        name = "Free"
        [[model]]
        id = "image"
        name = "Image"
        output = "image"
        rate = { credits = 1, per = "call" }
        [[pack]]
        id = "pack"
        credits = 100
        currency = "usd"
        amount = 500
        expires = "30 days"
    "#;

    #[test]
    fn what_is_reinstated_after_its_expiry_never_expires_before_it_was_made() {
        let catalogs = Catalogs::single(parse(CATALOG).expect("the test's catalog is good"));
        let mut workspace = Workspace::unopened(WorkspaceId::new(7));
        let reverse = |reversed, disputed| Command::ReversePayment {
            source: Name::from("payment:1"),
            paid: 500,
            reversed,
            disputed,
        };
        let open = Command::OpenWorkspace {
            mode: Mode::Live,
            test_clock: None,
            profile: Profile { name: "Acme".to_owned(), ..Profile::default() },
            lifetime_allowed: true,
            choice: None,
        };
        let pack = Command::Grant {
            give: Give::Pack(Name::from("pack")),
            source: Some(Name::from("payment:1")),
            reason: "bought".to_owned(),
        };
        let mut events: Vec<Dated> = Vec::new();
        for (at, command) in [
            ("2026-01-01T00:00:00Z", open),
            ("2026-01-01T00:00:00Z", pack),
            ("2026-01-02T00:00:00Z", reverse(500, true)),
            ("2026-03-01T00:00:00Z", reverse(0, false)),
            ("2026-03-02T00:00:00Z", Command::Tick),
        ] {
            let at: Timestamp = at.parse().expect("a test instant is RFC 3339");
            let applied: Applied = apply(&workspace, &catalogs, &command, at).expect("nothing here is refused");
            workspace = applied.workspace;
            events.extend(applied.events);
        }
        assert!(matches!(events.last(), Some(Dated(_, Event::GrantExpired { .. }))), "{events:?}");
        assert_eq!(workspace.grants.last().map(|grant| grant.kind), Some(GrantKind::Reinstated));
        assert!(events.is_sorted_by_key(|Dated(at, _)| *at), "time went back: {events:?}");
    }
}
