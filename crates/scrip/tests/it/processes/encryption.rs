//! Encryption: a database behind a network has an encrypted server that proves its identity, or nothing is sent to it.

use super::cluster::Cluster;
use scrip_testing::app::{App, temporary};
use scrip_testing::postgres::{Database, database, query};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Host name on the test's certificates; no other program resolves it.
const HOST: &str = "db.scrip.test";
/// Role that a server with a certificate asks for its password.
const WITH_PASSWORD: &str = "with_password";

/// A directory with an authority's certificate, and a server's that it issued.
struct Certificates(PathBuf);

impl Certificates {
    fn new() -> Certificates {
        let made = Certificates(temporary());
        made.issue("ca", "basicConstraints=critical,CA:TRUE", &[]);
        made.issue("server", &format!("subjectAltName=DNS:{HOST}"), &["-CA", "ca.crt", "-CAkey", "ca.key"]);
        made
    }

    fn issue(&self, name: &str, extension: &str, by: &[&str]) {
        let config = format!("[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN={name}.scrip.test\n");
        std::fs::write(self.0.join("config"), config).expect("the directory is ours");
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-config", "config", "-addext", extension, "-days", "2", "-noenc"]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha384"]).args(by);
        command.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]).current_dir(&self.0);
        let output = command.output().expect("openssl is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn authority(&self) -> PathBuf {
        self.0.join("ca.crt")
    }

    /// Starts a cluster whose server has the certificate.
    fn cluster(&self) -> Cluster {
        Cluster::with(&std::env::temp_dir(), &["--tls", self.0.to_str().expect("UTF-8")])
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns the address of a database as if it were on another machine.
fn far(database: &Database, user: &str, host: &str, more: &str) -> String {
    let url = database.url();
    let (port, name) = url.rsplit_once(':').and_then(|(_, rest)| rest.split_once('/')).expect("an address");
    format!("host={host} hostaddr=127.0.0.1 port={port} dbname={name} user={user} {more}")
}

/// Runs `scrip migrate` at an address; an error is the refusal's text.
fn migrate(url: &str, ca: Option<&Path>) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
    command.args(["migrate", "--database-url", url]).env_remove("SCRIP_DATABASE_CA").stdin(Stdio::null());
    if let Some(ca) = ca {
        command.arg("--database-ca").arg(ca);
    }
    let output = command.output().expect("the built binary starts");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[track_caller]
fn check_refusal(migrated: Result<(), String>, words: &[&str]) {
    let said = migrated.expect_err("it is refused");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
}

/// Goal: connections are made only to a server that proves its identity. Method: one server, asked for by its name and
/// by others, by clients who trust its authority and by clients who do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_another_machine_is_encrypted_and_is_the_one_that_was_meant() {
    let certificates = Certificates::new();
    let cluster = certificates.cluster();
    let (database, ca) = (cluster.database(), certificates.authority());
    let there = far(&database, "postgres", HOST, "");
    // Other authorities do not vouch for it: neither the machine's own, nor another one with the same name.
    for sslmode in ["", "sslmode=prefer", "sslmode=require"] {
        let url = far(&database, "postgres", HOST, sslmode);
        check_refusal(migrate(&url, None), &["--database-ca", HOST]);
    }
    let stranger = Certificates::new();
    check_refusal(migrate(&there, Some(&stranger.authority())), &["is not trusted here", "--database-ca FILE"]);
    // The certificate is for one name.
    let other = far(&database, "postgres", "other.scrip.test", "");
    check_refusal(migrate(&other, Some(&ca)), &["is not for other.scrip.test", "write the name it is for"]);
    check_refusal(migrate(database.url(), Some(&ca)), &["is not for 127.0.0.1"]);
    // A file that does not exist, or has no certificate.
    check_refusal(migrate(&there, Some(&ca.with_file_name("nowhere"))), &["nowhere"]);
    check_refusal(migrate(&there, Some(&ca.with_file_name("config"))), &["there is no certificate in it"]);
    assert_eq!(database.query("SELECT to_regclass('entries') IS NULL"), "t", "nothing was written meanwhile");
    assert_eq!(migrate(&there, Some(&ca)), Ok(()));
    // Unencrypted connections need an explicit setting.
    let plain = far(&database, "postgres", HOST, "sslmode=disable");
    assert_eq!(migrate(&plain, None), Ok(()));
    check_refusal(migrate(&plain, Some(&ca)), &["leave out one of the two"]);
}

#[test]
fn a_server_on_another_machine_that_does_not_encrypt_is_refused() {
    let database = database();
    let there = far(&database, "postgres", HOST, "");
    check_refusal(migrate(&there, None), &["does not speak TLS", "ssl = on", "sslmode=disable"]);
    assert_eq!(database.query("SELECT to_regclass('entries') IS NULL"), "t", "nothing was written");
}

#[test]
fn a_certificate_is_for_a_name_so_an_address_must_have_one() {
    let certificates = Certificates::new();
    let cluster = certificates.cluster();
    let there = far(&cluster.database(), "postgres", HOST, "");
    let nameless = there.trim_start_matches(&format!("host={HOST}"));
    check_refusal(migrate(nameless, Some(&certificates.authority())), &["host=NAME"]);
}

/// Goal: a password is proved only to the server that has the certificate, and to no one in between. Method: the role
/// is asked for a proof that is bound to the connection, which a client without one cannot give.
#[test]
fn a_password_is_proved_to_the_holder_of_the_certificate() {
    let certificates = Certificates::new();
    let cluster = certificates.cluster();
    let database = cluster.database();
    let sql = format!("CREATE ROLE {WITH_PASSWORD} LOGIN SUPERUSER PASSWORD 'known'");
    query(database.url(), &sql).expect("the role is made");
    let ca = certificates.authority();
    let wrong = far(&database, WITH_PASSWORD, HOST, "password=guessed");
    check_refusal(migrate(&wrong, Some(&ca)), &["password authentication failed"]);
    let bound = far(&database, WITH_PASSWORD, HOST, "password=known channel_binding=require");
    assert_eq!(migrate(&bound, Some(&ca)), Ok(()));
}

/// Goal: every connection of a server is encrypted, those of its pool as well. Method: the database counts them.
#[tokio::test(flavor = "multi_thread")]
async fn all_connections_of_a_server_are_encrypted() {
    let certificates = Certificates::new();
    let cluster = certificates.cluster();
    let database = cluster.database();
    let ca = certificates.authority().to_str().expect("UTF-8").to_owned();
    let url = far(&database, "postgres", HOST, "");
    let environment = [("SCRIP_DATABASE_URL", url), ("SCRIP_DATABASE_CA", ca)];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let app = App::on_files(temporary(), environment);
    let desk = app.free().await;
    assert_eq!(desk.credits().await, (250, 0));
    let sql = "SELECT count(*) > 3, bool_and(ssl), min(version) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
               WHERE application_name LIKE 'scrip %'";
    assert_eq!(database.query(sql), "t|t|TLSv1.3");
}
