//! The rows beside the journal, compared with their seals and with what the entries say of them.
//!
//! Invariant: changes nothing, and believes no row because another row says so.

use super::Report;
use crate::store::integrity::{
    ACTS, CLAIMS, CLAIMS_BEFORE, LAST_ACT, LAST_CATALOG, SealedTable, catalog_differences, last_act,
};
use crate::store::journal::JournalRow;
use crate::store::snapshot::{SNAPSHOTS, Stored};
use crate::store::{Row, Store, Unavailable, Value, queries};
use scrip_engine::{Dated, Event, ReviewEvent, UserId, Workspace, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

/// Rows read at once.
const PAGE: i64 = 5_000;
/// Snapshots read at once: each is a whole workspace.
const SNAPSHOTS_AT_ONCE: i64 = 256;
/// Every sealed table, and how its rows are read.
static TABLES: LazyLock<Vec<(&SealedTable, String)>> =
    LazyLock::new(|| SealedTable::all().map(|table| (table, table.select())).collect());
/// Applications, and how each was decided.
const REVIEWS: &str =
    "SELECT workspace, review, application, status, reason, decided_at, number FROM reviews ORDER BY workspace, n";

/// An application: its workspace, the review, and its number there.
type Application = (WorkspaceId, String, i64);
/// The state of an application: its status, the reason, and the instant of the decision.
type Decision = (&'static str, Option<String>, Option<i64>);

/// What entries say of the rows beside them.
#[derive(Default)]
pub struct Told {
    /// What each workspace claims.
    claims: HashMap<(String, String), WorkspaceId>,
    /// Applications for reviews: the status, the reason, and the instant of the decision.
    reviews: BTreeMap<Application, Decision>,
    /// Snapshots that stand after an entry that was not replayed yet, by its workspace.
    snapshots: HashMap<WorkspaceId, u64>,
}

impl Told {
    /// Reads which snapshots there are, before the entries are replayed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn before(store: &Store, report: &mut Report) -> Result<Told, Unavailable> {
        let mut told = Told::default();
        let mut after = i64::MIN;
        loop {
            let rows = store.query(SNAPSHOTS, vec![after.into(), SNAPSHOTS_AT_ONCE.into()]).await?;
            let Some(last) = rows.last() else { return Ok(told) };
            after = last.integer(0);
            for (id, stored) in rows.iter().map(Stored::read) {
                match stored.open(id, store.seals()) {
                    Ok(_) => drop(told.snapshots.insert(id, stored.seq)),
                    Err(why) => report.wrong(format!("snapshot of {id}: {why}")),
                }
            }
        }
    }

    /// Takes note of an entry that was replayed, and of the workspace after it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entry(
        &mut self,
        store: &Store,
        row: &JournalRow,
        after: Option<&Workspace>,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        for claim in row.claims() {
            self.claims.insert(claim, row.workspace);
        }
        if let Some(workspace) = after
            && self.snapshots.get(&row.workspace) == Some(&row.seq)
        {
            self.snapshots.remove(&row.workspace);
            let one = vec![Value::Integer(row.workspace.get().wrapping_sub(1)), 1.into()];
            let rows = store.query(SNAPSHOTS, one).await?;
            let found =
                rows.iter().map(Stored::read).find(|(id, stored)| *id == row.workspace && stored.seq == row.seq);
            // On a server that runs, a newer one may have come meanwhile.
            if let Some((id, stored)) = found {
                if stored.hash != row.hash {
                    report.wrong(format!("snapshot of {id}: entry {} has another hash", row.seq));
                }
                if stored.open(id, store.seals()).is_ok_and(|snapshot| snapshot != *workspace) {
                    report.wrong(format!(
                        "snapshot of {id}: replaying the journal gives another state at entry {}",
                        row.seq
                    ));
                }
            }
        }
        if let Ok(entry) = row.entry() {
            self.reviews(row.workspace, after, &entry.events);
        }
        Ok(())
    }

    fn reviews(&mut self, id: WorkspaceId, after: Option<&Workspace>, events: &[Dated]) {
        for Dated(at, event) in events {
            let (review, application) = match event {
                Event::Review(ReviewEvent::ReviewRequested { review, application }) => {
                    let key = (id, review.to_string(), i64::from(*application));
                    self.reviews.insert(key, ("submitted", None, None));
                    continue;
                }
                Event::Review(
                    ReviewEvent::ReviewApproved { review, .. }
                    | ReviewEvent::ReviewRejected { review, .. }
                    | ReviewEvent::ReviewRevoked { review, .. },
                ) => {
                    let known = after.and_then(|workspace| workspace.billing.reviews.get(review));
                    (review, known.map(|known| (i64::from(known.application), known)))
                }
                _ => continue,
            };
            let Some((application, known)) = application else { continue };
            let decided = (known.status.name(), known.reason.as_ref().map(ToString::to_string), Some(at.micros()));
            self.reviews.insert((id, review.to_string(), application), decided);
        }
    }

    /// Compares the rows with what the entries said.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn compare(
        mut self,
        store: &Store,
        known: &BTreeSet<WorkspaceId>,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        for (id, seq) in &self.snapshots {
            report.wrong(format!("snapshot of {id}: it stands after entry {seq}, which the journal does not have"));
        }
        seals(store, report).await?;
        catalogs(store, report).await?;
        last(store, report).await?;
        blocks(store, report).await?;
        self.compare_claims(store, known, report).await?;
        self.compare_reviews(store, report).await
    }

    async fn compare_claims(
        &mut self,
        store: &Store,
        known: &BTreeSet<WorkspaceId>,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        let sql = &TABLES.iter().find(|(table, _)| table.name == CLAIMS.name).expect("claims are sealed").1;
        let (mut before, mut offset) = (0, 0);
        loop {
            let rows = store.query(sql, vec![PAGE.into(), offset.into()]).await?;
            offset += rows.len() as i64;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let id = WorkspaceId::new(row.integer(2) as u64);
                let what = (row.text(0).to_owned(), row.text(1).to_owned());
                let is_before = store.seals().is_claim_before(row);
                before += i64::from(is_before && known.contains(&id));
                match self.claims.remove(&what) {
                    Some(of) if of != id => {
                        report.wrong(format!("claim {} {}: it is {of}'s, not {id}'s", what.0, what.1))
                    }
                    // What an older version claimed is in no entry.
                    None if !is_before => {
                        report.wrong(format!("claim {} {}: no entry of {id} makes it", what.0, what.1))
                    }
                    _ => {}
                }
            }
        }
        for ((scope, what), id) in &self.claims {
            report.wrong(format!("claim {scope} {what}: {id} made it, and it is missing"));
        }
        let rows = store.query(queries::SETTING, vec![Value::Text(CLAIMS_BEFORE.to_owned())]).await?;
        let noted = rows.first().and_then(|row| store.seals().read_setting(CLAIMS_BEFORE, row));
        let noted = noted.and_then(|noted| Some(i64::from_le_bytes(noted.try_into().ok()?)));
        if noted.is_none_or(|noted| before < noted) {
            report.wrong(format!("claims of an older version: {before} are there, and {noted:?} were"));
        }
        Ok(())
    }

    async fn compare_reviews(&mut self, store: &Store, report: &mut Report) -> Result<(), Unavailable> {
        let rows = store.query(REVIEWS, Vec::new()).await?;
        let mut numbers: HashMap<WorkspaceId, i64> = HashMap::new();
        for row in &rows {
            let id = WorkspaceId::new(row.integer(0) as u64);
            let (review, application) = (row.text(1).to_owned(), row.integer(2));
            let name = format!("review {review} of {id}, application {application}");
            let number = numbers.entry(id).or_default();
            *number += 1;
            if row.integer(6) != *number {
                report.wrong(format!("{name}: its number is {} and not {number}", row.integer(6)));
            }
            let reason = match &row.0[4] {
                Value::Text(reason) => Some(reason.clone()),
                _ => None,
            };
            let found = (row.text(3), reason, row.maybe_integer(5));
            match self.reviews.remove(&(id, review, application)) {
                Some(told) if told == found => {}
                Some(told) => report.wrong(format!("{name}: it is kept as {found:?}, and entries say {told:?}")),
                None => report.wrong(format!("{name}: no entry tells of it")),
            }
        }
        // What an operator approved unasked has a row where its server keeps lists; the right is in the workspace.
        for (id, review, application) in self.reviews.keys().filter(|(.., application)| *application > 0) {
            report.wrong(format!("review {review} of {id}, application {application}: it is missing"));
        }
        Ok(())
    }
}

