//! Bounds that many commands meet: of names, and of how much a workspace keeps.

use crate::limits::NAME_MAX;
use crate::refusal::Refusal;
use crate::text::is_line;

/// Refuses an empty or endless name or reason.
pub(super) fn name_is_good(pointer: &str, name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_MAX || !is_line(name) {
        return Err(Refusal::invalid(
            pointer,
            format!("must be 1 to {NAME_MAX} characters, without control characters and others that are not seen"),
        ));
    }
    Ok(())
}

/// Refuses what would go beyond a bound of the system.
pub(super) fn limit(what: &'static str, limit: usize, used: usize) -> Result<(), Refusal> {
    if used < limit {
        Ok(())
    } else {
        Err(Refusal::LimitExceeded { what, limit: limit as u64, asked: used as u64 + 1 })
    }
}
