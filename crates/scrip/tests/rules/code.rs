//! Rules about the form of code.

use super::{File, Tree, closing, line_of, words};

/// Maximum number of lines of a file, tests not counted.
const FILE_LINES: usize = 600;
/// Maximum number of lines of a function of the engine between its braces.
const FUNCTION_LINES: usize = 70;
/// Maximum number of columns of a line of Rust, the contents of texts not counted.
const COLUMNS: usize = 120;
/// Maximum number of traits of our own.
const TRAITS: usize = 3;

/// Finds files with more than 600 lines without their tests.
pub fn files_are_short(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        // A test module at the end is blanked out, so that its lines are not counted.
        let lines = file.shipped_code().trim_end().lines().count();
        if lines > FILE_LINES {
            findings.push(
                file.finding(lines, &format!("{lines} lines; split the file, {FILE_LINES} are the most without tests")),
            );
        }
    }
    findings
}

/// Finds functions of the engine with more than 70 lines.
pub fn engine_functions_are_short(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| file.path.starts_with("crates/engine/src/")) {
        let code = file.shipped_code();
        for start in words(&code, "fn") {
            let rest = &code[start..];
            let name: String =
                rest[2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{')) else { continue };
            let (first, opened) = (line_of(&code, start), line_of(&code, start + open));
            let lines = line_of(&code, closing(&code, start + open)).saturating_sub(opened + 1);
            if !name.is_empty() && lines > FUNCTION_LINES {
                let what = format!("`{name}` has {lines} lines; {FUNCTION_LINES} are the most here: take a step out");
                findings.push(file.finding(first, &what));
            }
        }
    }
    findings
}

/// Vocabulary of the engine: requests, events and refusals. The compiler stops the author of a new variant wherever
/// something has to be said about it.
const VOCABULARIES: [&str; 5] = ["Event", "Command", "Refusal", "Notice", "Account"];
/// Beginnings of the paths in which every variant of the vocabulary is named: where something is said about each.
const TOTAL: [&str; 4] =
    ["crates/engine/src/", "crates/store/src/", "crates/scrip/src/mail/", "crates/scrip/src/operate/export"];

/// Finds matches over the engine's vocabulary that do not name every variant, and values that are called handled
/// elsewhere, in any shipped file.
pub fn matches_are_total(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        let code = file.shipped_code();
        for (place, call) in code.match_indices("unreachable!") {
            let what = format!("`{call}`: give the function a type of which every value is handled");
            findings.push(file.finding(line_of(&code, place), &what));
        }
        if !TOTAL.iter().any(|beginning| file.path.starts_with(beginning)) {
            continue;
        }
        for place in words(&code, "match") {
            let Some(open) = code[place..].find('{').map(|open| place + open) else { continue };
            let body = &code[open + 1..closing(&code, open)];
            let patterns = patterns(body);
            let is_ours = |(_, pattern): &(usize, &str)| VOCABULARIES.iter().any(|name| begins_with(pattern, name));
            if !patterns.iter().any(is_ours) {
                continue;
            }
            let rest = patterns.iter().filter(|(_, pattern)| *pattern == "_" || pattern.starts_with("_ if "));
            findings.extend(rest.map(|(inside, _)| {
                let line = line_of(&code, open + 1 + inside);
                file.finding(line, "`_` over a vocabulary of the engine: name the variants")
            }));
        }
    }
    findings
}

/// Returns true for a pattern of an enum whose name ends with a word: `Event::`, `TeamEvent::`.
fn begins_with(pattern: &str, name: &str) -> bool {
    let pattern = pattern.trim_start_matches(['&', '(']);
    pattern.split_once("::").is_some_and(|(first, _)| first.ends_with(name))
}

/// Returns the patterns of a match's arms, and their places in it.
fn patterns(body: &str) -> Vec<(usize, &str)> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_i32, Some(0));
    let bytes = body.as_bytes();
    for (place, byte) in body.bytes().enumerate() {
        match byte {
            b'=' if depth == 0 && bytes.get(place + 1) == Some(&b'>') => {
                if let Some(from) = start.take() {
                    let skipped = body[from..].len() - body[from..].trim_start_matches([',', '}', ' ', '\n']).len();
                    found.push((from + skipped, body[from + skipped..place].trim_end()));
                }
            }
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth -= 1;
                // An arm in braces needs no comma.
                start = start.or_else(|| (depth == 0 && byte == b'}').then_some(place));
            }
            b',' if depth == 0 => start = Some(place),
            _ => {}
        }
    }
    found
}

