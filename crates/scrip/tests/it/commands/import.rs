//! Import: the users of a `credits` column come to a real server, twice.

use scrip_testing::program::{Dir, Server, failure, output, scrip};
use serde_json::{Value, json};

const USERS: &str = "email,external_id,plan,credits\n\
    bo@example.com,u1,,120\n\
    \"cy+tag@example.com\",u2,creator,80\n\
    di@example.com,u3,,\n";

fn file(dir: &Dir, text: &str) -> String {
    bytes(dir, text.as_bytes())
}

fn bytes(dir: &Dir, bytes: &[u8]) -> String {
    let path = dir.path().join("users.csv");
    std::fs::write(&path, bytes).expect("it can be written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_column_of_credits_is_imported_once_and_reconciled() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = file(&dir, USERS);
    for time in ["first", "second"] {
        let told = output(server.scrip(&["import", &users]));
        let (opened, there, given) = if time == "first" { (3, 0, 200) } else { (0, 3, 0) };
        assert_eq!(
            told,
            format!(
                "3 workspaces; 200 of the file's 200 credits are in the ledger\ntest mode: {opened} workspaces opened, \
                 {there} there already; {given} credits given now\n"
            ),
            "the {time} time"
        );
    }
    let listed: Value =
        serde_json::from_str(&output(server.scrip(&["workspaces", "list", "--json"]))).expect("it prints JSON");
    let workspaces = listed["data"].as_array().expect("a list");
    assert_eq!(workspaces.len(), 3, "{listed}");
    let creator = workspaces.iter().find(|workspace| workspace["plan"] == "creator").expect("cy is on a plan");
    let id = creator["id"].as_str().expect("an id");
    let balance: Value =
        serde_json::from_str(&output(server.scrip(&["balance", "--workspace", id, "--json"]))).expect("it prints JSON");
    assert_eq!(balance["available"], 1_700 + 80, "the plan's credits and those from before, once");
}

#[test]
fn a_line_that_cannot_be_imported_is_told_by_its_number_and_stops_no_other() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = file(&dir, "email,credits\nbo@example.com,10\nnobody,20\ndi@example.com,30\n");
    let (code, told) = failure(server.scrip(&["import", &users]));
    assert_eq!(code, 1);
    assert!(told.contains("1 lines were not imported, and 20 credits are missing"), "{told}");
    assert!(told.contains("line 3: nobody: INVALID_REQUEST"), "{told}");
}

#[test]
fn a_dry_run_changes_nothing_and_a_wrong_column_is_named() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let told = output(server.scrip(&["import", "--dry-run", &file(&dir, USERS)]));
    assert_eq!(told, "3 lines with 200 credits can be imported\ntest mode: 3 workspaces to open, 0 there already\n");
    let listed = output(server.scrip(&["workspaces", "list", "--json"]));
    assert!(listed.contains("\"data\":[]"), "{listed}");
    let (code, told) = failure(scrip(&["import", "--dry-run", &file(&dir, "email,credit\nbo@example.com,1\n")]));
    assert_eq!(code, 1);
    assert!(told.contains("`credit` is not a column; the columns are email,"), "{told}");
}

/// Returns the workspaces of a server.
fn workspaces(server: &Server) -> Vec<Value> {
    let listed = output(server.scrip(&["workspaces", "list", "--limit", "100", "--json"]));
    let listed: Value = serde_json::from_str(&listed).expect("it prints JSON");
    listed["data"].as_array().expect("a list").clone()
}

fn balance(server: &Server, workspace: &Value) -> Value {
    let id = workspace["id"].as_str().expect("an id");
    let balance = output(server.scrip(&["balance", "--workspace", id, "--json"]));
    serde_json::from_str(&balance).expect("it prints JSON")
}

