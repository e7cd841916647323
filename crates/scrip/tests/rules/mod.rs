//! Repository as a value, and the rules that read it.
//!
//! A rule is a function from a [`Tree`] to its findings, so that each can be shown a bad sample in place of the real
//! tree. Every finding names the place, the fault and the remedy.

pub mod code;
pub mod english;
pub mod manifests;
pub mod names;
pub mod prose;
pub mod shape;

use std::fs;
use std::path::Path;

/// Directories of generated files.
const MADE: [&str; 6] = [".git", ".venv", "data", "node_modules", "target", "__pycache__"];

/// A file that people wrote.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Content of the file.
    pub text: String,
    /// `true` if the file is executable.
    pub executable: bool,
}

/// All files that people wrote.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Files, sorted by their path.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the repository this test belongs to.
    pub fn of_this_repository() -> Tree {
        let mut tree = Tree::default();
        tree.read(&root(), "");
        tree.files.sort_by(|one, other| one.path.cmp(&other.path));
        assert!(tree.files.len() > 50, "the repository was not found");
        tree
    }

    /// Returns a small tree, to show the findings of a rule.
    pub fn sample(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
            executable: false,
        };
        Tree { files: files.iter().map(file).collect() }
    }

    fn read(&mut self, root: &Path, folder: &str) {
        let directory = root.join(folder);
        let listed = fs::read_dir(&directory).expect("a directory of the repository can be listed");
        for found in listed {
            let found = found.expect("a directory of the repository can be listed");
            let name = found.file_name().into_string().expect("names in the repository are UTF-8");
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = found.file_type().expect("a listed file has a type");
            if kind.is_dir() && !MADE.contains(&name.as_str()) {
                self.read(root, &path);
            } else if kind.is_file() {
                use std::os::unix::fs::PermissionsExt;
                let mode = found.metadata().expect("a listed file can be looked at").permissions().mode();
                let bytes = fs::read(found.path()).expect("a file of the repository can be read");
                if let Ok(text) = String::from_utf8(bytes) {
                    self.files.push(File { path, text, executable: mode & 0o100 != 0 });
                }
            }
        }
    }

    /// Returns the file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Returns the files whose path ends with a text.
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    /// Returns every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.ending(".rs")
    }

    /// Returns every Rust file that ships.
    pub fn shipped_files(&self) -> impl Iterator<Item = &File> {
        let tests = self.test_modules();
        let below = move |file: &File| tests.iter().any(|module| file.path.starts_with(module.as_str()));
        self.rust().filter(move |file| !file.is_test() && !below(file))
    }

    /// Returns the modules that are declared for tests alone: the beginnings of their files' paths.
    fn test_modules(&self) -> Vec<String> {
        let mut modules = Vec::new();
        for file in self.rust() {
            let code = file.code();
            for (place, mark) in code.match_indices("#[cfg(test)]") {
                let Some(rest) = code[place + mark.len()..].trim_start().strip_prefix("mod ") else { continue };
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if rest[name.len()..].starts_with(';') {
                    let stem = file.path.trim_end_matches(".rs");
                    let roots = ["/mod", "/lib", "/main"];
                    let folder = roots.iter().find_map(|root| stem.strip_suffix(root)).unwrap_or(stem);
                    modules.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]);
                }
            }
        }
        modules
    }
}

/// Returns the root of the repository.
pub fn root() -> std::path::PathBuf {
    // Asked at run time, so that a copy of the tree is judged by its own files.
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&manifest).join("../..")
}

impl File {
    /// Returns `true` if the whole file is for tests.
    pub fn is_test(&self) -> bool {
        let folders = self.path.split('/').rev().skip(1);
        self.path.starts_with("crates/testing/")
            || self.path.ends_with("/tests.rs")
            || folders.into_iter().any(|folder| folder == "tests" || folder == "benches")
    }

    /// Returns its code: comments and the contents of texts are blanks, everything else is where it was.
    pub fn code(&self) -> String {
        mask(&self.text, Keep::Code)
    }

    /// Returns its comments: everything else is blanks.
    pub fn comments(&self) -> String {
        mask(&self.text, Keep::Comments)
    }

    /// Returns its code, without the modules that only tests have.
    pub fn shipped_code(&self) -> String {
        let mut code = self.code();
        while let Some(start) = code.find("#[cfg(test)]") {
            let rest = &code[start..];
            let open = rest.find(['{', ';']).map_or(code.len(), |open| start + open);
            let end = if code[open..].starts_with('{') { closing(&code, open) } else { open };
            let end = (end + 1).min(code.len());
            let blank: String = code[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(start..end, &blank);
        }
        code
    }

    /// Returns a finding about this file.
    pub fn finding(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// Returns the line of a place in a text, from 1.
pub fn line_of(text: &str, place: usize) -> usize {
    1 + text[..place].matches('\n').count()
}

/// Returns the place of the brace that closes the one at a place.
pub fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (place, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return place,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Returns the places at which a word stands alone.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(place, _)| place).filter(move |place| {
        let before = place.checked_sub(1).and_then(|before| code.as_bytes().get(before));
        !part(before) && !part(code.as_bytes().get(place + word.len()))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Code,
    Comments,
}

/// Replaces the parts of a Rust text that are not kept by blanks, byte for byte, so that places and lines stay.
fn mask(text: &str, keep: Keep) -> String {
    let bytes = text.as_bytes();
    let mut kept = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (length, is_comment, is_text) = piece(bytes, at);
        for (offset, byte) in bytes[at..at + length].iter().enumerate() {
            let edge = offset == 0 || offset + 1 == length;
            let keeps = match keep {
                Keep::Comments => is_comment,
                Keep::Code => !is_comment && (!is_text || (edge && *byte == b'"')),
            };
            kept.push(if keeps || *byte == b'\n' { *byte } else { b' ' });
        }
        at += length;
    }
    String::from_utf8(kept).expect("whole characters are kept or blanked")
}

/// Returns the next piece of a Rust text: its length, and whether it is a comment or a text.
fn piece(bytes: &[u8], at: usize) -> (usize, bool, bool) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return (rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()), true, false);
    }
    if rest.starts_with(b"/*") {
        let end = rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2);
        return (end, true, false);
    }
    let starts_a_word = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let raw = if rest.starts_with(b"br") { 2 } else { usize::from(rest.starts_with(b"r")) };
    if raw > 0 && starts_a_word {
        let hashes = rest[raw..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(raw + hashes) == Some(&b'"') {
            let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            let from = raw + hashes + 1;
            let found = rest[from..].windows(end.len()).position(|window| window == end);
            return (found.map_or(rest.len(), |found| from + found + end.len()), false, true);
        }
    }
    match rest[0] {
        b'"' => (text_length(rest, b'"'), false, true),
        // A lifetime has no closing quote; a letter has one after it or after its escape.
        b'\'' if rest.get(1) == Some(&b'\\') => (text_length(rest, b'\''), false, true),
        b'\'' => {
            let letter = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]));
            let width = letter.ok().and_then(|text| text.chars().next()).map_or(0, char::len_utf8);
            if width > 0 && rest.get(1 + width) == Some(&b'\'') { (width + 2, false, true) } else { (1, false, false) }
        }
        _ => (1, false, false),
    }
}

fn text_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}
