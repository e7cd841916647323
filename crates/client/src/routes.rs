//! Every route, as a method.
//!
//! Invariant: a method says which route it calls and with what, and nothing else.

use crate::types::*;
use crate::{Call, Client, Error, Follow, Scoped};
use reqwest::Method;
use std::time::Duration;

/// How long one request waits for a run to end; the server allows a minute.
const WAIT_SECONDS: u32 = 30;
/// The pause before a run is asked for again when a wait came back early.
const EARLY: Duration = Duration::from_millis(250);
/// How long moving a test clock may take: years of renewals happen on the way.
const ADVANCE: Duration = Duration::from_secs(600);

/// How long a file may be on its way.
const UPLOAD: Duration = Duration::from_secs(60);

/// What a file of an application may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A document.
    Pdf,
    /// A picture.
    Png,
    /// A photograph.
    Jpeg,
}

impl FileKind {
    /// What bytes are, by how they begin.
    pub fn of(bytes: &[u8]) -> Option<FileKind> {
        let begins: [(&[u8], FileKind); 3] =
            [(b"%PDF-", FileKind::Pdf), (b"\x89PNG\r\n\x1a\n", FileKind::Png), (b"\xff\xd8\xff", FileKind::Jpeg)];
        begins.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| kind)
    }

    /// As `Content-Type` names it.
    pub const fn content_type(self) -> &'static str {
        match self {
            FileKind::Pdf => "application/pdf",
            FileKind::Png => "image/png",
            FileKind::Jpeg => "image/jpeg",
        }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// How many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// Where the page before ended.
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

    /// `POST /v1/catalogs/check`: the models that a catalog file's text would retire, and what they leave behind in a
    /// part of the workspaces. Changes nothing.
    pub fn check_catalog(&self, toml: &str, cursor: Option<&str>) -> Call<CatalogCheck> {
        let check = NewCatalog { toml: toml.to_owned() };
        self.post(&["v1", "catalogs", "check"]).body(&check).with("cursor", cursor)
    }

    /// `POST /v1/catalogs/{version}/migrate`: moves workspaces on older terms to a version, or says what that would
    /// change. It may be sent again: what was moved is not moved twice.
    pub fn migrate_catalog(&self, version: u32, dry_run: bool, paging: &Paging) -> Call<Migration> {
        let version = version.to_string();
        self.post(&["v1", "catalogs", &version, "migrate"]).body(&NewMigration { dry_run }).paged(paging)
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

    /// `GET /v1/workspaces`: those there are, or the one with an id of the operator's own; a person's are their own.
    pub fn workspaces(&self, paging: &Paging, external_id: Option<&str>) -> Call<Page<Workspace>> {
        self.get(&["v1", "workspaces"]).paged(paging).with("external_id", external_id)
    }

    /// `GET /v1/workspaces/{id}`.
    pub fn show_workspace(&self, id: &str) -> Call<Workspace> {
        self.get(&["v1", "workspaces", id])
    }

    /// `PATCH /v1/workspaces/{id}`: renames it.
    pub fn change_workspace(&self, id: &str, change: &WorkspaceChange) -> Call<Workspace> {
        Call::new(self, Method::PATCH, &["v1", "workspaces", id]).body(change)
    }

    /// `POST /v1/workspaces/{id}/subscription`: puts it on a plan.
    pub fn subscribe(&self, id: &str, new: &NewSubscription) -> Call<Workspace> {
        self.post(&["v1", "workspaces", id, "subscription"]).body(new)
    }

    /// `DELETE /v1/workspaces/{id}/subscription`: ends the plan with its period.
    pub fn cancel_subscription(&self, id: &str) -> Call<Workspace> {
        Call::new(self, Method::DELETE, &["v1", "workspaces", id, "subscription"])
    }

    /// `DELETE /v1/workspaces/{id}/subscription?undo=true`: takes a cancellation or a scheduled change back.
    pub fn undo_cancel(&self, id: &str) -> Call<Workspace> {
        self.cancel_subscription(id).with("undo", Some(true))
    }

    /// `POST /v1/workspaces/{id}/freeze`: freezes or thaws it.
    pub fn freeze(&self, id: &str, request: &FreezeRequest) -> Call<Workspace> {
        self.post(&["v1", "workspaces", id, "freeze"]).body(request)
    }

    /// `POST /v1/workspaces/{id}/grants`: gives credits; the grants that were made.
    pub fn give(&self, id: &str, new: &NewGrant) -> Call<Vec<Grant>> {
        self.post(&["v1", "workspaces", id, "grants"]).body(new)
    }

    /// `POST /v1/grants/{id}/void`: takes back what is left of a grant.
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
    pub fn revoke_operator_key(&self, id: &str) -> Call<Ended> {
        Call::new(self, Method::DELETE, &["v1", "operator_keys", id])
    }

    /// `POST /v1/test_clocks`: makes a test clock. It takes no idempotency key: a retry may leave a second one.
    pub fn create_test_clock(&self, new: &NewTestClock) -> Call<TestClock> {
        self.post(&["v1", "test_clocks"]).body(new)
    }

    /// `GET /v1/test_clocks`.
    pub fn test_clocks(&self) -> Call<Page<TestClock>> {
        self.get(&["v1", "test_clocks"])
    }

    /// `GET /v1/test_clocks/{id}`.
    pub fn test_clock(&self, id: &str) -> Call<TestClock> {
        self.get(&["v1", "test_clocks", id])
    }

    /// `POST /v1/test_clocks/{id}/advance`: moves it to an instant; answers when everything due has happened.
    pub fn advance_test_clock(&self, id: &str, to: &str) -> Call<TestClock> {
        self.post(&["v1", "test_clocks", id, "advance"]).body(&AdvanceRequest { to: to.to_owned() }).waiting(ADVANCE)
    }

    /// `POST /v1/sign_in`: has a link sent to an address, whether or not anybody has it.
    pub fn sign_in(&self, email: &str) -> Call<SignInAsked> {
        self.post(&["v1", "sign_in"]).body(&SignIn { email: email.to_owned() })
    }

    /// `POST /v1/portal_links`: a link that signs an operator's own user in once.
    pub fn create_portal_link(&self, new: &NewPortalLink) -> Call<PortalLink> {
        self.post(&["v1", "portal_links"]).body(new)
    }

    /// `POST /v1/sessions`: uses a link up, and opens a session. A retry after a lost answer finds the link used.
    pub fn open_session(&self, new: &NewSession) -> Call<Session> {
        self.post(&["v1", "sessions"]).body(new)
    }

    /// `GET /v1/session`: who is signed in, for a client whose key is a session.
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

    /// `PATCH /v1/keys/{id}`: another name, other capabilities, another cap.
    pub fn change_key(&self, id: &str, change: &KeyChange) -> Call<Key> {
        Call::new(self, Method::PATCH, &["v1", "keys", id]).body(change)
    }

    /// `POST /v1/keys/{id}/rotate`: another secret, in this answer alone. A retry whose first answer was lost gets
    /// none: rotate it once more.
    pub fn rotate_key(&self, id: &str, rotation: &Rotation) -> Call<Key> {
        self.post(&["v1", "keys", id, "rotate"]).body(rotation)
    }

    /// `POST /v1/keys/{id}/freeze`: switches a key off with a reason, or on again.
    pub fn freeze_key(&self, id: &str, request: &FreezeRequest) -> Call<Key> {
        self.post(&["v1", "keys", id, "freeze"]).body(request)
    }

    /// `DELETE /v1/keys/{id}`: ends a key, at once and for ever.
    pub fn revoke_key(&self, id: &str) -> Call<Ended> {
        Call::new(self, Method::DELETE, &["v1", "keys", id])
    }

    /// `DELETE /v1/invitations/{id}`: takes an invitation back.
    pub fn withdraw_invitation(&self, id: &str) -> Call<Ended> {
        Call::new(self, Method::DELETE, &["v1", "invitations", id])
    }

    /// `POST /v1/invitations/accept`: joins a workspace by what an invitation's link says, for a client whose key is a
    /// session of the person it was sent to.
    pub fn accept_invitation(&self, token: &str) -> Call<Workspace> {
        self.post(&["v1", "invitations", "accept"]).body(&Acceptance { token: token.to_owned() })
    }

    /// `GET /v1/alerts`: what an operator should look at because money and credits may not agree, newest first.
    pub fn alerts(&self, paging: &Paging) -> Call<Page<Alert>> {
        self.get(&["v1", "alerts"]).paged(paging)
    }

    /// `GET /v1/workspaces/{id}/customer`: which customer of the payment provider's a workspace is.
    pub fn customer(&self, workspace: &str) -> Call<Customer> {
        self.get(&["v1", "workspaces", workspace, "customer"])
    }

    /// `PUT /v1/workspaces/{id}/customer`: says which customer a workspace is, for those that were there before.
    pub fn link_customer(&self, workspace: &str, customer: &str) -> Call<CustomerLink> {
        let link = CustomerLink { customer: customer.to_owned() };
        Call::new(self, Method::PUT, &["v1", "workspaces", workspace, "customer"]).body(&link)
    }

    /// `POST /v1/workspaces/{id}/customer/sync`: asks the payment provider about them now.
    pub fn sync_customer(&self, workspace: &str) -> Call<Workspace> {
        self.post(&["v1", "workspaces", workspace, "customer", "sync"])
    }

    /// `GET /v1/reviews`: applications for reviews, newest first, all or those with a status: the workspace's, or
    /// everybody's for an operator who names none.
    pub fn reviews(&self, paging: &Paging, status: Option<&str>) -> Call<Page<Review>> {
        self.get(&["v1", "reviews"]).paged(paging).with("status", status)
    }

    /// `GET /v1/reviews/{id}`: an application, with what was sent.
    pub fn review(&self, id: &str) -> Call<Review> {
        self.get(&["v1", "reviews", id])
    }

    /// `POST /v1/reviews/{id}/files`: adds a file to an application that is not decided yet. The same file again is the
    /// one that is there.
    pub fn add_review_file(&self, id: &str, name: &str, kind: FileKind, bytes: Vec<u8>) -> Call<ReviewFile> {
        self.post(&["v1", "reviews", id, "files"])
            .with("name", Some(name))
            .raw(kind.content_type(), bytes)
            .waiting(UPLOAD)
    }

    /// `GET /v1/review_files/{id}`: a file, to be asked for with [`Call::bytes`].
    pub fn review_file(&self, id: &str) -> Call<Vec<u8>> {
        self.get(&["v1", "review_files", id]).waiting(UPLOAD)
    }

    /// `POST /v1/reviews/{id}/approve`: what requires the review can be bought.
    pub fn approve_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.decide_review(id, "approve", reason)
    }

    /// `POST /v1/reviews/{id}/reject`: it can be applied for again.
    pub fn reject_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.decide_review(id, "reject", reason)
    }

    /// `POST /v1/reviews/{id}/revoke`: takes an approval back.
    pub fn revoke_review(&self, id: &str, reason: &str) -> Call<Review> {
        self.decide_review(id, "revoke", reason)
    }

    fn decide_review(&self, id: &str, how: &str, reason: &str) -> Call<Review> {
        self.post(&["v1", "reviews", id, how]).body(&ReviewDecision { reason: reason.to_owned() })
    }

    /// `POST /v1/billing/sweep`: looks for what the payment provider told nobody of.
    pub fn sweep_billing(&self) -> Call<Sweep> {
        self.post(&["v1", "billing", "sweep"])
    }

    /// `GET /v1/people`: everybody who has an address.
    pub fn people(&self, email: &str) -> Call<Page<Person>> {
        self.get(&["v1", "people"]).with("email", Some(email))
    }

    /// `GET /v1/people/{id}`: a person.
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

    /// `GET /v1/switches`: every change of a switch, newest first: the first one of a name is how it stands.
    pub fn switches(&self, paging: &Paging) -> Call<Page<Switch>> {
        self.get(&["v1", "switches"]).paged(paging)
    }

    /// `PUT /v1/switches/models/{id}` or `…/providers/{id}`: switches a `model` or a `provider` off everywhere, or on.
    pub fn change_switch(&self, kind: &str, id: &str, change: &SwitchChange) -> Call<Switch> {
        Call::new(self, Method::PUT, &["v1", "switches", &format!("{kind}s"), id]).body(change)
    }

    /// `GET /v1/entries/{id}/explain`: an entry in words.
    pub fn explain(&self, entry: &str) -> Call<Explanation> {
        self.get(&["v1", "entries", entry, "explain"])
    }

    /// `GET /v1/runs/{id}`; with `wait`, when it has ended or after so many seconds, at most 60.
    pub fn run(&self, id: &str, wait: Option<u32>) -> Call<Run> {
        self.get(&["v1", "runs", id]).wait(wait)
    }

    /// Waits until a run has ended, however long that takes; put `tokio::time::timeout` around it to be less patient.
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

    /// `POST /v1/runs/{id}/cancel`: gives a run up.
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

    /// `GET /v1/holds/{id}`.
    pub fn hold(&self, id: &str) -> Call<Hold> {
        self.get(&["v1", "holds", id])
    }

    /// `POST /v1/holds/{id}/capture`: spends a hold, all of it or so many credits.
    pub fn capture(&self, id: &str, credits: Option<i64>) -> Call<Hold> {
        self.post(&["v1", "holds", id, "capture"]).body(&CaptureRequest { credits })
    }

    /// `POST /v1/holds/{id}/release`: gives a hold back.
    pub fn release(&self, id: &str) -> Call<Hold> {
        self.post(&["v1", "holds", id, "release"])
    }

    /// `POST /v1/holds/batch`: up to [`DECISIONS_MAX`] decisions about holds of any workspaces, each with its own key
    /// and its own answer. What is refused is in the answers, not in the error.
    pub fn decide(&self, decisions: &[Decision]) -> Call<DecisionAnswers> {
        self.post(&["v1", "holds", "batch"]).body(&DecisionBatch { decisions: decisions.to_vec() })
    }

    /// `POST /v1/holds/{id}/extend`: lets a hold last so many seconds from now.
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

