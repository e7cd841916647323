//! Files of applications for reviews; their bytes are stored with the outputs, by their hash.
//!
//! Invariant: a row that does not carry its seal is ignored, since the file it names might be another workspace's
//! output.

use super::text;
use crate::{Handle, Row, Unavailable, Value};
use scrip_engine::{Timestamp, WorkspaceId};

statements! {
    /// Adds a file to an application that has room for it and does not have it yet.
    NEW = "INSERT INTO review_files
    (workspace, number, file, name, content_type, bytes, sha256, actor, added_at, seal)
    SELECT $1, $2, COALESCE(MAX(file), 0) + 1, $3, $4, $5, $6, $7, $8, $10 FROM review_files
    WHERE workspace = $1 AND number = $2 HAVING COUNT(*) < $9 ON CONFLICT DO NOTHING";
    /// Reads the files of an application.
    OF = "SELECT file, name, content_type, bytes, sha256, actor, added_at, seal FROM review_files
    WHERE workspace = $1 AND number = $2 ORDER BY file";
}

/// A file of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewFile {
    /// Number of the file in the application; 0 until it is stored.
    pub file: u32,
    /// Name of the file, as it was uploaded.
    pub name: String,
    /// Media type of the file.
    pub content_type: String,
    /// Size of the file in bytes.
    pub bytes: i64,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Name of the person who added it, as the journal keeps it.
    pub actor: String,
    /// Instant at which the file was added.
    pub added_at: Timestamp,
}

impl ReviewFile {
    fn read(row: &Row) -> ReviewFile {
        ReviewFile {
            file: u32::try_from(row.integer(0)).unwrap_or(u32::MAX),
            name: row.text_owned(1),
            content_type: row.text_owned(2),
            bytes: row.integer(3),
            sha256: row.text_owned(4),
            actor: row.text_owned(5),
            added_at: row.instant(6),
        }
    }

    /// Returns the columns that the row's seal is over, by the application it belongs to.
    fn columns(&self, workspace: WorkspaceId, number: u32) -> Vec<Value> {
        vec![
            workspace.into(),
            i64::from(number).into(),
            text(&self.name),
            text(&self.content_type),
            self.bytes.into(),
            text(&self.sha256),
            text(&self.actor),
            self.added_at.micros().into(),
        ]
    }
}

/// Adds a file to an application that has fewer than `most` and does not have it yet.
///
/// # Errors
/// When the store cannot write.
pub async fn add(
    on: Handle<'_>,
    (workspace, number): (WorkspaceId, u32),
    file: &ReviewFile,
    most: usize,
) -> Result<(), Unavailable> {
    let mut values = file.columns(workspace, number);
    let seal = on.store().seals().seal("review_files", &values);
    values.extend([(most as i64).into(), seal]);
    on.write(NEW, values).await.map(drop)
}

/// Returns the files of an application.
///
/// # Errors
/// When the store cannot answer.
pub async fn of(on: Handle<'_>, workspace: WorkspaceId, number: u32) -> Result<Vec<ReviewFile>, Unavailable> {
    let rows = on.read(OF, vec![workspace.into(), i64::from(number).into()]).await?;
    let sealed = |row: &Row| {
        let file = ReviewFile::read(row);
        let is_sealed = on.store().seals().is_sealed("review_files", &file.columns(workspace, number), row.bytes(7));
        is_sealed.then_some(file)
    };
    Ok(rows.iter().filter_map(sealed).collect())
}
