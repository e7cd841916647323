//! The journal as files for other programs: rows for a spreadsheet, JSON lines for a warehouse, and double-entry
//! accounts that an accountant's own tools check without Scrip.
//!
//! Entries go in one at a time, each workspace from its first entry on and in its order; workspaces may be interleaved.
//! Memory holds only the amounts of grants that have some left, never the entries.
//!
//! Invariant: amounts are folded from postings alone, by other code than the engine's, so that an export that adds up
//! is independent evidence; amounts that do not add up are an error, never a number.

mod books;
mod csv;
mod json_lines;
mod ledger_format;
mod names;
#[cfg(test)]
mod tests;

use books::Books;
use clap::ValueEnum;
use ledger_format::{Accounting, Dialect};
use scrip_engine::Entry;
use std::io::{self, Write};

/// Format of an export, as the caller chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One row for each posting, with running balances.
    Csv,
    /// One entry a line, complete.
    #[value(name = "jsonl", alias = "json-lines")]
    JsonLines,
    /// Double-entry accounts for `bean-check`.
    Beancount,
    /// Double-entry accounts for `hledger`.
    Hledger,
}

/// Writes a journal in one format, entry by entry.
pub struct Exporter<W: Write> {
    out: W,
    books: Books,
    writer: Writer,
}

enum Writer {
    Csv,
    JsonLines,
    Accounting(Accounting),
}

impl<W: Write> Exporter<W> {
    /// Starts an export: the head of the file is written at once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(format: Format, mut out: W) -> io::Result<Exporter<W>> {
        let (writer, head) = match format {
            Format::Csv => (Writer::Csv, csv::head()),
            Format::JsonLines => (Writer::JsonLines, String::new()),
            Format::Beancount => (Writer::Accounting(Accounting::new(Dialect::Beancount)), Dialect::Beancount.head()),
            Format::Hledger => (Writer::Accounting(Accounting::new(Dialect::Hledger)), Dialect::Hledger.head()),
        };
        out.write_all(head.as_bytes())?;
        Ok(Exporter { out, books: Books::default(), writer })
    }

    /// Writes one entry, with its hash in hexadecimal where the journal has one.
    ///
    /// # Errors
    /// When it cannot be written, or ([`io::ErrorKind::InvalidData`]) when it does not follow the workspace's entries
    /// so far: one is missing, or it moves more than there is. No part of such an entry is written, and the export
    /// cannot continue.
    pub fn entry(&mut self, entry: &Entry, hash: Option<&str>) -> io::Result<()> {
        let steps = self.books.post(entry).map_err(|wrong| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {wrong}", names::entry_id(entry)))
        })?;
        let text = match &mut self.writer {
            Writer::Csv => csv::rows(entry, hash, &steps),
            Writer::JsonLines => json_lines::line(entry, hash, &steps),
            Writer::Accounting(accounting) => accounting.transactions(entry, hash, &steps),
        };
        self.out.write_all(text.as_bytes())
    }

    /// Ends the export and returns the output, flushed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        if let Writer::Accounting(accounting) = &mut self.writer {
            self.out.write_all(accounting.rest().as_bytes())?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}
