//! Counted work: plain rounds, for a program that counts instructions. Two runs of different lengths differ by the
//! rounds.
//!
//! Invariant: one thing after the other, so that the same rounds are the same work: a request is answered and projected
//! before the next one is sent.

use crate::engine::Lab;
use crate::fill;
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load::{self, HOLD};
use scrip::benchmark::place::{Place, Target};
use scrip::{Beside, KEY_PREFIXES, Ledger, OPERATOR_PREFIXES, Origin, Server, Settings, claim_of_key, new_key};
use scrip_engine::team::{KeyHash, NewKey, Secret, TeamCommand, Tenancy};
use scrip_engine::{Amount, Choice, Command, Interval, Mode, Name, Profile, UserId, WorkspaceCommand, WorkspaceId};
use scrip_store::crypto::sha256;
use scrip_store::rows::profiles;

/// Work that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CountedWork {
    /// A hold and its capture in the engine, on a typical workspace
    Typical,
    /// A hold and its capture in the engine, on a workspace with 64 grants and 256 holds
    Large,
    /// A hold over HTTP, from the socket to the disk and the projections
    Hold,
    /// A run over HTTP, by the operator
    Run,
    /// A run over HTTP, by a key of the workspace: its difference to an operator's run is the cost of judging the key
    KeyRun,
}

/// Number of workspaces that holds are made on in turn: few rounds leave each with few open holds.
const WORKSPACES: usize = 64;

/// Body of the request for a run.
const RUN: &[u8] = br#"{"model":"image-standard","params":{}}"#;

/// Does a number of rounds of one kind of work.
///
/// # Errors
/// When one is refused.
pub fn run(what: CountedWork, rounds: usize, place: &Place) -> Result<(), String> {
    let mut lab = match what {
        CountedWork::Typical => Lab::new()?,
        CountedWork::Large => Lab::large()?,
        CountedWork::Hold | CountedWork::Run | CountedWork::KeyRun => {
            return load::block_on(requests(what, rounds, place));
        }
    };
    (0..rounds).try_for_each(|_| lab.pair())
}

async fn requests(what: CountedWork, rounds: usize, place: &Place) -> Result<(), String> {
    let key = new_key(OPERATOR_PREFIXES[0]);
    let settings = Settings {
        catalog: Some(place.catalog()),
        data: Some(place.directory.join("counted")),
        listen: Some(([127, 0, 0, 1], 0).into()),
        operator_key: Some(key.clone()),
        ..Settings::default()
    };
    let server = Server::prepare(&settings).await?;
    let ledger = server.ledger();
    let (address, serving) = server.serve_alone().map_err(|error| error.to_string())?;
    let target = Target { address, key };
    let mut connection = Connection::open(address).await?;
    let desks = if what == CountedWork::Hold { Vec::new() } else { desks(&ledger).await? };
    let workspaces = if what == CountedWork::Hold { fill::open(&ledger, WORKSPACES).await? } else { Vec::new() };
    for n in 0..rounds {
        match what {
            CountedWork::Hold => hold(&mut connection, &target, &workspaces[n % WORKSPACES], n).await?,
            CountedWork::Run => run_by(&mut connection, &target.key, &desks[n % WORKSPACES], n).await?,
            _ => run_by(&mut connection, &desks[n % WORKSPACES].key, &desks[n % WORKSPACES], n).await?,
        }
        ledger.store().await_projections().await.map_err(|error| error.to_string())?;
    }
    serving.abort();
    Ok(())
}

async fn hold(connection: &mut Connection, target: &Target, workspace: &str, n: usize) -> Result<(), String> {
    match load::hold(connection, target, workspace, HOLD, &n.to_string()).await? {
        Ok(_) => Ok(()),
        Err(status) => Err(format!("a hold was answered with {status}")),
    }
}

/// Requests a run, with the operator's key or the workspace's; the request names the workspace either way.
async fn run_by(connection: &mut Connection, key: &str, desk: &Desk, n: usize) -> Result<(), String> {
    connection.begin("POST", "/v1/runs", key);
    connection.header("Scrip-Workspace", &desk.workspace.to_string());
    connection.header("Idempotency-Key", &format!("r{n}"));
    match connection.send_again(RUN).await? {
        (202, _) => Ok(()),
        (status, body) => Err(format!("a run was answered with {status}: {}", String::from_utf8_lossy(body))),
    }
}

/// A workspace on a plan whose keys run models, and a key of it.
struct Desk {
    workspace: WorkspaceId,
    key: String,
}

async fn desks(ledger: &Ledger) -> Result<Vec<Desk>, String> {
    let mut desks = Vec::with_capacity(WORKSPACES);
    for n in 0..WORKSPACES {
        let (workspace, key) = (WorkspaceId::new(n as u64 + 1), new_key(KEY_PREFIXES[0]));
        // Without a limit on requests: the judging of keys is counted, not their refusal.
        let (plan, interval, allowance) = (Name::from("enterprise"), Some(Interval::Month), Amount::new(1_000_000));
        let opening = Command::Workspace(WorkspaceCommand::Open {
            mode: Mode::Test,
            test_clock: None,
            profile: Profile { name: "counted".to_owned(), owner: None, external_id: None },
            lifetime_allowed: true,
            choice: Some(Choice { plan, interval, allowance, approve: Vec::new() }),
            tenancy: Tenancy::Team,
            owner: Some(UserId::new(n as u64 + 1)),
        });
        let secret = Secret { hash: KeyHash(sha256(&[key.as_bytes()])), last4: "0000".to_owned() };
        let beside = Beside { claims: vec![claim_of_key(&secret.hash)], ..Beside::default() };
        let new = NewKey { name: "k".to_owned(), capabilities: vec!["model:run".to_owned()], ..NewKey::default() };
        let make = Command::Team(TeamCommand::MakeKey { secret, owner: None, new });
        let rows = vec![profiles::add_with_entry(workspace, UserId::new(n as u64 + 1), &format!("{n}@example.com"))];
        for (command, beside) in [(opening, Beside { rows, ..Beside::default() }), (make, beside)] {
            let asked = Origin::internal("counted", workspace, None);
            ledger.submit_beside(workspace, command, asked, beside).await.map_err(|error| format!("{error:?}"))?;
        }
        desks.push(Desk { workspace, key });
    }
    Ok(desks)
}
