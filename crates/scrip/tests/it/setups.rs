//! Set-ups that are wrong: each is refused in words that name the setting, shows no secret, and leaves nothing behind.

use scrip_testing::app::{App, NOT_TOLD, PATIENCE, root, temporary, unique};
use scrip_testing::journal::Journal;
use scrip_testing::postgres::{Database, Role, database};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;

/// Letters that stand for a secret in the table.
const SECRET: &str = "hushhush";

/// A set-up: flags (`--flag value`), variables (`SCRIP_…=value`), a settings file (`file …`), and the words of the
/// refusal.
type Wrong = (&'static [&'static str], &'static [&'static str]);

const ADDRESSES: [Wrong; 24] = [
    (&["SCRIP_PUBLIC_URL=x.example"], &["public_url (SCRIP_PUBLIC_URL)", "scheme", "https://"]),
    (&["--public-url credits.example.com:443"], &["public_url (--public-url)", "scheme"]),
    (&["SCRIP_PUBLIC_URL="], &["public_url", "empty"]),
    (&["SCRIP_PUBLIC_URL= https://x"], &["public_url", "white space"]),
    (&["SCRIP_PUBLIC_URL=ftp://x"], &["public_url"]),
    (&["SCRIP_PUBLIC_URL=javascript:alert(1)"], &["public_url"]),
    (&["SCRIP_PUBLIC_URL=https://x.example?y=1"], &["public_url", "`?`"]),
    (&["SCRIP_PUBLIC_URL=https://x#f"], &["public_url", "`#`"]),
    (&["SCRIP_PUBLIC_URL=https://user:hushhush@x"], &["public_url", "user"]),
    (&["SCRIP_PUBLIC_URL=http://evil.example"], &["public_url", "https"]),
    (&["file \npublic_url = \"http://evil.example\""], &["scrip.toml:2:1", "public_url", "https"]),
    (&["SCRIP_STRIPE_API_URL=http://api.stripe.example"], &["stripe_api_url", "https"]),
    (&["SCRIP_STRIPE_API_URL=api.stripe.com"], &["stripe_api_url", "scheme"]),
    (&["SCRIP_STRIPE_API_URL=https://u:hushhush@api.stripe.com"], &["stripe_api_url", "user"]),
    (&["SCRIP_OIDC_ISSUER=https://id.example.com"], &["oidc_issuer", "oidc_client_id and oidc_client_secret"]),
    (&["SCRIP_OIDC_CLIENT_SECRET=hushhush"], &["oidc_client_secret (SCRIP_OIDC_CLIENT_SECRET)", "go together"]),
    (
        &["SCRIP_OIDC_ISSUER=http://id.example.com", "SCRIP_OIDC_CLIENT_ID=x", "SCRIP_OIDC_CLIENT_SECRET=hushhush"],
        &["oidc_issuer", "https"],
    ),
    (
        &["SCRIP_OIDC_ISSUER=https://id.example.com?x", "SCRIP_OIDC_CLIENT_ID=x", "SCRIP_OIDC_CLIENT_SECRET=hushhush"],
        &["oidc_issuer"],
    ),
    (
        &["SCRIP_OIDC_ISSUER=https://id.example.com", "SCRIP_OIDC_CLIENT_ID=", "SCRIP_OIDC_CLIENT_SECRET=hushhush"],
        &["oidc_client_id", "empty"],
    ),
    (&["SCRIP_SMTP_URL=https://u:hushhush@mail.example.com", "--mail-from a@example.com"], &["smtp_url"]),
    (&["SCRIP_SMTP_URL=mail.example.com", "--mail-from a@example.com"], &["smtp_url (SCRIP_SMTP_URL)"]),
    (&["SCRIP_SMTP_URL=smtp://u:hushhush@mail.example.com/name", "--mail-from a@example.com"], &["smtp_url"]),
    (&["SCRIP_SMTP_URL=smtp://u:hushhush@mail.example.com"], &["mail_from", "--mail-from"]),
    (&["--mail-from nobody"], &["mail_from (--mail-from)"]),
];

