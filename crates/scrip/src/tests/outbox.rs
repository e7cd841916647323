//! Outbox: mails leave once, late, again, or with the reason why not.
//!
//! Goal: a committed mail arrives at a mail server that is not ours, after any death or outage in between; and a reader
//! of the stored mail cannot sign in as its recipient. Method: the outbox over both engines against aiosmtpd, with
//! instants that the test sets, so that no test waits for an hour to pass.

use super::mails::{directory, opening, publish_catalog};
use crate::jobs::driver::{Driver, Running, Task};
use crate::jobs::work::finish;
use crate::ledger::{Beside, Ledger, Origin, idempotency};
use crate::mail::Mail;
use crate::mail::links::{Links, invitation_signature, is_invitation};
use crate::mail::outbox::{Outbox, enqueue};
use crate::mail::transport::{Mailer, Transport};
use futures_util::FutureExt;
use futures_util::future::join_all;
use scrip_engine::team::Tenancy;
use scrip_engine::{By, Command, DAY, Mode, Profile, Timestamp, WorkspaceCommand, WorkspaceId};
use scrip_store::clock;
use scrip_store::{Commit, Crash, NewMail, Options, Store, SubmitError, Unavailable};
use scrip_testing::postgres::database;
use scrip_testing::smtp::{ReceivedMail, Sink, read_mail};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &[u8] = b"a secret of these tests";
const URL: &str = "https://credits.example.com";
const ONE: WorkspaceId = WorkspaceId::new(1);

/// An outbox, and the ledger below it.
struct Post {
    ledger: Arc<Ledger>,
    outbox: Arc<Outbox>,
}

impl Post {
    fn new(ledger: Arc<Ledger>, transport: Transport) -> Post {
        let mailer = Mailer::new(transport, Some("Scrip <no-reply@credits.example.com>")).expect("a sender");
        let links = Links { ledger: Arc::clone(&ledger), secret: SECRET.to_vec(), public_url: URL.to_owned() };
        Post { ledger, outbox: Arc::new(Outbox::new(links, mailer)) }
    }

    /// Returns an outbox that sends to a server on this machine.
    fn to(store: Store, port: u16) -> Post {
        Post::new(Arc::new(Ledger::new(store)), smtp(port))
    }

    fn store(&self) -> &Store {
        self.ledger.store()
    }

    async fn now(&self) -> Timestamp {
        self.ledger.now(None).await.expect("it answers")
    }

    async fn round(&self, now: Timestamp) -> usize {
        round(&self.outbox, now).await
    }

    /// Starts the task that sends mails.
    fn start(&self) -> Running {
        Driver::new(vec![Task::over_rows("mails", Duration::from_secs(1), 16, Arc::clone(&self.outbox))]).start()
    }

    /// Returns one value about a mail, or about all mails.
    async fn one(&self, sql: &'static str) -> String {
        let rows = self.store().query(sql, Vec::new()).await.expect("it can be read");
        format!("{:?}", rows.first().map(|row| row.0[0].clone()))
    }

    async fn due_at(&self) -> Timestamp {
        let rows = self.store().query("SELECT due_at FROM mails", Vec::new()).await.expect("it can be read");
        Timestamp::from_micros(rows[0].integer(0))
    }

    /// Returns everything that the store keeps of mails.
    async fn stored_mails(&self) -> String {
        let sql =
            "SELECT id, kind, recipient, data, due_at, attempts, lease_until, sent_at, failed, created_at FROM mails";
        format!("{:?}", self.store().query(sql, Vec::new()).await.expect("it can be read"))
    }
}

/// Sends mails that are due at an instant; returns their number, sent or not.
async fn round(outbox: &Outbox, now: Timestamp) -> usize {
    let leased = outbox.lease_at(now, 16).await.expect("the store answers");
    let ended = join_all(leased.into_iter().map(|mail| finish(outbox, mail))).await;
    ended.len()
}

fn smtp(port: u16) -> Transport {
    Transport::smtp(&format!("smtp://127.0.0.1:{port}"), URL).expect("an address")
}

fn invitation(n: u32) -> Mail {
    let [workspace, inviter] = ["Ada's <studio>", "ada@example.com"].map(str::to_owned);
    let (role, invitation) = ("member".to_owned(), format!("inv_{n}"));
    let expires_at = clock::now().after_micros(7 * DAY);
    Mail::Invitation { workspace, inviter, role, invitation, expires_at }
}