/// Files that must not be imported, with the error of each.
const BAD: &[(&[u8], &str)] = &[
    (b"", "the file is empty"),
    (b"\n\n", "the file is empty"),
    (b"email,credits\n", "no line below the names"),
    (b"bo@example.com,5\n", "`bo@example.com` is not a column; the first line names the columns"),
    (b"email;credits\nbo@example.com;5\n", "separate the values by commas"),
    (b"email\tcredits\nbo@example.com\t5\n", "separate the values by commas"),
    (b"name,credits\nBo,5\n", "the column `email` is missing"),
    (b"email,Credits\nbo@example.com,5\n", "line 1, column 2: `Credits` is not a column"),
    (b"email,credits,\nbo@example.com,5,\n", "line 1, column 3: `` is not a column"),
    (b"email,credits,email\nbo@example.com,5,bo@example.com\n", "`email` is named a second time"),
    (b"email,pr\xe9nom,cr\xe9dits\na@example.com,Ada,500\n", "line 1, character 9: the byte E9 is not UTF-8"),
    (b"email,name\na@example.com,Ren\xe9\n", "line 2, character 18: the byte E9 is not UTF-8"),
    (b"\xff\xfee\0m\0a\0i\0l\0\n\0", "UTF-16"),
    (b"e\0m\0a\0i\0l\0\n\0", "line 1, character 2: a zero byte"),
    (b"email,external_id\nbo@example.com,\"u1\ndi@example.com,u2\n", "line 2: a value begins with a quote"),
    (b"email,credits\nbo@example.com\n", "line 2: 1 values, and the first line names 2 columns"),
    (b"email,credits\nbo@example.com,5,6\n", "line 2: 3 values, and the first line names 2 columns"),
    (b"email,credits\nbo@example.com,1,000\n", "line 2: 3 values"),
    (b"email,credits\n,5\n", "line 2: column `email`: the address is missing"),
    (b"email,credits\nnobody,5\n", "line 2: nobody: INVALID_REQUEST: /owner/email: must be an e-mail address"),
    (b"email,name\n\"bo\n@example.com\",Bo\n", "INVALID_REQUEST: /owner/email: must be an e-mail address"),
    (b"email\n\"\"\"bo\"\"@example.com\"\n", "INVALID_REQUEST: /owner/email: "),
    (b"email,external_id\nbo@example.com,\"a\tb\"\n", "/external_id: must be 1 to 200 characters"),
    (b"email,credits\nbo@example.com,0x10\n", "line 2: bo@example.com: column `credits`: `0x10` is not made of"),
    (b"email,credits\nbo@example.com,12.5\n", "column `credits`: `12.5` is not made of decimal digits alone"),
    (b"email,credits\nbo@example.com,-5\n", "column `credits`: `-5` is not made of"),
    (b"email,credits\nbo@example.com,+5\n", "column `credits`: `+5` is not made of"),
    (b"email,credits\nbo@example.com,1e3\n", "column `credits`: `1e3` is not made of"),
    (b"email,credits\nbo@example.com,\"1,000\"\n", "column `credits`: `1,000` is not made of"),
    (b"email,credits\nbo@example.com,1 000\n", "column `credits`: `1 000` is not made of"),
    (b"email,credits\nbo@example.com,5 credits\n", "column `credits`: `5 credits` is not made of"),
    ("email,credits\nbo@example.com,\u{664}\n".as_bytes(), "is not made of decimal digits alone"),
    (b"email,credits\nbo@example.com,1000000001\n", "column `credits`: `1000000001` is too large"),
    (b"email,credits\nbo@example.com,9223372036854775807\ndi@example.com,9223372036854775807\n", "is too large"),
    (b"email,credits\nbo@example.com,99999999999999999999999999\n", "is too large"),
    (b"email,plan\nbo@example.com,nope\n", "there is no plan `nope`"),
    (b"email,plan,interval\nbo@example.com,creator,fortnight\n", "column `interval`: `fortnight` is not an interval"),
    (b"email,plan,interval\nbo@example.com,creator,week\n", "line 2: bo@example.com: INVALID_REQUEST: /interval"),
    (b"email,interval\nbo@example.com,month\n", "/plan: must be given with interval"),
    (b"email,plan\nbo@example.com,business\n", "line 2: bo@example.com: INVALID_REQUEST: /interval: must be given"),
    (b"email,plan,interval\nbo@example.com,business,month\n", "line 2: bo@example.com: REVIEW_REQUIRED"),
    (b"email,plan\nbo@example.com,enterprise\n", "line 2: bo@example.com: "),
    (b"email,name\nbo@example.com,\"B\no\"\n", "/name: must be 1 to 200 characters, without control characters"),
    (b"email,name\nbo@example.com,B\x07o\n", "/name: must have no control characters, such as U+0007"),
    (b"email,welcome\nbo@example.com,maybe\n", "column `welcome`: `maybe` is neither yes nor no"),
    (
        b"email,credits\ndup@example.com,100\ndup@example.com,100\n",
        "line 3: dup@example.com: the address dup@example.com is also on line 2",
    ),
    (b"email,credits\ndup@example.com,100\n Dup@Example.com,1\n", "line 3: Dup@Example.com: the address"),
    (b"email,external_id\na@example.com,u1\nb@example.com,u1\n", "the external_id `u1` is also on line 2"),
    (b"email,external_id\na@example.com,u1\na@example.com,\n", "line 3: a@example.com: the address"),
];

