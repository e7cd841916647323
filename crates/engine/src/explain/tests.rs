//! Exact texts of explanations: they are as much a promise to people as a field of the API.

mod money;
mod team;

use super::*;
use crate::catalog::{Catalogs, GrantKind, Name, Params, Value, parse};
use crate::command::Command;
use crate::grants::Give;
use crate::holds::Ask;
use crate::kernel::id::WorkspaceId;
use crate::kernel::time::Interval;
use crate::plans::Choice;
use crate::runs::{Failure, FailureCode, Outcome};
use crate::team::Tenancy;
use crate::team::rights::By;
use crate::workspace::{Mode, Profile};
use crate::{GrantCommand, HoldCommand, PaymentCommand, PlanCommand, ReviewCommand, RunCommand, WorkspaceCommand};
use crate::{Transition, apply};

/// Returns the addresses of the people in these stories.
fn addresses() -> Addresses {
    [(11, "ada@example.com"), (12, "bob@example.com")].map(|(n, email)| (UserId::new(n), email.to_owned())).into()
}

const CATALOG: &str = r#"
name = "studio"
free_plan = "free"
on_upgrade = "forfeit"

[[plan]]
id = "free"
name = "Free"
once = [{ code = "welcome", amount = 20 }]
[[plan.trial]]
model = "video-trial"
runs = 2
[[plan.trial]]
model = "video-window"
window = "24 hours"

[[plan]]
id = "starter"
name = "Starter"
[[plan.price]]
interval = "month"
currency = "usd"
amount = 1000
grants = [{ amount = 500 }]

[[plan]]
id = "team"
name = "Team"
requires = ["business"]
[[plan.price]]
interval = "month"
currency = "usd"
amount = 2000
grants = [{ amount = 800, rollover_max = 100 }]

[[plan]]
id = "pro"
name = "Pro"
limited = [{ model = "image-limited", runs_per_day = 2 }]
ceiling = ["workflow:run", "workflow:read", "model:run"]
[[plan.price]]
interval = "month"
currency = "usd"
amount = 3000
grants = [{ amount = 1000 }, { code = "lessons", unit = "training", amount = 3 }]
[[plan.price]]
interval = "year"
currency = "usd"
amount = 30000
grants = [{ amount = 1100, every = "month" }]

[[plan]]
id = "contract"
name = "Contract"
custom = true
[[plan.price]]
interval = "month"
currency = "usd"

[[model]]
id = "video-standard"
name = "Video"
output = "video"
rate = { credits = 20, per = "second" }
params.duration = { type = "integer", min = 1, max = 60 }
params.references = { type = "list", max = 3 }
adjust = [{ add = 5, per = "references" }]

[[model]]
id = "image-limited"
name = "Image"
output = "image"
rate = { credits = 1, per = "call" }

[[model]]
id = "video-trial"
name = "Trial"
output = "video"
plans = ["pro"]
rate = { credits = 90, per = "call" }

[[model]]
id = "video-window"
name = "Window"
output = "video"
plans = ["pro"]
rate = { credits = 90, per = "call" }

[[pack]]
id = "pack-100"
credits = 100
bonus = 10
currency = "usd"
amount = 500
expires = "90 days"
"#;

/// A workspace and its last entry.
struct Story {
    catalogs: Catalogs,
    before: Workspace,
    after: Workspace,
    entry: Entry,
}

impl Story {
    fn open(plan: Option<&str>) -> Story {
        Story::open_in(CATALOG, plan)
    }

