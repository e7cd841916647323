//! Capabilities are exact words: a text that only resembles one is none, and each opens what it names and no more.

mod reference_words {
    //! A second reading of the vocabulary, by splitting at colons.

    const PLAIN: [&str; 6] =
        ["workflow:run", "workflow:read", "workflow:write", "webhook:receive", "model:run", "agent:invoke"];

    /// Returns true if a text is in the vocabulary, its two open names included.
    pub fn reads(text: &str) -> bool {
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
        let named = |name: &str, open: &str| {
            name == open || ((1..=64).contains(&name.len()) && name.chars().all(|letter| letters.contains(letter)))
        };
        match text.split(':').collect::<Vec<_>>()[..] {
            ["workflow", name, "run"] => named(name, "<slug>"),
            ["model", name, "run"] => named(name, "<id>"),
            _ => PLAIN.contains(&text),
        }
    }
}

use scrip_engine::team::{KeyHash, NewKey, Secret, TeamCommand, Tenancy};
use scrip_engine::{
    By, Capability, Catalogs, Command, Mode, Name, Need, Plan, Profile, Timestamp, UserId, Workspace, WorkspaceCommand,
    WorkspaceId, apply, judge, parse_catalog, run_scope,
};
use std::sync::Arc;

/// Characters that make a name unlike itself: spaces of every kind, letters of other scripts, marks, joiners, colons.
const TRICKS: [&str; 30] = [
    "", " ", "\t", "\n", "\r", "\0", "\u{a0}", "\u{200b}", "\u{200d}", "\u{feff}", "\u{202e}", "\u{301}", "а", "ａ",
    "ɑ", "A", "ı", "ſ", "ⅰ", "：", ":", "::", "*", "?", "/", "<slug>", "<id>", "%61", "\\u0061", "é",
];

const WORDS: [&str; 14] = [
    "workflow:run",
    "workflow:read",
    "workflow:write",
    "webhook:receive",
    "model:run",
    "agent:invoke",
    "workflow:<slug>:run",
    "model:<id>:run",
    "workflow:a:run",
    "workflow:ab:run",
    "model:a:run",
    "model:a.b-c_1:run",
    "workflow:run:run",
    "model:read:run",
];

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits")
}

/// Returns one word with one to three changes: an insertion, a character doubled, dropped or raised, a part swapped.
fn mangle(state: &mut u64) -> String {
    let mut text: Vec<char> = WORDS[random(state) % WORDS.len()].chars().collect();
    for _ in 0..=random(state) % 3 {
        let place = random(state) % (text.len() + 1);
        match random(state) % 6 {
            0 | 1 => {
                let trick = TRICKS[random(state) % TRICKS.len()];
                text.splice(place..place, trick.chars());
            }
            2 if place < text.len() => text.insert(place, text[place]),
            3 if place < text.len() => drop(text.remove(place)),
            4 if place < text.len() => text[place] = text[place].to_ascii_uppercase(),
            _ => {
                let other: Vec<char> = WORDS[random(state) % WORDS.len()].chars().collect();
                let from = random(state) % other.len();
                text.splice(place.., other[from..].iter().copied());
            }
        }
        if text.is_empty() {
            text.push('a');
        }
    }
    text.into_iter().collect()
}

#[test]
fn what_is_read_is_exactly_the_vocabulary_and_is_shown_as_it_was_written() {
    let (mut state, mut read, mut refused) = (35, 0_u32, 0_u32);
    for _ in 0..300_000 {
        let text = mangle(&mut state);
        let capability = Capability::parse(&text);
        assert_eq!(capability.is_some(), reference_words::reads(&text), "{text:?}");
        match capability {
            Some(capability) => {
                assert_eq!(capability.to_string(), text);
                assert_eq!(capability.is_exact(), !text.contains('<'), "{text:?}");
                let json = serde_json::to_string(&capability).expect("a word");
                assert_eq!(serde_json::from_str::<Capability>(&json).expect("its own word"), capability);
                read += 1;
            }
            None => {
                assert!(serde_json::from_value::<Capability>(serde_json::json!(text)).is_err(), "{text:?}");
                refused += 1;
            }
        }
    }
    assert!(read > 5_000 && refused > 100_000, "{read} words were read and {refused} were not");
}

#[test]
fn names_have_colons_lengths_and_letters_as_ids_have() {
    let long = "a".repeat(64);
    for good in ["a", "0", "-", "_", ".", "a.b", "run", "read", "slug", "id", &long] {
        for kind in ["workflow", "model"] {
            assert!(Capability::parse(&format!("{kind}:{good}:run")).is_some(), "{kind} {good}");
        }
    }
    for bad in
        ["", "a:b", ":", "a:", ":a", "A", "а", "a b", " a", "a ", "a\0", "a/b", "é", "<a>", "*", &format!("{long}a")]
    {
        for kind in ["workflow", "model"] {
            assert_eq!(Capability::parse(&format!("{kind}:{bad}:run")), None, "{kind} {bad:?}");
        }
    }
    // The open name of one kind is not a name of the other kind.
    assert_eq!(Capability::parse("workflow:<id>:run"), None);
    assert_eq!(Capability::parse("model:<slug>:run"), None);
    for end in ["read", "write", "", "Run", "run "] {
        assert_eq!(Capability::parse(&format!("model:a:{end}")), None, "{end:?}");
    }
}

