//! Rules about prose: documents, comments, and hosts that no file names.

use super::{File, Tree, line_of, words};

/// Words that say less than they seem to, with a replacement for each.
const BANNED: [(&str, &str); 14] = [
    ("simply", "leave it out: the reader finds out whether it is simple"),
    ("obviously", "leave it out, or say why"),
    ("basically", "leave it out"),
    ("easily", "say how"),
    ("seamless", "say what happens"),
    ("seamlessly", "say what happens"),
    ("blazing", "give the figure and the machine"),
    ("leverage", "use"),
    ("utilize", "use"),
    ("utilise", "use"),
    ("whitelist", "allow-list"),
    ("blacklist", "deny-list"),
    ("sanity", "say what is checked"),
    ("etc", "name the rest, or say what they have in common"),
];

/// Package registries, in halves so that this file does not name one: a build finds its packages by its own
/// configuration, wherever the operator keeps a mirror.
const HOSTS: [(&str, &str); 6] = [
    ("crates", ".io"),
    ("docs", ".rs/"),
    ("pypi", ".org"),
    ("files.python", "hosted.org"),
    ("npmjs", ".org"),
    ("npmjs", ".com"),
];

/// Finds documents that do not open with their only title.
pub fn documents_have_one_title(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        let prose = without_code(&file.text);
        let titles: Vec<usize> =
            prose.lines().enumerate().filter(|(_, line)| line.starts_with("# ")).map(|(n, _)| n + 1).collect();
        match titles.as_slice() {
            [_] if prose.trim_start().starts_with("# ") => {}
            [] => findings.push(file.finding(1, "no title: begin with `# `")),
            [line] => findings.push(file.finding(*line, "the title comes first")),
            [_, second, ..] => findings.push(file.finding(*second, "a second title: make it `## `")),
        }
    }
    findings
}

/// Finds links to files of the repository that do not exist.
pub fn links_lead_somewhere(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        let prose = without_code(&file.text);
        for (place, _) in prose.match_indices("](") {
            let target = prose[place + 2..].split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = join(folder, target);
            let there = |found: &File| found.path == path || found.path.starts_with(&format!("{path}/"));
            if !tree.files.iter().any(there) {
                findings.push(file.finding(line_of(&prose, place), &format!("`{target}` is not there: mend the link")));
            }
        }
    }
    findings
}

fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Finds words without a meaning in documents and comments.
pub fn words_say_something(tree: &Tree) -> Vec<String> {
    let documents = tree.ending(".md").map(|file| (file, without_code(&file.text)));
    let comments = tree.rust().map(|file| (file, file.comments()));
    let mut findings = Vec::new();
    for (file, text) in documents.chain(comments) {
        let text = text.to_ascii_lowercase();
        for (word, instead) in BANNED {
            let places = words(&text, word);
            findings.extend(places.map(|place| file.finding(line_of(&text, place), &format!("`{word}`: {instead}"))));
        }
    }
    findings
}

/// Finds names of package registries in files. Cargo writes its own into the lock file.
pub fn no_registry_is_named(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (front, back) in HOSTS {
            let places = file.text.match_indices(&format!("{front}{back}")).map(|(place, _)| place).collect::<Vec<_>>();
            let what = "a package registry by name: builds use the one that is configured; leave it out";
            findings.extend(places.iter().map(|place| file.finding(line_of(&file.text, *place), what)));
        }
    }
    findings
}

/// Returns a document's prose: the lines of code blocks are empty, and text between backquotes is blank.
fn without_code(text: &str) -> String {
    let mut block = false;
    let mut prose = String::with_capacity(text.len());
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        block ^= fence;
        if !fence && !block {
            let parts = line.split('`').enumerate();
            let blank = |part: &str| part.chars().map(|_| ' ').collect::<String>();
            parts.for_each(|(n, part)| prose.push_str(&if n % 2 == 0 { part.to_owned() } else { blank(part) }));
        }
        prose.push('\n');
    }
    prose
}
