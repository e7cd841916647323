//! Bounds that many commands check: of names, and of how much a workspace keeps.

use crate::kernel::limits::NAME_MAX;
use crate::kernel::text::is_line;
use crate::refusal::Refusal;

/// Refuses a name or reason that is empty, too long or not one line.
pub(crate) fn name_is_good(pointer: &str, name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_MAX || !is_line(name) {
        return Err(Refusal::invalid(
            pointer,
            format!("must be 1 to {NAME_MAX} characters, without control characters and invisible characters"),
        ));
    }
    Ok(())
}

/// Refuses one thing more than a bound of the system allows.
pub(crate) fn limit(what: &'static str, limit: usize, used: usize) -> Result<(), Refusal> {
    if used < limit {
        Ok(())
    } else {
        Err(Refusal::LimitExceeded { what, limit: limit as u64, asked: used as u64 + 1 })
    }
}
