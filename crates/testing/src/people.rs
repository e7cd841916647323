//! People and keys as callers: their sign-in, and their requests.

use crate::app::{Answer, App, Call, Desk, text, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// A caller: a person with a session, or the holder of a key. An unknown caller has neither.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub token: Option<String>,
    /// Workspace of the requests, where the token does not determine it.
    pub workspace: Option<String>,
}

/// A person who has signed in.
#[derive(Clone, Debug)]
pub struct Human {
    pub id: String,
    pub email: String,
    pub token: String,
}

impl Asker {
    pub fn with(token: &str) -> Asker {
        Asker { token: Some(token.to_owned()), workspace: None }
    }

    pub fn about(self, workspace: &str) -> Asker {
        Asker { workspace: Some(workspace.to_owned()), ..self }
    }

    pub fn call<'a>(&self, app: &'a App, method: Method, path: &str) -> Call<'a> {
        let mut call = app.bare(method, path);
        if let Some(token) = &self.token {
            call = call.header("Authorization", &format!("Bearer {token}"));
        }
        match &self.workspace {
            Some(workspace) => call.workspace(workspace),
            None => call,
        }
    }

    pub async fn get(&self, app: &App, path: &str) -> Answer {
        self.call(app, Method::GET, path).send().await
    }

    pub async fn post(&self, app: &App, path: &str, body: Value) -> Answer {
        self.call(app, Method::POST, path).json(&body).send().await
    }

    pub async fn once(&self, app: &App, path: &str, body: Value) -> Answer {
        self.call(app, Method::POST, path).once().json(&body).send().await
    }

    pub async fn patch(&self, app: &App, path: &str, body: Value) -> Answer {
        self.call(app, Method::PATCH, path).json(&body).send().await
    }

    pub async fn delete(&self, app: &App, path: &str) -> Answer {
        self.call(app, Method::DELETE, path).send().await
    }

    pub async fn run(&self, app: &App, model: &str) -> Answer {
        self.once(app, "/v1/runs", json!({ "model": model, "params": {} })).await
    }
}

impl Human {
    /// Returns the person as a caller about a workspace.
    pub fn at(&self, workspace: &str) -> Asker {
        Asker::with(&self.token).about(workspace)
    }
}

impl App {
    /// Signs in a new person, with a unique address.
    pub async fn new_person(&self) -> Human {
        self.human(&format!("free{}@example.com", unique())).await
    }

    /// Opens a team's workspace for a person.
    pub async fn team_of(&self, human: &Human) -> Asker {
        let asker = Asker::with(&human.token);
        let opened = asker.once(self, "/v1/workspaces", json!({ "name": "Team" })).await.expect(201);
        asker.about(&text(&opened["id"]))
    }

    /// Returns the number of mails of a kind.
    pub fn mails(&self, kind: &str) -> usize {
        self.query(&format!("SELECT count(*) FROM mails WHERE kind = '{kind}'")).parse().expect("a number")
    }

    /// Gives a workspace a pack that was paid for outside Stripe.
    pub async fn pay_by_hand(&self, workspace: &str) {
        let pack = json!({ "pack": "credits-1000", "reason": "sold", "source": format!("by hand {}", unique()) });
        self.post(&format!("/v1/workspaces/{workspace}/grants"), pack).await.expect(201);
    }

    /// Signs a person in, by a link that the operator makes.
    pub async fn human(&self, email: &str) -> Human {
        self.human_of(json!({ "email": email })).await
    }

    /// Signs a person in, by a link with a given body.
    pub async fn human_of(&self, link: Value) -> Human {
        let made = self.post("/v1/portal_links", link).await.expect(201);
        let token = text(&made["url"]).split_once('#').expect("a link").1.to_owned();
        let body = json!({ "token": token, "cookie": false });
        let session = self.bare(Method::POST, "/v1/sessions").json(&body).send().await.expect(201);
        Human {
            id: text(&session["user"]["id"]),
            email: text(&session["user"]["email"]),
            token: text(&session["token"]),
        }
    }
}

impl Desk<'_> {
    /// Signs in the owner of the workspace.
    pub async fn owner(&self) -> Human {
        self.app.human(&text(&self.show().await["owner_email"])).await
    }

    /// Adds a member as the operator, and signs them in.
    pub async fn member(&self, email: &str, role: &str) -> Human {
        self.post("/v1/members", json!({ "email": email, "role": role })).await.expect(201);
        self.app.human(email).await
    }

    /// Creates a key of the workspace with some capabilities; returns its id and its secret.
    pub async fn key(&self, capabilities: &[&str]) -> (String, String) {
        let made = self.post("/v1/keys", json!({ "name": "A key", "capabilities": capabilities })).await.expect(201);
        (text(&made["id"]), text(&made["secret"]))
    }
}
