//! Things that belong to a workspace, by the ids that paths and bodies have for them.

use scrip_engine::{Kind, WorkspaceId, parse_owned};
use std::fmt;

/// A thing that belongs to a workspace, by an id that says which.
pub trait Object: Sized {
    /// The word that a refusal has for it.
    const WORD: &'static str;

    /// Reads an id; `None` for what is none.
    fn read(id: &str) -> Option<Self>;

    /// Returns the workspace that it belongs to.
    fn workspace(&self) -> WorkspaceId;
}

impl Object for WorkspaceId {
    const WORD: &'static str = "workspace";

    fn read(id: &str) -> Option<WorkspaceId> {
        id.parse().ok()
    }

    fn workspace(&self) -> WorkspaceId {
        *self
    }
}

/// The kinds of things that a workspace owns by number, each with the word that a refusal has for it.
const KINDS: [(&str, Kind); 7] = [
    ("grant", Kind::Grant),
    ("hold", Kind::Hold),
    ("run", Kind::Run),
    ("entry", Kind::Entry),
    ("key", Kind::Key),
    ("invitation", Kind::Invitation),
    ("review", Kind::Review),
];

/// The id of a grant, `gr_…`.
pub type GrantId = ObjectId<{ row(&KINDS, "grant") }>;
/// The id of a hold, `hd_…`.
pub type HoldId = ObjectId<{ row(&KINDS, "hold") }>;
/// The id of a run, `run_…`.
pub type RunId = ObjectId<{ row(&KINDS, "run") }>;
/// The id of an entry, `en_…`.
pub type EntryId = ObjectId<{ row(&KINDS, "entry") }>;
/// The id of a key, `key_…`.
pub type KeyId = ObjectId<{ row(&KINDS, "key") }>;
/// The id of an invitation, `inv_…`.
pub type InvitationId = ObjectId<{ row(&KINDS, "invitation") }>;
/// The id of an application for a review, `rev_…`.
pub type ReviewId = ObjectId<{ row(&KINDS, "review") }>;

/// The id of a thing of one row of [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId<const KIND: usize> {
    /// The workspace that owns it.
    pub workspace: WorkspaceId,
    /// The number among those of its kind.
    pub n: u32,
}

impl<const KIND: usize> Object for ObjectId<KIND> {
    const WORD: &'static str = KINDS[KIND].0;

    fn read(id: &str) -> Option<Self> {
        parse_owned(KINDS[KIND].1, id).map(|(workspace, n)| ObjectId { workspace, n })
    }

    fn workspace(&self) -> WorkspaceId {
        self.workspace
    }
}

impl<const KIND: usize> fmt::Display for ObjectId<KIND> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.workspace.owned(KINDS[KIND].1, self.n))
    }
}

/// Returns the number of the row that has a name, for types that are rows of a table. A name that no row has is not
/// compiled.
pub const fn row<T, const ROWS: usize>(table: &[(&str, T); ROWS], name: &str) -> usize {
    let mut row = 0;
    while !is_same(table[row].0.as_bytes(), name.as_bytes()) {
        row += 1;
    }
    row
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}
