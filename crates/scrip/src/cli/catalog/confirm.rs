//! Confirmation of changes that affect every workspace.
//!
//! Invariant: without a terminal no question is asked, and without a yes nothing is done.

use crate::cli::output::{Fault, clean};
use std::io::{self, IsTerminal, Write};

/// Shows a text and asks `question`. With `yes`, no question is asked. `no` says what the answer no means, and `look`
/// what to read before a yes.
///
/// # Errors
/// When the answer is no, or standard input is no terminal to ask at.
pub fn confirm(text: &str, question: &str, (no, look): (&str, &str), yes: bool) -> Result<(), Fault> {
    // Standard output is kept for the answer of the command.
    drop(io::stderr().write_all(clean(text).as_bytes()));
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Fault::Refused(format!("{no}: read {look}, then add --yes")));
    }
    drop(write!(io::stderr(), "{question}? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Fault::Refused(no.to_owned()))
}