impl Scoped {
    /// `POST /v1/checkout`: the page where a pack or a plan is paid.
    pub fn checkout(&self, new: &NewCheckout) -> Call<Checkout> {
        self.post(&["v1", "checkout"]).body(new)
    }

    /// `POST /v1/billing_portal`: a page of the payment provider's portal.
    pub fn billing_portal(&self, new: &NewPortalVisit) -> Call<PortalVisit> {
        self.post(&["v1", "billing_portal"]).body(new)
    }

    /// `GET /v1/billing`: how paying stands, and what can be bought.
    pub fn billing(&self) -> Call<BillingState> {
        self.get(&["v1", "billing"])
    }

    /// `PUT /v1/billing/top_up`: asks for automatic top-ups.
    pub fn set_top_up(&self, new: &NewTopUp) -> Call<TopUp> {
        Call::new(self, Method::PUT, &["v1", "billing", "top_up"]).body(new)
    }

    /// `DELETE /v1/billing/top_up`: ends them.
    pub fn unset_top_up(&self) -> Call<TopUp> {
        Call::new(self, Method::DELETE, &["v1", "billing", "top_up"])
    }

    /// `GET /v1/balance`.
    pub fn balance(&self) -> Call<Balance> {
        self.get(&["v1", "balance"])
    }