const SECRETS: [Wrong; 15] = [
    (&["SCRIP_STRIPE_SECRET_KEY=pk_test_hushhush"], &["stripe_secret_key", "publishable"]),
    (&["SCRIP_STRIPE_SECRET_KEY=whsec_hushhushhushhush"], &["stripe_secret_key (SCRIP_STRIPE_SECRET_KEY)"]),
    (&["SCRIP_STRIPE_SECRET_KEY="], &["stripe_secret_key"]),
    (&["file stripe_secret_key = \"hushhush\""], &["stripe_secret_key (", "scrip.toml:1:1"]),
    (
        &["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_WEBHOOK_SECRETS=short"],
        &["stripe_webhook_secrets", "whsec_"],
    ),
    (
        &["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_WEBHOOK_SECRETS=sk_test_hushhushhushhush"],
        &["stripe_webhook_secrets", "API key"],
    ),
    (
        &["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_WEBHOOK_SECRETS=we_hushhushhushhush"],
        &["stripe_webhook_secrets", "id of a webhook endpoint"],
    ),
    (
        &["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_WEBHOOK_SECRETS=whsec_hushhushhush,"],
        &["stripe_webhook_secrets"],
    ),
    (&["SCRIP_STRIPE_WEBHOOK_SECRETS=whsec_hushhushhushhush"], &["stripe_webhook_secrets", "stripe_secret_key is not"]),
    // No Stripe account can be asked whether the catalog can be sold.
    (
        &["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_API_URL=http://127.0.0.1:9"],
        &["stripe_secret_key", "not published"],
    ),
    (&["SCRIP_OPERATOR_KEY=sk_test_hushhush"], &["operator_key (SCRIP_OPERATOR_KEY)", "scrip keys new"]),
    (&["SCRIP_OPERATOR_KEY=wk_test_hushhush"], &["operator_key", "a workspace's key"]),
    (&["SCRIP_OPERATOR_KEY="], &["operator_key", "empty"]),
    (&["SCRIP_OPERATOR_KEY= sk_test_hushhush"], &["operator_key", "white space"]),
    (&["file operator_key = \"rk_test_hushhush\""], &["operator_key (", "scrip.toml:1:1", "Stripe"]),
];

const DATABASES: [Wrong; 12] = [
    (&["SCRIP_DATABASE_URL=mysql://u:hushhush@db/x"], &["database_url (SCRIP_DATABASE_URL)", "mysql"]),
    (&["SCRIP_DATABASE_URL="], &["database_url", "empty"]),
    (&["SCRIP_DATABASE_URL=db.example.com"], &["database_url", "postgres://"]),
    (&["SCRIP_DATABASE_URL=postgres://u:hushhush@127.0.0.1:x/x"], &["database_url"]),
    (&["SCRIP_DATABASE_URL=postgres://u:hushhush@127.0.0.1:9/x"], &["database_url"]),
    (&["SCRIP_DATABASE_URL=postgres://u:hushhush@127.0.0.1:9/x?schema=y"], &["database_url", "--database-schema"]),
    (&["file database_url = \"sqlite:///hushhush\""], &["scrip.toml:1:1", "database_url", "sqlite"]),
    (&["SCRIP_DATABASE_CA=/etc/hostname"], &["database_ca", "database_url is not"]),
    (&["SCRIP_DATABASE_SCHEMA=scrip"], &["database_schema", "database_url is not"]),
    (&["SCRIP_DATABASE_URL=postgres://u@127.0.0.1:9/x", "--database-ca /nowhere/ca.pem"], &["database_ca", "/nowhere"]),
    (
        &["SCRIP_DATABASE_URL=postgres://u@127.0.0.1:9/x", "--database-schema Scrip"],
        &["database_schema (--database-schema)"],
    ),
    (&["SCRIP_DATABASE_URL=postgres://u@127.0.0.1:9/x", "--database-schema pg_scrip"], &["database_schema", "pg_"]),
];

