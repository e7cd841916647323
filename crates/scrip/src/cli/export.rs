//! `scrip export`: the journal of a data directory or a database as files that other programs read.

use super::output::{CommandResult, Fault};
use super::place::Place;
use crate::operate::export::{Exporter, Format};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scrip_engine::WorkspaceId;
use scrip_store::journal::JournalRow;
use scrip_store::rows::entries;
use scrip_store::{Store, Unavailable};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Number of entries read at once.
const PAGE: i64 = 1_000;

/// Arguments of `scrip export`.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    place: Place,
    /// Format of the exported entries
    #[arg(long)]
    format: Format,
    /// File to write; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Export {
    /// Exports every workspace, or the given one.
    pub async fn run(self, workspace: Option<&str>) -> CommandResult {
        let unknown = || Fault::Refused("NOT_FOUND: there is no such workspace here".to_owned());
        let workspace: Option<WorkspaceId> = workspace.map(|id| id.parse().map_err(|()| unknown())).transpose()?;
        let store = self.place.open(self.place.options()?).await?;
        let rows = match workspace {
            Some(id) => Rows::One(entries::up_to(store.reader(), id, u64::MAX).await.map_err(fault)?),
            None => Rows::All { after: 0 },
        };
        if matches!(&rows, Rows::One(found) if found.is_empty()) {
            return Err(unknown());
        }
        let written = match &self.out {
            Some(path) => to_file(&store, rows, self.format, path).await,
            None => write(&store, rows, self.format, BufWriter::new(io::stdout())).await.map(drop),
        };
        match written {
            Err(error) if self.out.is_none() && error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

fn fault(error: Unavailable) -> Fault {
    Fault::Refused(error.to_string())
}

/// Entries that are not read yet.
enum Rows {
    One(Vec<JournalRow>),
    All { after: i64 },
}

/// Writes to a file with `.part` at its end and renames it when it is complete.
async fn to_file(store: &Store, rows: Rows, format: Format, path: &Path) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = async {
        let file = write(store, rows, format, BufWriter::new(File::create(&part)?)).await?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&part, path)
    };
    written.await.inspect_err(|_| drop(std::fs::remove_file(&part)))
}

async fn write<W: Write>(store: &Store, mut rows: Rows, format: Format, out: W) -> io::Result<W> {
    let length = match &rows {
        Rows::One(found) => found.len() as u64,
        Rows::All { .. } => entries::last_position(store.reader()).await.map_err(io::Error::other)?.unsigned_abs(),
    };
    // The bar is drawn on standard error, and only on a terminal.
    let style =
        ProgressStyle::with_template("{bar:40} {pos} of {len} entries, {eta} left").expect("the template is good");
    let bar = ProgressBar::new(length).with_style(style);
    let mut exporter = Exporter::new(format, out)?;
    loop {
        let page = match &mut rows {
            Rows::One(found) => std::mem::take(found),
            Rows::All { after } => {
                let page = entries::after(store.reader(), *after, PAGE).await.map_err(io::Error::other)?;
                *after = page.last().map_or(*after, |row| row.position);
                page
            }
        };
        if page.is_empty() {
            break;
        }
        for row in &page {
            let entry = row.entry().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            exporter.entry(&entry, Some(&crate::crypto::hex(&row.hash)))?;
        }
        bar.inc(page.len() as u64);
    }
    bar.finish_and_clear();
    exporter.finish()
}
