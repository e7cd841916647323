//! `scrip migrate --from DIR --to URL`: the transfer of a data directory into a database.
//!
//! Invariant: the database may be served only after both sides were replayed without a difference, to equal digests.

use super::output::{CommandResult, Fault, say};
use super::place::open_directory;
use super::verify::{bar, describe, verify_with_progress};
use crate::operate::verify::Report;
use scrip_store::clock::Stopwatch;
use scrip_store::transfer::{Move, fold};
use scrip_store::{Address, Options, Store, Unavailable};
use std::path::Path;

/// Transfers the whole journal of a directory into a database.
///
/// # Errors
/// When the directory is in use, the database is not the place for it, or a replay finds a difference.
pub async fn move_up(from: &Path, to: &Address, options: Options, batch: i64) -> CommandResult {
    let source = open_directory(from, options)?;
    let here = verify_with_progress(&source, "replaying the directory ", None).await?;
    say(&format!("{}: {}\n", from.display(), describe(&here)))?;
    refuse_differences(&here, "the directory: mend these first; nothing was moved")?;
    let Some(mut moving) = Move::begin(&source, to, &here.digest).await.map_err(fault)? else {
        return say("This journal was moved into this database before, and the move has ended.\n");
    };
    if moving.reached > 0 {
        say(&format!("A move was interrupted after entry {}; it goes on there.\n", moving.reached))?;
    }
    let watch = Stopwatch::start();
    let shown = bar("copying ");
    let copied = moving.copy(batch, |done, all| {
        shown.set_length(all);
        shown.set_position(done);
    });
    let copied = copied.await.map_err(fault)?;
    shown.finish_and_clear();
    say(&pace("copied", copied, watch))?;
    let there = replay(to, moving.reached, options).await?;
    say(&format!("the database: {}\n", describe(&there)))?;
    refuse_differences(&there, "the database: do not serve it; drop it, and move into an empty one")?;
    if there.digest != here.digest {
        return Err(Fault::Refused(
            "the digests differ: the database has another content than the directory; drop it, and move into an empty \
             one"
            .to_owned(),
        ));
    }
    moving.end().await.map_err(fault)?;
    say(&format!(
        "The digests are equal: serve it with --database-url.\n\
         The outputs of runs were not moved. They are files in {assets}, and a server finds them by --data {from}.\n\
         {journal} is unchanged. Put it away, so that it is not served again.\n",
        assets = from.join("assets").display(),
        from = from.display(),
        journal = from.join("journal.db").display(),
    ))
}

/// Folds the projections of the database, and replays its journal.
async fn replay(to: &Address, length: i64, options: Options) -> Result<Report, Fault> {
    let store = Store::connect_halfway(to, options).await.map_err(fault)?;
    let watch = Stopwatch::start();
    let shown = bar("folding ");
    let done = fold(&store, |done, all| {
        shown.set_length(all);
        shown.set_position(done);
    });
    done.await.map_err(fault)?;
    shown.finish_and_clear();
    say(&pace("folded", length.unsigned_abs(), watch))?;
    verify_with_progress(&store, "replaying the database ", None).await
}

fn pace(done: &str, entries: u64, since: Stopwatch) -> String {
    let millis = since.elapsed().as_millis().max(1);
    let rate = u128::from(entries) * 1_000 / millis;
    format!("{entries} entries {done} in {}.{} seconds, {rate} a second\n", millis / 1_000, millis % 1_000 / 100)
}

fn refuse_differences(report: &Report, place: &str) -> CommandResult {
    match report.count {
        0 => Ok(()),
        count => Err(Fault::Refused(format!("{count} differences in {place}\n{}", report.differences.join("\n")))),
    }
}

fn fault(error: Unavailable) -> Fault {
    Fault::Refused(error.to_string())
}
