//! Mistakes in the layout of a file that the TOML reader reports far from their place: a bracket that is never closed,
//! a text that never ends, and `[plan]` where `[[plan]]` belongs.
//!
//! Method: the text is scanned once. A new `key =` or `[table]` at the start of a line, inside a list, shows that the
//! list was never closed; the scan goes on from there, so that one bracket is one finding.
//!
//! Invariant: one pass over the bytes; no finding in a file whose brackets and headers are right.

/// Names of the tables that a catalog has several of.
pub(super) const LISTS: [&str; 11] = [
    "plan",
    "model",
    "pack",
    "preset",
    "lanes",
    "plan.once",
    "plan.price",
    "plan.price.grants",
    "plan.trial",
    "plan.limited",
    "model.adjust",
];

/// One mistake in the layout, with its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// Offset of the mistake in the text, in bytes.
    pub offset: usize,
    /// Reason for which it is a mistake.
    pub message: String,
    /// Advice on the text to write instead.
    pub help: String,
}

/// Returns the mistakes of a text in the order of the file. Of headers with one name, the first is reported.
pub(super) fn mistakes(text: &str) -> Vec<Mistake> {
    let mut scan = Scan { text, at: 0, open: Vec::new(), last: b'\n', found: Vec::new(), headers: Vec::new() };
    while scan.at < text.len() {
        scan.line();
    }
    scan.report_open();
    scan.found
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// Brackets that are open, with their offsets.
    open: Vec<(u8, usize)>,
    /// Last byte that is neither white space nor in a comment.
    last: u8,
    found: Vec<Mistake>,
    /// Names of headers that were reported already.
    headers: Vec<&'a str>,
}

impl<'a> Scan<'a> {
    /// Reads one line, or more where a text goes over several.
    fn line(&mut self) {
        let rest = &self.text[self.at..];
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let statement = line.split_once('#').map_or(line, |(before, _)| before).trim();
        let is_new = header(statement).is_some() || self.is_entry(statement);
        if is_new && !self.open.is_empty() {
            self.report_open();
        }
        if self.open.is_empty() && statement.starts_with('[') {
            self.header(statement, line.len() - line.trim_start().len());
            self.at += line.len();
            return;
        }
        let end = self.at + line.len();
        while self.at < end {
            self.value(end);
        }
    }

    /// Returns `true` for `key = …` where no entry of a table can stand.
    fn is_entry(&self, statement: &str) -> bool {
        let Some((name, _)) = statement.split_once('=') else { return false };
        let expects_entry = self.open.last().is_some_and(|(bracket, _)| *bracket == b'{');
        is_name(name) && !(expects_entry && [b'{', b','].contains(&self.last))
    }

    fn header(&mut self, statement: &'a str, indent: usize) {
        let Some((name, false)) = header(statement) else { return };
        if !LISTS.contains(&name) || self.headers.contains(&name) {
            return;
        }
        self.headers.push(name);
        let message = format!("[{name}] is one table, and a catalog has a list of them");
        self.found.push(Mistake { offset: self.at + indent, message, help: format!("write [[{name}]]") });
    }

    /// Reads one byte, comment or text.
    fn value(&mut self, end: usize) {
        let bytes = self.text.as_bytes();
        let (byte, start) = (bytes[self.at], self.at);
        self.at += 1;
        match byte {
            b'#' => self.at = end,
            b'"' | b'\'' => self.skip_quoted(byte, start),
            b'[' | b'{' => self.open.push((byte, start)),
            b']' | b'}' => self.close(byte),
            _ => {}
        }
        if !byte.is_ascii_whitespace() && byte != b'#' {
            self.last = byte;
        }
    }

