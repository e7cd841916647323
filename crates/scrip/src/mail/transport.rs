//! Transport of mails: into files, where no mail server is configured, or by SMTP.
//!
//! Invariant: a file never holds a whole link, so a reader of the disk cannot sign in; and no mail is sent over a
//! network to a server that has not proved its name.

use super::{Link, Message, address};
use crate::config::checks::Checks;
use crate::crypto::{hex, random, sha256};
use crate::jobs::work::Failure;
use crate::outbound::is_loopback;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reqwest::Url;
use scrip_engine::Timestamp;
use scrip_store::files;
use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Maximum time that a mail server may take for one mail.
pub const PATIENCE: Duration = Duration::from_secs(60); // # assumed
/// Maximum time that a mail server may take for one answer.
const ANSWER: Duration = Duration::from_secs(20); // # assumed
/// Sender of mails in files, where none is configured.
const NOBODY: &str = "no-reply@localhost";
/// Maximum length of an id that names a file and a `Message-ID`; a longer one is replaced by its hash.
const ID_MAX: usize = 100;

/// Means by which mails are sent.
pub enum Transport {
    /// A file for each mail, in a directory.
    Files {
        /// Directory of the files.
        directory: PathBuf,
        /// `true` to print links to standard output, for a trial on one's own machine.
        print_links: bool,
    },
    /// A mail server, by SMTP.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl Transport {
    /// Returns a mail server by its address: `smtps://user:password@host:465`, or `smtp://host:587`, which must offer
    /// STARTTLS unless it is on this machine. `public_url` gives the name by which Scrip greets it.
    ///
    /// # Errors
    /// When the address is invalid, in words that do not repeat it: it may contain a password.
    pub fn smtp(url: &str, public_url: &str) -> Result<Transport, String> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(strict(url)?.as_str());
        let builder = builder.map_err(|error| format!("--smtp-url: {error}"))?;
        let server = builder.hello_name(own_name(public_url)).timeout(Some(ANSWER)).build();
        Ok(Transport::Smtp(Box::new(server)))
    }

    /// Returns a link in the form in which this transport writes it into a mail.
    pub fn render_link(&self, link: &Link) -> String {
        match self {
            Transport::Files { .. } => link.mask(),
            Transport::Smtp(_) => link.whole(),
        }
    }
}

/// Mailer: sends mails from one sender.
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
}

impl Mailer {
    /// Returns a mailer for a transport, and a sender in the form `mail@example.com` or `Name <mail@example.com>`.
    ///
    /// # Errors
    /// When the sender is invalid, or missing although mails leave this machine.
    pub fn new(transport: Transport, from: Option<&str>) -> Result<Mailer, String> {
        let from = match (from, &transport) {
            (Some(from), _) => from,
            (None, Transport::Files { .. }) => NOBODY,
            (None, Transport::Smtp(_)) => return Err("name the sender of mails: --mail-from ADDRESS".to_owned()),
        };
        if from.chars().any(char::is_control) {
            return Err("--mail-from: there are control characters in it".to_owned());
        }
        let from: Mailbox = from.parse().map_err(|error| format!("--mail-from: {error}"))?;
        Ok(Mailer { transport, from })
    }

    /// Returns the mailer that the settings name: an SMTP server, or files in the data directory; records what is
    /// wrong. The SMTP server is greeted with the host of `public_url`.
    pub fn of_settings(checks: &mut Checks<'_>, data: &Path, public_url: &str) -> Option<Mailer> {
        let settings = checks.settings;
        let smtp = settings.smtp_url.as_deref();
        let smtp = checks.maybe("smtp_url", smtp, |url| Transport::smtp(url, public_url));
        if settings.smtp_url.is_some() && smtp.is_none() {
            // The sender is checked in any case.
            let files = Transport::Files { directory: PathBuf::new(), print_links: false };
            checks.maybe("mail_from", settings.mail_from.as_deref(), |from| Mailer::new(files, Some(from)));
            return None;
        }
        let files = || Transport::Files { directory: data.join("mails"), print_links: settings.print_links };
        let mailer = Mailer::new(smtp.unwrap_or_else(files), settings.mail_from.as_deref());
        checks.take("mail_from", mailer)
    }

