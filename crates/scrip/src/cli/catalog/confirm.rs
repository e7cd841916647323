//! Questions before something is done to everybody.
//!
//! Invariant: without a terminal nobody is asked, and nothing is done without a yes.

use crate::cli::output::{Fault, clean};
use std::io::{self, IsTerminal, Write};

/// Shows a text and asks whether to do something; `yes` answers beforehand. A no, and what to look at before a yes, are
/// said in words.
///
/// # Errors
/// When the answer is no, or there is nobody who could answer.
pub fn confirm(text: &str, question: &str, (no, look): (&str, &str), yes: bool) -> Result<(), Fault> {
    // Standard output is the answer's.
    drop(io::stderr().write_all(clean(text).as_bytes()));
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Fault::Refused(format!("{no}: look at {look}, then say --yes")));
    }
    drop(write!(io::stderr(), "{question}? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(Fault::Refused(no.to_owned()))
}
