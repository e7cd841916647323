//! A mail server that is not ours, for tests: aiosmtpd, as a process that ends with its test.
//!
//! Invariant: without it a test fails and says how to get it; it is never skipped.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Maximum wait for any one thing before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that accepts mails.
pub struct Sink {
    child: Child,
    lines: Receiver<String>,
    /// Port that it listens on, on this machine.
    pub port: u16,
}

/// A mail that arrived, as Python's own parser read it.
#[derive(Clone, Debug)]
pub struct ReceivedMail(pub Value);

impl Sink {
    /// Starts a server on a free port that accepts every mail.
    pub fn start() -> Sink {
        Sink::on(0, &[])
    }

    /// Starts a server on a port, with options of `smtp.py`.
    pub fn on(port: u16, more: &[&str]) -> Sink {
        let mut command = Command::new(python());
        command.args(["-W", "ignore"]).arg(here("smtp.py")).arg(port.to_string()).args(more);
        command.env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let output = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut sink = Sink { child, lines, port };
        let first = sink.line();
        let port = first.strip_prefix("listening ").and_then(|port| port.parse().ok());
        sink.port = port.unwrap_or_else(|| panic!("the mail server does not listen: {first}"));
        sink
    }

    /// Returns its address, for a server that is to send mails to it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Returns the next line that it prints.
    pub fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|_| panic!("the mail server says nothing: `make test` installs aiosmtpd into .venv"))
    }

    /// Returns the next mail that arrives.
    pub fn next(&self) -> ReceivedMail {
        let line = self.line();
        ReceivedMail(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Stops the server, and returns the mails that arrived and were not read yet.
    pub fn stop(mut self) -> Vec<ReceivedMail> {
        drop(self.child.stdin.take());
        self.child.wait().expect("it is our child");
        // Its thread has read everything when the pipe is closed.
        let rest: Vec<String> = self.lines.iter().collect();
        let mails = rest.iter().filter(|line| line.starts_with('{'));
        mails.map(|line| ReceivedMail(serde_json::from_str(line).expect("it prints JSON"))).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // A child that has been waited for is gone; neither call affects another process then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl ReceivedMail {
    /// Returns a header, which must be there once.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let all = self.0["headers"].as_array().expect("a list").iter();
        let named: Vec<&str> = all.filter(|header| header[0] == name).filter_map(|header| header[1].as_str()).collect();
        let [one] = named[..] else { panic!("{name}: {named:?}") };
        one
    }

    /// Returns the plain text, with the ends of lines as we write them.
    pub fn text(&self) -> String {
        self.0["text"].as_str().expect("it has a plain text").replace("\r\n", "\n")
    }

    /// Returns the HTML form of the mail.
    pub fn html(&self) -> String {
        self.0["html"].as_str().expect("it has HTML").replace("\r\n", "\n")
    }

    /// Returns the addresses of its recipients.
    pub fn to(&self) -> Vec<&str> {
        self.0["to"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
    }

    /// Returns the only link in it.
    #[track_caller]
    pub fn link(&self) -> String {
        let text = self.text();
        let links: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with("http")).collect();
        let [link] = links[..] else { panic!("not one link: {text}") };
        link.to_owned()
    }

    /// Checks that a mail is as all of ours are: by the standards, in two forms, and without anything to fetch.
    #[track_caller]
    pub fn whole(&self) -> &ReceivedMail {
        assert_eq!(self.0["defects"], serde_json::json!([]), "{}", self.0["raw"]);
        assert_eq!(self.0["types"], serde_json::json!(["multipart/alternative", "text/plain", "text/html"]));
        assert_eq!(self.to().len(), 1, "{self:?}");
        assert_eq!(self.header("Auto-Submitted"), "auto-generated");
        for name in ["From", "To", "Subject", "Date", "Message-ID"] {
            assert!(!self.header(name).is_empty());
        }
        assert!(!self.html().contains("<img") && !self.html().contains("src="), "{}", self.html());
        self
    }
}

/// Reads a mail from a file, with Python's own parser.
pub fn read_mail(path: &Path) -> ReceivedMail {
    let script = "import json, smtp, sys
from email import message_from_binary_file, policy
mail = smtp.told(message_from_binary_file(open(sys.argv[1], 'rb'), policy=policy.default))
mail['to'] = [to for name, to in mail['headers'] if name == 'To']
print(json.dumps(mail))";
    let mut command = Command::new(python());
    command.args(["-c", script]).arg(path).env("PYTHONPATH", here("")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ReceivedMail(serde_json::from_slice(&output.stdout).expect("it prints JSON"))
}

/// Returns the path of a file beside this one.
fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

/// Returns the Python that has what the tests need.
fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    assert!(python.exists(), "there is no {}: `make test` makes it, and so does `make .venv/ready`", python.display());
    python
}

/// A mail server's certificate and key, and the authority that issued it, which no program trusts yet.
pub struct Certificate {
    /// Certificate of the authority, as a path.
    pub authority: String,
    /// Certificate of the server, as a path.
    pub certificate: String,
    /// Key of the server, as a path.
    pub key: String,
}

impl Certificate {
    /// Issues a certificate for a name or an address (`DNS:…`, `IP:…`), in files of a directory.
    pub fn of(directory: &Path, name: &str) -> Certificate {
        let file = |file: &str| directory.join(file).to_string_lossy().into_owned();
        let (authority, certificate, key) = (file("ca.crt"), file("mail.crt"), file("mail.key"));
        issue("ca", "basicConstraints=critical,CA:TRUE", [&file("ca.key"), &authority], &[]);
        let by = ["-CA", &authority, "-CAkey", &file("ca.key"), "-addext", "basicConstraints=critical,CA:FALSE"];
        issue("mail", &format!("subjectAltName={name}"), [&key, &certificate], &by);
        Certificate { authority, certificate, key }
    }
}

fn issue(name: &str, extension: &str, [key, certificate]: [&str; 2], more: &[&str]) {
    let config = format!("{certificate}.config");
    let text = format!("[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN={name}.scrip.test\n");
    std::fs::write(&config, text).expect("the directory is ours");
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-config", &config, "-addext", extension, "-days", "2", "-noenc", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha256"]).args(more);
    let output = command.args(["-keyout", key, "-out", certificate]).output().expect("openssl is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
