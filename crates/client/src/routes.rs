//! One method for each route of the API.
//!
//! Invariant: a method names its route and the request that it sends, and decides nothing.

use crate::types::*;
use crate::{Call, Client, Error, Follow, WorkspaceClient};
use reqwest::Method;
use std::time::Duration;

/// Time that one request waits for a run to end, in seconds; the server allows 60.
const WAIT_SECONDS: u32 = 30;
/// Pause before a run is asked for again when a wait came back early.
const EARLY: Duration = Duration::from_millis(250);
/// Time allowed for moving a test clock: years of renewals may happen on the way.
const ADVANCE: Duration = Duration::from_secs(600);

/// Time allowed for sending or receiving a file.
const UPLOAD: Duration = Duration::from_secs(60);

/// Media type of a file of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A document in PDF.
    Pdf,
    /// A picture in PNG.
    Png,
    /// A photograph in JPEG.
    Jpeg,
}

impl FileKind {
    /// Returns the kind that the first bytes of a file show, or `None` for another kind.
    pub fn of(bytes: &[u8]) -> Option<FileKind> {
        let begins: [(&[u8], FileKind); 3] =
            [(b"%PDF-", FileKind::Pdf), (b"\x89PNG\r\n\x1a\n", FileKind::Png), (b"\xff\xd8\xff", FileKind::Jpeg)];
        begins.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| kind)
    }

    /// Returns the kind's value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            FileKind::Pdf => "application/pdf",
            FileKind::Png => "image/png",
            FileKind::Jpeg => "image/jpeg",
        }
    }
}

/// Part of a list to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// Number of items, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// Cursor that the page before gave; absent is the first page.
    pub cursor: Option<String>,
}

impl Client {
    fn get<T>(&self, path: &[&str]) -> Call<T> {
        Call::new(self, Method::GET, path)
    }

    fn post<T>(&self, path: &[&str]) -> Call<T> {
        Call::new(self, Method::POST, path)
    }

    /// `GET /v1/catalog`: plans, packs, models and prices in force.
    pub fn catalog(&self) -> Call<PublicCatalog> {
        self.get(&["v1", "catalog"])
    }

    /// `POST /v1/catalogs`: publishes a catalog file's text. The same text again is the same version.
    pub fn publish_catalog(&self, toml: &str) -> Call<CatalogVersion> {
        self.post(&["v1", "catalogs"]).body(&NewCatalog { toml: toml.to_owned() })
    }

    /// `POST /v1/catalogs/check`: the models that a catalog file's text would retire, with the credits, trials and
    /// keys that they leave behind in a part of the workspaces. Changes nothing.
    pub fn check_catalog(&self, toml: &str, cursor: Option<&str>) -> Call<CatalogCheck> {
        let check = NewCatalog { toml: toml.to_owned() };
        self.post(&["v1", "catalogs", "check"]).body(&check).with("cursor", cursor)
    }

    /// `POST /v1/catalogs/{version}/migrate`: moves workspaces on older terms to a version, or only previews the
    /// changes. It may be sent again: no workspace is moved twice.
    pub fn migrate_catalog(&self, version: u32, dry_run: bool, paging: &Paging) -> Call<Migration> {
        let version = version.to_string();
        self.post(&["v1", "catalogs", &version, "migrate"]).body(&NewMigration { dry_run }).with_paging(paging)
    }

    /// `GET /v1/catalogs`: the versions, newest first.
    pub fn catalog_versions(&self) -> Call<Page<CatalogVersion>> {
        self.get(&["v1", "catalogs"])
    }

    /// `POST /v1/workspaces`: opens a workspace. A person who has signed in gives a name alone, and is its owner.
    pub fn open_workspace(&self, new: &NewWorkspace) -> Call<Workspace> {
        self.post(&["v1", "workspaces"]).body(new)
    }

    /// `POST /v1/workspaces/check`: whether a workspace could be opened, and given a grant, under the call's
    /// idempotency key. Changes nothing.
    pub fn check_workspace(&self, new: &NewWorkspaceCheck) -> Call<WorkspaceCheck> {
        self.post(&["v1", "workspaces", "check"]).body(new)
    }

    /// `GET /v1/workspaces`: every workspace, or the one with the operator's own id; for a person, their own
    /// workspaces.
    pub fn workspaces(&self, paging: &Paging, external_id: Option<&str>) -> Call<Page<Workspace>> {
        self.get(&["v1", "workspaces"]).with_paging(paging).with("external_id", external_id)
    }