    fn open_in(catalog: &str, plan: Option<&str>) -> Story {
        let mut catalogs = Catalogs::default();
        let catalog = std::sync::Arc::new(parse(catalog).expect("the test's catalog is good"));
        catalogs.publish(Timestamp::default(), catalog);
        let unopened = Workspace::new(WorkspaceId::new(7));
        let entry = Entry {
            workspace: unopened.id,
            seq: 0,
            at: Timestamp::default(),
            actor: String::new(),
            command: String::new(),
            events: Vec::new(),
        };
        let mut story = Story { catalogs, before: unopened.clone(), after: unopened, entry };
        let command = Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Live,
            test_clock: None,
            profile: Profile { name: "Acme".to_owned(), owner: None, external_id: None },
            lifetime_allowed: true,
            choice: plan.map(choice),
            tenancy: Tenancy::Team,
            owner: None,
        });
        story.then("2026-01-31T10:00:00Z", command);
        story
    }

    fn then(&mut self, at: &str, command: Command) -> &mut Story {
        self.apply_by(By::Operator, at, command)
    }

    fn apply_by(&mut self, by: By, at: &str, command: Command) -> &mut Story {
        let at: Timestamp = at.parse().expect("a test instant is RFC 3339");
        let Transition { workspace, events } =
            apply(&self.after, &self.catalogs, by, &command, at).expect("the story has no refusals");
        self.before = std::mem::replace(&mut self.after, workspace);
        self.entry = Entry {
            workspace: self.after.id,
            seq: self.after.seq,
            at: self.after.at,
            actor: "test".to_owned(),
            command: command.name().to_owned(),
            events,
        };
        self.adds_up();
        self
    }

    /// Checks that the balances are the workspace's, that nothing that moved is left out, and that every text is a
    /// sentence.
    fn adds_up(&self) {
        let said = explain(&self.before, &self.entry, &addresses());
        assert_eq!(said.lines.len(), self.entry.events.len());
        assert!(said.lines.iter().all(|line| line.text.ends_with('.') && !line.text.contains("..")), "{said:?}");
        for change in &said.balances {
            let (_, n) = crate::kernel::id::parse_id(Kind::Grant, &change.grant).expect("a grant's id");
            let of = |workspace: &Workspace| workspace.grant(n).map(|grant| (grant.available, grant.held));
            assert_eq!((change.available.before, change.held.before), of(&self.before).unwrap_or_default());
            assert_eq!((change.available.after, change.held.after), of(&self.after).unwrap_or_default());
        }
        let listed = |n: u32| said.balances.iter().any(|change| change.grant == self.after.id.id_of(Kind::Grant, n));
        for grant in &self.after.grants {
            let before = self.before.grant(grant.n).map(|grant| (grant.available, grant.held)).unwrap_or_default();
            assert!(before == (grant.available, grant.held) || listed(grant.n), "grant {} is left out", grant.n);
        }
    }

    /// Returns the summary and the lines, with the zeros of the workspace's ids left out.
    fn explanation(&self) -> (String, Vec<String>) {
        let short = |text: &str| text.replace("0000000000007", "7");
        let said = explain(&self.before, &self.entry, &addresses());
        (short(&said.summary), said.lines.iter().map(|line| short(&line.text)).collect())
    }

    fn last(&self) -> String {
        self.explanation().1.pop().expect("the entry has events")
    }
}

fn choice(plan: &str) -> Choice {
    Choice { plan: Name::from(plan), interval: Some(Interval::Month), allowance: None, approve: Vec::new() }
}

fn amount(units: i64) -> Amount {
    Amount::new(units).expect("a test amount is in range")
}

fn run(model: &str, params: &[(&str, Value)]) -> Command {
    let params: Params = params.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect();
    let metadata = BTreeMap::new();
    Command::Run(RunCommand::Create {
        model: Name::from(model),
        params,
        quote: None,
        sandbox: None,
        metadata,
        off: None,
        served: true,
    })
}

fn ten_seconds() -> Command {
    run("video-standard", &[("duration", Value::Integer(10))])
}

fn settle(run: u32, outcome: Outcome) -> Command {
    Command::Run(RunCommand::Settle { run, attempt: None, outcome })
}

fn delivery(n: u64) -> Outcome {
    Outcome::Delivered { delivered: n, outputs: Vec::new() }
}

fn failure(code: FailureCode, detail: &str) -> Outcome {
    Outcome::Failed(Failure { code, detail: detail.to_owned() })
}

fn pack() -> Command {
    let give = Give::Pack(Name::from("pack-100"));
    Command::Grant(GrantCommand::Give { give, source: Some(Name::from("payment:1")), reason: "bought".to_owned() })
}

fn reversal(reversed: u64, disputed: bool) -> Command {
    Command::Payment(PaymentCommand::Reverse { source: Name::from("payment:1"), paid: 500, reversed, disputed })
}

const JAN: &str = "2026-01-31T12:00:00Z";
const PRO: &str = "grant gr_7_4 (cycle, pro allowance, expires 2026-02-28T10:00:00Z)";

/// Returns a workspace that came to the pro plan by way of the free one: grants 1 to 3 are the free plan's, 4 and 5
/// the pro's.
fn pro() -> Story {
    let mut story = Story::open(None);
    story.then("2026-01-31T10:00:00Z", Command::Plan(PlanCommand::Subscribe(choice("pro"))));
    story
}

