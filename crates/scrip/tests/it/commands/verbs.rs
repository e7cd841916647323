//! Tests of the verbs of the binary against a real server.

use scrip_testing::program::{Dir, Server, failure, output, scrip};
use serde_json::Value;

#[test]
fn catalogs_are_checked_with_the_place_of_every_error() {
    let dir = Dir::new();
    let path = dir.path().join("broken.toml");
    let text = output(scrip(&["catalog", "list"]));
    assert!(text.contains("canvas-tiers") && text.contains("weekly-yearly"), "{text}");
    let good = include_str!("../../../../../catalogs/canvas-tiers.toml");
    let broken =
        good.replace("free_plan = \"free\"\n", "free_plan = \"fre\"\n").replace("per = \"call\"", "per = \"cal\"");
    std::fs::write(&path, &broken).expect("it can be written");
    let checked =
        scrip(&["catalog", "check", path.to_str().expect("UTF-8"), "canvas-tiers"]).output().expect("it starts");
    assert_eq!(checked.status.code(), Some(1));
    let told = String::from_utf8(checked.stdout).expect("text");
    let line = 1 + broken.lines().position(|line| line.contains("\"cal\"")).expect("it is there");
    assert!(told.contains(&format!("broken.toml:{line}:")), "{told}");
    assert!(told.contains("canvas-tiers: good: `canvas-tiers` with 5 plans"), "{told}");
    assert!(output(scrip(&["catalog", "check", "two-buckets"])).contains("good"));
    assert_eq!(failure(scrip(&["catalog", "check", "nonesuch"])).0, 1);
}

#[test]
fn catalogs_are_shown_compared_and_described() {
    let dir = Dir::new();
    let path = dir.path().join("new.toml");
    let good = include_str!("../../../../../catalogs/canvas-tiers.toml");
    std::fs::write(&path, good.replace("amount = 11329", "amount = 1132")).expect("it can be written");
    let told = output(scrip(&["catalog", "diff", "canvas-tiers", path.to_str().expect("UTF-8")]));
    assert!(told.contains("11329 → 1132\n  warning: it falls by 90 %"), "{told}");
    let told = output(scrip(&["catalog", "show", "weekly-yearly"]));
    assert!(told.contains("lora-training") && told.contains("2000 credits + 10 training"), "{told}");
    let schema: Value = serde_json::from_str(&output(scrip(&["catalog", "schema"]))).expect("JSON");
    assert!(schema["properties"]["plan"].is_object(), "{schema}");
    assert_eq!(failure(scrip(&["catalog", "show"])).0, 2, "a file or the server must be named");
}

#[test]
fn a_quote_needs_no_server_when_it_has_a_catalog() {
    let quote = [
        "quote",
        "seedance",
        "--catalog",
        "shared-balance",
        "-p",
        "duration=10",
        "-p",
        "resolution=1080p",
        "-p",
        "audio=true",
    ];
    let told = output(scrip(&quote));
    assert!(told.starts_with("450 credits\n"), "{told}");
    let quote: Value = serde_json::from_str(&output(scrip(&[&quote[..], &["--json"]].concat()))).expect("JSON");
    assert_eq!((quote["credits"].as_i64(), quote["lines"].as_array().map(Vec::len)), (Some(450), Some(2)));
    let (code, told) = failure(scrip(&["quote", "seedance", "--catalog", "shared-balance", "-p", "duration=100"]));
    assert_eq!(code, 1);
    assert!(told.contains("/params/duration: must be 1 to 60"), "{told}");
    assert_eq!(failure(scrip(&["quote", "seedance", "--catalog", "shared-balance", "-p", "duration"])).0, 2);
}

#[test]
fn exit_codes_tell_refused_from_misused_from_unreachable() {
    let (code, told) = failure(scrip(&["balance"]));
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("--workspace"), "{told}");
    let nobody = ["balance", "--workspace", "ws_1", "--url", "http://127.0.0.1:1", "--key", "k"];
    assert_eq!(failure(scrip(&nobody)).0, 3);
    assert_eq!(failure(scrip(&["balances"])).0, 2);
    let help = output(scrip(&["--help"]));
    assert!(help.contains("3  the server cannot be reached"), "{help}");
    let server = Server::start("canvas-tiers");
    let (code, told) = failure(scrip(&["workspaces", "list", "--url", &server.url, "--key", "sk_test_wrong"]));
    assert_eq!(code, 1);
    assert!(told.starts_with("UNAUTHENTICATED: "), "{told}");
}