    /// Returns the transport of the mailer.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Sends a mail whose text has its link in the form of [`Transport::shown`]. Sent again, it has the same
    /// `Message-ID`.
    ///
    /// # Errors
    /// Gives the reason, and whether a later attempt may succeed.
    pub async fn send(&self, id: &str, message: &Message, link: &Link, now: Timestamp) -> Result<(), Failure> {
        let name = file_name(id);
        let (envelope, bytes) = self.compose(&name, message, now)?;
        match &self.transport {
            Transport::Files { directory, print_links } => {
                let path = directory.join(format!("{name}.eml"));
                let written = tokio::task::spawn_blocking(move || write_whole(&path, &bytes)).await;
                let written = written.map_err(io::Error::other).flatten();
                written.map_err(|error| Failure::Later(format!("the file cannot be written: {error}")))?;
                if *print_links && !link.is_open() {
                    // The reader of the output may be gone; the mail is in its file in any case.
                    let line = format!("Mail to {}, {}: {}\n", message.to, message.subject, link.whole());
                    let _ = io::stdout().write_all(line.as_bytes());
                }
                Ok(())
            }
            Transport::Smtp(server) => {
                let sent = tokio::time::timeout(PATIENCE, server.send_raw(&envelope, &bytes)).await;
                let sent = sent.map_err(|_| Failure::Later("the server took too long".to_owned()))?;
                // The error of a server may quote the mail.
                let hidden = |cause: String| match link.is_open() {
                    true => cause,
                    false => cause.replace(&link.whole(), &link.mask()).replace(link.secret(), "…"),
                };
                sent.map(drop).map_err(|error| Failure::Later(hidden(error.to_string())))
            }
        }
    }

    /// Returns the envelope and the bytes of a mail.
    fn compose(&self, name: &str, message: &Message, now: Timestamp) -> Result<(Envelope, Vec<u8>), Failure> {
        let to = Mailbox::new(None, address(&message.to).map_err(Failure::Never)?);
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(now.micros().unsigned_abs());
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let built = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject.clone())
            .message_id(Some(format!("<{name}@{}>", self.from.email.domain())))
            .date(at)
            // The header keeps automatic replies about absences away.
            .raw_header(automatic)
            .multipart(MultiPart::alternative_plain_html(message.text.clone(), message.html.clone()));
        let built = built.map_err(|error| Failure::Never(format!("it cannot be written as a mail: {error}")))?;
        Ok((built.envelope().clone(), built.formatted()))
    }
}

/// Returns the address in the form for the mail library, which would otherwise let a server do without encryption.
fn strict(url: &str) -> Result<Url, String> {
    let wrong = |what: &str| Err(format!("--smtp-url: {what}; smtps://user:password@host:465 or smtp://host:587"));
    let Ok(mut url) = Url::parse(url) else { return wrong("it is not an address") };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return wrong("it names no host") };
    let is_here = is_loopback(host);
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return wrong("it has a part behind the port");
    }
    if url.username().is_empty() != url.password().is_none_or(str::is_empty) {
        return wrong("a user name and a password go together");
    }
    let required = match url.query() {
        None => false,
        Some("tls=required") => true,
        Some(_) => return wrong("the only option is `?tls=required`"),
    };
    match url.scheme() {
        "smtps" => url.set_query(None),
        "smtp" => url.set_query((required || !is_here).then_some("tls=required")),
        _ => return wrong("it is not the address of a mail server"),
    }
    Ok(url)
}

/// Returns the name that a server is greeted by: the host of the public address.
fn own_name(public_url: &str) -> ClientId {
    let url = Url::parse(public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("localhost");
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_owned()),
    }
}

/// Returns the name of a mail in a directory and in its headers, where an id may not have every letter.
fn file_name(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !id.is_empty() && id.len() <= ID_MAX && id.chars().all(plain) {
        true => id.to_owned(),
        false => hex(&sha256(&[id.as_bytes()])),
    }
}