    /// `GET /v1/entitlements`: what the workspace may do.
    pub fn entitlements(&self) -> Call<Entitlements> {
        self.get(&["v1", "entitlements"])
    }

    /// `GET /v1/entries`: the journal, newest first.
    pub fn entries(&self, paging: &Paging) -> Call<Page<Entry>> {
        self.get(&["v1", "entries"]).paged(paging)
    }

    /// `GET /v1/usage`: from a day to a day, by `day`, `model` or `day,model`.
    pub fn usage(&self, from: Option<&str>, to: Option<&str>, by: Option<&str>) -> Call<Usage> {
        self.get(&["v1", "usage"]).with("from", from).with("to", to).with("by", by)
    }

    /// `POST /v1/quotes`: a price, and whether the run would be accepted now.
    pub fn quote(&self, new: &NewQuote) -> Call<Quote> {
        self.post(&["v1", "quotes"]).body(new)
    }

    /// `POST /v1/runs`: quoted, held and queued in one step, or refused with nothing changed.
    pub fn create_run(&self, new: &NewRun) -> Call<Run> {
        self.post(&["v1", "runs"]).body(new)
    }

    /// `GET /v1/runs`: newest first, all or those with a status.
    pub fn runs(&self, paging: &Paging, status: Option<&str>) -> Call<Page<Run>> {
        self.get(&["v1", "runs"]).paged(paging).with("status", status)
    }