#[test]
fn a_workspace_is_opened_changed_and_listed() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&["--plan", "pro", "--interval", "month", "--external-id", "team-7"]);
    let (code, told) = failure(server.scrip(&["workspaces", "subscribe", &id, "business", "--interval", "month"]));
    assert_eq!(code, 1);
    assert!(told.starts_with("REVIEW_REQUIRED: ") && told.contains("/settings/business-apply"), "{told}");
    let business = [
        "workspaces",
        "subscribe",
        &id,
        "business",
        "--interval",
        "month",
        "--approve",
        "business_verification=checked by hand",
    ];
    assert_eq!(server.json(&business)["plan"], "business");
    assert_eq!(server.json(&["workspaces", "cancel", &id])["status"], "canceling");
    assert_eq!(server.json(&["workspaces", "undo", &id])["status"], "active");
    assert!(server.says(&["workspaces", "freeze", &id, "--reason", "unpaid"]).contains("frozen: unpaid"));
    assert!(server.says(&["workspaces", "thaw", &id]).contains("plan business by the month, active"));
    assert_eq!(server.json(&["workspaces", "rename", &id, "Grace"])["name"], "Grace");
    let told = server.says(&["workspaces", "list", "--external-id", "team-7"]);
    assert!(told.contains(&id) && told.contains("Grace"), "{told}");
    let (code, told) = failure(server.scrip(&["workspaces", "show", "ws_nonesuch"]));
    assert_eq!((code, told.starts_with("NOT_FOUND: ")), (1, true), "{told}");
    let same = ["workspaces", "open", "Bo", "--email", "bo@example.com", "--idempotency-key", "once"];
    assert_eq!(server.json(&same)["id"], server.json(&same)["id"], "the key is the caller's");
}

#[test]
fn a_run_is_quoted_run_fetched_and_explained() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&[]);
    let told = server.says(&["quote", "image-standard", "-p", "images=2", "--workspace", &id]);
    assert!(
        told.starts_with("20 credits: 2 images × 10 credits\n") && told.contains("230 credits would be left"),
        "{told}"
    );
    let out = server.dir.path().join("out");
    let run = [
        "run",
        "image-standard",
        "-p",
        "prompt=a kite",
        "-p",
        "images=2",
        "--out",
        out.to_str().expect("UTF-8"),
        "--workspace",
        &id,
    ];
    let told = server.says(&run);
    assert!(told.contains("image-standard is succeeded") && told.contains("20 captured"), "{told}");
    let stored: Vec<_> = std::fs::read_dir(&out).expect("it was made").collect();
    assert_eq!(stored.len(), 2);
    let (code, told) =
        failure(server.scrip(&["run", "image-standard", "--sandbox", "fail", "--wait", "--workspace", &id]));
    assert_eq!(code, 1);
    assert!(told.contains("PROVIDER_ERROR") && told.contains("10 credits came back"), "{told}");
    let (code, told) = failure(server.scrip(&["run", "video-standard", "-p", "duration=60", "--workspace", &id]));
    assert_eq!(code, 1);
    assert!(
        told.starts_with("INSUFFICIENT_CREDITS: ") && told.contains("ask for less: -p duration=11 costs 220 credits"),
        "{told}"
    );
    let (code, told) = failure(server.scrip(&["run", "seedance-2.0-text-to-video", "--workspace", &id]));
    assert_eq!(code, 1);
    assert!(told.starts_with("MODEL_TIER_REQUIRED: ") && told.contains("take plan business"), "{told}");
    let runs = server.json(&["runs", "list", "--workspace", &id]);
    let runs = runs["data"].as_array().expect("a page");
    assert_eq!(runs.len(), 2);
    let run = runs[1]["id"].as_str().expect("an id");
    assert!(server.says(&["runs", "show", run]).contains("succeeded"));
    let (code, told) = failure(server.scrip(&["runs", "cancel", run]));
    assert_eq!(code, 1);
    assert!(told.starts_with("HOLD_ENDED: ") && told.contains("succeeded"), "the first end stands: {told}");
    assert!(server.says(&["runs", "list", "--status", "failed", "--workspace", &id]).contains("PROVIDER_ERROR"));
    let told = server.says(&["balance", "--workspace", &id]);
    assert!(told.starts_with("230 credits available, 0 held\n"), "{told}");
    let entries = server.json(&["entries", "--limit", "1", "--workspace", &id]);
    assert!(server.says(&["entries", "--limit", "1", "--workspace", &id]).contains("more: --cursor "));
    let told = server.says(&["explain", entries["data"][0]["id"].as_str().expect("an id")]);
    assert!(told.contains("available") && told.contains("→"), "{told}");
    assert!(server.says(&["usage", "--by", "model", "--workspace", &id]).contains("image-standard"));
    let told = server.says(&["entitlements", "--workspace", &id]);
    assert!(told.contains("3 trial runs") && told.contains("MODEL_TIER_REQUIRED"), "{told}");
}

