//! Comparison of the rows beside the journal with their seals and with the entries.
//!
//! Invariant: the comparison changes nothing, and believes no row because of another row.

use super::Report;
use scrip_engine::team::event::TeamEvent;
use scrip_engine::{DatedEvent, Event, ReviewEvent, UserId, Workspace, WorkspaceEvent, WorkspaceId};
use scrip_store::integrity::{ACTS, CLAIMS_BEFORE};
use scrip_store::journal::JournalRow;
use scrip_store::rows::{acts, blocks, catalogs, profiles, reviews, seals, settings, snapshots};
use scrip_store::{Store, Unavailable};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Number of rows that are read at once.
const PAGE: i64 = 5_000;
/// Number of snapshots that are read at once: each is a whole workspace.
const SNAPSHOTS_AT_ONCE: i64 = 256;
/// Identity of an application: its workspace, the review, and its number there.
type Application = (WorkspaceId, String, i64);
/// State of an application: its status, the reason, and the instant of the decision.
type Decision = (&'static str, Option<String>, Option<i64>);

/// Contents of rows beside the journal, by the entries.
#[derive(Default)]
pub struct Consequences {
    /// Claims of each workspace, by scope and name.
    claims: HashMap<(String, String), WorkspaceId>,
    /// People that entries name, with their workspaces.
    people: BTreeSet<(WorkspaceId, UserId)>,
    /// Decisions about applications for reviews.
    reviews: BTreeMap<Application, Decision>,
    /// Snapshots after an entry that was not replayed yet: the entry's number by workspace.
    snapshots: HashMap<WorkspaceId, u64>,
}

impl Consequences {
    /// Reads the numbers of the present snapshots, before the entries are replayed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn before(store: &Store, report: &mut Report) -> Result<Consequences, Unavailable> {
        let mut told = Consequences::default();
        let mut after = i64::MIN;
        loop {
            let page = snapshots::after(store.reader(), after, SNAPSHOTS_AT_ONCE).await?;
            let Some((last, _)) = page.last() else { return Ok(told) };
            after = last.get();
            for (id, stored) in page {
                match stored.open(id, store.seals()) {
                    Ok(_) => drop(told.snapshots.insert(id, stored.seq)),
                    Err(why) => report.wrong(format!("snapshot of {id}: {why}")),
                }
            }
        }
    }

    /// Adds an entry that was replayed, and the workspace after it.
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
            let one = snapshots::after(store.reader(), row.workspace.get().wrapping_sub(1), 1).await?;
            let found = one.into_iter().find(|(id, stored)| *id == row.workspace && stored.seq == row.seq);
            // On a running server, a newer snapshot may have been written meanwhile.
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
            self.people.extend(entry.events.iter().filter_map(|dated| Some((row.workspace, person_in(&dated.1)?))));
        }
        Ok(())
    }

    fn reviews(&mut self, id: WorkspaceId, after: Option<&Workspace>, events: &[DatedEvent]) {
        for DatedEvent(at, event) in events {
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

    /// Compares the rows with the entries.
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
            report.wrong(format!("snapshot of {id}: it is of entry {seq}, which the journal does not have"));
        }
        let on = store.reader();
        seals::compare(on, PAGE, |difference| report.wrong(difference)).await?;
        for difference in catalogs::differences(on).await? {
            report.wrong(difference);
        }
        // No act is missing at the end.
        if !acts::is_last_noted(on).await? {
            report.wrong(format!("{ACTS}: the last one is not the one that was recorded"));
        }
        compare_blocks(store, report).await?;
        self.compare_claims(store, known, report).await?;
        self.compare_profiles(store, report).await?;
        self.compare_reviews(store, report).await
    }

    async fn compare_claims(
        &mut self,
        store: &Store,
        known: &BTreeSet<WorkspaceId>,
        report: &mut Report,
    ) -> Result<(), Unavailable> {
        let (mut before, mut offset) = (0, 0);
        loop {
            let page = seals::claims(store.reader(), offset, PAGE).await?;
            offset += page.len() as i64;
            if page.is_empty() {
                break;
            }
            for seals::KeptClaim { claim, workspace: id, is_older: is_before } in page {
                let what = (claim.scope.into_owned(), claim.what);
                before += i64::from(is_before && known.contains(&id));
                match self.claims.remove(&what) {
                    Some(of) if of != id => {
                        report.wrong(format!("claim {} {}: it is {of}'s, not {id}'s", what.0, what.1))
                    }
                    // A claim of an older version is in no entry.
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
        let noted = settings::value(store.reader(), CLAIMS_BEFORE).await?;
        let noted = noted.and_then(|noted| Some(i64::from_le_bytes(noted.try_into().ok()?)));
        if noted.is_none_or(|noted| before < noted) {
            report.wrong(format!("claims of an older version: {before} are there, and {noted:?} were"));
        }
        Ok(())
    }

    async fn compare_profiles(&mut self, store: &Store, report: &mut Report) -> Result<(), Unavailable> {
        let mut last = None;
        loop {
            let page = profiles::after(store.reader(), last, PAGE).await?;
            if page.is_empty() {
                break;
            }
            last = page.last().copied();
            for (id, user) in page {
                if !self.people.remove(&(id, user)) {
                    report.wrong(format!("profile of {user} in {id}: no entry names this person"));
                }
            }
        }
        for (id, user) in &self.people {
            report.wrong(format!("profile of {user} in {id}: an entry names this person, and it is missing"));
        }
        Ok(())
    }

    async fn compare_reviews(&mut self, store: &Store, report: &mut Report) -> Result<(), Unavailable> {
        let mut numbers: HashMap<WorkspaceId, i64> = HashMap::new();
        for state in reviews::states(store.reader()).await? {
            let reviews::State { workspace: id, review, application, .. } = state;
            let name = format!("review {review} of {id}, application {application}");
            let number = numbers.entry(id).or_default();
            *number += 1;
            if state.number != *number {
                report.wrong(format!("{name}: its number is {} and not {number}", state.number));
            }
            let found = (&*state.status, state.reason, state.decided_at);
            match self.reviews.remove(&(id, review, application)) {
                Some(told) if told == found => {}
                Some(told) => report.wrong(format!("{name}: it is stored as {found:?}, and its entries give {told:?}")),
                None => report.wrong(format!("{name}: no entry accounts for it")),
            }
        }
        // A review that an operator approved without an application may have no row; the right is in the workspace.
        for (id, review, application) in self.reviews.keys().filter(|(.., application)| *application > 0) {
            report.wrong(format!("review {review} of {id}, application {application}: it is missing"));
        }
        Ok(())
    }
}

/// Returns the person that an event brings to a workspace.
fn person_in(event: &Event) -> Option<UserId> {
    match event {
        Event::Workspace(WorkspaceEvent::WorkspaceOpened { profile, .. }) => profile.owner,
        Event::Team(TeamEvent::Invited { user, .. }) => *user,
        Event::Team(TeamEvent::MemberJoined { user, .. }) => Some(*user),
        _ => None,
    }
}

/// Compares the blocks of people with the acts that made and ended them.
async fn compare_blocks(store: &Store, report: &mut Report) -> Result<(), Unavailable> {
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for act in acts::blocks(store.reader()).await? {
        match &*act.kind {
            "block_person" => told.insert(act.name, act.reason),
            _ => told.remove(&act.name),
        };
    }
    for (user, kept) in blocks::reasons(store.reader()).await? {
        let user = user.to_string();
        if told.remove(&user).is_none_or(|reason| reason != kept) {
            report.wrong(format!("block of {user}: no act made it, or one ended it"));
        }
    }
    for user in told.keys() {
        report.wrong(format!("block of {user}: an act made it, and it is missing: block them again"));
    }
    Ok(())
}