    /// `GET /v1/workspaces/{id}`: one workspace.
    pub fn show_workspace(&self, id: &str) -> Call<Workspace> {
        self.get(&["v1", "workspaces", id])
    }

    /// `PATCH /v1/workspaces/{id}`: renames a workspace.
    pub fn change_workspace(&self, id: &str, change: &WorkspaceChange) -> Call<Workspace> {
        Call::new(self, Method::PATCH, &["v1", "workspaces", id]).body(change)
    }

    /// `POST /v1/workspaces/{id}/subscription`: puts a workspace on a plan.
    pub fn subscribe(&self, id: &str, new: &NewSubscription) -> Call<Workspace> {
        self.post(&["v1", "workspaces", id, "subscription"]).body(new)
    }

    /// `DELETE /v1/workspaces/{id}/subscription`: ends the plan with its period.
    pub fn cancel_subscription(&self, id: &str) -> Call<Workspace> {
        Call::new(self, Method::DELETE, &["v1", "workspaces", id, "subscription"])
    }

    /// `DELETE /v1/workspaces/{id}/subscription?undo=true`: withdraws a cancellation or a scheduled change.
    pub fn undo_cancel(&self, id: &str) -> Call<Workspace> {
        self.cancel_subscription(id).with("undo", Some(true))
    }

    /// `POST /v1/workspaces/{id}/freeze`: freezes or thaws a workspace.
    pub fn freeze(&self, id: &str, request: &FreezeRequest) -> Call<Workspace> {
        self.post(&["v1", "workspaces", id, "freeze"]).body(request)
    }

    /// `POST /v1/workspaces/{id}/grants`: gives credits, and returns the grants that were made.
    pub fn give(&self, id: &str, new: &NewGrant) -> Call<Vec<Grant>> {
        self.post(&["v1", "workspaces", id, "grants"]).body(new)
    }

    /// `POST /v1/grants/{id}/void`: takes the available rest of a grant back.
    pub fn void_grant(&self, id: &str, reason: &str) -> Call<Grant> {
        self.post(&["v1", "grants", id, "void"]).body(&VoidRequest { reason: reason.to_owned() })
    }

    /// `POST /v1/operator_keys`: makes an operator key. Its secret is in this answer alone. It takes no idempotency
    /// key: a retry is refused, since a good key keeps its name to itself.
    pub fn make_operator_key(&self, new: &NewOperatorKey) -> Call<OperatorKey> {
        self.post(&["v1", "operator_keys"]).body(new)
    }

    /// `GET /v1/operator_keys`: every operator key, without its secret.
    pub fn operator_keys(&self) -> Call<Page<OperatorKey>> {
        self.get(&["v1", "operator_keys"])
    }

    /// `DELETE /v1/operator_keys/{id}`: ends an operator key for ever, everywhere once the answer is there.
    pub fn revoke_operator_key(&self, id: &str) -> Call<Removal> {
        Call::new(self, Method::DELETE, &["v1", "operator_keys", id])
    }

    /// `POST /v1/test_clocks`: makes a test clock. It takes no idempotency key: a retry may leave a second one.
    pub fn create_test_clock(&self, new: &NewTestClock) -> Call<TestClock> {
        self.post(&["v1", "test_clocks"]).body(new)
    }

    /// `GET /v1/test_clocks`: every test clock.
    pub fn test_clocks(&self) -> Call<Page<TestClock>> {
        self.get(&["v1", "test_clocks"])
    }

    /// `GET /v1/test_clocks/{id}`: one test clock.
    pub fn test_clock(&self, id: &str) -> Call<TestClock> {
        self.get(&["v1", "test_clocks", id])
    }

    /// `POST /v1/test_clocks/{id}/advance`: moves a test clock to an instant; answers when everything due has
    /// happened.
    pub fn advance_test_clock(&self, id: &str, to: &str) -> Call<TestClock> {
        self.post(&["v1", "test_clocks", id, "advance"]).body(&AdvanceRequest { to: to.to_owned() }).waiting(ADVANCE)
    }

    /// `POST /v1/sign_in`: sends a sign-in link to an address; the answer is the same whether or not a person has it.
    pub fn sign_in(&self, email: &str) -> Call<SignInAsked> {
        self.post(&["v1", "sign_in"]).body(&SignIn { email: email.to_owned() })
    }

