//! What mails say: a text and the same as HTML, each a file with names in braces.
//!
//! Invariant: what stands for a name is one line of text; in HTML it is escaped, and braces inside it are only braces.

use super::{Mail, Message};
use scrip_engine::Timestamp;

/// Minutes for which a link that signs somebody in works.
pub const SIGN_IN_MINUTES: i64 = 15; // # assumed
/// Letters of a name that are shown; a longer one is somebody's attempt to write the mail themselves.
const SHOWN_MAX: usize = 80; // # assumed

/// The texts of a kind of mail. The first line of the plain one is the subject.
struct Template {
    text: &'static str,
    html: &'static str,
}

const SIGN_IN: Template =
    Template { text: include_str!("templates/sign-in.txt"), html: include_str!("templates/sign-in.html") };
const INVITATION: Template =
    Template { text: include_str!("templates/invitation.txt"), html: include_str!("templates/invitation.html") };

/// A mail to an address, with the link it is about.
pub fn message(product: &str, to: &str, mail: &Mail, link: &str) -> Message {
    let product = ("product", plain(product));
    let (recipient, link) = (("recipient", to.to_owned()), ("link", link.to_owned()));
    let (template, values) = match mail {
        Mail::SignIn { .. } => (&SIGN_IN, vec![product, recipient, link, ("minutes", SIGN_IN_MINUTES.to_string())]),
        Mail::Invitation { workspace, inviter, role, invitation: _, expires_at } => {
            let expires = day_and_time(*expires_at);
            let names = [("workspace", workspace), ("inviter", inviter), ("role", role)];
            let names = names.map(|(name, text)| (name, plain(text)));
            (&INVITATION, [product, recipient, link, ("expires", expires)].into_iter().chain(names).collect())
        }
    };
    let (subject, text) = template.text.split_once("\n\n").expect("the first line is the subject");
    Message {
        to: to.to_owned(),
        subject: filled(subject, &values, str::to_owned),
        text: filled(text, &values, str::to_owned),
        html: filled(template.html, &values, escaped),
    }
}

fn day_and_time(at: Timestamp) -> String {
    // What is outside the calendar is far away.
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// A template with what its names stand for. It is read once: what was put in is not looked at again.
fn filled(template: &str, values: &[(&str, String)], form: fn(&str) -> String) -> String {
    let mut pieces = template.split('{');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').expect("a brace is closed");
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.expect("a template names only what it is given");
        whole.push_str(&form(value));
        whole.push_str(rest);
    }
    whole
}

/// Somebody's text as one line: no control characters, nothing that turns or hides what follows it, and not too much.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let hides =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let line: String = text.chars().filter(|c| !hides(*c)).map(shown).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Text as HTML, inside an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(workspace: &str, inviter: &str) -> Mail {
        let [workspace, inviter, role, invitation] = [workspace, inviter, "member", "inv_1"].map(str::to_owned);
        // 2026-12-01T09:30:00Z
        let expires_at = Timestamp::from_micros(1_796_117_400_000_000);
        Mail::Invitation { workspace, inviter, role, invitation, expires_at }
    }

    #[test]
    fn mails_say_what_they_are_to_say() {
        let link = "https://credits.example.com/invitations/inv_1.0123456789abcdef";
        let mail =
            message("two-buckets", "bo@example.com", &invitation("Ada & Bo's <studio>", "ada@example.com"), link);
        assert_eq!(mail.to, "bo@example.com");
        assert_eq!(mail.subject, "You are invited to Ada & Bo's <studio> on two-buckets");
        assert_eq!(mail.text, include_str!("golden/invitation.txt"));
        assert_eq!(mail.html, include_str!("golden/invitation.html"));

        let link = "https://credits.example.com/sign-in?token=x&to=y";
        let mail = message("two-buckets", "bo@example.com", &Mail::SignIn { workspace: None }, link);
        assert_eq!(mail.subject, "Sign in to two-buckets");
        assert_eq!(mail.text, include_str!("golden/sign-in.txt"));
        assert_eq!(mail.html, include_str!("golden/sign-in.html"));
    }

    #[test]
    fn whatever_a_name_is_it_stays_a_line_of_text() {
        for name in [
            "A\r\nBcc: eve@example.com",
            "A\nSubject: B",
            "A\u{2028}B\u{85}C\0D",
            "\u{202e}moc.elpmaxe//:sptth",
            "<script>alert(1)</script>",
            "\"><img src=https://example.com/x.png>",
            "' onmouseover='x",
            "{link} {nothing} {",
            "&lt;b&gt;",
            &"long ".repeat(1_000),
        ] {
            let mail = message(name, "bo@example.com", &invitation(name, name), "https://example.com/?a&b");
            assert!(!mail.subject.chars().any(char::is_control), "{name:?}: {}", mail.subject);
            assert!(mail.subject.chars().count() < 200, "{}", mail.subject);
            let same = message("P", "bo@example.com", &invitation("W", "I"), "L");
            assert_eq!(mail.text.lines().count(), same.text.lines().count(), "{}", mail.text);
            for html in ["<script", "<img", "<b>", "' on", "\" on", "onmouseover='"] {
                assert!(!mail.html.contains(html), "{html}: {}", mail.html);
            }
            let tags = |html: &str| html.matches('<').count();
            assert_eq!(tags(&mail.html), tags(&same.html), "{}", mail.html);
            assert!(!mail.text.contains('\u{202e}') && !mail.html.contains('\u{202e}'));
        }
    }

    #[test]
    fn a_name_that_looks_like_a_template_is_only_a_name() {
        let mail = message("P", "bo@example.com", &invitation("{link} {inviter}", "ada@example.com"), "https://secret");
        assert!(mail.subject.contains("{link} {inviter}"), "{}", mail.subject);
        assert_eq!(mail.text.matches("https://secret").count(), 1);
    }

    #[test]
    fn nothing_is_fetched_when_a_mail_is_read() {
        for template in [&SIGN_IN, &INVITATION] {
            for word in ["src", "url(", "<link", "<img", "<script", "@import", "http"] {
                assert!(!template.html.contains(word), "{word}: {}", template.html);
            }
            assert!(template.html.matches("{link}").count() == 2 && template.text.matches("{link}").count() == 1);
        }
    }
}