#[test]
fn credits_are_given_held_and_taken_back() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&["--plan", "creator"]);
    let pack =
        ["grants", "give", "--pack", "credits-1000", "--source", "invoice-1", "--reason", "sold", "--workspace", &id];
    assert_eq!(server.json(&pack)[0]["granted"], 1_000);
    assert!(server.says(&pack).contains("granted before"), "one grant a source, for ever");
    let gift = server.json(&["grants", "give", "--amount", "25", "--reason", "sorry", "--workspace", &id]);
    let void = server.says(&["grants", "void", gift[0]["id"].as_str().expect("an id"), "--reason", "wrong one"]);
    assert!(void.contains("25"), "{void}");
    assert_eq!(failure(server.scrip(&["grants", "give", "--reason", "nothing", "--workspace", &id])).0, 2);
    let open = |reference: &str| {
        let hold = server.json(&["holds", "open", "--credits", "100", "--reference", reference, "--workspace", &id]);
        hold["id"].as_str().expect("an id").to_owned()
    };
    let (first, second) = (open("one"), open("two"));
    assert!(server.says(&["holds", "extend", &first, "--seconds", "7200"]).contains("is open"));
    assert!(server.says(&["holds", "capture", &first, "--credits", "40"]).contains("40 captured, 60 released"));
    assert!(server.says(&["holds", "release", &second]).contains("100 released"));
    assert_eq!(server.json(&["holds", "show", &second])["status"], "released");
    assert_eq!(server.json(&["balance", "--workspace", &id])["available"], 1_700 + 1_000 - 40);
}

#[test]
fn a_clock_is_moved_and_a_year_happens() {
    let server = Server::start("canvas-tiers");
    let clock = server.json(&["clocks", "create", "--name", "year", "--now", "2026-01-31T00:00:00Z"]);
    let clock = clock["id"].as_str().expect("an id");
    let id = server.open(&["--plan", "creator", "--test-clock", clock]);
    assert!(server.says(&["clocks", "advance", clock, "2027-01-31T00:00:00Z"]).contains("2027-01-31T00:00:00Z"));
    let balance = server.json(&["balance", "--workspace", &id]);
    assert_eq!(
        (balance["available"].as_i64(), balance["renews_at"].as_str()),
        (Some(1_700), Some("2027-02-28T00:00:00Z"))
    );
    assert!(server.says(&["clocks", "list"]).contains("year"));
    let (code, told) = failure(server.scrip(&["clocks", "advance", clock, "2026-01-31T00:00:00Z"]));
    assert_eq!((code, told.starts_with("INVALID_REQUEST: ")), (1, true), "{told}");
}