    /// `POST /v1/portal_links`: makes a link that signs in a user of the operator's own product once.
    pub fn create_portal_link(&self, new: &NewPortalLink) -> Call<PortalLink> {
        self.post(&["v1", "portal_links"]).body(new)
    }

    /// `POST /v1/sessions`: opens a session with a link's token. A retry after a lost answer finds the link used.
    pub fn open_session(&self, new: &NewSession) -> Call<Session> {
        self.post(&["v1", "sessions"]).body(new)
    }

    /// `GET /v1/session`: the session of this client's key, and its user.
    pub fn session(&self) -> Call<Session> {
        self.get(&["v1", "session"])
    }

    /// `DELETE /v1/session`: signs out.
    pub fn sign_out(&self) -> Call<SignedOut> {
        Call::new(self, Method::DELETE, &["v1", "session"])
    }

    /// `DELETE /v1/sessions`: signs out everywhere.
    pub fn sign_out_everywhere(&self) -> Call<SignedOut> {
        Call::new(self, Method::DELETE, &["v1", "sessions"])
    }

    /// `GET /v1/keys/{id}`: a key, without its secret.
    pub fn show_key(&self, id: &str) -> Call<Key> {
        self.get(&["v1", "keys", id])
    }

    /// `PATCH /v1/keys/{id}`: changes a key's name, capabilities or cap.
    pub fn change_key(&self, id: &str, change: &KeyChange) -> Call<Key> {
        Call::new(self, Method::PATCH, &["v1", "keys", id]).body(change)
    }

    /// `POST /v1/keys/{id}/rotate`: gives a key another secret, which is in this answer alone. A retry whose first
    /// answer was lost gets no secret: rotate the key once more.
    pub fn rotate_key(&self, id: &str, rotation: &Rotation) -> Call<Key> {
        self.post(&["v1", "keys", id, "rotate"]).body(rotation)
    }

    /// `POST /v1/keys/{id}/freeze`: freezes a key with a reason, or thaws it.
    pub fn freeze_key(&self, id: &str, request: &FreezeRequest) -> Call<Key> {
        self.post(&["v1", "keys", id, "freeze"]).body(request)
    }

    /// `DELETE /v1/keys/{id}`: revokes a key, at once and for ever.
    pub fn revoke_key(&self, id: &str) -> Call<Removal> {
        Call::new(self, Method::DELETE, &["v1", "keys", id])
    }

    /// `DELETE /v1/invitations/{id}`: withdraws an invitation.
    pub fn withdraw_invitation(&self, id: &str) -> Call<Removal> {
        Call::new(self, Method::DELETE, &["v1", "invitations", id])
    }

    /// `POST /v1/invitations/accept`: accepts an invitation by its link's token. The client's key must be a session
    /// of the person invited.
    pub fn accept_invitation(&self, token: &str) -> Call<Workspace> {
        self.post(&["v1", "invitations", "accept"]).body(&Acceptance { token: token.to_owned() })
    }

    /// `GET /v1/alerts`: messages to the operator that money and credits may not agree, newest first.
    pub fn alerts(&self, paging: &Paging) -> Call<Page<Alert>> {
        self.get(&["v1", "alerts"]).with_paging(paging)
    }

    /// `GET /v1/workspaces/{id}/customer`: the Stripe customer of a workspace.
    pub fn customer(&self, workspace: &str) -> Call<Customer> {
        self.get(&["v1", "workspaces", workspace, "customer"])
    }

    /// `PUT /v1/workspaces/{id}/customer`: links a workspace to a Stripe customer that existed before it.
    pub fn link_customer(&self, workspace: &str, customer: &str) -> Call<CustomerLink> {
        let link = CustomerLink { customer: customer.to_owned() };
        Call::new(self, Method::PUT, &["v1", "workspaces", workspace, "customer"]).body(&link)
    }

    /// `POST /v1/workspaces/{id}/customer/sync`: reconciles a workspace with its Stripe customer now.
    pub fn sync_customer(&self, workspace: &str) -> Call<Workspace> {
        self.post(&["v1", "workspaces", workspace, "customer", "sync"])
    }

