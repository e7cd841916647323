//! Memory of other processes, as the kernel counts it.

use scrip::benchmark::place::Server;

/// Returns a server's resident memory, in bytes.
///
/// # Errors
/// When the system does not say it.
pub fn resident(server: &Server) -> Result<u64, String> {
    let kibibytes = kibibytes(server.id, "VmRSS:");
    Ok(kibibytes.ok_or_else(|| format!("/proc/{}/status has no VmRSS", server.id))? * 1_024)
}

/// Returns a figure of a process, in KiB, from its status; `None` once it has ended.
pub fn kibibytes(process: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?.trim().parse().ok()
}