const OTHERS: [Wrong; 35] = [
    (&["SCRIP_LOG=warning"], &["log (SCRIP_LOG)", "`warning` is not a level"]),
    (&["SCRIP_LOG=verbose"], &["log", "not a level"]),
    (&["--log debgu"], &["log (--log)", "not a level"]),
    (&["SCRIP_LOG=2"], &["log", "not a level"]),
    (&["SCRIP_LOG=nonsense=5"], &["log", "not a level"]),
    (&["SCRIP_LOG=info,hyper=wrong"], &["log", "not a level"]),
    (&["SCRIP_LOG=hyper=debug"], &["log", "nothing of Scrip's own"]),
    (&["SCRIP_LOG="], &["log", "not a level"]),
    (&["file log = \"warning\""], &["scrip.toml:1:1", "log"]),
    (&["--trusted-proxies 0.0.0.0/0"], &["trusted_proxies (--trusted-proxies)", "`0.0.0.0/0`", "wider than a network"]),
    (&["--trusted-proxies 10.0.0.0/8,::/0"], &["trusted_proxies", "`::/0`"]),
    (&["SCRIP_TRUSTED_PROXIES=0.0.0.0/1,128.0.0.0/1"], &["trusted_proxies", "`0.0.0.0/1`"]),
    (&["SCRIP_TRUSTED_PROXIES=10.0.0.1/8"], &["trusted_proxies", "`10.0.0.1/8`"]),
    (&["SCRIP_TRUSTED_PROXIES=proxy"], &["trusted_proxies", "`proxy`"]),
    (&["SCRIP_TRUSTED_PROXIES=::ffff:10.0.0.7"], &["trusted_proxies", "IPv4"]),
    (&["file trusted_proxies = [\"\"]"], &["scrip.toml:1:1", "trusted_proxies"]),
    (&["--listen 192.0.2.1:0"], &["listen (--listen)", "not an address of this machine"]),
    (&["--listen 8080"], &["--listen"]),
    (&["--listen localhost:8080"], &["--listen"]),
    (&["--listen 127.0.0.1:18097", "--operator-listen 127.0.0.1:18097"], &["operator_listen (--operator-listen)"]),
    (&["--operator-listen 192.0.2.1:0"], &["operator_listen", "not an address of this machine"]),
    (&["SCRIP_GUESSES_PER_MINUTE=0"], &["guesses_per_minute", "0 would refuse every caller"]),
    (&["SCRIP_SESSION_IDLE=1"], &["session_idle (SCRIP_SESSION_IDLE)"]),
    (&["--session-absolute 99999999"], &["session_absolute (--session-absolute)"]),
    (&["SCRIP_SESSION_IDLE=soon"], &["--session-idle"]),
    (&["file listne = 1"], &["scrip.toml:1:1", "`listne`", "did you mean `listen`?"]),
    (&["file operator-key = \"sk_test_hushhush\""], &["scrip.toml:1:1", "`operator_key`"]),
    (&["file \n\nstripe_secret_key = sk_live_hushhush"], &["scrip.toml:3:", "stripe_secret_key"]),
    (&["file smtp_url = [\"smtps://u:hushhush@x\"]"], &["scrip.toml:1:12", "smtp_url", "text in quotes"]),
    (&["file database_url = \"postgres://a:hushhush@x"], &["scrip.toml:1:", "database_url"]),
    (&["file log_json = \"hushhush\""], &["scrip.toml:1:12", "log_json", "boolean"]),
    (&["--config /nowhere/scrip.toml"], &["--config", "/nowhere/scrip.toml"]),
    (&["--catalog /nowhere/product.toml"], &["catalog (--catalog)", "/nowhere/product.toml"]),
    (&["--catalog /"], &["catalog (--catalog)"]),
    (&["SCRIP_PUBLIC_URL=x", "SCRIP_LOG=info", "SCRIP_GUESSES_PER_MINUTE=0"], &["public_url", "guesses_per_minute"]),
];