#[test]
fn an_opening_tells_what_was_given() {
    let (summary, lines) = Story::open(None).explanation();
    assert_eq!(
        lines,
        [
            "Opened the workspace \"Acme\" on the free plan, in live mode, with the prices of catalog version 1.",
            "Granted 20 credits, as grant gr_7_1 (lifetime, welcome, never expires).",
            "Granted 2 free runs, as grant gr_7_2 (trial, video-trial under the free plan, never expires). Only for \
             video-trial.",
        ]
    );
    assert_eq!(
        summary,
        "Opened the workspace \"Acme\" on the free plan. Granted 20 credits. Granted 2 free runs. Available: 0 before, \
         20 credits after; held: 0 before, 0 after. Available: 0 before, 2 free runs after; held: 0 before, 0 after."
    );
}

#[test]
fn a_run_is_explained_by_its_price_and_its_grants() {
    let mut story = Story::open(Some("pro"));
    story.then(JAN, ten_seconds());
    let said = explain(&story.before, &story.entry, &addresses());
    let grant = "grant gr_0000000000007_1 (cycle, pro allowance, expires 2026-02-28T10:00:00Z)";
    assert_eq!(
        said.lines[0].text,
        format!(
            "Held 200 credits for run run_0000000000007_1 of video-standard: 10 seconds × 20 credits; taken from {grant}."
        )
    );
    assert_eq!(
        said.summary,
        "Held 200 credits for run run_0000000000007_1 of video-standard. Available: 1000 before, 800 credits after; \
         held: 0 before, 200 after."
    );
    assert_eq!(
        said.lines[0].postings,
        [ExplainedPosting {
            unit: Unit::Credits,
            from: "available in gr_0000000000007_1".to_owned(),
            to: "held from gr_0000000000007_1".to_owned(),
            amount: amount(200),
        }]
    );
    assert_eq!(
        said.balances,
        [BalanceChange {
            grant: "gr_0000000000007_1".to_owned(),
            name: grant.to_owned(),
            unit: Unit::Credits,
            available: Change { before: amount(1000), after: amount(800) },
            held: Change { before: amount(0), after: amount(200) },
        }]
    );
}

#[test]
fn a_price_of_several_lines_over_several_grants_says_each() {
    let mut story = Story::open(None);
    story.then(JAN, Command::Plan(PlanCommand::Subscribe(choice("starter"))));
    let references = Value::List(vec!["a".to_owned(), "b".to_owned()]);
    story.then(JAN, run("video-standard", &[("duration", Value::Integer(25)), ("references", references)]));
    assert_eq!(
        story.last(),
        "Held 510 credits for run run_7_1 of video-standard: 25 seconds × 20 credits (500) + 2 references × 5 credits \
         (10); taken as 500 from grant gr_7_3 (cycle, starter allowance, expires 2026-02-28T12:00:00Z) and 10 from \
         grant gr_7_1 (lifetime, welcome, never expires)."
    );
}

#[test]
fn every_end_of_a_run_says_what_it_cost() {
    let end = |outcome: Outcome| {
        let mut story = pro();
        story.then(JAN, ten_seconds());
        story.then("2026-01-31T12:01:00Z", settle(1, outcome)).last()
    };
    let pro = PRO.replace("gr_7_4", "gr_7_3");
    assert_eq!(
        end(delivery(10)),
        format!("Run run_7_1 of video-standard succeeded: of 200 credits held, 200 spent. By grant: {pro} 200 spent.")
    );
    assert_eq!(
        end(delivery(7)),
        format!(
            "Run run_7_1 of video-standard delivered 7 of the 10 asked for: of 200 credits held, 140 spent and 60 \
             returned. By grant: {pro} 140 spent and 60 returned."
        )
    );
    assert_eq!(
        end(failure(FailureCode::Refused, "the provider's filter said no")),
        format!(
            "Run run_7_1 of video-standard failed (REFUSED: the provider's filter said no): of 200 credits held, 200 \
             returned. By grant: {pro} 200 returned."
        )
    );
    let mut story = pro_with_run();
    let canceled = story.then("2026-01-31T12:01:00Z", Command::Run(RunCommand::Cancel { run: 1 })).last();
    assert_eq!(
        canceled,
        format!(
            "Run run_7_1 of video-standard was canceled (CANCELED: canceled by the caller): of 200 credits held, 200 \
             returned. By grant: {pro} 200 returned."
        )
    );
    let late = story.then("2026-01-31T12:02:00Z", settle(1, delivery(10))).explanation();
    assert_eq!(late.0, "A late result of run run_7_1 was not charged. No balance changed.");
    assert_eq!(
        late.1,
        ["A late result of run run_7_1 was not charged: the run had ended before, and its first outcome counts."]
    );
}