/// Returns a workspace on the plan of the test catalog that has every capability.
fn workspace() -> (Catalogs, Workspace) {
    let text = include_str!("../catalogs/rights.toml");
    let mut catalogs = Catalogs::default();
    catalogs.publish(Timestamp::default(), Arc::new(parse_catalog(text).expect("the catalog is right")));
    let open = Command::Workspace(WorkspaceCommand::Open {
        mode: Mode::Test,
        test_clock: None,
        profile: Profile { name: "Ada".to_owned(), ..Profile::default() },
        lifetime_allowed: true,
        choice: Some(scrip_engine::Choice {
            plan: Name::from("many"),
            interval: None,
            allowance: None,
            approve: Vec::new(),
        }),
        tenancy: Tenancy::Team,
        owner: None,
    });
    let unopened = Workspace::new(WorkspaceId::new(7));
    let opened = apply(&unopened, &catalogs, By::Operator, &open, Timestamp::from_micros(1)).expect("it opens");
    (catalogs, opened.workspace)
}

fn key(catalogs: &Catalogs, workspace: &Workspace, word: &str) -> Option<Workspace> {
    let new = NewKey { name: "robot".to_owned(), capabilities: vec![word.to_owned()], ..NewKey::default() };
    let secret = Secret { hash: KeyHash([1; 32]), last4: "0001".to_owned() };
    let command = Command::Team(TeamCommand::MakeKey { secret, owner: None, new });
    Some(apply(workspace, catalogs, By::Operator, &command, workspace.at).ok()?.workspace)
}

#[test]
fn one_name_opens_itself_alone() {
    let (catalogs, workspace) = workspace();
    let catalog = &catalogs.get(1).expect("published").catalog;
    let plan = catalog.plan("many").expect("the workspace is on it");
    let by = By::Key(KeyHash([1; 32]));
    let names: Vec<String> =
        TRICKS.iter().flat_map(|trick| [format!("a{trick}"), format!("{trick}a"), format!("a{trick}b")]).collect();
    for (word, own) in [("workflow:a:run", true), ("model:a:run", false)] {
        let with = key(&catalogs, &workspace, word).expect("it is granted");
        for name in names.iter().map(String::as_str).chain(["a", "ab", "aa", "A", "а", "", "run"]) {
            let flow = judge(&with, plan, by, Need::RunWorkflow(name), with.at).is_ok();
            let model = judge(&with, plan, by, Need::RunModel(name), with.at).is_ok();
            assert_eq!((flow, model), (own && name == "a", !own && name == "a"), "{word} and {name:?}");
        }
    }
    // The word for all opens all of its kind, and none of the other kind.
    let with = key(&catalogs, &workspace, "workflow:run").expect("it is granted");
    assert!(names.iter().all(|name| judge(&with, plan, by, Need::RunWorkflow(name), with.at).is_ok()));
    assert!(names.iter().all(|name| judge(&with, plan, by, Need::RunModel(name), with.at).is_err()));
}

#[test]
fn a_word_that_is_none_is_given_to_nobody() {
    let (catalogs, workspace) = workspace();
    let mut state = 7;
    for _ in 0..3_000 {
        let text = mangle(&mut state);
        let exact = reference_words::reads(&text) && !text.contains('<');
        assert_eq!(key(&catalogs, &workspace, &text).is_some(), exact, "{text:?}");
    }
}

/// Goal: a key sees every run of a workspace only if it reads, now, and is for no model or workflow alone.
#[test]
fn a_key_that_does_not_read_is_run_scope_its_own_runs() {
    let (catalogs, workspace) = workspace();
    let catalog = &catalogs.get(1).expect("published").catalog;
    let plan = catalog.plan("many").expect("the workspace is on it");
    let by = By::Key(KeyHash([1; 32]));
    let none = Plan { ceiling: Vec::new(), ..plan.clone() };
    for word in WORDS.iter().filter(|word| Capability::parse(word).is_some_and(|read| read.is_exact())) {
        let with = key(&catalogs, &workspace, word).expect("it is granted");
        let expected = (*word != "workflow:read").then_some(1);
        assert_eq!(run_scope(&with, plan, by, with.at), expected, "{word}");
        assert_eq!(run_scope(&with, &none, by, with.at), Some(1), "{word}, which the plan has no more");
        assert_eq!(run_scope(&with, plan, By::Key(KeyHash([2; 32])), with.at), Some(0), "a secret of no key");
        for everybody in [By::Operator, By::User(UserId::new(7))] {
            assert_eq!(run_scope(&with, plan, everybody, with.at), None, "{word}");
        }
    }
    for (models, workflows) in [(vec!["image"], vec![]), (vec![], vec!["nightly"])] {
        let [models, workflows] = [models, workflows].map(|names| names.into_iter().map(Name::from).collect());
        let capabilities = vec!["workflow:read".to_owned(), "model:run".to_owned()];
        let new = NewKey { name: "robot".to_owned(), capabilities, models, workflows, ..NewKey::default() };
        let secret = Secret { hash: KeyHash([1; 32]), last4: "0001".to_owned() };
        let command = Command::Team(TeamCommand::MakeKey { secret, owner: None, new });
        let with = apply(&workspace, &catalogs, By::Operator, &command, workspace.at).expect("it is made").workspace;
        assert_eq!(run_scope(&with, plan, by, with.at), Some(1));
    }
}