#[test]
fn a_catalog_is_published_and_shown_by_the_server() {
    let server = Server::start("canvas-tiers");
    let path = server.dir.path().join("next.toml");
    let next =
        include_str!("../../../../../catalogs/canvas-tiers.toml").replace("name = \"Creator\"", "name = \"Maker\"");
    std::fs::write(&path, next).expect("it can be written");
    assert_eq!(server.json(&["catalog", "publish", path.to_str().expect("UTF-8")])["version"], 2);
    assert!(server.says(&["catalog", "show", "--server"]).starts_with("canvas-tiers, version 2\n"));
    assert_eq!(server.json(&["catalog", "versions"])["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(failure(server.scrip(&["catalog", "publish", "--yes", "two-buckets"])).0, 1, "another product");
    // A catalog with warnings is not published without a yes.
    let fallen =
        include_str!("../../../../../catalogs/canvas-tiers.toml").replace("{ amount = 5000 }", "{ amount = 500 }");
    std::fs::write(&path, fallen).expect("it can be written");
    let publish = ["catalog", "publish", path.to_str().expect("UTF-8")];
    let (code, told) = failure(server.scrip(&publish));
    assert!(code == 1 && told.contains("5000 → 500\n  warning: it falls by 90 %"), "{told}");
    assert!(told.contains("nothing is published: read the warnings, then add --yes"), "{told}");
    assert_eq!(server.json(&["catalog", "versions"])["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(server.json(&[publish.as_slice(), &["--yes"]].concat())["version"], 3);
}

#[test]
fn a_retired_model_is_counted_and_subscribers_are_migrated_when_somebody_says_yes() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&["--plan", "pro", "--interval", "month"]);
    let gift = ["grants", "give", "--amount", "40", "--model", "upscale", "--reason", "r", "--workspace", &id];
    server.json(&gift);
    let path = server.dir.path().join("next.toml");
    let shipped = include_str!("../../../../../catalogs/canvas-tiers.toml");
    let next = shipped.replace("amount = 3900\n", "amount = 2900\n").replace("\"upscale\"", "\"enlarge\"");
    std::fs::write(&path, next).expect("it can be written");
    let file = path.to_str().expect("UTF-8");

    let told = server.says(&["catalog", "diff", "--server", file]);
    let counted = "- model upscale\n  warning: it is retired: 40 credits of 1 workspace become useless\n";
    assert!(told.contains(counted) && told.contains("+ model enlarge"), "{told}");
    let told = output(scrip(&["catalog", "diff", "canvas-tiers", file]));
    assert!(told.contains("it is retired: credits, trials and keys that are for it alone"), "{told}");
    for wrong in [vec!["catalog", "diff", file], vec!["catalog", "diff", "--server", file, file]] {
        assert_eq!(failure(server.scrip(&wrong)).0, 2, "{wrong:?}");
    }
    let (code, told) = failure(server.scrip(&["catalog", "publish", file]));
    assert!(code == 1 && told.contains(counted), "{told}");
    assert_eq!(server.json(&["catalog", "publish", file, "--yes"])["version"], 2);

    let preview = "version 2: 1 workspace to move, 0 of them worse off; 0 cannot be moved\n";
    let change = "  + price: 39.00 USD a month → 29.00 USD a month, with a renewal\n";
    let told = server.says(&["catalog", "migrate", "2", "--dry-run"]);
    assert!(told.starts_with(preview) && told.contains(change) && told.contains(&id), "{told}");
    let (code, told) = failure(server.scrip(&["catalog", "migrate", "2"]));
    assert!(code == 1 && told.contains(change), "{told}");
    assert!(told.contains("no workspace is moved: read the preview, then add --yes"), "{told}");
    assert_eq!(server.json(&["catalog", "migrate", "2", "--dry-run"])["moved"], 1);
    assert_eq!(server.says(&["catalog", "migrate", "2", "--yes"]), "moved 1 workspace to version 2\n");
    assert_eq!(
        server.says(&["catalog", "migrate", "2"]),
        "moved 0 workspaces to version 2\n",
        "there is nothing to ask"
    );
    assert_eq!(failure(server.scrip(&["catalog", "migrate", "3", "--yes"])).0, 1);
}

#[test]
fn a_key_is_made_used_rotated_frozen_and_revoked() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&["--plan", "business", "--approve", "business_verification=known", "--interval", "month"]);
    let make = ["keys", "make", "Robot", "--can", "model:image-standard:run", "--cap", "25/month", "--workspace", &id];
    let told = server.says(&make);
    let secret = told.lines().next().expect("the secret is first").to_owned();
    assert!(secret.starts_with("scrip_wk_test_") && told.contains("it is not shown again"), "{told}");
    assert!(told.contains("may: model:image-standard:run\n") && told.contains("25 credits a month, 0 spent"), "{told}");
    let listed = server.says(&["keys", "list", "--workspace", &id]);
    let key = listed.split_whitespace().find(|word| word.starts_with("key_")).expect("it is listed").to_owned();
    assert!(!listed.contains(&secret) && listed.contains(&secret[46..]), "{listed}");

    // With that key, the workspace needs no name, and one that the environment names for other keys is ignored.
    let by = |secret: &str, arguments: &[&str]| {
        let mut command = server.scrip(&[arguments, &["--key", secret]].concat());
        command.env("SCRIP_WORKSPACE", "ws_0000000000001");
        command
    };
    let works = |arguments: &[&str]| output(by(&secret, arguments));
    let refused = |secret: &str, arguments: &[&str]| {
        let (code, told) = failure(by(secret, arguments));
        assert_eq!(code, 1, "{told}");
        told
    };
    let run = ["run", "image-standard", "-p", "prompt=a kite", "--wait"];
    assert!(works(&run).contains("image-standard is succeeded"));
    assert!(works(&["balance"]).starts_with("11319 credits available"));
    assert!(works(&["quote", "image-standard"]).starts_with("10 credits"));
    assert!(works(&["entitlements"]).starts_with("plan business\n"));
    assert!(works(&["runs", "list"]).contains("succeeded"));
    assert!(refused(&secret, &["run", "upscale"]).starts_with("CAPABILITY_REQUIRED: this needs `model:upscale:run`"));
    assert!(refused(&secret, &["keys", "list"]).starts_with("CAPABILITY_REQUIRED: "));
    let other = server.open(&[]);
    assert!(refused(&secret, &["balance", "--workspace", &other]).starts_with("NOT_FOUND: "));
    works(&run);
    let capped = refused(&secret, &run);
    assert!(
        capped.starts_with("SPEND_CAP_REACHED: ") && capped.contains(&format!("keys change {key} --cap")),
        "{capped}"
    );
    let changed = server.says(&["keys", "change", &key, "--cap", "none", "--name", "Painter"]);
    assert!(changed.contains("Painter") && !changed.contains("may spend"), "{changed}");
    works(&run);

    let rotated = server.json(&["keys", "rotate", &key, "--grace", "0"]);
    let fresh = rotated["secret"].as_str().expect("it is in this answer").to_owned();
    assert!(refused(&secret, &["balance"]).starts_with("UNAUTHENTICATED: "));
    output(by(&fresh, &["balance"]));
    let again = ["keys", "rotate", &key, "--idempotency-key", "once"];
    let newest = server.says(&again).lines().next().expect("the secret is first").to_owned();
    let replayed = server.says(&again);
    assert!(!replayed.contains("wk_test_") && replayed.contains(&format!("scrip keys rotate {key}")), "{replayed}");
    output(by(&fresh, &["balance"]));
    assert!(server.says(&["keys", "show", &key]).contains("the old secret is good until"));

    assert!(server.says(&["keys", "freeze", &key, "--reason", "seen elsewhere"]).contains("frozen: seen elsewhere"));
    assert!(refused(&newest, &["balance"]).contains("seen elsewhere"));
    assert!(!server.says(&["keys", "unfreeze", &key]).contains("frozen"));
    output(by(&newest, &["balance"]));
    assert_eq!(server.says(&["keys", "revoke", &key]), format!("{key} is revoked\n"));
    assert!(refused(&newest, &["balance"]).starts_with("UNAUTHENTICATED: "));
    assert_eq!(server.says(&["keys", "list", "--workspace", &id]), "none\n");
    let acts = server.json(&["audit", "--workspace", &id]);
    let acts: Vec<&str> =
        acts["data"].as_array().expect("a page").iter().filter_map(|act| act["act"].as_str()).collect();
    assert_eq!(acts[..3], ["revoke_key", "freeze_key", "freeze_key"], "{acts:?}");
    assert!(server.says(&["audit", "--limit", "1", "--workspace", &id]).contains("more: --cursor "));
}