#[test]
fn a_bad_file_is_refused_by_the_check_and_by_the_import_alike_and_opens_nothing() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let long = format!("email,name\nbo@example.com,{}\n", "x".repeat(201));
    let long_id = format!("email,external_id\nbo@example.com,{}\n", "x".repeat(201));
    let more: [(&[u8], &str); 2] = [
        (long.as_bytes(), "/name: must be 1 to 200 characters"),
        (long_id.as_bytes(), "/external_id: must be 1 to 200 characters"),
    ];
    for (content, says) in BAD.iter().chain(&more) {
        let users = bytes(&dir, content);
        let (checked, check) = failure(server.scrip(&["import", "--dry-run", &users]));
        let (imported, import) = failure(server.scrip(&["import", &users]));
        let shown = String::from_utf8_lossy(content);
        assert_eq!((checked, imported), (1, 1), "{shown}\n{check}\n{import}");
        for told in [&check, &import] {
            assert!(told.contains(says), "{shown}: {says}\n{told}");
        }
        assert_eq!(workspaces(&server), Vec::<Value>::new(), "{shown}");
    }
    for nothing in [dir.path().to_str().expect("UTF-8"), "/nowhere/users.csv"] {
        for arguments in [vec!["import", "--dry-run", nothing], vec!["import", nothing]] {
            let (code, told) = failure(server.scrip(&arguments));
            assert!(code == 1 && told.contains(nothing), "{told}");
        }
    }
}

#[test]
fn any_id_and_address_that_the_api_takes_is_imported() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let long_id = "\u{fc}".repeat(200);
    let long_address = format!("{}@{}com", "a".repeat(64), "abcdefg.".repeat(23));
    let users = file(
        &dir,
        &format!(
            "email,external_id,name,credits\na@example.com,ext 5,,1\nb@example.com,m\u{fc}ller,,2\n\
             x@b\u{fc}cher.example,,,3\n{long_address},,,4\nd@example.com,{long_id},,5\ne@example.com, pad ,,6\n\
             f@example.com,\"a,\"\"b\"\"\",\"F, of G\",7\ng@example.com,g@example.com,,8\nh@example.com,0x10,,9\n"
        ),
    );
    for _ in 0..2 {
        assert!(output(server.scrip(&["import", "--dry-run", &users])).starts_with("9 lines with 45 credits"));
        let told = output(server.scrip(&["import", &users]));
        assert!(told.starts_with("9 workspaces; 45 of the file's 45 credits are in the ledger\n"), "{told}");
    }
    let workspaces = workspaces(&server);
    let mut ids: Vec<&str> = workspaces.iter().filter_map(|workspace| workspace["external_id"].as_str()).collect();
    ids.sort_unstable();
    let mut expected = vec!["ext 5", "m\u{fc}ller", long_id.as_str(), " pad ", "a,\"b\"", "g@example.com", "0x10"];
    expected.sort_unstable();
    assert_eq!((workspaces.len(), ids), (9, expected));
}