/// A directory of one set-up: everything that it could write is in here.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Place {
    fn new() -> Place {
        Place(temporary())
    }

    fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Returns the command of a start with a good catalog, in which every setting of a set-up is wrong.
    fn start(&self, set: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
        for name in NOT_TOLD {
            command.env_remove(name);
        }
        command.arg("serve").current_dir(&self.0);
        let mut given = vec!["data".to_owned()];
        for one in set {
            if let Some(text) = one.strip_prefix("file ") {
                let path = self.0.join("scrip.toml");
                std::fs::write(&path, text).expect("it can be written");
                command.arg("--config").arg(path);
            } else if let Some((flag, value)) = one.split_once(' ').filter(|_| one.starts_with("--")) {
                command.args([flag, value]);
                given.push(flag.trim_start_matches("--").to_owned());
            } else if !one.starts_with("no ") {
                let (name, value) = one.split_once('=').expect("a variable");
                command.env(name, value);
            }
        }
        for (flag, value) in [("listen", "127.0.0.1:0".to_owned()), ("catalog", catalog().display().to_string())] {
            if !given.iter().any(|name| name == flag) && !set.iter().any(|one| one == &format!("no {flag}")) {
                command.args([&format!("--{flag}"), &value]);
            }
        }
        if !set.iter().any(|one| one.starts_with("--data ")) {
            command.arg("--data").arg(self.data());
        }
        command
    }

    /// Returns the files and directories in it, with the bytes of the files.
    fn content(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.0.clone()];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(&directory).expect("it can be listed") {
                let path = entry.expect("it can be read").path();
                if path.is_dir() {
                    open.push(path.clone());
                }
                found.insert(path.clone(), std::fs::read(&path).ok());
            }
        }
        found
    }

    /// Starts a server that must end by itself, with these words, without a secret, and leaving nothing.
    fn refuses(&self, set: &[&str], says: &[&str]) -> String {
        let mut command = self.start(set);
        let before = self.content();
        let output = output_of(&mut command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        assert!([Some(1), Some(2)].contains(&code), "{set:?}: {code:?}: {said}");
        for words in says {
            assert!(said.contains(words), "{set:?}: `{words}` is not said: {said}");
        }
        assert!(!said.contains(SECRET), "{set:?}: a secret is told: {said}");
        assert!(output.stdout.is_empty(), "{set:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(self.content() == before, "{set:?}: something was written: {:?}", self.content().keys());
        said
    }
}

fn catalog() -> PathBuf {
    root().join("catalogs/canvas-tiers.toml")
}

/// Returns the output of a server that must end by itself. A server that keeps running is killed, and has printed more
/// than it may.
fn output_of(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let (mut out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (sender, read) = channel();
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = err.read_to_end(&mut bytes);
        bytes
    });
    std::thread::spawn(move || {
        let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = out.read(&mut some) {
            bytes.extend_from_slice(&some[..length]);
            if String::from_utf8_lossy(&bytes).contains("Scrip listens") {
                break;
            }
        }
        let _ = sender.send(bytes);
    });
    let stdout = read.recv_timeout(PATIENCE).unwrap_or_default();
    if !stdout.is_empty() {
        let _ = child.kill();
    }
    let status = child.wait().expect("it can be waited for");
    Output { status, stdout, stderr: errors.join().expect("no thread panicked") }
}

#[test]
fn a_wrong_setting_is_named_and_nothing_is_written() {
    let place = Place::new();
    let all = ADDRESSES.iter().chain(&SECRETS).chain(&DATABASES).chain(&OTHERS);
    let mut count = 0;
    for (set, says) in all {
        place.refuses(set, says);
        let _ = std::fs::remove_file(place.0.join("scrip.toml"));
        count += 1;
    }
    assert!(count >= 80, "{count} set-ups");
    let busy = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = busy.local_addr().expect("it listens");
    place.refuses(&[&format!("--listen {address}")], &["listen (--listen)", &address.to_string(), "in use"]);
    place.refuses(&[&format!("--operator-listen {address}")], &["operator_listen", "in use"]);
    place.refuses(&["no catalog"], &["no catalog yet", "--catalog"]);
    std::fs::write(place.0.join("broken.toml"), "name = \"x\"\n[[plan]]\n").expect("it can be written");
    place.refuses(&["--catalog broken.toml"], &["catalog (--catalog)", "broken.toml:"]);
}