#[test]
fn what_a_key_cannot_be_is_said_with_what_it_can() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&["--plan", "pro", "--interval", "month"]);
    let make = |arguments: &[&str]| {
        failure(server.scrip(&[&["keys", "make", "Robot", "--workspace", &id], arguments].concat()))
    };
    let (code, told) = make(&["--can", "model:run"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("CAPABILITY_REQUIRED: ") && told.contains("the caller can have workflow:run"), "{told}");
    for (arguments, words) in [
        (["--can", "modle:run"], "/capabilities/0"),
        (["--preset", "read-onyl"], "/preset: there is no such preset; did you mean `read-only`?"),
    ] {
        let (code, told) = make(&arguments);
        assert!(code == 1 && told.starts_with("INVALID_REQUEST: ") && told.contains(words), "{told}");
    }
    let (code, told) = make(&["--preset", "read-only", "--expires-at", "yesterday"]);
    assert!(code == 1 && told.contains("/expires_at: "), "{told}");
    let (code, told) = make(&["--preset", "read-only", "--model", "nonesuch"]);
    assert!(code == 1 && told.contains("/models/0: is not a model of the catalog"), "{told}");
    let (code, told) = make(&["--preset", "read-only", "--mine"]);
    assert!(code == 1 && told.contains("/owner: "), "{told}");
    let (code, told) = make(&["--preset", "read-only", "--cap", "5/fortnight"]);
    assert!(code == 2 && told.contains("500/month"), "{told}");
    assert_eq!(make(&[]).0, 2, "a key that may do nothing is none");
    assert_eq!(make(&["--preset", "read-only", "--can", "workflow:read"]).0, 2);
    let (code, told) = failure(server.scrip(&["keys", "show", "scrip_wk_test_secret"]));
    assert!(code == 2 && told.contains("scrip keys list") && !told.contains("scrip_wk_test_secret"), "{told}");
    let (code, told) = failure(server.scrip(&["keys", "revoke", "key_0000000000001_1"]));
    assert!(code == 1 && told.starts_with("NOT_FOUND: "), "{told}");
    assert_eq!(failure(server.scrip(&["keys", "change", "key_0000000000001_1"])).0, 2, "nothing is to be different");
    let help = output(scrip(&["keys", "make", "--help"]));
    assert!(help.contains("model:image-pro:run") && help.contains("500/month"), "{help}");
}

