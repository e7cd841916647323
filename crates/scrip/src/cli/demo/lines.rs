//! Output of the demo: its address, the workspaces and their plans, and lines to copy that do what they say.
//!
//! Invariant: every line to copy, and no other, is indented by four spaces.

use super::super::output::{clean, table, words};
use super::access::{Access, Link};
use super::purchase::{CARD, Purchase, Till};
use super::tries::{Examples, Try};
use scrip_client::types::{NewRun, Sandbox, SandboxOutcome, Workspace};
use scrip_client::{Client, Error};
use scrip_engine::Catalog;
use serde_json::{Map, Value, json};

/// Header with an idempotency key that the shell makes anew each time the line is pasted.
const NEW_KEY: &str = "-H \"Idempotency-Key: $RANDOM-$RANDOM-$RANDOM\"";

/// Returns the whole text that the demo prints.
pub async fn render(
    url: &str,
    key: &str,
    client: &Client,
    catalog: &Catalog,
    workspaces: &[Workspace],
    till: &Till,
) -> Result<String, Error> {
    let mut rows = Vec::new();
    for workspace in workspaces {
        let available = client.workspace(&workspace.id).balance().await?.available;
        rows.push(vec![workspace.plan.clone(), workspace.id.clone(), workspace.name.clone(), available.to_string()]);
    }
    let mut text = format!("Scrip serves `{}` on {url}\nThe operator key of this start: {key}\n\n", catalog.name);
    text.push_str(&clean(&table(&["plan", "workspace", "name", "credits"], &rows)));
    let access = Access::open(client, catalog, workspaces).await?;
    text.push_str(&format!("\n{}", access.ceilings));
    text.push_str("\nTo try it, in another terminal:\n\n");
    text.push_str(&format!("    export SCRIP_URL={} SCRIP_KEY={}\n", quote(url), quote(key)));
    let found = Examples::find(client, catalog, workspaces).await?;
    text.push_str(&sections(&found, &access));
    if let Some(buying) = till.offer(client, workspaces).await? {
        text.push_str(&shop(&buying));
    }
    text.push_str("\nCtrl-C ends it; the next start on the same directory goes on from here.\n");
    Ok(text)
}

fn sections(found: &Examples, access: &Access) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: &[String]| {
        text.push_str(&format!("\n{title}\n\n"));
        lines.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
    };
    let scrip = program();
    if let Some(Try { workspace, run }) = &found.picture {
        let run_line = format!("{scrip} run {}{} --workspace {workspace}", run.model, params(&run.params));
        let quote = json!({ "model": run.model, "params": run.params });
        section(
            "Ask for a price:",
            &[
                post("/v1/quotes", workspace, &quote, ""),
                format!("{scrip} quote {}{} --workspace {workspace}", run.model, params(&run.params)),
            ],
        );
        let fetch =
            "| sed -n 's/.*\"url\":\"\\([^\"]*\\)\".*/\\1/p' | xargs curl -sS -o picture.png && ls -l picture.png";
        section(
            "Run it and fetch the picture:",
            &[
                format!("{} {fetch}", post("/v1/runs?wait=60", workspace, &json!(run), NEW_KEY)),
                format!("{run_line} --out ."),
            ],
        );
        let mut failing = run.clone();
        failing.sandbox =
            Some(Sandbox { outcome: Some(SandboxOutcome::Fail), after: None, delivered: Default::default() });
        section(
            "Let it fail, and see the credits come back:",
            &[
                post("/v1/runs?wait=60", workspace, &json!(failing), NEW_KEY),
                get("/v1/balance", workspace),
                format!("{run_line} --sandbox fail --wait"),
                format!("{scrip} balance --workspace {workspace}"),
            ],
        );
    }
    let mut refused = |title: &str, one: &Option<Try>| {
        if let Some(Try { workspace, run }) = one {
            let call = post("/v1/runs", workspace, &json!(run), NEW_KEY);
            section(
                title,
                &[
                    format!("{call} -w '\\n%{{http_code}}\\n'"),
                    format!("{scrip} run {}{} --workspace {workspace}", run.model, params(&run.params)),
                ],
            );
        }
    };
    refused("Ask for more credits than are left (402 INSUFFICIENT_CREDITS, with the ways out):", &found.short);
    refused("Ask for a model of a higher plan (403 MODEL_TIER_REQUIRED):", &found.gated);
    if let (Some(entry), Some(Try { workspace, .. })) = (&found.entry, &found.picture) {
        section(
            "Have an entry of the journal explained:",
            &[get(&format!("/v1/entries/{entry}/explain"), workspace), format!("{scrip} explain {entry}")],
        );
    }
    keys(access, &mut section);
    let title = |link: &Link| format!("Sign in as the owner on {} (a link is good once, for 15 minutes):", link.plan);
    if let Access { link: Some(link), .. } = access {
        let body = json!({ "token": link.token, "cookie": false });
        let redeem = format!("curl -sS -X POST \"$SCRIP_URL/v1/sessions\" {}", curl_body(&body));
        section(
            &title(link),
            &[redeem, format!("{scrip} sign-in {} --workspace {}", quote(&link.email), link.workspace)],
        );
    }
    text
}