    /// `POST /v1/holds`: holds credits, for products that dispatch their runs themselves.
    pub fn open_hold(&self, new: &NewHold) -> Call<Hold> {
        self.post(&["v1", "holds"]).body(new)
    }

    /// `GET /v1/keys`: the keys of the workspace, or those of a member who is no admin.
    pub fn keys(&self) -> Call<Page<Key>> {
        self.get(&["v1", "keys"])
    }

    /// `POST /v1/keys`: makes a key. Its secret is in this answer alone, and not in that of a retry.
    pub fn make_key(&self, new: &NewKey) -> Call<Key> {
        self.post(&["v1", "keys"]).body(new)
    }

    /// `GET /v1/members`: in the order they joined.
    pub fn members(&self) -> Call<Page<Member>> {
        self.get(&["v1", "members"])
    }

    /// `POST /v1/members`: makes somebody a member whom an operator's own product knows.
    pub fn add_member(&self, new: &NewMember) -> Call<Member> {
        self.post(&["v1", "members"]).body(new)
    }

    /// `PATCH /v1/members/{id}`: another role or cap.
    pub fn change_member(&self, id: &str, change: &MemberChange) -> Call<Member> {
        Call::new(self, Method::PATCH, &["v1", "members", id]).body(change)
    }

    /// `DELETE /v1/members/{id}`: removes a member with their keys, or leaves.
    pub fn remove_member(&self, id: &str) -> Call<Ended> {
        Call::new(self, Method::DELETE, &["v1", "members", id])
    }