#[test]
fn a_directory_that_cannot_be_the_data_directory_is_left_as_it_is() {
    let place = Place::new();
    let at = |name: &str| place.0.join(name);
    std::fs::write(at("file"), "text").expect("it can be written");
    place.refuses(&["--data file"], &["data (--data)", "not a directory"]);
    place.refuses(&["--data file/inner/data"], &["data (--data)", "file", "not a directory"]);
    place.refuses(&["--data "], &["--data"]);
    place.refuses(&["--data /proc/scrip"], &["data (--data)", "cannot write"]);
    std::os::unix::fs::symlink(at("nowhere"), at("link")).expect("a link can be made");
    place.refuses(&["--data link"], &["data (--data)", "leads nowhere"]);

    for name in ["foreign", "views", "plain", "cluster"] {
        std::fs::create_dir(at(name)).expect("it can be made");
    }
    for (file, table) in [("foreign/journal.db", "orders"), ("views/views.db", "pictures")] {
        let connection = rusqlite::Connection::open(at(file)).expect("it can be made");
        connection.execute_batch(&format!("CREATE TABLE {table} (id INTEGER)")).expect("it is empty");
    }
    place.refuses(&["--data foreign"], &["data (--data)", "`journal.db`", "another program"]);
    place.refuses(&["--data views"], &["data (--data)", "`views.db`", "another program"]);
    std::fs::write(at("plain/journal.db"), "Dear diary, today").expect("it can be written");
    place.refuses(&["--data plain"], &["data (--data)", "`journal.db`"]);
    std::fs::write(at("cluster/PG_VERSION"), "17\n").expect("it can be written");
    place.refuses(&["--data cluster"], &["data (--data)", "PostgreSQL cluster"]);
    // With a journal in a database, outputs need a directory all the same.
    place.refuses(
        &["--data file", "SCRIP_DATABASE_URL=postgres://u@127.0.0.1:9/x"],
        &["data (--data)", "not a directory"],
    );

    let disk = scrip_testing::disk::Disk::of_megabytes(1);
    let flagged = |flag: &str| {
        let done = Command::new("chattr").arg(flag).arg(&disk.0).status();
        assert!(done.expect("chattr is there").success(), "a directory of a tmpfs can be made immutable by root");
    };
    flagged("+i");
    place.refuses(&[&format!("--data {}", disk.0.join("data").display())], &["data (--data)", "cannot write"]);
    flagged("-i");
}