fn invitation_mail(n: u32) -> NewMail {
    invitation(n).to(format!("invitation-inv_{n}"), &format!("bo{n}@example.com")).expect("an address")
}

fn signature(n: u32) -> String {
    invitation_signature(SECRET, &format!("inv_{n}"), &format!("bo{n}@example.com"))
}

/// Invites a person as the API does: an entry, and the mail that reports it.
async fn invite(post: &Post, n: u32) -> Result<Commit, SubmitError> {
    let key = format!("invite {n}");
    let idempotency = Some(idempotency(ONE, &key, &[key.as_bytes()]));
    let asked = Origin { by: By::Operator, actor: "test".to_owned(), request: None, idempotency };
    let command = Command::Workspace(WorkspaceCommand::Rename { name: format!("Name {n}") });
    let submitted = post
        .ledger
        .submit_beside(ONE, command, asked, Beside { mails: vec![invitation_mail(n)], ..Beside::default() })
        .await;
    submitted.map(|(committed, _)| committed)
}

#[track_caller]
fn is_the_invitation(mail: &ReceivedMail, n: u32) {
    let to = format!("bo{n}@example.com");
    assert_eq!((mail.whole().to(), mail.header("To")), (vec![&*to], &*to));
    assert_eq!(mail.header("From"), "Scrip <no-reply@credits.example.com>");
    assert_eq!(mail.header("Message-ID"), format!("<invitation-inv_{n}@credits.example.com>"));
    assert_eq!(mail.header("Subject"), "You are invited to a workspace on canvas-tiers");
    let link = mail.link();
    let signature = link.strip_prefix(&format!("{URL}/invitations/inv_{n}.")).unwrap_or_else(|| panic!("{link}"));
    assert!(is_invitation(SECRET, &format!("inv_{n}"), &to, signature), "{link}");
    assert!(mail.html().contains(&format!("href=\"{link}\"")), "{}", mail.html());
}

/// Opens a store in a directory, with a workspace.
async fn filed_store(directory: &Path, options: Options) -> Store {
    publish_catalog(Store::open(directory, options).expect("it can be opened")).await
}

async fn with_a_workspace(store: Store) -> Store {
    store.submit(opening(ONE.get().unsigned_abs(), Vec::new())).await.expect("it opens");
    store
}