#[test]
fn people_join_by_hand_and_by_invitation_and_leave() {
    let server = Server::start("two-buckets");
    let id = server.open(&["--plan", "pro", "--interval", "month"]);
    let here = ["--workspace", &id];
    let says = |arguments: &[&str]| server.says(&[arguments, &here].concat());
    let json = |arguments: &[&str]| server.json(&[arguments, &here].concat());
    let fails = |arguments: &[&str]| failure(server.scrip(&[arguments, &here].concat()));
    assert!(says(&["members", "list"]).contains("ada@example.com"));
    let bob = json(&["members", "add", "bob@example.com"]);
    assert_eq!(bob["role"], "member");
    let bob = bob["id"].as_str().expect("an id");
    assert!(says(&["members", "role", bob, "admin"]).contains("admin"));
    assert!(says(&["members", "cap", bob, "50/week"]).contains("50 credits a week, 0 spent, anew at "));
    assert!(!says(&["members", "cap", bob, "none"]).contains("50 credits"));

    let sent = json(&["invitations", "send", "eve@example.com", "--role", "admin"]);
    assert!(says(&["invitations", "list"]).contains("eve@example.com"));
    let invitation = sent["id"].as_str().expect("an id");
    assert_eq!(says(&["invitations", "withdraw", invitation]), format!("{invitation} is withdrawn\n"));
    assert_eq!(says(&["invitations", "list"]), "none\n");
    let (code, told) = fails(&["invitations", "withdraw", invitation]);
    assert!(code == 1 && told.starts_with("NOT_FOUND: "), "{told}");

    let (code, told) = fails(&["members", "role", "bob@example.com", "member"]);
    assert!(code == 2 && told.contains("scrip members list"), "{told}");
    assert_eq!(fails(&["invitations", "withdraw", "eve@example.com"]).0, 2);
    let (code, told) = fails(&["invitations", "send", "nobody"]);
    assert!(code == 1 && told.starts_with("INVALID_REQUEST: /email: "), "{told}");
    let (code, told) = fails(&["invitations", "send", "bob@example.com"]);
    assert!(code == 1 && told.contains("/email: is the address of a member already"), "{told}");
    let (code, told) = failure(server.scrip(&["members", "list"]));
    assert!(code == 2 && told.contains("--workspace"), "{told}");

    assert_eq!(says(&["members", "remove", bob]), format!("{bob} is no longer a member\n"));
    let ada = json(&["members", "list"])["data"][0]["id"].clone();
    let (code, told) = fails(&["members", "remove", ada.as_str().expect("an id")]);
    assert!(code == 1 && told.contains("make another member an admin first"), "{told}");
    let alone = server.open(&["--plan", "starter", "--interval", "month"]);
    let (code, told) = failure(server.scrip(&["members", "add", "bob@example.com", "--workspace", &alone]));
    assert!(code == 1 && told.starts_with("FEATURE_NOT_IN_PLAN: ") && told.contains("take plan pro"), "{told}");
    let acts = says(&["audit"]);
    assert!(acts.contains("change_member") && acts.contains("bob@example.com"), "{acts}");
}