/// Checks the seal of every row of every sealed table.
async fn seals(store: &Store, report: &mut Report) -> Result<(), Unavailable> {
    for (table, sql) in TABLES.iter() {
        let (mut before, mut offset) = (Vec::new(), 0);
        loop {
            let rows = store.query(sql, vec![PAGE.into(), offset.into()]).await?;
            offset += rows.len() as i64;
            if rows.is_empty() {
                break;
            }
            for difference in store.seals().differences(table, &rows, &mut before) {
                report.wrong(difference);
            }
        }
    }
    Ok(())
}

async fn catalogs(store: &Store, report: &mut Report) -> Result<(), Unavailable> {
    let rows = store.query(queries::CATALOG_TEXTS, Vec::new()).await?;
    let last = store.query(queries::SETTING, vec![Value::Text(LAST_CATALOG.to_owned())]).await?;
    for difference in catalog_differences(&rows, last.first(), store.seals()) {
        report.wrong(difference);
    }
    Ok(())
}

/// Compares the blocks of people with the acts that made and ended them.
async fn blocks(store: &Store, report: &mut Report) -> Result<(), Unavailable> {
    let acts = "SELECT kind, name, reason FROM acts WHERE kind IN ('block_person', 'unblock_person') ORDER BY n";
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for act in store.query(acts, Vec::new()).await? {
        match act.text(0) {
            "block_person" => told.insert(act.text(1).to_owned(), act.text(2).to_owned()),
            _ => told.remove(act.text(1)),
        };
    }
    for row in store.query("SELECT user_id, reason FROM blocks ORDER BY user_id", Vec::new()).await? {
        let user = UserId::new(row.integer(0) as u64).to_string();
        if told.remove(&user).is_none_or(|reason| reason != row.text(1)) {
            report.wrong(format!("block of {user}: no act made it, or one ended it"));
        }
    }
    for user in told.keys() {
        report.wrong(format!("block of {user}: an act made it, and it is missing: block them again"));
    }
    Ok(())
}

/// Checks that no act is missing at the end.
async fn last(store: &Store, report: &mut Report) -> Result<(), Unavailable> {
    let acts = "SELECT n, seal FROM acts ORDER BY n DESC LIMIT 1";
    let rows: Vec<Row> = store.query(acts, Vec::new()).await?;
    let noted = store.query(queries::SETTING, vec![Value::Text(LAST_ACT.to_owned())]).await?;
    let noted = noted.first().and_then(|row| store.seals().read_setting(LAST_ACT, row));
    if noted.is_none_or(|noted| noted != last_act(rows.first())) {
        report.wrong(format!("{}: the last one is another than was noted", ACTS.name));
    }
    Ok(())
}