fn pro_with_run() -> Story {
    let mut story = pro();
    story.then(JAN, ten_seconds());
    story
}

#[test]
fn time_that_passed_is_told_before_the_command() {
    let mut story = pro_with_run();
    story.then("2026-01-31T12:00:01Z", Command::Run(RunCommand::Start { run: 1, attempt: 1 }));
    assert_eq!(story.last(), "Run run_7_1 of video-standard went to a worker, attempt 1.");
    let (summary, lines) = story.then("2026-02-28T11:00:00Z", ten_seconds()).explanation();
    assert_eq!(
        lines,
        [
            "Run run_7_1 of video-standard failed (TIMEOUT: the run had not ended by its deadline): of 200 credits \
             held, 200 returned. By grant: grant gr_7_3 (cycle, pro allowance, expires 2026-02-28T10:00:00Z) 200 \
             returned.",
            "1000 credits expired; left in grant gr_7_3 (cycle, pro allowance).",
            "3 training units expired; left in grant gr_7_4 (cycle, pro lessons).",
            "Renewed the pro plan, paid monthly: this period runs from 2026-02-28T10:00:00Z to 2026-03-31T10:00:00Z.",
            "Granted 1000 credits, as grant gr_7_5 (cycle, pro allowance, expires 2026-03-31T10:00:00Z).",
            "Granted 3 training units, as grant gr_7_6 (cycle, pro lessons, expires 2026-03-31T10:00:00Z).",
            "Held 200 credits for run run_7_2 of video-standard: 10 seconds × 20 credits; taken from grant gr_7_5 \
             (cycle, pro allowance, expires 2026-03-31T10:00:00Z).",
        ]
    );
    assert_eq!(
        summary,
        "After 4 other changes: Granted 1000 credits. Granted 3 training units. Held 200 credits for run run_7_2 of \
         video-standard. Available: 820 before, 820 credits after; held: 200 before, 200 after. Available: 3 before, \
         3 training units after; held: 0 before, 0 after."
    );
}

#[test]
fn credits_that_outlive_their_grant_under_a_hold_are_followed() {
    let mut story = pro();
    story.then("2026-02-28T09:59:00Z", ten_seconds());
    let (_, lines) = story.then("2026-02-28T10:01:00Z", settle(1, delivery(7))).explanation();
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "Run run_7_1 of video-standard delivered 7 of the 10 asked for: of 200 credits held, 140 spent and 60 past \
             the grant's expiry. By grant: grant gr_7_3 (cycle, allowance, expired 2026-02-28T10:00:00Z) 140 spent and \
             60 past the grant's expiry.",
            "Returned 60 credits that had been held from grant gr_7_3 (cycle, allowance), which has expired, as grant \
             gr_7_7 (returned, allowance, expires 2026-03-01T10:00:00Z).",
        ]
    );
}

#[test]
fn trials_say_that_they_are_free() {
    let mut story = Story::open(None);
    story.then(JAN, run("video-trial", &[]));
    assert_eq!(
        story.last(),
        "Held 1 free run for run run_7_1 of video-trial; taken from grant gr_7_2 (trial, video-trial under the free \
         plan, never expires)."
    );
    story.then(JAN, run("video-window", &[]));
    assert_eq!(
        story.explanation(),
        (
            "Accepted run run_7_2 of video-window. No balance changed.".to_owned(),
            vec![
                "Accepted run run_7_2 of video-window, free inside the model's trial period. The trial period starts \
                 with it and ends 2026-02-01T12:00:00Z."
                    .to_owned()
            ]
        )
    );
    let (_, lines) = story.then(JAN, settle(2, failure(FailureCode::ProviderError, "out of order"))).explanation();
    assert_eq!(
        lines,
        [
            "Run run_7_2 of video-window failed (PROVIDER_ERROR: out of order): it was free.",
            "The free trial period of video-window under the free plan was set back, because the run delivered nothing \
             usable: the next run starts it again.",
        ]
    );
}