/// Writes a file so that it exists whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    files::make_directory(folder)?;
    let temporary = folder.join(format!("{}.part", hex(&random::<8>())));
    let write = || -> io::Result<()> {
        let mut file = files::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailer(from: &str) -> Result<Mailer, String> {
        Mailer::new(Transport::Files { directory: PathBuf::new(), print_links: false }, Some(from))
    }

    fn message(to: &str, subject: &str) -> Message {
        let [to, subject, text, html] = [to, subject, "Text.", "<p>Text.</p>"].map(str::to_owned);
        Message { to, subject, text, html }
    }

    #[test]
    fn encryption_is_never_left_to_the_server() {
        for (url, becomes) in [
            ("smtp://mail.example.com:587", "smtp://mail.example.com:587?tls=required"),
            ("smtp://u:p@mail.example.com", "smtp://u:p@mail.example.com?tls=required"),
            ("smtp://192.0.2.7:25", "smtp://192.0.2.7:25?tls=required"),
            ("smtp://127.0.0.1.example.com", "smtp://127.0.0.1.example.com?tls=required"),
            ("smtp://localhost.example.com", "smtp://localhost.example.com?tls=required"),
            ("smtp://[2001:db8::1]:25", "smtp://[2001:db8::1]:25?tls=required"),
            ("smtp://localhost:2525", "smtp://localhost:2525"),
            ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525"),
            ("smtp://[::1]:2525", "smtp://[::1]:2525"),
            ("smtp://localhost:2525?tls=required", "smtp://localhost:2525?tls=required"),
            ("smtps://u:p%40ss@mail.example.com:465", "smtps://u:p%40ss@mail.example.com:465"),
        ] {
            assert_eq!(strict(url).map(String::from), Ok(becomes.to_owned()), "{url}");
            assert!(Transport::smtp(url, "https://credits.example.com").is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_mail_server_is_refused_without_telling_the_password() {
        for url in [
            "",
            "mail.example.com",
            "https://u:hush@mail.example.com",
            "smtp://",
            "smtp://u:hush@",
            "smtp://u:hush@mail.example.com?tls=opportunistic",
            "smtp://u:hush@mail.example.com?tls=none",
            "smtp://u:hush@mail.example.com?tls=required&tls=none",
            "smtp://u:hush@mail.example.com/name",
            "smtp://u:hush@mail.example.com:x",
            "smtp://u@mail.example.com",
            "smtp://:hush@mail.example.com",
        ] {
            let refused = Transport::smtp(url, "https://credits.example.com").err();
            assert!(refused.as_ref().is_some_and(|said| !said.contains("hush")), "{url}: {refused:?}");
        }
    }

    #[test]
    fn a_server_is_greeted_by_the_name_that_people_know() {
        assert_eq!(own_name("https://credits.example.com:8443/x"), ClientId::Domain("credits.example.com".to_owned()));
        assert_eq!(own_name("http://127.0.0.1:8080").to_string(), "[127.0.0.1]");
        assert_eq!(own_name("http://[::1]:8080").to_string(), "[IPv6:::1]");
        assert_eq!(own_name("nonsense").to_string(), "localhost");
    }

    #[test]
    fn a_sender_is_a_sender() {
        for good in ["a@example.com", "Scrip <a@example.com>", "\"Credits, Inc.\" <a@example.com>"] {
            assert!(mailer(good).is_ok(), "{good}");
        }
        for bad in ["", "Scrip", "a@example.com\r\nBcc: eve@example.com", "Scrip\n <a@example.com>"] {
            assert!(mailer(bad).is_err(), "{bad}");
        }
        assert!(Mailer::new(Transport::smtp("smtp://localhost", "http://localhost").expect("good"), None).is_err());
    }

    #[test]
    fn nobody_adds_a_header() {
        let mailer = mailer("Scrip <a@example.com>").expect("it is one");
        for to in ["bo@example.com\r\nBcc: eve@example.com", "bo@example.com\nX: y", "\"\r\nX: y\r\n\"@example.com"] {
            let refused = mailer.compose("id", &message(to, "Subject"), Timestamp::from_micros(0));
            assert!(matches!(refused, Err(Failure::Never(_))), "{refused:?}");
        }
        // Templates let no such text through, and a header refuses it too.
        for subject in ["A\r\nBcc: eve@example.com", "A\nBcc: eve@example.com", "A\rBcc: eve@example.com", "Ä\r\n\r\nB"]
        {
            let formatted = mailer.compose("id", &message("bo@example.com", subject), Timestamp::from_micros(0));
            let (envelope, bytes) = formatted.expect("it is a mail");
            let text = String::from_utf8(bytes).expect("mails are ASCII");
            let head = text.split("\r\n\r\n").next().expect("it has headers");
            let names: Vec<&str> = head
                .split("\r\n")
                .filter_map(|line| {
                    line.split_once(": ").filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| name)
                })
                .collect();
            assert_eq!(
                names,
                ["From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted", "MIME-Version", "Content-Type"],
                "{text}"
            );
            assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head:?}");
            assert_eq!(envelope.to().len(), 1);
        }
    }

    #[test]
    fn an_id_never_leads_elsewhere() {
        assert_eq!(file_name("invitation-inv_1"), "invitation-inv_1");
        for id in ["", "..", "../x", "/etc/passwd", "a b", "a\r\nX: y", "a\0", "ä", "a.b", &"a".repeat(101)] {
            let name = file_name(id);
            assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}: {name}");
        }
        assert_ne!(file_name("a b"), file_name("a  b"));
    }
}