#[test]
fn a_review_is_applied_for_with_a_file_rejected_approved_and_revoked() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&[]);
    let here = ["--workspace", &id];
    let says = |arguments: &[&str]| server.says(&[arguments, &here].concat());
    let json = |arguments: &[&str]| server.json(&[arguments, &here].concat());
    let fails = |arguments: &[&str]| failure(server.scrip(&[arguments, &here].concat()));
    assert_eq!(says(&["reviews", "list"]), "none\n");
    let applied = json(&["reviews", "apply", "business_verification", "company=Ada & Sons", "site=a=b"]);
    assert_eq!(applied["form"], serde_json::json!({ "company": "Ada & Sons", "site": "a=b" }));
    let first = applied["id"].as_str().expect("an id");
    let (code, told) = fails(&["reviews", "apply", "business_verification", "company"]);
    assert!(code == 2 && told.contains("is not FIELD=TEXT"), "{told}");
    let (code, told) = fails(&["reviews", "apply", "horoscope"]);
    assert!(code == 1 && told.contains("no plan requires a review"), "{told}");

    // A file is uploaded and downloaded again.
    let place = std::env::temp_dir().join(format!("scrip-review-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("it can be made");
    let at = |name: &str| place.join(name).display().to_string();
    for (name, bytes) in [("papers.pdf", "%PDF-1.7"), ("papers.txt", "papers")] {
        std::fs::write(place.join(name), bytes).expect("it can be written");
    }
    let file = json(&["reviews", "file", first, &at("papers.pdf")]);
    assert_eq!((&file["name"], &file["bytes"]), (&"papers.pdf".into(), &8.into()));
    let (code, told) = fails(&["reviews", "file", first, &at("papers.txt")]);
    assert!(code == 2 && told.contains("it is not a PDF, PNG or JPEG"), "{told}");
    let shown = says(&["reviews", "show", first]);
    assert!(shown.contains("Ada & Sons") && shown.contains("papers.pdf"), "{shown}");
    // The operator names no workspace to see all.
    assert!(server.says(&["reviews", "list", "--status", "submitted"]).contains(first));
    server.says(&["reviews", "file", file["id"].as_str().expect("an id"), &at("saved.pdf")]);
    assert_eq!(std::fs::read(place.join("saved.pdf")).expect("it is saved"), b"%PDF-1.7");
    std::fs::remove_dir_all(&place).expect("it is ours");

    assert!(server.says(&["reviews", "reject", first, "--reason", "who are you"]).contains("rejected"));
    let second = json(&["reviews", "apply", "business_verification"]);
    let second = second["id"].as_str().expect("an id");
    let (code, told) = fails(&["reviews", "approve", first, "--reason", "r"]);
    assert!(code == 1 && told.contains("a newer application"), "{told}");
    assert!(server.says(&["reviews", "approve", second, "--reason", "papers seen"]).contains("approved"));
    assert!(server.says(&["reviews", "revoke", second, "--reason", "gone"]).contains("revoked"));
    assert_eq!(fails(&["reviews", "show", "run_1"]).0, 2);
    assert!(says(&["audit"]).contains("revoke_review"));
}

#[test]
fn a_person_signs_in_by_a_link_and_is_at_home() {
    let server = Server::start("two-buckets");
    let id = server.open(&["--plan", "pro", "--interval", "month"]);
    let told = server.says(&["sign-in", "ada@example.com"]);
    assert!(told.contains("all of their workspaces") && told.contains("POST /v1/sessions"), "{told}");
    let session = |link: &str| {
        let token = link.split_once('#').expect("it is behind the #").1.lines().next().expect("a token").to_owned();
        let open = scrip_client::types::NewSession { token, cookie: Some(false) };
        let client = scrip_client::Client::new(&server.url, "").expect("the address is good");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
        runtime
            .block_on(async { client.open_session(&open).await })
            .expect("the link is good")
            .token
            .expect("asked for")
    };
    let ada = session(&told);
    let by = |session: &str, arguments: &[&str]| server.scrip(&[arguments, &["--key", session]].concat());
    let theirs = output(by(&ada, &["workspaces", "list"]));
    assert!(theirs.contains(&id) && theirs.contains("Personal"), "{theirs}");
    let team = output(by(&ada, &["workspaces", "open", "Studio"]));
    assert!(team.contains("Studio of ada@example.com"), "{team}");
    let (code, told) = failure(by(&ada, &["members", "list"]));
    assert!(code == 1 && told.contains("name the workspace"), "{told}");
    assert!(
        output(by(&ada, &["keys", "make", "Mine", "--preset", "read-only", "--mine", "--workspace", &id]))
            .contains("owner: usr_")
    );
    let (code, told) = failure(by(&ada, &["switches", "list"]));
    assert!(code == 1 && told.starts_with("CAPABILITY_REQUIRED: "), "{told}");
    // A link to one workspace is a session of it, which needs no name.
    let link = server.json(&["sign-in", "ada@example.com", "--workspace", &id]);
    let only = session(link["url"].as_str().expect("a link"));
    assert!(output(by(&only, &["members", "list"])).contains("ada@example.com"));
    let (code, told) = failure(server.scrip(&["sign-in", "nobody"]));
    assert!(code == 1 && told.starts_with("INVALID_REQUEST: /email: "), "{told}");
    let (code, told) = failure(server.scrip(&["workspaces", "open", "Studio"]));
    assert!(code == 2 && told.contains("--email"), "{told}");
}

#[test]
fn a_model_is_switched_off_and_on_again() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&[]);
    let off = server.says(&["switches", "off", "model", "image-standard", "--reason", "it hangs"]);
    assert!(off.contains("off") && off.contains("it hangs"), "{off}");
    let quoted = server.says(&["quote", "image-standard", "--workspace", &id]);
    assert!(quoted.contains("the run would be refused now"), "{quoted}");
    assert!(server.says(&["switches", "on", "model", "image-standard"]).contains("on"));
    server.says(&["run", "image-standard", "--workspace", &id]);
    let listed = server.json(&["switches", "list"]);
    assert_eq!((&listed["data"][0]["off"], &listed["data"][1]["off"]), (&false.into(), &true.into()));
    assert!(server.says(&["switches", "list", "--limit", "1"]).contains("more: --cursor "));
    let (code, told) = failure(server.scrip(&["switches", "off", "model", "nonesuch", "--reason", "x"]));
    assert!(code == 1 && told.starts_with("NOT_FOUND: there is no such model"), "{told}");
    assert_eq!(failure(server.scrip(&["switches", "off", "model", "image-standard"])).0, 2, "a reason is needed");
}

