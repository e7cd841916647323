//! Real programs that read accounts in plain text, as judges that know nothing of Scrip.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Balances by account and commodity, without zeros.
pub type Balances = BTreeMap<(String, String), i64>;

/// A file in a directory of its own, deleted after the test.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> (Scratch, PathBuf) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("scrip-export-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(unique);
        fs::create_dir(&directory).expect("the temporary directory can be written");
        let file = directory.join(name);
        fs::write(&file, text).expect("the temporary directory can be written");
        (Scratch(directory), file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the directory was made by this test");
    }
}

/// Runs a program on a text; returns its output, or its complaint.
///
/// # Panics
/// When the program is not installed: a check that was not made must not look like one that passed.
fn run(program: &str, before: &[&str], name: &str, text: &str, after: &[&str]) -> Result<String, String> {
    let (_scratch, file) = Scratch::new(name, text);
    let mut command = Command::new(program);
    command.args(before).arg(&file).args(after).env("LC_ALL", "C.UTF-8").env("BEANCOUNT_DISABLE_LOAD_CACHE", "1");
    let output = command.output().unwrap_or_else(|error| {
        panic!("`{program}` cannot be run ({error}): the tests need the Debian packages `beancount` and `hledger`")
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }
}

/// Returns the verdict of `bean-check`: its output, or its complaint.
pub fn bean_check(text: &str) -> Result<String, String> {
    run("bean-check", &[], "export.beancount", text, &[])
}

/// Returns the verdict of `hledger`, with every account and commodity declared.
pub fn hledger_check(text: &str) -> Result<String, String> {
    run("hledger", &["check", "--strict", "-f"], "export.journal", text, &[])
}

/// Returns the balances as Beancount computes them.
pub fn beancount_balances(text: &str) -> Balances {
    let query = "SELECT account, currency, sum(number) GROUP BY account, currency";
    let rows = run("bean-query", &["-f", "csv"], "export.beancount", text, &[query]).expect("a good query");
    let balances = rows.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').map(str::trim).collect();
        let [account, commodity, number] = cells[..] else { panic!("not three columns: {row}") };
        ((account.to_owned(), commodity.to_owned()), whole(number))
    });
    balances.filter(|(_, number)| *number != 0).collect()
}

/// Returns the balances as hledger computes them.
pub fn hledger_balances(text: &str) -> Balances {
    let options = ["balance", "--flat", "--no-total", "--output-format", "csv", "-f"];
    let rows = run("hledger", &options, "export.journal", text, &[]).expect("a good report");
    let mut balances = Balances::new();
    for row in rows.lines().skip(1) {
        let row = row.trim_matches('"');
        let (account, amounts) = row.split_once("\",\"").unwrap_or_else(|| panic!("not two columns: {row}"));
        for amount in amounts.split(", ").filter(|amount| *amount != "0") {
            let (number, commodity) = amount.split_once(' ').unwrap_or_else(|| panic!("no commodity: {row}"));
            balances.insert((account.to_owned(), commodity.to_owned()), whole(number));
        }
    }
    balances.retain(|_, number| *number != 0);
    balances
}

fn whole(number: &str) -> i64 {
    number.parse().unwrap_or_else(|_| panic!("`{number}` is not a whole number"))
}