#[test]
fn a_payment_is_followed_to_its_refund_and_back() {
    let mut story = Story::open(None);
    let (_, lines) = story.then(JAN, pack()).explanation();
    assert_eq!(
        lines,
        [
            "Sold the pack pack-100 of 100 credits, paid by payment:1, as grant gr_7_3 (pack, pack-100, expires \
             2026-05-01T12:00:00Z). Reason: bought.",
            "Added a bonus of 10 credits to the pack pack-100, paid by payment:1, as grant gr_7_4 (bonus, pack-100, \
             expires 2026-05-01T12:00:00Z). Reason: bought.",
        ]
    );
    let hold = Command::Hold(HoldCommand::Open {
        ask: Ask::Credits(amount(100)),
        reference: "order 1".to_owned(),
        seconds: None,
        off: None,
        behalf: None,
    });
    story.then(JAN, hold);
    assert_eq!(
        story.last(),
        "Held 100 credits for hold hd_7_1, reference \"order 1\": until 2026-01-31T13:00:00Z; taken from grant gr_7_3 \
         (pack, pack-100, expires 2026-05-01T12:00:00Z)."
    );
    story.then(JAN, Command::Hold(HoldCommand::Extend { hold: 1, seconds: 7200 }));
    assert_eq!(story.last(), "Hold hd_7_1 now lasts until 2026-01-31T14:00:00Z.");
    let (_, lines) = story.then(JAN, reversal(500, true)).explanation();
    assert_eq!(
        lines,
        [
            "Took back 0 credits from grant gr_7_3 (pack, pack-100, expires 2026-05-01T12:00:00Z). Reason: payment \
             disputed. Held now, to follow when the runs end: 100 credits.",
            "Took back 10 credits from grant gr_7_4 (bonus, pack-100, expires 2026-05-01T12:00:00Z). Reason: payment \
             disputed.",
            "The payment payment:1 was disputed: new runs are refused until the dispute is closed.",
        ]
    );
    let (summary, lines) =
        story.then(JAN, Command::Hold(HoldCommand::Capture { hold: 1, amount: Some(amount(30)) })).explanation();
    assert_eq!(
        lines,
        ["Hold hd_7_1 was spent: of 100 credits held, 30 spent and 70 taken back for a payment or correction. By \
          grant: grant gr_7_3 (pack, pack-100, expires 2026-05-01T12:00:00Z) 30 spent and 70 taken back for a payment \
          or correction."]
    );
    assert_eq!(
        summary,
        "Hold hd_7_1 was spent: of 100 credits held, 30 spent and 70 taken back for a payment or correction. \
         Available: 20 before, 20 credits after; held: 100 before, 0 after."
    );
    let (_, lines) = story.then(JAN, reversal(0, false)).explanation();
    assert_eq!(
        lines[..2],
        [
            "To be taken back of grant gr_7_3 (pack, pack-100): 0 credits instead of 100. Reason: payment \
             reinstated.",
            "Gave back 70 credits that were taken back from grant gr_7_3 (pack, pack-100) with its payment; the \
             payment payment:1 counts again, as grant gr_7_5 (reinstated, pack-100, expires 2026-05-01T12:00:00Z). \
             Reason: the payment was reinstated.",
        ]
    );
    assert_eq!(story.last(), "The dispute over the payment payment:1 was closed.");
}

#[test]
fn a_debt_and_its_repayment_name_both_grants() {
    let mut story = Story::open(None);
    story.then(JAN, pack());
    let hold = Command::Hold(HoldCommand::Open {
        ask: Ask::Credits(amount(110)),
        reference: "order".to_owned(),
        seconds: None,
        off: None,
        behalf: None,
    });
    story.then(JAN, hold);
    story.then(JAN, Command::Hold(HoldCommand::Capture { hold: 1, amount: None }));
    let (_, lines) = story.then(JAN, reversal(250, false)).explanation();
    assert_eq!(
        lines[0],
        "Took back 0 credits from grant gr_7_3 (pack, pack-100, expires 2026-05-01T12:00:00Z). Reason: payment \
         refunded. Spent already and owed: 50 credits."
    );
    let give = Give::Pack(Name::from("pack-100"));
    let second =
        Command::Grant(GrantCommand::Give { give, source: Some(Name::from("payment:2")), reason: "bought".to_owned() });
    let (_, lines) = story.then(JAN, second).explanation();
    assert_eq!(
        lines[2],
        "50 credits repaid a debt for grant gr_7_3 (pack, pack-100), which was spent before its payment was taken \
         back; paid from grant gr_7_5 (pack, pack-100, expires 2026-05-01T12:00:00Z)."
    );
}