#[test]
fn an_export_waits_for_the_server_to_stop() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&[]);
    server.open(&["--plan", "creator"]);
    let data = server.data();
    let data = data.to_str().expect("UTF-8").to_owned();
    let (code, told) = failure(scrip(&["export", "--data", &data, "--format", "csv"]));
    assert_eq!(code, 1);
    assert!(told.contains("another scrip process") && told.contains("stop the server"), "{told}");
    let dir = server.stop();
    let file = dir.path().join("journal.jsonl");
    let name = file.to_str().expect("UTF-8");
    output(scrip(&["export", "--data", &data, "--format", "jsonl", "--out", name]));
    let text = std::fs::read_to_string(&file).expect("it was written");
    assert!(text.lines().count() >= 2, "{text}");
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    let one = output(scrip(&["export", "--data", &data, "--format", "csv", "--workspace", &id]));
    let suffix = id.trim_start_matches("ws_");
    assert!(one.lines().count() > 1 && one.lines().skip(1).all(|line| line.contains(suffix)), "{one}");
    for format in ["beancount", "hledger"] {
        assert!(!output(scrip(&["export", "--data", &data, "--format", format])).is_empty());
    }
    let (code, _) = failure(scrip(&["export", "--data", &data, "--format", "csv", "--workspace", "ws_0000000000001"]));
    assert_eq!(code, 1);
    let nothing = dir.path().join("nothing");
    assert_eq!(failure(scrip(&["export", "--data", nothing.to_str().expect("UTF-8"), "--format", "csv"])).0, 2);
    assert!(!nothing.exists(), "an export makes no directory");
}

#[test]
fn keys_completions_and_the_description_need_no_server() {
    let (test, live) = (output(scrip(&["keys", "new"])), output(scrip(&["keys", "new", "--live"])));
    assert!(test.starts_with("scrip_sk_test_") && live.starts_with("scrip_sk_live_"), "{test} {live}");
    assert!(output(scrip(&["completions", "bash"])).contains("_scrip"));
    let document: Value = serde_json::from_str(&output(scrip(&["openapi"]))).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn a_server_started_again_has_what_it_had() {
    let server = Server::start("canvas-tiers");
    let id = server.open(&[]);
    let server = Server::start_in(server.stop(), "canvas-tiers");
    assert_eq!(server.json(&["workspaces", "show", &id])["id"], id.as_str());
}