/// Finds traits of our own beyond the third.
pub fn traits_are_few(tree: &Tree) -> Vec<String> {
    let mut traits = Vec::new();
    for file in tree.shipped_files() {
        let code = file.shipped_code();
        traits.extend(words(&code, "trait").map(|place| file.finding(line_of(&code, place), "a trait of our own")));
    }
    if traits.len() <= TRAITS {
        return Vec::new();
    }
    traits.push(format!("{} traits; {TRAITS} are the most: variants are an enum", traits.len()));
    traits
}

/// Finds lines of Rust beyond 120 columns. The contents of texts are not counted: no formatter can break them.
pub fn lines_fit(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = file.code();
        for (index, (line, code)) in file.text.lines().zip(code.lines()).enumerate() {
            let columns = line.chars().count();
            let blanks = |text: &str| text.bytes().filter(|byte| *byte == b' ').count();
            let is_comment = line.trim_start().starts_with("//");
            let text = if is_comment { 0 } else { blanks(code).saturating_sub(blanks(line)) };
            if columns > COLUMNS && columns.saturating_sub(text) > COLUMNS {
                findings.push(file.finding(index + 1, &format!("{columns} columns; {COLUMNS} are the most: break it")));
            }
        }
    }
    findings
}

/// Finds panics in shipped code without a reason.
pub fn panics_have_reasons(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.shipped_files() {
        let code = file.shipped_code();
        let mut found = |place: usize, what: &str| findings.push(file.finding(line_of(&code, place), what));
        for (place, _) in code.match_indices(".unwrap()") {
            found(place, "unwrap: return the error, or say why it cannot fail with expect(\"…\")");
        }
        for (place, call) in code.match_indices(".expect(\"") {
            let said = &file.text[place + call.len()..];
            let said = said.split('"').next().unwrap_or_default();
            if said.split_whitespace().count() < 3 {
                found(place, "expect: say in a few words why it cannot fail");
            }
        }
    }
    findings
}

/// Finds notes of work left for later, and tests that are switched off.
pub fn nothing_is_left_over(tree: &Tree) -> Vec<String> {
    let notes = ["TODO", "FIXME", "XXX", "HACK"];
    let calls = ["todo!", "unimplemented!", "dbg!", "#[ignore", "#[should_panic]"];
    let mut findings = Vec::new();
    for file in tree.rust() {
        let (code, comments) = (file.code(), file.comments());
        for note in notes {
            let places = words(&comments, note).chain(words(&code, note));
            findings.extend(places.map(|place| leftover(file, place, note)));
        }
        for call in calls {
            findings.extend(code.match_indices(call).map(|(place, _)| leftover(file, place, call)));
        }
    }
    findings
}

fn leftover(file: &File, place: usize, what: &str) -> String {
    file.finding(line_of(&file.text, place), &format!("`{what}`: do it now, or leave it out"))
}

/// Finds floats, clocks, files, network, threads and asynchronous code in the engine.
pub fn the_engine_is_pure(tree: &Tree) -> Vec<String> {
    let words_of_the_world = ["f32", "f64", "async", "unsafe", "println", "eprintln", "static", "thread_local"];
    let modules = ["time", "fs", "net", "env", "process", "thread", "io", "os"];
    let mut findings = Vec::new();
    for file in tree.shipped_files().filter(|file| file.path.starts_with("crates/engine/src/")) {
        let code = file.shipped_code();
        let mut found = |place: usize, what: &str| {
            let what = format!("`{what}` in the engine: whatever the world says comes in as an argument");
            findings.push(file.finding(line_of(&code, place), &what));
        };
        for word in words_of_the_world {
            // `'static` is a lifetime.
            let places = words(&code, word).filter(|place| !code[..*place].ends_with('\''));
            places.for_each(|place| found(place, word));
        }
        for module in modules {
            let path = format!("std::{module}");
            words(&code, &path).for_each(|place| found(place, &path));
        }
        for (place, _) in code.match_indices('.').filter(|(place, _)| is_float(&code, *place)) {
            found(place, "a float");
        }
    }
    findings
}

/// Returns `true` if a dot is the point of a number, and not of a range, a tuple's member or a method.
fn is_float(code: &str, dot: usize) -> bool {
    let before = code[..dot].chars().rev().take_while(|c| c.is_ascii_digit() || *c == '_').count();
    let starts = code[..dot - before].chars().next_back();
    let digit_after = code[dot + 1..].starts_with(|c: char| c.is_ascii_digit());
    before > 0 && digit_after && !starts.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_')
}

/// Finds modules that do not open with their purpose.
pub fn modules_say_what_they_are(tree: &Tree) -> Vec<String> {
    let silent = tree.shipped_files().filter(|file| !file.text.starts_with("//! "));
    silent.map(|file| file.finding(1, "open with `//!`: what this is, how it is used, what it never does")).collect()
}