#[test]
fn plans_come_and_go_in_words() {
    let mut story = Story::open(Some("starter"));
    let upgrade = Command::Plan(PlanCommand::Subscribe(choice("pro")));
    let (_, lines) = story.then("2026-02-10T10:00:00Z", upgrade).explanation();
    assert_eq!(
        lines[..2],
        [
            "500 credits ended early with the change of plan; left in grant gr_7_1 (cycle, starter allowance, expires \
             2026-02-28T10:00:00Z).",
            "Upgraded from the starter plan to the pro plan at once, paid monthly: this period runs from \
             2026-02-10T10:00:00Z to 2026-03-10T10:00:00Z.",
        ]
    );
    story.then("2026-02-11T10:00:00Z", Command::Plan(PlanCommand::Subscribe(choice("starter"))));
    assert_eq!(
        story.last(),
        "The plan will change to starter, paid monthly, on 2026-03-10T10:00:00Z; until then the pro plan is unchanged."
    );
    story.then("2026-02-12T10:00:00Z", Command::Plan(PlanCommand::UndoCancel));
    assert_eq!(
        story.last(),
        "The change to the starter plan was taken back: the pro plan renews on 2026-03-10T10:00:00Z."
    );
    story.then("2026-02-13T10:00:00Z", Command::Plan(PlanCommand::Cancel));
    assert_eq!(
        story.last(),
        "The pro plan was canceled: it stays active until 2026-03-10T10:00:00Z and does not renew."
    );
    let (_, lines) = story.then("2026-03-11T10:00:00Z", Command::Tick).explanation();
    assert_eq!(lines[2], "The pro plan ended and the workspace went to the free plan.");
}

#[test]
fn the_operators_hand_is_named_with_its_reason() {
    let mut story = Story::open(None);
    let give = Give::Goodwill {
        unit: Unit::Credits,
        amount: amount(50),
        expires_at: None,
        models: vec!["image-limited".into()],
    };
    story.then(JAN, Command::Grant(GrantCommand::Give { give, source: None, reason: "a slow day".to_owned() }));
    assert_eq!(
        story.last(),
        "Granted 50 credits, as grant gr_7_3 (goodwill, never expires). Only for image-limited. Reason: a slow day."
    );
    story.then(JAN, Command::Grant(GrantCommand::Void { grant: 3, reason: "given twice".to_owned() }));
    assert_eq!(story.last(), "Took back 50 credits from grant gr_7_3 (goodwill, never expires). Reason: given twice.");
    story.then(JAN, Command::Workspace(WorkspaceCommand::Freeze { reason: Name::from("abuse") }));
    assert_eq!(story.last(), "The workspace was frozen: new runs are refused until it is unfrozen. Reason: abuse.");
    story.then(JAN, Command::Workspace(WorkspaceCommand::Unfreeze));
    assert_eq!(story.last(), "The workspace was unfrozen.");
    story.then(JAN, Command::Workspace(WorkspaceCommand::Rename { name: "Beta".to_owned() }));
    assert_eq!(story.last(), "Renamed the workspace from \"Acme\" to \"Beta\".");
}