    /// `POST /v1/reviews`: applies for a review.
    pub fn apply_for_review(&self, new: &NewReview) -> Call<Review> {
        self.post(&["v1", "reviews"]).body(new)
    }

    /// `GET /v1/invitations`: those that wait for an answer.
    pub fn invitations(&self) -> Call<Page<Invitation>> {
        self.get(&["v1", "invitations"])
    }

    /// `POST /v1/invitations`: invites somebody by mail.
    pub fn invite(&self, new: &NewInvitation) -> Call<Invitation> {
        self.post(&["v1", "invitations"]).body(new)
    }

    /// `GET /v1/audit`: privileged acts, newest first.
    pub fn audit(&self, paging: &Paging) -> Call<Page<AuditEntry>> {
        self.get(&["v1", "audit"]).paged(paging)
    }
}

impl<T> Call<T> {
    fn paged(self, paging: &Paging) -> Call<T> {
        self.with("limit", paging.limit).with("cursor", paging.cursor.as_deref())
    }

    fn wait(self, seconds: Option<u32>) -> Call<T> {
        self.with("wait", seconds).waiting(Duration::from_secs(u64::from(seconds.unwrap_or(0))))
    }
}

impl Call<Run> {
    /// Lets the answer come when the run has ended, or after so many seconds, at most 60.
    pub fn ended_within(self, seconds: u32) -> Call<Run> {
        self.wait(Some(seconds))
    }
}

impl Run {
    /// Whether nothing more will happen to it.
    pub fn has_ended(&self) -> bool {
        !matches!(self.status.as_str(), "queued" | "running")
    }
}
