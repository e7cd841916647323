//! Objects that belong to a workspace, by their ids in paths and bodies.

use scrip_engine::{Kind, WorkspaceId, parse_id};
use std::fmt;

/// Object that belongs to a workspace, with an id that names the workspace.
pub trait Object: Sized {
    /// Word for the object in a refusal.
    const WORD: &'static str;

    /// Parses an id; `None` when it is not one.
    fn read(id: &str) -> Option<Self>;

    /// Returns the workspace that owns the object.
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

/// The kinds of objects that a workspace owns by number, each with its word in a refusal.
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

/// Id of an object of one row of [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId<const KIND: usize> {
    /// Workspace that owns the object.
    pub workspace: WorkspaceId,
    /// Number among the workspace's objects of its kind.
    pub n: u32,
}

impl<const KIND: usize> Object for ObjectId<KIND> {
    const WORD: &'static str = KINDS[KIND].0;

    fn read(id: &str) -> Option<Self> {
        parse_id(KINDS[KIND].1, id).map(|(workspace, n)| ObjectId { workspace, n })
    }

    fn workspace(&self) -> WorkspaceId {
        self.workspace
    }
}

impl<const KIND: usize> fmt::Display for ObjectId<KIND> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.workspace.id_of(KINDS[KIND].1, self.n))
    }
}

/// Returns the index of the row with a name, for types that are rows of a table. An unknown name does not compile.
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