#[test]
fn reviews_versions_contracts_and_years_in_words() {
    let mut story = Story::open(None);
    story.then(
        JAN,
        Command::Review(ReviewCommand::Approve { review: Name::from("business"), reason: "papers seen".to_owned() }),
    );
    assert_eq!(story.last(), "Approved the review business. Reason: papers seen.");
    story.then(JAN, Command::Plan(PlanCommand::Subscribe(choice("team"))));
    let (_, lines) = story.then("2026-02-28T12:00:00Z", Command::Tick).explanation();
    assert_eq!(
        lines[2],
        "Carried over 100 credits from the last period, as grant gr_7_4 (rollover, team allowance, expires \
         2026-03-31T12:00:00Z)."
    );
    let same = std::sync::Arc::clone(&story.catalogs.all()[0].catalog);
    story.catalogs.publish("2026-02-28T12:00:00Z".parse().expect("RFC 3339"), same);
    story.then("2026-02-28T12:00:00Z", Command::Plan(PlanCommand::Migrate { version: 2 }));
    assert_eq!(
        story.last(),
        "The terms moved from catalog version 1 to version 2; the terms of the paid period, in version 1, stay."
    );

    let yearly = Choice { interval: Some(Interval::Year), ..choice("pro") };
    let (_, lines) = Story::open(Some("pro")).then(JAN, Command::Plan(PlanCommand::Subscribe(yearly))).explanation();
    assert_eq!(
        lines[2],
        "Changed the pro plan at once, paid yearly: this period runs from 2026-01-31T12:00:00Z to \
         2027-01-31T12:00:00Z."
    );
    let mut story = Story::open(None);
    story.then(JAN, Command::Plan(PlanCommand::Subscribe(Choice { interval: Some(Interval::Year), ..choice("pro") })));
    let (_, lines) = story.then("2026-02-28T12:00:00Z", Command::Tick).explanation();
    assert_eq!(lines[1], "The next month of the yearly pro plan began; the year ends 2027-01-31T12:00:00Z.");

    let mut story = Story::open(None);
    story.then(
        JAN,
        Command::Plan(PlanCommand::Subscribe(Choice { allowance: Some(amount(9000)), ..choice("contract") })),
    );
    assert_eq!(
        story.explanation().1,
        [
            "Started the contract plan, paid monthly: this period runs from 2026-01-31T12:00:00Z to \
             2026-02-28T12:00:00Z. The contract gives 9000 credits a period.",
            "Granted 9000 credits, as grant gr_7_3 (cycle, contract contract, expires 2026-02-28T12:00:00Z).",
        ]
    );
}

#[test]
fn holds_that_come_back_say_how() {
    let mut story = Story::open(None);
    let hold = |credits| {
        Command::Hold(HoldCommand::Open {
            ask: Ask::Credits(amount(credits)),
            reference: "order".to_owned(),
            seconds: Some(60),
            off: None,
            behalf: None,
        })
    };
    story.then(JAN, hold(1));
    assert!(story.last().starts_with("Held 1 credit for hold hd_7_1"), "{}", story.last());
    story.then(JAN, Command::Hold(HoldCommand::Release { hold: 1 }));
    assert_eq!(
        story.last(),
        "Hold hd_7_1 was returned: of 1 credit held, 1 returned. By grant: grant gr_7_1 (lifetime, welcome, never \
         expires) 1 returned."
    );
    story.then(JAN, hold(5));
    story.then("2026-01-31T12:01:00Z", Command::Tick);
    assert_eq!(
        story.last(),
        "Hold hd_7_2 reached its end unused: of 5 credits held, 5 returned. By grant: grant gr_7_1 (lifetime, welcome, \
         never expires) 5 returned."
    );
}

#[test]
fn a_daily_limit_is_mentioned() {
    let mut story = pro();
    story.then(JAN, run("image-limited", &[]));
    assert!(story.last().ends_with(". It counts against the daily limit of image-limited."), "{}", story.last());
}

#[test]
fn a_grant_that_the_fold_forgets_is_still_named() {
    // Sixty-four lots are kept; a closed one is forgotten once it is 200 days old, here inside one late entry.
    let mut story = Story::open(Some("starter"));
    for _ in 0..70 {
        let give = Give::Goodwill { unit: Unit::Credits, amount: amount(1), expires_at: None, models: Vec::new() };
        story.then(JAN, Command::Grant(GrantCommand::Give { give, source: None, reason: "gift".to_owned() }));
    }
    story.then("2027-01-01T00:00:00Z", Command::Tick);
    let said = explain(&story.before, &story.entry, &addresses());
    assert!(story.after.grant(1).is_none(), "the first month's grant is forgotten");
    let first = &said.balances[0];
    assert_eq!(first.grant, story.after.id.id_of(Kind::Grant, 1));
    assert_eq!((first.available.before, first.available.after), (amount(500), amount(0)));
}

#[test]
fn instants_are_serialized_in_rfc_3339() {
    let story = Story::open(Some("starter"));
    let json = serde_json::to_value(explain(&story.before, &story.entry, &addresses())).expect("plain data");
    assert_eq!(json["lines"][0]["at"], "2026-01-31T10:00:00Z");
    assert_eq!(json["balances"][0]["available"], serde_json::json!({ "before": 0, "after": 500 }));
    assert_eq!(json["lines"][2]["postings"][0]["from"], format!("granted ({})", GrantKind::Cycle.name()));
}
