//! Text form of a report, for people.
//!
//! Invariant: the text says of each figure how it was measured, and leaves out figures that were not measured.

use crate::engine::Engine;
use crate::goal::Goal;
use crate::report::{Batches, HalfLoad, Lag, OneBalance, Processes, Projection, Renewals, Report};
use scrip::benchmark::figures::Rate;
use scrip::benchmark::report::{write_head, write_levels};
use std::fmt::{self, Formatter};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_head(f, &self.machine, self.store, self.seconds)?;
        if let Some(Engine { typical_ns, large_ns, month_ns }) = self.engine {
            writeln!(
                f,
                "\nThe engine, one command: {typical_ns} ns on a typical workspace, {large_ns} ns with 64 grants and"
            )?;
            writeln!(f, "256 holds, {month_ns} ns over a month of runs and a renewal.")?;
        }
        write_levels(f, &self.http, self.workspaces as u32)?;
        self.loads(f)?;
        self.sizes(f)?;
        self.rest(f)?;
        goals(f, &self.goals)
    }
}

impl Report {
    fn loads(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for batches in &self.batches {
            let Batches { size, connections, decisions_per_second, p99_us, single_connections, single_times, .. } =
                batches;
            write!(
                f,
                "\nBatches of {size}, {connections} connections: {decisions_per_second} decisions/s, p99 of two"
            )?;
            writeln!(f, " requests {p99_us} µs; {single_times:.1} times single requests at {single_connections}.")?;
        }
        if let Some(HalfLoad { due_per_second, p50_us, p99_us, late_p99_us, append_p99_us, .. }) = &self.half_load {
            write!(f, "\nAt half load, {due_per_second} pairs due a second, the first request from when it was due:")?;
            writeln!(f, " p50 {p50_us} µs, p99 {p99_us} µs (sent late: p99 {late_p99_us} µs).")?;
            writeln!(f, "One durable append of a page, before and after: p99 {append_p99_us} µs.")?;
        }
        if let Some(Lag { looks, p50_ms, p99_ms, first_third_ms, last_third_ms, .. }) = &self.lag {
            write!(
                f,
                "\nThe oldest entry that is not projected, at full load, {looks} looks: p50 {p50_ms:.1} ms, p99"
            )?;
            writeln!(
                f,
                " {p99_ms:.1} ms; mean of the first third {first_third_ms:.1} ms, of the last {last_third_ms:.1} ms."
            )?;
        }
        if let Some(several) = &self.several {
            let Processes { processes, one_spread, all_spread, one_hot, all_hot: all_hot_rate, .. } = several;
            let of = |rate: &Rate| rate.pairs_per_second;
            let (one, all, hot, all_hot) = (of(one_spread), of(all_spread), of(one_hot), of(all_hot_rate));
            write!(f, "\n{processes} processes on one database: {all} pairs/s spread, one alone {one}; all on one")?;
            writeln!(f, " workspace {all_hot}, one alone {hot}.")?;
            let put_off = [one_spread, all_spread, one_hot, all_hot_rate].map(|rate| rate.put_off).iter().sum::<u64>();
            if put_off > 0 {
                writeln!(f, "{put_off} requests were answered with 503 at first, and repeated until they were done.")?;
            }
        }
        Ok(())
    }

    fn sizes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(filled) = &self.filled {
            let crate::report::FilledFigures { entries, workspaces, fill_seconds, ready_seconds, rates, .. } = filled;
            write!(f, "\nA journal of {entries} entries and {workspaces} workspaces, filled in {fill_seconds:.1} s: ")?;
            write!(f, "ready {ready_seconds:.2} s after its start")?;
            if let Some((empty, full)) = rates {
                write!(f, "; {} pairs/s, on an empty one {}", full.pairs_per_second, empty.pairs_per_second)?;
            }
            writeln!(f, ".")?;
        }
        if let Some(memory) = &self.memory {
            let kib = |bytes: u64| bytes / 1_024;
            let (inactive, active) = (memory.per_million_inactive_bytes, memory.per_10_000_active_bytes);
            write!(
                f,
                "\nResident: a server without workspaces {} KiB; a million inactive ones",
                kib(memory.empty_bytes)
            )?;
            write!(f, " (scaled from {}) {} KiB more;", memory.inactive, kib(inactive))?;
            writeln!(f, " 10,000 active ones (from {}) {} KiB more.", memory.active, kib(active))?;
        }
        Ok(())
    }

    fn rest(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some((Rate { connections, pairs_per_second, p99_us, .. }, times)) =
            self.single_commit.as_ref().zip(self.group_commit_times)
        {
            write!(
                f,
                "\nOne commit a command, {connections} connections: {pairs_per_second} pairs/s, p99 {p99_us} µs; "
            )?;
            writeln!(f, "group commit is {times:.1} times that.")?;
        }
        if let Some(OneBalance { connections, balance, cost, accepted, seconds, .. }) = &self.one_balance {
            write!(f, "{connections} connections on one balance of {balance}, {cost} a hold: {accepted} accepted, ")?;
            writeln!(f, "exactly what it pays for, in {seconds:.2} s.")?;
        }
        if let Some(Renewals { workspaces, months, seconds }) = &self.renewals {
            writeln!(f, "{workspaces} workspaces renewed {months} times on a test clock in {seconds:.2} s.")?;
        }
        if let Some(Projection { read_p50_ms, read_p99_ms }) = self.projection {
            write!(f, "A read that must see every write before it, under load: p50 {read_p50_ms:.1} ms, p99")?;
            writeln!(f, " {read_p99_ms:.1} ms.")?;
        }
        Ok(())
    }
}

fn goals(f: &mut Formatter<'_>, goals: &[Goal]) -> fmt::Result {
    let widest = goals.iter().map(|goal| goal.what.chars().count()).max().unwrap_or(0);
    write!(f, "\n{:>3}  {:<widest$}  {:>11}  {:>11}", "", "", "measured", "aim")?;
    for goal in goals {
        let measured = goal.measured.map_or_else(|| "–".to_owned(), |figure| goal.unit.text(figure));
        let line = format!(
            "{:>3}  {:<widest$}  {measured:>11}  {:>11}  {}",
            goal.number,
            goal.what,
            goal.aim_text(),
            goal.verdict
        );
        write!(f, "\n{}", line.trim_end())?;
    }
    Ok(())
}
