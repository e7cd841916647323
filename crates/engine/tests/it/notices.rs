//! Mails about a low balance: however the balance crosses its line, members get at most one mail a crossing and one a
//! day.

use scrip_engine::team::Tenancy;
use scrip_engine::{
    Amount, Ask, By, Catalogs, Command, DAY, DatedEvent, Event, Give, GrantCommand, HoldCommand, Mode, Notice, Profile,
    Timestamp, Unit, Workspace, WorkspaceCommand, WorkspaceId, apply, parse_catalog,
};
use std::sync::Arc;

const LINE: i64 = 20;
const START: i64 = 1_767_225_600_000_000;

/// A free workspace with 50 credits, and the mails it gets.
struct Desk {
    catalogs: Catalogs,
    workspace: Workspace,
    now: i64,
    gifts: u32,
    /// Instants at which mails about the balance were written.
    mails: Vec<i64>,
    /// Number of crossings that made a notice without a mail.
    quiet: usize,
    /// `true` if the balance was at or above the line since the last mail.
    recovered: bool,
}

impl Desk {
    fn open() -> Desk {
        let catalog = parse_catalog(include_str!("../../../../catalogs/weekly-yearly.toml")).expect("it is shipped");
        let mut catalogs = Catalogs::default();
        catalogs.publish(Timestamp::from_micros(0), Arc::new(catalog));
        let workspace = Workspace::new(WorkspaceId::new(7));
        let (mails, quiet, recovered) = (Vec::new(), 0, true);
        let mut desk = Desk { catalogs, workspace, now: START, gifts: 0, mails, quiet, recovered };
        desk.ask(&Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile: Profile { name: "Ada".to_owned(), ..Profile::default() },
            lifetime_allowed: true,
            choice: None,
            tenancy: Tenancy::Team,
            owner: None,
        }));
        desk
    }

    fn ask(&mut self, command: &Command) {
        let at = Timestamp::from_micros(self.now);
        let applied = apply(&self.workspace, &self.catalogs, By::Operator, command, at).expect("it is not refused");
        for DatedEvent(_, event) in &applied.events {
            match event {
                Event::Notice(Notice::CreditsLow { too_soon: true, .. }) => self.quiet += 1,
                Event::Notice(Notice::CreditsLow { .. }) => {
                    assert!(self.recovered, "a second mail about a balance that was never above the line again");
                    self.recovered = false;
                    self.mails.push(self.now);
                }
                _ => {}
            }
        }
        self.workspace = applied.workspace;
        self.recovered |= self.available() >= LINE;
    }

    fn available(&self) -> i64 {
        self.workspace.available(Unit::Credits, None, Timestamp::from_micros(self.now)).get()
    }

    fn give(&mut self, credits: i64) {
        self.gifts += 1;
        let amount = Amount::new(credits).expect("in range");
        let give = Give::Goodwill { unit: Unit::Credits, amount, expires_at: None, models: Vec::new() };
        self.ask(&Command::Grant(GrantCommand::Give { give, source: None, reason: "a walk".to_owned() }));
    }

    fn spend(&mut self, credits: i64) {
        let hold = self.workspace.next_hold;
        let ask = Ask::Credits(Amount::new(credits).expect("in range"));
        self.ask(&Command::Hold(HoldCommand::Open {
            ask,
            reference: "a walk".to_owned(),
            seconds: None,
            off: None,
            behalf: None,
        }));
        self.ask(&Command::Hold(HoldCommand::Capture { hold, amount: None }));
    }
}

#[test]
fn ten_crossings_at_one_instant_are_one_mail() {
    let mut desk = Desk::open();
    desk.spend(35);
    for _ in 0..10 {
        desk.give(20);
        desk.spend(20);
    }
    assert_eq!((desk.mails.len(), desk.quiet), (1, 10));
}

#[test]
fn mails_about_a_balance_are_a_day_apart_and_each_of_a_crossing() {
    let (mut mails, mut quiet) = (0, 0);
    for seed in 0..300_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = |most: i64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i64::try_from(state % most.unsigned_abs()).expect("it is small")
        };
        let mut desk = Desk::open();
        for _ in 0..120 {
            desk.now += [0, 1, roll(DAY / 4), roll(2 * DAY)][usize::try_from(roll(4)).expect("it is small")];
            match desk.available() {
                left if left > 0 && roll(2) == 0 => desk.spend(1 + roll(left)),
                _ => desk.give(1 + roll(2 * LINE)),
            }
        }
        for pair in desk.mails.windows(2) {
            assert!(pair[1] - pair[0] >= DAY, "seed {seed}: two mails within a day");
        }
        (mails, quiet) = (mails + desk.mails.len(), quiet + desk.quiet);
    }
    assert!(mails > 300 && quiet > 300, "{mails} mails, {quiet} crossings without one: too few to look at");
}