    /// `GET /v1/reviews`: applications for reviews, newest first, all or those with a status. An operator who names
    /// no workspace gets those of every workspace.
    pub fn reviews(&self, paging: &Paging, status: Option<&str>) -> Call<Page<Review>> {
        self.get(&["v1", "reviews"]).with_paging(paging).with("status", status)
    }

    /// `GET /v1/reviews/{id}`: an application, with its texts and files.
    pub fn review(&self, id: &str) -> Call<Review> {
        self.get(&["v1", "reviews", id])
    }

    /// `POST /v1/reviews/{id}/files`: adds a file to an application that is not decided yet. Sending a file that was
    /// added already returns that file.
    pub fn add_review_file(&self, id: &str, name: &str, kind: FileKind, bytes: Vec<u8>) -> Call<ReviewFile> {
        self.post(&["v1", "reviews", id, "files"])
            .with("name", Some(name))
            .raw(kind.content_type(), bytes)
            .waiting(UPLOAD)
    }

    /// `GET /v1/review_files/{id}`: a file, whose bytes [`Call::bytes`] returns.
    pub fn review_file(&self, id: &str) -> Call<Vec<u8>> {
        self.get(&["v1", "review_files", id]).waiting(UPLOAD)
    }

    /// `POST /v1/reviews/{id}/approve`: approves an application: plans that require the review can be bought.
    pub fn approve_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.post(&["v1", "reviews", id, "approve"]).body(&ReviewDecision { reason: reason.to_owned() })
    }

    /// `POST /v1/reviews/{id}/reject`: rejects an application; the workspace can apply again.
    pub fn reject_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.post(&["v1", "reviews", id, "reject"]).body(&ReviewDecision { reason: reason.to_owned() })
    }

    /// `POST /v1/reviews/{id}/revoke`: revokes an approval.
    pub fn revoke_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.post(&["v1", "reviews", id, "revoke"]).body(&ReviewDecision { reason: reason.to_owned() })
    }

    /// `POST /v1/billing/sweep`: reads Stripe's events for those that were not delivered.
    pub fn sweep_billing(&self) -> Call<Sweep> {
        self.post(&["v1", "billing", "sweep"])
    }

    /// `GET /v1/people`: the people who have an address.
    pub fn people(&self, email: &str) -> Call<Page<Person>> {
        self.get(&["v1", "people"]).with("email", Some(email))
    }

    /// `GET /v1/people/{id}`: one person.
    pub fn person(&self, id: &str) -> Call<Person> {
        self.get(&["v1", "people", id])
    }

    /// `POST /v1/people/{id}/block`: ends a person's sessions, links, keys and mail.
    pub fn block_person(&self, id: &str, block: &NewBlock) -> Call<Person> {
        self.post(&["v1", "people", id, "block"]).body(block)
    }

    /// `DELETE /v1/people/{id}/block`: ends the block.
    pub fn unblock_person(&self, id: &str) -> Call<Person> {
        Call::new(self, Method::DELETE, &["v1", "people", id, "block"])
    }

    /// `GET /v1/switches`: every change of a switch, newest first; the first one of a name is the switch's state.
    pub fn switches(&self, paging: &Paging) -> Call<Page<Switch>> {
        self.get(&["v1", "switches"]).with_paging(paging)
    }

    /// `PUT /v1/switches/models/{id}` or `…/providers/{id}`: switches a `model` or a `provider` off everywhere, or on.
    pub fn change_switch(&self, kind: &str, id: &str, change: &SwitchChange) -> Call<Switch> {
        Call::new(self, Method::PUT, &["v1", "switches", &format!("{kind}s"), id]).body(change)
    }

    /// `GET /v1/tasks`: the background tasks of the server that answers.
    pub fn tasks(&self) -> Call<Page<Task>> {
        self.get(&["v1", "tasks"])
    }

    /// `GET /v1/entries/{id}/explain`: an entry in words.
    pub fn explain(&self, entry: &str) -> Call<Explanation> {
        self.get(&["v1", "entries", entry, "explain"])
    }

    /// `GET /v1/runs/{id}`: one run; with `wait`, answers when the run has ended or after so many seconds, at most
    /// 60.
    pub fn run(&self, id: &str, wait: Option<u32>) -> Call<Run> {
        self.get(&["v1", "runs", id]).wait(wait)
    }

    /// Waits until a run has ended, however long that takes; `tokio::time::timeout` sets a limit.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn wait(&self, id: &str) -> Result<Run, Error> {
        let mut run = self.run(id, Some(WAIT_SECONDS)).await?;
        while !run.has_ended() {
            (self.sleeper)(EARLY).await;
            run = self.run(id, Some(WAIT_SECONDS)).await?;
        }
        Ok(run)
    }

    /// `POST /v1/runs/{id}/cancel`: cancels a run.
    pub fn cancel_run(&self, id: &str) -> Call<Run> {
        self.post(&["v1", "runs", id, "cancel"])
    }

    /// `GET /v1/runs/{id}/events`: follows a run, change by change.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn follow(&self, id: &str) -> Result<Follow, Error> {
        Follow::open(self.get::<Run>(&["v1", "runs", id, "events"]).request()?).await
    }

    /// `GET /v1/holds/{id}`: one hold.
    pub fn hold(&self, id: &str) -> Call<Hold> {
        self.get(&["v1", "holds", id])
    }

    /// `POST /v1/holds/{id}/capture`: captures a hold, all of it or a number of credits.
    pub fn capture(&self, id: &str, credits: Option<i64>) -> Call<Hold> {
        self.post(&["v1", "holds", id, "capture"]).body(&CaptureRequest { credits })
    }

    /// `POST /v1/holds/{id}/release`: releases a hold.
    pub fn release(&self, id: &str) -> Call<Hold> {
        self.post(&["v1", "holds", id, "release"])
    }

    /// `POST /v1/holds/batch`: up to [`DECISIONS_MAX`] decisions about holds of any workspaces, each with its own key
    /// and its own answer. A refused decision is among the answers, and is not an [`Error`].
    pub fn decide(&self, decisions: &[Decision]) -> Call<DecisionAnswers> {
        self.post(&["v1", "holds", "batch"]).body(&DecisionBatch { decisions: decisions.to_vec() })
    }

    /// `POST /v1/holds/{id}/extend`: sets a hold to expire so many seconds from now.
    pub fn extend(&self, id: &str, seconds: i64) -> Call<Hold> {
        self.post(&["v1", "holds", id, "extend"]).body(&ExtendRequest { seconds })
    }

    /// `GET /v1/assets/{id}`: the bytes of an output, by the signed address its run gives. The key is not sent: the
    /// address is its own permission, and may lead to another host.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn asset(&self, output: &RunOutput) -> Result<Vec<u8>, Error> {
        let lost = |source| Error::Transport { tries: 1, source };
        let response = self.http.get(&output.url).timeout(ADVANCE).send().await.map_err(lost)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(lost)?;
        if status.is_success() { Ok(bytes.to_vec()) } else { Err(Error::read(status.as_u16(), &bytes)) }
    }

    /// `GET /openapi.json`: the description of the API.
    pub fn openapi(&self) -> Call<serde_json::Value> {
        self.get(&["openapi.json"])
    }
}