#[test]
fn the_same_file_gives_nothing_twice_and_a_corrected_amount_is_said() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    output(server.scrip(&["import", &file(&dir, "email,credits\nbo@example.com,100\ndi@example.com,\n")]));
    let all = workspaces(&server);
    let id = all[0]["id"].as_str().expect("an id").to_owned();
    // The balance changes, and the plan.
    output(server.scrip(&["holds", "open", "--workspace", &id, "--credits", "120", "--reference", "r1"]));
    output(server.scrip(&["workspaces", "subscribe", &id, "creator"]));
    for reason in ["your balance from before", "another reason"] {
        let users = file(&dir, "email,credits\nbo@example.com,100\ndi@example.com,\n");
        let told = output(server.scrip(&["import", "--reason", reason, &users]));
        assert!(told.contains("100 of the file's 100 credits") && told.contains("0 credits given now"), "{told}");
    }
    let corrected = [
        (
            "email,credits\nbo@example.com,150\n",
            "100 credits were imported before, and the file says 150",
            "--amount 50",
        ),
        ("email,credits\nbo@example.com,40\n", "100 credits were imported before, and the file says 40", "void"),
        ("email,credits\nbo@example.com,\n", "100 credits were imported before, and the file says 0", "void"),
    ];
    for (users, says, how) in corrected {
        let users = file(&dir, users);
        for arguments in [vec!["import", "--dry-run", &users], vec!["import", &users]] {
            let (code, told) = failure(server.scrip(&arguments));
            assert!(code == 1 && told.contains(says) && told.contains(how) && told.contains(&id), "{told}");
        }
    }
    // Credits that were left out before are given by the corrected file.
    let told = output(server.scrip(&["import", &file(&dir, "email,credits\nbo@example.com,100\n")]));
    assert!(told.contains("100 of the file's 100 credits"), "{told}");
    let later = output(server.scrip(&["import", &file(&dir, "email,credits\nDI@example.com,7\n")]));
    assert!(later.contains("7 of the file's 7 credits") && later.contains("1 there already"), "{later}");
    assert_eq!(workspaces(&server).len(), 2);
}

#[test]
fn whoever_had_the_welcome_credits_gets_none_again() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = "email,credits,welcome\na@example.com,10,no\nb@example.com,10,yes\nc@example.com,10,\n";
    output(server.scrip(&["import", &file(&dir, users)]));
    let users = "email,credits,welcome\nd@example.com,10,\ne@example.com,10,yes\n";
    output(server.scrip(&["import", "--no-welcome", &file(&dir, users)]));
    let available = |email: &str| {
        let all = workspaces(&server);
        let workspace = all.iter().find(|workspace| workspace["owner_email"] == email).expect("it was opened");
        balance(&server, workspace)["available"].clone()
    };
    let got = ["a", "b", "c", "d", "e"].map(|name| available(&format!("{name}@example.com")));
    assert_eq!(got, [10, 260, 260, 10, 260].map(|credits| json!(credits)));
    // Another workspace of that person is not the first either.
    output(server.scrip(&["workspaces", "open", "Second", "--email", "A+2@example.com"]));
    assert_eq!(available("a+2@example.com"), json!(0));
}

#[test]
fn the_mode_is_said_and_a_live_key_must_say_which() {
    let dir = Dir::new();
    let server = Server::start("canvas-tiers");
    let users = file(&dir, "email,credits\nbo@example.com,5\n");
    for arguments in [vec!["import", &users], vec!["import", "--dry-run", &users]] {
        let mut command = server.scrip(&arguments);
        command.env("SCRIP_KEY", server.key.replace("sk_test_", "sk_live_"));
        let (code, told) = failure(command);
        assert!(code == 2 && told.contains("add --live to confirm, or --test"), "{told}");
    }
    let told = output(server.scrip(&["import", "--live", &users]));
    assert!(told.contains("live mode: 1 workspaces opened"), "{told}");
    assert_eq!(workspaces(&server)[0]["mode"], "live");
    let (code, told) = failure(server.scrip(&["import", &users]));
    assert!(code == 1 && told.contains("was imported in live mode, which never changes"), "{told}");
    let help = output(scrip(&["import", "--help"]));
    for column in ["email", "name", "external_id", "plan", "interval", "credits", "welcome"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{column} "))), "{column}: {help}");
    }
}
