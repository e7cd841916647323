//! Comparison of the rows of every sealed table with their seals.
//!
//! Invariant: the comparison changes nothing, and believes no row because of another row.

use crate::integrity::{CLAIMS, SealedTable};
use crate::{Claim, Handle, Unavailable};
use scrip_engine::WorkspaceId;
use std::sync::LazyLock;

statements! {}

/// Every sealed table, and the statement that reads its rows.
static TABLES: LazyLock<Vec<(&SealedTable, String)>> =
    LazyLock::new(|| SealedTable::all().map(|table| (table, table.select())).collect());

/// A claim, with its workspace and its origin.
#[derive(Debug)]
pub struct KeptClaim {
    /// Scope and name of the claim.
    pub claim: Claim,
    /// Workspace that has the claim.
    pub workspace: WorkspaceId,
    /// `true` when an older version made the claim, so that no entry records it.
    pub is_older: bool,
}

/// Passes the faults in the rows of all sealed tables to `wrong`, in words; reads `page` rows at a time.
///
/// # Errors
/// When the store cannot answer.
pub async fn compare(on: Handle<'_>, page: i64, mut wrong: impl FnMut(String)) -> Result<(), Unavailable> {
    for (table, sql) in TABLES.iter() {
        let (mut before, mut offset) = (Vec::new(), 0);
        loop {
            let rows = on.read(sql, vec![page.into(), offset.into()]).await?;
            offset += rows.len() as i64;
            if rows.is_empty() {
                break;
            }
            on.store().seals().differences(table, &rows, &mut before).into_iter().for_each(&mut wrong);
        }
    }
    Ok(())
}

/// Returns claims after skipping `offset`, in the order of their names, at most `most`.
///
/// # Errors
/// When the store cannot answer.
pub async fn claims(on: Handle<'_>, offset: i64, most: i64) -> Result<Vec<KeptClaim>, Unavailable> {
    let sql = &TABLES.iter().find(|(table, _)| table.name == CLAIMS).expect("claims are sealed").1;
    let rows = on.read(sql, vec![most.into(), offset.into()]).await?;
    let read = |row: &crate::Row| KeptClaim {
        claim: Claim { scope: row.text_owned(0).into(), what: row.text_owned(1) },
        workspace: row.workspace(2),
        is_older: on.store().seals().is_claim_before(row),
    };
    Ok(rows.iter().map(read).collect())
}