impl WorkspaceClient {
    /// `POST /v1/checkout`: opens the checkout session in which a pack or a plan is paid.
    pub fn checkout(&self, new: &NewCheckout) -> Call<Checkout> {
        self.post(&["v1", "checkout"]).body(new)
    }

    /// `POST /v1/billing_portal`: makes an address of Stripe's portal for the workspace's customer.
    pub fn billing_portal(&self, new: &NewPortalSession) -> Call<PortalSession> {
        self.post(&["v1", "billing_portal"]).body(new)
    }

    /// `GET /v1/billing`: the state of the plan and its payments, and what can be bought.
    pub fn billing(&self) -> Call<BillingState> {
        self.get(&["v1", "billing"])
    }

    /// `PUT /v1/billing/top_up`: sets automatic top-ups.
    pub fn set_top_up(&self, new: &NewTopUp) -> Call<TopUp> {
        Call::new(self, Method::PUT, &["v1", "billing", "top_up"]).body(new)
    }

    /// `DELETE /v1/billing/top_up`: ends automatic top-ups.
    pub fn unset_top_up(&self) -> Call<TopUp> {
        Call::new(self, Method::DELETE, &["v1", "billing", "top_up"])
    }

    /// `GET /v1/balance`: the workspace's balance.
    pub fn balance(&self) -> Call<Balance> {
        self.get(&["v1", "balance"])
    }

    /// `GET /v1/entitlements`: the models, limits and features of the workspace.
    pub fn entitlements(&self) -> Call<Entitlements> {
        self.get(&["v1", "entitlements"])
    }