/// Returns the lines that buy, pay and refund with play money.
fn shop(Purchase { workspace, what, name, simulator, key }: &Purchase) -> String {
    let scrip = program();
    let checkout = format!("{scrip} billing checkout {what} --workspace {workspace}");
    let first = |name: &str| format!("grep -o '{name}_[A-Za-z0-9_]*' | head -1");
    let card = curl_body(&json!({ "card": CARD }));
    let pay = format!("xargs -I CS curl -sS -o /dev/null -X POST {simulator}/_control/checkout/CS/pay {card}");
    let refund = format!("xargs -I CH curl -sS -o /dev/null -u {key}: {simulator}/v1/refunds -d charge=CH");
    let look = [format!("{scrip} billing sync {workspace}"), format!("{scrip} balance --workspace {workspace}")];
    let show = format!("{scrip} billing show --workspace {workspace}");
    let sections = [
        (
            format!(
                "See what can be bought, and open a checkout session for {name}: pay there with the card {CARD}; it \
                 then leads to a page of your product, which the demo does not have:"
            ),
            vec![show, checkout.clone()],
        ),
        (
            "Or pay from here, with play money on the simulated Stripe:".to_owned(),
            [vec![format!("{checkout} --json | {} | {pay}", first("cs_test"))], look.to_vec()].concat(),
        ),
        (
            "Refund the payment, and see the credits go:".to_owned(),
            [
                vec![format!("curl -sS -u {key}: '{simulator}/v1/charges?limit=1' | {} | {refund}", first("ch"))],
                look.to_vec(),
            ]
            .concat(),
        ),
    ];
    let section = |(title, lines): &(String, Vec<String>)| {
        let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
        format!("\n{title}\n\n{lines}")
    };
    sections.iter().map(section).collect()
}

/// Adds lines for a key that may run a model, for a key that may not, and for the lists of keys and acts.
fn keys(access: &Access, section: &mut impl FnMut(&str, &[String])) {
    let scrip = program();
    let mut lines = |title: &str, key: &str, run: &NewRun, more: &str| {
        let call = format!("curl -sS \"$SCRIP_URL/v1/runs\" -H \"Authorization: Bearer {key}\" {NEW_KEY}");
        section(
            title,
            &[
                format!("{call} {}{more}", curl_body(&json!(run))),
                format!("{scrip} run {}{} --key {key}", run.model, params(&run.params)),
            ],
        );
    };
    if let Some(keys) = &access.keys {
        let plan = &keys.plan;
        lines(&format!("Run it with a key of {plan}, which names its workspace itself:"), &keys.runs, &keys.run, "");
        if let Some((capability, secret)) = &keys.refused {
            let title = format!("With a key that may `{capability}` alone (403 CAPABILITY_REQUIRED):");
            lines(&title, secret, &keys.run, " -w '\\n%{http_code}\\n'");
        }
        let workspace = &keys.workspace;
        section(
            "List the keys, and the audit log:",
            &[format!("{scrip} keys list --workspace {workspace}"), format!("{scrip} audit --workspace {workspace}")],
        );
    }
}

fn get(path: &str, workspace: &str) -> String {
    format!("curl -sS \"$SCRIP_URL{path}\" -H \"Authorization: Bearer $SCRIP_KEY\" -H \"Scrip-Workspace: {workspace}\"")
}

fn post(path: &str, workspace: &str, body: &Value, more: &str) -> String {
    let more = if more.is_empty() { String::new() } else { format!(" {more}") };
    format!("{}{more} {}", get(path, workspace), curl_body(body))
}

/// Returns curl's arguments for a JSON body.
fn curl_body(body: &Value) -> String {
    format!("-H \"Content-Type: application/json\" -d {}", quote(&body.to_string()))
}

fn params(params: &Map<String, Value>) -> String {
    params.iter().map(|(name, value)| format!(" -p {}", quote(&format!("{name}={}", words(value))))).collect()
}

/// Quotes a text as one word of the shell.
fn quote(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Returns the command that calls this binary: its name when the shell finds it, else its path.
fn program() -> String {
    let Ok(this) = std::env::current_exe() else { return "scrip".to_owned() };
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|path| path.join("scrip")).find(|path| path.is_file());
    let same = found.and_then(|found| found.canonicalize().ok()) == this.canonicalize().ok();
    if same { "scrip".to_owned() } else { quote(&this.to_string_lossy()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_survives_the_shell() {
        assert_eq!(quote("http://127.0.0.1:8080/v1"), "http://127.0.0.1:8080/v1");
        assert_eq!(quote("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quote(""), "''");
    }
}