    fn skip_quoted(&mut self, quote: u8, start: usize) {
        let bytes = self.text.as_bytes();
        let is_long = bytes[start..].starts_with(&[quote; 3]);
        self.at = if is_long { start + 3 } else { start + 1 };
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'\\' if quote == b'"' => self.at += 1,
                b'\n' if !is_long => return,
                byte if *byte == quote && (!is_long || bytes[self.at..].starts_with(&[quote; 3])) => {
                    self.at += if is_long { 3 } else { 1 };
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = bytes.len();
        if is_long {
            let end = char::from(quote).to_string().repeat(3);
            let help = format!("write {end} where it ends");
            self.found.push(Mistake {
                offset: start,
                message: "the text that begins here never ends".to_owned(),
                help,
            });
            self.open.clear();
        }
    }

    fn close(&mut self, byte: u8) {
        let opening = if byte == b']' { b'[' } else { b'{' };
        match self.open.last() {
            Some((bracket, _)) if *bracket == opening => drop(self.open.pop()),
            // `[{ amount = 5 ]`: if the outer bracket is open, the inner one was forgotten.
            Some(_) if self.open.iter().any(|(bracket, _)| *bracket == opening) => {
                let outer = self.open.iter().rposition(|(bracket, _)| *bracket == opening).unwrap_or_default();
                let inner = self.open.split_off(outer + 1);
                self.open.pop();
                self.report_forgotten(&inner);
            }
            _ => {}
        }
    }

    /// Records that the open brackets are never closed, and takes them as closed here.
    fn report_open(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.report_forgotten(&open);
    }

    fn report_forgotten(&mut self, open: &[(u8, usize)]) {
        let Some((bracket, offset)) = open.first() else { return };
        let closing = open.iter().rev().take(8).map(|(bracket, _)| if *bracket == b'[' { ']' } else { '}' });
        let closing: String = closing.collect();
        let what = if *bracket == b'[' { "list" } else { "table" };
        let message = format!("the {what} that begins here is never closed");
        self.found.push(Mistake { offset: *offset, message, help: format!("write `{closing}` where it ends") });
    }
}

/// Returns the name of a header, and `true` when the header is of a list: `[[name]]`.
fn header(statement: &str) -> Option<(&str, bool)> {
    let inner = statement.strip_prefix('[')?.strip_suffix(']')?;
    let (inner, is_list) = match inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let name = inner.trim();
    // `[true]` may be the last line of a list of lists.
    (is_name(name) && !["true", "false", "inf", "nan"].contains(&name)).then_some((name, is_list))
}

/// Returns `true` for a bare key, or several joined by dots.
fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let starts = |part: &str| part.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    text.split('.').map(str::trim).all(|part| starts(part) && part.bytes().all(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes_by_line(text: &str) -> Vec<(usize, String)> {
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        mistakes(text).into_iter().map(|mistake| (line(mistake.offset), mistake.help)).collect()
    }

    #[test]
    fn a_bracket_that_is_never_closed_is_found_where_it_opens() {
        let closed = |line: usize, closing: &str| vec![(line, format!("write `{closing}` where it ends"))];
        for (text, expected) in [
            ("a = 1\ngrants = [{ amount = 625 }\n[[plan]]\nid = 'x'\n", closed(2, "]")),
            ("grants = [{ amount = 625 }\nid = 'x'\nb = [1]\n", closed(1, "]")),
            ("grants = [{ amount = 625 ]\nid = 'x'\n", closed(1, "}")),
            ("grants = [{ amount = 625\n[model.params]\n", closed(1, "}]")),
            ("rate = { credits = 10, per = 'call'\nid = 'x'\n", closed(1, "}")),
            ("rate = { credits = 10,\n per = 'call'\n\n[[pack]]\n", closed(1, "}")),
            ("a = [\n 'x',\n 'y'\n", closed(1, "]")),
        ] {
            assert_eq!(mistakes_by_line(text), expected, "{text}");
        }
        let two = "a = [1\nb = 2\nc = { d = 1\n[e]\n";
        assert_eq!(mistakes_by_line(two).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(mistakes_by_line("a = \"\"\"x [\n[plan]\nb = 2"), [(1, "write \"\"\" where it ends".to_owned())]);
    }

    #[test]
    fn a_right_layout_has_no_mistake() {
        for text in [
            "a = [\n  [1, 2],\n  [true]\n]\n[b]\nc = 'x [ y'\n",
            "a = { b = 1,\n  c = [\n 'd = 1', # e = [\n ],\n  f = 2 }\n",
            "a = \"\"\"\n[plan]\nb = [\n\"\"\"\n[[plan]]\n[model.rate]\n",
            "a = '''x'''\nb = \"\\\"[\"\nc = '\\'\n",
        ] {
            assert_eq!(mistakes_by_line(text), [], "{text}");
        }
    }

    #[test]
    fn a_table_that_should_be_a_list_is_said_once() {
        for name in LISTS {
            let text = format!("x = 1\n [ {name} ] # first\nid = 'a'\n[{name}]\nid = 'b'\n");
            assert_eq!(mistakes_by_line(&text), [(2, format!("write [[{name}]]"))]);
        }
    }
}