    /// `GET /v1/entries`: journal entries of the workspace, newest first.
    pub fn entries(&self, paging: &Paging) -> Call<Page<Entry>> {
        self.get(&["v1", "entries"]).with_paging(paging)
    }

    /// `GET /v1/usage`: use between two days, summed by `day`, `model` or `day,model`.
    pub fn usage(&self, from: Option<&str>, to: Option<&str>, by: Option<&str>) -> Call<Usage> {
        self.get(&["v1", "usage"]).with("from", from).with("to", to).with("by", by)
    }

    /// `POST /v1/quotes`: a price, and whether the run would be accepted now.
    pub fn quote(&self, new: &NewQuote) -> Call<Quote> {
        self.post(&["v1", "quotes"]).body(new)
    }

    /// `POST /v1/runs`: quotes, holds and queues a run in one step, or refuses it and changes nothing.
    pub fn create_run(&self, new: &NewRun) -> Call<Run> {
        self.post(&["v1", "runs"]).body(new)
    }

    /// `GET /v1/runs`: runs of the workspace, newest first, all or those with a status.
    pub fn runs(&self, paging: &Paging, status: Option<&str>) -> Call<Page<Run>> {
        self.get(&["v1", "runs"]).with_paging(paging).with("status", status)
    }

    /// `POST /v1/holds`: holds credits, for products that dispatch their runs themselves.
    pub fn open_hold(&self, new: &NewHold) -> Call<Hold> {
        self.post(&["v1", "holds"]).body(new)
    }

    /// `GET /v1/keys`: keys of the workspace; for a member who is no admin, that member's own keys.
    pub fn keys(&self) -> Call<Page<Key>> {
        self.get(&["v1", "keys"])
    }

    /// `POST /v1/keys`: makes a key. Its secret is in this answer alone, and not in the answer to a retry.
    pub fn make_key(&self, new: &NewKey) -> Call<Key> {
        self.post(&["v1", "keys"]).body(new)
    }

    /// `GET /v1/members`: members in the order in which they joined.
    pub fn members(&self) -> Call<Page<Member>> {
        self.get(&["v1", "members"])
    }

    /// `POST /v1/members`: makes a user of the operator's own product a member.
    pub fn add_member(&self, new: &NewMember) -> Call<Member> {
        self.post(&["v1", "members"]).body(new)
    }

    /// `PATCH /v1/members/{id}`: changes a member's role or cap.
    pub fn change_member(&self, id: &str, change: &MemberChange) -> Call<Member> {
        Call::new(self, Method::PATCH, &["v1", "members", id]).body(change)
    }

    /// `DELETE /v1/members/{id}`: removes a member and their keys; a member can remove themselves.
    pub fn remove_member(&self, id: &str) -> Call<Removal> {
        Call::new(self, Method::DELETE, &["v1", "members", id])
    }

    /// `POST /v1/reviews`: applies for a review.
    pub fn apply_for_review(&self, new: &NewReview) -> Call<Review> {
        self.post(&["v1", "reviews"]).body(new)
    }

    /// `GET /v1/invitations`: invitations that are not accepted yet.
    pub fn invitations(&self) -> Call<Page<Invitation>> {
        self.get(&["v1", "invitations"])
    }

    /// `POST /v1/invitations`: invites a person by mail.
    pub fn invite(&self, new: &NewInvitation) -> Call<Invitation> {
        self.post(&["v1", "invitations"]).body(new)
    }

    /// `GET /v1/audit`: privileged acts in the workspace, newest first.
    pub fn audit(&self, paging: &Paging) -> Call<Page<AuditEntry>> {
        self.get(&["v1", "audit"]).with_paging(paging)
    }
}

impl<T> Call<T> {
    fn with_paging(self, paging: &Paging) -> Call<T> {
        self.with("limit", paging.limit).with("cursor", paging.cursor.as_deref())
    }

    fn wait(self, seconds: Option<u32>) -> Call<T> {
        self.with("wait", seconds).waiting(Duration::from_secs(u64::from(seconds.unwrap_or(0))))
    }
}

impl Call<Run> {
    /// Asks the server to answer when the run has ended, or after so many seconds, at most 60.
    pub fn wait_up_to(self, seconds: u32) -> Call<Run> {
        self.wait(Some(seconds))
    }
}

impl Run {
    /// Returns `true` once the run has its last status.
    pub fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running")
    }
}
