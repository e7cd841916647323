//! Session at the database's own prompt, with a transaction of its own.
//!
//! Invariant: it ends with its value, and its locks with it.

use scrip_testing::postgres::{Database, psql};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

/// A session of `psql`.
pub struct Session {
    child: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Session {
    pub fn on(database: &Database) -> Session {
        let mut command = psql(database.url());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql starts");
        let asks = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Session { child, asks, answers }
    }

    /// Runs statements, the last of which gives one line.
    pub fn ask(&mut self, sql: &str) -> String {
        self.begin(sql);
        self.answer()
    }

    /// Sends statements that may have to wait for another session.
    pub fn begin(&mut self, sql: &str) {
        writeln!(self.asks, "{sql};").expect("psql reads");
    }

    /// Returns the next line that it prints.
    pub fn answer(&mut self) -> String {
        self.answers.next().expect("psql answers").expect("it prints text")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