async fn an_invitation_arrives_once(store: Store) {
    let sink = Sink::start();
    let post = Post::to(with_a_workspace(store).await, sink.port);
    let running = post.start();
    assert!(!invite(&post, 1).await.expect("it is written").replayed);
    let mail = tokio::task::block_in_place(|| sink.next());
    is_the_invitation(&mail, 1);
    assert_eq!(mail.0["greeted"], "credits.example.com");
    assert!(invite(&post, 1).await.expect("it is answered").replayed, "asked again, it is the same");
    assert!(!invite(&post, 2).await.expect("it is written").replayed);
    is_the_invitation(&tokio::task::block_in_place(|| sink.next()), 2);
    running.stop().await;
    // Attempts that the worker had begun are ended here, and every mail that may ever be due is.
    let later = post.now().await.after_micros(2 * DAY);
    post.round(later).await;
    assert_eq!(post.one("SELECT COUNT(*) FROM mails").await, "Some(Integer(2))");
    assert_eq!(
        post.one("SELECT COUNT(*) FROM mails WHERE sent_at IS NULL OR failed IS NOT NULL").await,
        "Some(Integer(0))"
    );
    let kept = post.stored_mails().await;
    for secret in [signature(1), signature(2), format!("{URL}/")] {
        assert!(!kept.contains(&secret), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_directory_an_invitation_arrives_once() {
    let directory = directory("arrives");
    an_invitation_arrives_once(filed_store(&directory, Options::small()).await).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_database_an_invitation_arrives_once() {
    let database = database();
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    an_invitation_arrives_once(publish_catalog(store).await).await;
}

/// Returns `true` if the sender of mails was woken.
fn was_woken(store: &Store) -> bool {
    store.mail_signal().notified().now_or_never().is_some()
}

async fn whoever_sends_is_woken_for_mails_and_for_nothing_else(store: Store) {
    let post = Post::to(with_a_workspace(store).await, 9);
    assert!(!was_woken(post.store()), "an entry without a mail");
    invite(&post, 1).await.expect("it is written");
    assert!(was_woken(post.store()), "an entry with one");
    assert!(!was_woken(post.store()), "once");
    let mail = Mail::SignIn { workspace: None, known_as: None }.to("sign-in-1", "bo@example.com").expect("an address");
    enqueue(post.store(), mail.clone()).await.expect("it is written");
    assert!(was_woken(post.store()), "a mail without an entry");
    enqueue(post.store(), mail).await.expect("it is there");
    assert_eq!(post.one("SELECT COUNT(*) FROM mails WHERE kind = 'sign_in'").await, "Some(Integer(1))");
    // No server listens at that port: both mails have their link and wait.
    let now = post.now().await;
    assert_eq!(post.round(now).await, 2);
    assert_eq!(post.one("SELECT COUNT(*) FROM mails WHERE failed IS NULL AND attempts = 1").await, "Some(Integer(2))");
    assert_eq!(post.one("SELECT COUNT(*) FROM sign_in_tokens").await, "Some(Integer(1))");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory_whoever_sends_is_woken_for_mails_and_for_nothing_else() {
    let directory = directory("woken");
    let store = filed_store(&directory, Options::small()).await;
    whoever_sends_is_woken_for_mails_and_for_nothing_else(store).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_whoever_sends_is_woken_for_mails_and_for_nothing_else() {
    let database = database();
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    whoever_sends_is_woken_for_mails_and_for_nothing_else(publish_catalog(store).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_down_gets_the_mail_once_it_is_up() {
    let directory = directory("down");
    let sink = Sink::start();
    let port = sink.port;
    assert!(sink.stop().is_empty());
    let post = Post::to(with_a_workspace(filed_store(&directory, Options::small()).await).await, port);
    invite(&post, 1).await.expect("it is written");
    let now = post.now().await;
    assert_eq!(post.round(now).await, 1);
    assert_eq!(post.due_at().await, now.after_seconds(60));
    assert_eq!(post.one("SELECT attempts FROM mails WHERE lease_until = 0").await, "Some(Integer(1))");
    let sink = Sink::on(port, &[]);
    assert_eq!(post.round(now.after_seconds(59)).await, 0, "it is not due yet");
    assert_eq!(post.round(now.after_seconds(60)).await, 1);
    assert_eq!(post.round(now.after_micros(3 * DAY)).await, 0);
    let arrived = sink.stop();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    is_the_invitation(&arrived[0], 1);
    drop(post);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

async fn what_is_never_taken_is_given_up_with_its_reason(store: Store) {
    // This server quotes the links of the mail in its refusal.
    let sink = Sink::on(0, &["--refuse", "100"]);
    let post = Post::to(with_a_workspace(store).await, sink.port);
    invite(&post, 1).await.expect("it is written");
    let mut now = post.now().await;
    let mut waits = Vec::new();
    while post.one("SELECT failed FROM mails").await == "Some(Null)" {
        assert_eq!(post.round(now).await, 1);
        assert_eq!(sink.line(), "refused");
        let due = post.due_at().await;
        waits.push((due.micros() - now.micros()) / 1_000_000);
        now = due.max(now);
    }
    assert_eq!(waits[..7], [60, 300, 1_800, 7_200, 21_600, 43_200, 86_400]);
    assert_eq!(waits.len(), 8, "eight attempts: {waits:?}");
    let kept = post.stored_mails().await;
    assert!(
        kept.contains("451") && kept.contains("not now: https://credits.example.com/invitations/inv_1.…"),
        "{kept}"
    );
    assert!(!kept.contains(&signature(1)) && !kept.contains(char::is_control), "{kept}");
    assert_eq!(post.round(now.after_micros(365 * DAY)).await, 0);
    assert!(sink.stop().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_directory_what_is_never_taken_is_given_up_with_its_reason() {
    let directory = directory("refused");
    what_is_never_taken_is_given_up_with_its_reason(filed_store(&directory, Options::small()).await).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_database_what_is_never_taken_is_given_up_with_its_reason() {
    let database = database();
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    what_is_never_taken_is_given_up_with_its_reason(publish_catalog(store).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_sending_loses_the_mail_to_another_process_after_the_lease() {
    let database = database();
    let (hanging, sink) = (Sink::on(0, &["--hang"]), Sink::start());
    let store =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let post = Post::to(with_a_workspace(store).await, hanging.port);
    invite(&post, 1).await.expect("it is written");
    let now = post.now().await;
    let outbox = Arc::clone(&post.outbox);
    let dying = tokio::spawn(async move { round(&outbox, now).await });
    assert_eq!(tokio::task::block_in_place(|| hanging.line()), "hanging");
    let other =
        Post::to(Store::connect(database.url(), Options::small()).await.expect("the database answers"), sink.port);
    assert_eq!(other.round(now.after_seconds(119)).await, 0, "it is being sent");
    dying.abort();
    assert!(dying.await.is_err_and(|ended| ended.is_cancelled()));
    assert_eq!(other.round(now.after_seconds(119)).await, 0, "the sender has not learned of it yet");
    assert_eq!(other.round(now.after_seconds(121)).await, 1);
    is_the_invitation(&sink.next(), 1);
    // As if the other process had died as well, after the mail was sent and before that was recorded: it goes twice,
    // under one identifier.
    database.query("UPDATE mails SET sent_at = NULL");
    assert_eq!(other.round(now.after_seconds(300)).await, 1);
    let again = sink.stop();
    assert_eq!(again.len(), 1);
    is_the_invitation(&again[0], 1);
    // A mail that kills its sender each time is not tried for ever.
    database.query("UPDATE mails SET sent_at = NULL, attempts = 8");
    assert_eq!(other.round(now.after_seconds(600)).await, 1);
    assert!(other.one("SELECT failed FROM mails").await.contains("died"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_wrote_is_sent_without_a_word() {
    let database = database();
    let sink = Sink::start();
    let store =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let other = Post::to(with_a_workspace(store).await, 9);
    let post =
        Post::to(Store::connect(database.url(), Options::small()).await.expect("the database answers"), sink.port);
    let running = post.start();
    for n in 1..3 {
        invite(&other, n).await.expect("it is written");
        is_the_invitation(&tokio::task::block_in_place(|| sink.next()), n);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_send_each_mail_once() {
    const MANY: u32 = 60;
    let database = database();
    let sink = Sink::start();
    let store =
        publish_catalog(Store::connect(database.url(), Options::small()).await.expect("the database answers")).await;
    let first = Post::to(with_a_workspace(store).await, sink.port);
    let second =
        Post::to(Store::connect(database.url(), Options::small()).await.expect("the database answers"), sink.port);
    for n in 0..MANY {
        invite(&first, n).await.expect("it is written");
    }
    let now = first.now().await;
    let all = async |post: &Post| {
        let mut sent = 0;
        loop {
            match post.round(now).await {
                0 => return sent,
                more => sent += more,
            }
        }
    };
    let (mine, theirs) = tokio::join!(all(&first), all(&second));
    assert_eq!(mine + theirs, MANY as usize);
    assert!(mine > 0 && theirs > 0, "{mine} and {theirs}: one of them did nothing");
    let mut ids: Vec<String> = sink.stop().iter().map(|mail| mail.header("Message-ID").to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), MANY as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_between_an_entry_and_its_mail_sends_it_afterwards() {
    for flushed in [false, true] {
        let directory = directory(&format!("dies-{flushed}"));
        drop(with_a_workspace(filed_store(&directory, Options::small()).await).await);
        let sink = Sink::start();
        let crash = Some(Crash { commit: 1, flushed });
        let store = Store::open(&directory, Options { crash, ..Options::small() }).expect("it opens");
        let post = Post::to(store, sink.port);
        let died = invite(&post, 1).await;
        assert!(matches!(died, Err(SubmitError::Unavailable(Unavailable(_)))), "{died:?}");
        drop(post);
        let post = Post::to(Store::open(&directory, Options::small()).expect("it opens again"), sink.port);
        let now = post.now().await.after_micros(DAY);
        assert_eq!(post.round(now).await, usize::from(flushed), "what did not happen is not told");
        assert_eq!(invite(&post, 1).await.expect("it is asked again").replayed, flushed);
        post.round(now).await;
        let arrived = sink.stop();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        is_the_invitation(&arrived[0], 1);
        drop(post);
        std::fs::remove_dir_all(&directory).expect("it is ours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_in_a_file_has_no_link_that_works() {
    let directory = directory("files");
    let mails = directory.join("mails");
    let store = with_a_workspace(filed_store(&directory, Options::small()).await).await;
    let files = Transport::Files { directory: mails.clone(), print_links: false };
    let post = Post::new(Arc::new(Ledger::new(store)), files);
    invite(&post, 1).await.expect("it is written");
    let strange = invitation(2).to("../strange id\r\n", "bo2@example.com").expect("an address");
    enqueue(post.store(), strange).await.expect("it is written");
    assert_eq!(post.round(post.now().await).await, 2);
    let mut names: Vec<String> = std::fs::read_dir(&mails)
        .expect("it is there")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    assert_eq!(
        (names.len(), names[1].as_str()),
        (2, "invitation-inv_1.eml"),
        "whole files, in their directory: {names:?}"
    );
    let mail = read_mail(&mails.join("invitation-inv_1.eml"));
    assert_eq!(mail.whole().header("Message-ID"), "<invitation-inv_1@credits.example.com>");
    assert_eq!(mail.link(), format!("{URL}/invitations/inv_1.…"));
    let raw = std::fs::read_to_string(mails.join("invitation-inv_1.eml")).expect("it is text");
    for text in [raw, mail.text(), mail.html(), post.stored_mails().await] {
        assert!(!text.contains(&signature(1)), "{text}");
    }
    drop(post);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_says_why_and_holds_nobody_up() {
    let directory = directory("why");
    let sink = Sink::start();
    let post = Post::to(with_a_workspace(filed_store(&directory, Options::small()).await).await, sink.port);
    let now = post.now().await;
    let Mail::Invitation { workspace, inviter, role, invitation, .. } = invitation(1) else { unreachable!() };
    let expired = Mail::Invitation { workspace, inviter, role, invitation, expires_at: now };
    enqueue(post.store(), expired.to("expired", "bo@example.com").expect("an address")).await.expect("it is written");
    let later = NewMail { kind: "later".to_owned(), id: "later".to_owned(), ..invitation_mail(2) };
    enqueue(post.store(), later).await.expect("it is written");
    // A mail from code that does not check addresses.
    let injected = "bo@example.com\r\nBcc: eve@example.com".to_owned();
    let injected = NewMail { recipient: injected, id: "injected".to_owned(), ..invitation_mail(3) };
    enqueue(post.store(), injected).await.expect("it is written");
    invite(&post, 4).await.expect("it is written");
    assert_eq!(post.round(post.now().await).await, 4);
    let failed = async |sql| post.one(sql).await;
    let expired = failed("SELECT failed FROM mails WHERE id = 'expired'").await;
    assert!(expired.contains("that it links to has ended"), "{expired}");
    let injected = failed("SELECT failed FROM mails WHERE id = 'injected'").await;
    assert!(injected.contains("control characters"), "{injected}");
    assert_eq!(
        failed("SELECT failed FROM mails WHERE id = 'later'").await,
        "Some(Null)",
        "another version may know it"
    );
    assert_eq!(failed("SELECT attempts FROM mails WHERE id = 'later'").await, "Some(Integer(1))");
    let arrived = sink.stop();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    is_the_invitation(&arrived[0], 4);
    drop(post);
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

async fn mails_are_due_by_the_machines_clock(store: Store) {
    let sink = Sink::start();
    let post = Post::to(store, sink.port);
    let far = clock::now().after_micros(10 * 365 * DAY);
    post.store().set_clock(7, Some("far".to_owned()), far).await.expect("a clock is made");
    let profile = Profile { name: "A".to_owned(), owner: None, external_id: None };
    let (mode, test_clock) = (Mode::Test, Some(7));
    let command = Command::Workspace(WorkspaceCommand::Open {
        mode,
        test_clock,
        profile,
        lifetime_allowed: false,
        choice: None,
        tenancy: Tenancy::Team,
        owner: None,
    });
    let asked = Origin::internal("test", ONE, None);
    let (committed, _) = post
        .ledger
        .submit_beside(ONE, command, asked, Beside { mails: vec![invitation_mail(1)], ..Beside::default() })
        .await
        .expect("it opens");
    assert_eq!(committed.at, far);
    assert_eq!(post.round(post.now().await).await, 1);
    is_the_invitation(&sink.next(), 1);
    assert_eq!(
        post.one("SELECT COUNT(*) FROM mails WHERE created_at = due_at AND sent_at >= created_at").await,
        "Some(Integer(1))"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory_mails_are_due_by_the_machines_clock() {
    let directory = directory("clock");
    mails_are_due_by_the_machines_clock(filed_store(&directory, Options::small()).await).await;
    std::fs::remove_dir_all(&directory).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_database_mails_are_due_by_the_machines_clock() {
    let database = database();
    let store = Store::connect(database.url(), Options::small()).await.expect("the database answers");
    mails_are_due_by_the_machines_clock(publish_catalog(store).await).await;
}
