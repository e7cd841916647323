//! Description of the machine that the figures belong to.

use super::figures::percentile;
use scrip_store::clock::Stopwatch;
use serde::Serialize;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Number of appends that are flushed one by one.
const APPENDS: usize = 200;

/// The machine that the benchmark runs on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Number of processors that this process may use.
    pub cores: usize,
    /// Model of the processors.
    pub cpu: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Median time to append 4 KiB and flush them, in microseconds.
    pub fdatasync_p50_us: u64,
    /// 99th percentile of that time, in microseconds.
    pub fdatasync_p99_us: u64,
}

/// Describes the machine, with the disk under a directory.
///
/// # Errors
/// When nothing can be written there.
pub fn describe(directory: &Path) -> Result<Machine, String> {
    let flushes = appends(directory, APPENDS)?;
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        cpu: model.map_or(std::env::consts::ARCH, |(_, model)| model.trim()).to_owned(),
        kernel: format!("{} {}", std::env::consts::OS, kernel.trim()).trim().to_owned(),
        fdatasync_p50_us: percentile(&flushes, 50),
        fdatasync_p99_us: percentile(&flushes, 99),
    })
}

/// Appends a page and flushes it `many` times, and returns the time of each in microseconds, sorted.
///
/// # Errors
/// When nothing can be written there.
pub fn appends(directory: &Path, many: usize) -> Result<Vec<u64>, String> {
    let (path, page) = (directory.join("flushes"), [7; 4_096]);
    let flushes = || {
        let (mut file, mut micros) = (File::create(&path)?, Vec::with_capacity(many));
        for _ in 0..many {
            let stopwatch = Stopwatch::start();
            file.write_all(&page)?;
            file.sync_data()?;
            micros.push(stopwatch.elapsed().as_micros() as u64);
        }
        fs::remove_file(&path).map(|()| micros)
    };
    let mut micros = flushes().map_err(|error: std::io::Error| format!("{}: {error}", directory.display()))?;
    micros.sort_unstable();
    Ok(micros)
}
