//! Inserts of any number of rows, as `VALUES` in sizes of a power of two: a node that gets one statement for one of its
//! shards runs it as it is, where rows that come out of an array are first gathered.
//!
//! Invariant: rows are inserted in the order in which they are given, and every statement is sent before the first one
//! is answered.

use crate::Value;
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use tokio::sync::OnceCell;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, GenericClient, Row, Statement};

/// Number of sizes: 1, 2, 4 … 256 rows.
const SIZES: usize = 9;

/// An insert into one table, prepared on one connection for each size when it is first needed.
pub(super) struct Inserts {
    /// Beginning of the statement, up to and without `VALUES`.
    head: &'static str,
    /// End of the statement, after the rows.
    tail: &'static str,
    /// Types of the columns.
    types: &'static [&'static str],
    sizes: [OnceCell<Statement>; SIZES],
}

impl Inserts {
    /// Returns an insert whose statement is `head VALUES (…), … tail`.
    pub(super) fn new(head: &'static str, types: &'static [&'static str], tail: &'static str) -> Inserts {
        Inserts { head, tail, types, sizes: std::array::from_fn(|_| OnceCell::new()) }
    }

    /// Returns the statement for a number of rows.
    pub(super) fn text(&self, rows: usize) -> String {
        let columns = self.types.len();
        let row = |row: usize| {
            let value = |(column, kind): (usize, &&str)| format!("${}::{kind}", row * columns + column + 1);
            format!("({})", self.types.iter().enumerate().map(value).collect::<Vec<_>>().join(", "))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("{} VALUES {} {}", self.head, rows.join(", "), self.tail)
    }

    /// Prepares the statements that a number of rows needs.
    pub(super) async fn prepare(&self, client: &impl GenericClient, rows: usize) -> Result<(), Error> {
        for size in sizes(rows).into_iter().collect::<BTreeSet<usize>>() {
            self.sizes[size].get_or_try_init(async || client.prepare(&self.text(1 << size)).await).await?;
        }
        Ok(())
    }

    /// Inserts rows by the statements that are [prepared](Inserts::prepare) for their number; returns the rows that the
    /// statement returns.
    pub(super) async fn insert(&self, client: &impl GenericClient, rows: &[Vec<Value>]) -> Result<Vec<Row>, Error> {
        let mut rest = rows;
        let parts = sizes(rows.len()).into_iter().map(|size| {
            let (part, after) = rest.split_at(1 << size);
            rest = after;
            let values: Vec<&(dyn ToSql + Sync)> = part.iter().flatten().map(|value| value as _).collect();
            let statement = self.sizes[size].get().expect("the sizes are prepared before they are used");
            async move { client.query(statement, &values).await }
        });
        let parts: Vec<_> = parts.collect();
        Ok(try_join_all(parts).await?.into_iter().flatten().collect())
    }
}

/// Returns the sizes that a number of rows is divided into, as powers of two, the largest first.
fn sizes(rows: usize) -> Vec<usize> {
    let largest = SIZES - 1;
    let whole = std::iter::repeat_n(largest, rows >> largest);
    whole.chain((0..largest).rev().filter(|size| rows >> size & 1 == 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_statement() {
        for rows in (0..1_000).chain([4_096, 5_000]) {
            assert_eq!(sizes(rows).iter().map(|size| 1 << size).sum::<usize>(), rows);
            assert!(sizes(rows).is_sorted_by(|a, b| a >= b));
        }
        let inserts = Inserts::new("INSERT INTO t (a, b)", &["bigint", "text"], "RETURNING a");
        assert_eq!(
            inserts.text(2),
            "INSERT INTO t (a, b) VALUES ($1::bigint, $2::text), ($3::bigint, $4::text) RETURNING a"
        );
    }
}