/// Returns the tables of a database, of all schemas but the system's own.
fn tables(database: &Database) -> String {
    database.query(
        "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1) FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    let place = Place::new();
    let url = |database: &Database| format!("SCRIP_DATABASE_URL={}", database.url());
    for (sql, says) in [
        ("CREATE TABLE users (id int); CREATE TABLE jobs (id int)", "jobs, users"),
        ("CREATE TABLE orders (id int)", "orders"),
        ("CREATE VIEW today AS SELECT now()", "today"),
        ("CREATE TABLE entries (id int)", "entries"),
        (
            "CREATE TABLE refinery_schema_history (version int, name text, applied_on text, checksum text);
             INSERT INTO refinery_schema_history VALUES (1, 'shop', '', '1'); CREATE TABLE carts (id int)",
            "carts",
        ),
        (
            "CREATE TABLE refinery_schema_history (version int, name text, applied_on text, checksum text);
          CREATE TABLE wishes (id int)",
            "wishes",
        ),
    ] {
        let database = database();
        database.query(sql);
        let before = tables(&database);
        let said =
            place.refuses(&[&url(&database)], &["database_url (SCRIP_DATABASE_URL)", "not those of scrip", says]);
        assert!(said.contains("--database-schema"), "{said}");
        for verb in [&["migrate"][..], &["verify"], &["export", "--format", "jsonl"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
            command.args(verb).args(["--database-url", database.url()]).current_dir(&place.0);
            let output = output_of(&mut command);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains("not those of scrip"), "{verb:?}: {said}");
        }
        assert_eq!(tables(&database), before, "{sql}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_left_as_it_is() {
    let role = Role::new();
    let place = Place::new();
    let database = database();
    let given = format!("SCRIP_DATABASE_URL={}", database.url());
    let named = ["database_url (SCRIP_DATABASE_URL)"];
    // Every other mistake is found before the database is changed.
    for (set, says) in [
        ("SCRIP_PUBLIC_URL=x", "public_url"),
        ("SCRIP_OPERATOR_KEY=hushhush", "operator_key"),
        ("SCRIP_STRIPE_SECRET_KEY=hushhush", "stripe_secret_key"),
        ("--listen 192.0.2.1:0", "listen"),
        ("--mail-from nobody", "mail_from"),
        ("--data /proc/scrip", "data"),
        ("no catalog", "no catalog yet"),
    ] {
        place.refuses(&[&given, set], &[says]);
        assert_eq!(tables(&database), "", "{set}");
    }
    let stripe = ["SCRIP_STRIPE_SECRET_KEY=sk_test_hushhush", "SCRIP_STRIPE_API_URL=http://127.0.0.1:9"];
    place.refuses(&[&given, stripe[0], stripe[1]], &["stripe_secret_key", "not published"]);

    let of_role = format!("SCRIP_DATABASE_URL={}", role.url(&database));
    place.refuses(&[&of_role], &[named[0], "may not"]);
    place.refuses(&[&of_role, "--database-schema scrip"], &[named[0], "may not"]);
    let nowhere = format!("{given}_of_nobody");
    place.refuses(&[&nowhere], &[named[0], "does not exist"]);
    let chosen = format!("{given}{}options=-csearch_path%3Dnowhere", if given.contains('?') { "&" } else { "?" });
    place.refuses(&[&chosen], &[named[0], "--database-schema"]);
    database.query(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',
                    current_database()); END $$",
    );
    place.refuses(&[&given], &[named[0], "read-only"]);
    assert_eq!(tables(&database), "");
}

#[tokio::test]
async fn a_mistake_at_the_first_start_does_not_swallow_the_operator_key() {
    let catalog = catalog();
    for wrong in [
        ("SCRIP_STRIPE_WEBHOOK_SECRETS", "short"),
        ("SCRIP_SMTP_URL", "mail.example.com"),
        ("SCRIP_OPERATOR_KEY", "hush"),
        ("SCRIP_PUBLIC_URL", "x.example"),
    ] {
        let place = Place::new();
        let mut command = place.start(&[]);
        assert!(!output_of(command.env(wrong.0, wrong.1)).status.success());
        // The mistake is mended, and a key is made.
        let app = App::with(&catalog, place.0.clone(), Vec::new());
        assert!(!app.key.is_empty());
        app.get("/v1/catalog").await.expect(200);
    }
}

#[tokio::test]
async fn a_first_key_is_in_a_file_that_its_owner_alone_reads() {
    let place = Place::new();
    let (sender, lines) = channel();
    let mut command = place.start(&[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let output = child.stdout.take().expect("it is piped");
    std::thread::spawn(move || {
        let lines = std::io::BufRead::lines(std::io::BufReader::new(output));
        lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    let line = lines.recv_timeout(PATIENCE).expect("it says where the key is");
    let path = place.data().join("operator-key");
    assert!(line.contains(&path.display().to_string()) && !line.contains("sk_"), "{line}");
    let listens = lines.recv_timeout(PATIENCE).expect("it serves");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let key = std::fs::read_to_string(&path).expect("it is there");
    let url = listens.strip_prefix("Scrip listens on ").expect("an address");
    let asked = reqwest::Client::new().get(format!("{url}/v1/catalogs")).bearer_auth(key.trim()).send().await;
    assert_eq!(asked.expect("it is there").status(), 200);
    child.kill().expect("it runs");
    child.wait().expect("it ran");
}

/// Returns everything below a directory that any user of the machine may read, write or enter.
fn open_to_others(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        let mode = path.metadata().expect("it is there").permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            found.push(format!("{} {mode:o}", path.display()));
        }
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
    }
    found
}

#[tokio::test]
async fn what_is_written_is_its_owners_alone() {
    let mut app = App::start();
    {
        let desk = app.free().await;
        desk.run_to_end(serde_json::json!({ "model": "image-standard" })).await;
        app.post("/v1/sign_in", serde_json::json!({ "email": "ada@example.com" })).await.expect(202);
        let mails = app.data().join("mails");
        let mailed = async {
            while std::fs::read_dir(&mails).map_or(0, Iterator::count) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, mailed).await.expect("a mail is written");
        app.readiness("ready").await;
    }
    assert_eq!(open_to_others(&app.data()), Vec::<String>::new());
    assert!(!app.log().contains("every user of this machine"), "{}", app.log());
    app.verify();
    assert_eq!(open_to_others(&app.data()), Vec::<String>::new());
    // A directory that the operator made is not changed; the log warns of its readers.
    std::fs::set_permissions(app.data(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    app.restart();
    assert!(app.log().contains("every user of this machine") && app.log().contains("0755"), "{}", app.log());
}

#[tokio::test]
async fn a_log_in_a_file_has_no_colours() {
    let app = App::start();
    assert!(app.log().contains("the catalog is in force") && !app.log().contains('\u{1b}'), "{}", app.log());
}

#[tokio::test]
async fn a_proxy_that_nobody_named_is_told_of_once() {
    let environment = vec![("SCRIP_TRUSTED_PROXIES".to_owned(), "10.0.0.0/8".to_owned())];
    let app = App::with(&catalog(), temporary(), environment);
    let warnings = || app.log().matches("X-Forwarded-For is ignored").count();
    app.get("/v1/catalog").await.expect(200);
    assert_eq!(warnings(), 0);
    for n in 0..3 {
        let address = format!("203.0.113.{n}");
        app.call(reqwest::Method::GET, "/v1/catalogs").header("X-Forwarded-For", &address).send().await.expect(200);
    }
    assert_eq!(warnings(), 1, "{}", app.log());
}

#[tokio::test]
async fn two_journals_in_one_database_go_on_beside_each_other_and_beside_other_tables() {
    let database = std::sync::Arc::new(database());
    database.query("CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)");
    let schemas = [format!("one_{}", unique()), format!("two_{}", unique())];
    let mut apps: Vec<App> = Vec::new();
    for schema in &schemas {
        let environment = vec![("SCRIP_DATABASE_SCHEMA".to_owned(), schema.clone())];
        apps.push(App::on_journal(Journal::Postgres(std::sync::Arc::clone(&database)), environment));
    }
    for app in &apps {
        let desk = app.free().await;
        let run = desk.run_to_end(serde_json::json!({ "model": "image-standard" })).await;
        assert_eq!(run["status"], "succeeded");
        app.readiness("ready").await;
        assert_eq!(app.get("/v1/workspaces").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
    }
    for (app, schema) in apps.iter_mut().zip(&schemas) {
        app.kill();
        let arguments = ["--database-url", database.url(), "--database-schema", schema];
        for verb in [&["verify"][..], &["verify", "--rebuild"], &["migrate"], &["export", "--format", "jsonl"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
            let done = command.args(verb).args(arguments).output().expect("it starts");
            assert!(done.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&done.stderr));
        }
    }
    let mut part = Command::new(env!("CARGO_BIN_EXE_scrip"));
    part.args(["migrate", "--distributed", "partitions", "--parts", "2", "--run", "--to", database.url()]);
    let done = part.args(["--database-schema", &schemas[0]]).output().expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    apps[0].restart();
    let desk = apps[0].free().await;
    desk.run_to_end(serde_json::json!({ "model": "image-standard" })).await;
    assert_eq!(database.query("SELECT id FROM orders"), "7");
    let here = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.query(here), "1", "nothing of Scrip's is beside it");
}
