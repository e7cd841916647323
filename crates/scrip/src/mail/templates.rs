//! Templates of mails: a plain text and the same as HTML, each a file with names in braces.
//!
//! Invariant: the value of a name is one line of text; in HTML it is escaped, and braces inside it are only braces.

use super::{Mail, Message};
use scrip_engine::payments::TopUpStop;
use scrip_engine::{Amount, Timestamp, Unit, quantity};

/// Lifetime of a sign-in link, in minutes.
pub const SIGN_IN_MINUTES: i64 = 15; // # assumed
/// Maximum number of letters of a name in a mail: with a longer one its author could write the text of the mail.
const SHOWN_MAX: usize = 80; // # assumed
/// Maximum number of letters of a reason in a mail: the maximum of the reason itself.
const REASON_MAX: usize = 200;

/// Texts of a kind of mail. The first line of the plain one is the subject.
struct Template {
    text: &'static str,
    html: &'static str,
}

const SIGN_IN: Template =
    Template { text: include_str!("templates/sign-in.txt"), html: include_str!("templates/sign-in.html") };
const INVITATION: Template =
    Template { text: include_str!("templates/invitation.txt"), html: include_str!("templates/invitation.html") };
const CREDITS_LOW: Template =
    Template { text: include_str!("templates/credits-low.txt"), html: include_str!("templates/credits-low.html") };
const GRANT_EXPIRING: Template = Template {
    text: include_str!("templates/grant-expiring.txt"),
    html: include_str!("templates/grant-expiring.html"),
};
const PAYMENT_FAILED: Template = Template {
    text: include_str!("templates/payment-failed.txt"),
    html: include_str!("templates/payment-failed.html"),
};
const RETENTION_SHORTENED: Template = Template {
    text: include_str!("templates/retention-shortened.txt"),
    html: include_str!("templates/retention-shortened.html"),
};
const PRICE_RAISED: Template =
    Template { text: include_str!("templates/price-raised.txt"), html: include_str!("templates/price-raised.html") };
const TOP_UP_STOPPED: Template = Template {
    text: include_str!("templates/top-up-stopped.txt"),
    html: include_str!("templates/top-up-stopped.html"),
};
const TOP_UP_PUT_OFF: Template = Template {
    text: include_str!("templates/top-up-put-off.txt"),
    html: include_str!("templates/top-up-put-off.html"),
};
const REVIEW_APPROVED: Template = Template {
    text: include_str!("templates/review-approved.txt"),
    html: include_str!("templates/review-approved.html"),
};
const REVIEW_REJECTED: Template = Template {
    text: include_str!("templates/review-rejected.txt"),
    html: include_str!("templates/review-rejected.html"),
};
const REVIEW_REVOKED: Template = Template {
    text: include_str!("templates/review-revoked.txt"),
    html: include_str!("templates/review-revoked.html"),
};

/// Values of the names in a template.
type Values = Vec<(&'static str, String)>;

/// Returns a mail to an address, with its link.
pub fn message(product: &str, to: &str, mail: &Mail, link: &str) -> Message {
    let (template, mut values) = template(mail);
    values.extend([("product", plain(product)), ("recipient", to.to_owned()), ("link", link.to_owned())]);
    let (subject, text) = template.text.split_once("\n\n").expect("the first line is the subject");
    Message {
        to: to.to_owned(),
        subject: fill(subject, &values, str::to_owned),
        text: fill(text, &values, str::to_owned),
        html: fill(template.html, &values, escape),
    }
}

/// Returns the template of a mail, and the values of the names that only it has.
fn template(mail: &Mail) -> (&'static Template, Values) {
    let (template, workspace, mut values) = match mail {
        Mail::SignIn { .. } => return (&SIGN_IN, vec![("minutes", SIGN_IN_MINUTES.to_string())]),
        Mail::Invitation { workspace, inviter, role, invitation: _, expires_at } => {
            // The inviter is an address, and is shown unchanged.
            let inviter = ("inviter", line(inviter, SHOWN_MAX));
            (&INVITATION, workspace, vec![("expires", day_and_time(*expires_at)), inviter, ("role", plain(role))])
        }
        Mail::CreditsLow { workspace, left, line } => {
            let credits = |amount: Amount| quantity(Unit::Credits, amount);
            (&CREDITS_LOW, workspace, vec![("left", credits(*left)), ("line", credits(*line))])
        }
        Mail::GrantExpiring { workspace, amount, unit, expires_at } => {
            let values = vec![("amount", quantity(*unit, *amount)), ("expires", day_and_time(*expires_at))];
            (&GRANT_EXPIRING, workspace, values)
        }
        Mail::PaymentFailed { workspace, plan, attempt, period_ends, awaited_until } => {
            let then = what_then(*period_ends, *awaited_until);
            (&PAYMENT_FAILED, workspace, vec![("plan", plain(plan)), ("attempt", attempt.to_string()), ("then", then)])
        }
        Mail::RetentionShortened { workspace, plan, keeps, old_until } => {
            let until = ("old_until", day_and_time(*old_until));
            (&RETENTION_SHORTENED, workspace, vec![("plan", plain(plan)), ("keeps", keeps.to_string()), until])
        }
        Mail::TopUpStopped { workspace, pack, why, was, now } => {
            let why = why_stopped(*why, was.as_deref(), now.as_deref());
            (&TOP_UP_STOPPED, workspace, vec![("pack", plain(pack)), ("why", why)])
        }
        Mail::TopUpPutOff { workspace, until } => (&TOP_UP_PUT_OFF, workspace, vec![("until", day_and_time(*until))]),
        Mail::PriceRaised { workspace, plan, price, from } => {
            let from = ("from", day_and_time(*from));
            (&PRICE_RAISED, workspace, vec![("plan", plain(plan)), ("price", plain(price)), from])
        }
        Mail::ReviewApproved { workspace, review, plans } => {
            (&REVIEW_APPROVED, workspace, vec![("review", words(review)), ("plans", the_plans(plans))])
        }
        Mail::ReviewRejected { workspace, review, reason } => {
            (&REVIEW_REJECTED, workspace, vec![("review", words(review)), ("reason", line(reason, REASON_MAX))])
        }
        Mail::ReviewRevoked { workspace, review, plans, reason } => {
            let reason = ("reason", line(reason, REASON_MAX));
            (&REVIEW_REVOKED, workspace, vec![("review", words(review)), ("plans", the_plans(plans)), reason])
        }
    };
    values.push(("workspace", plain(workspace)));
    (template, values)
}

/// Returns the reason why automatic top-ups stopped, and the remedy, in sentences.
fn why_stopped(why: TopUpStop, was: Option<&str>, now: Option<&str>) -> String {
    let words = match (why, was, now) {
        (TopUpStop::Declined, ..) => "The payment was declined. Another payment method can be saved on the same page.",
        (TopUpStop::AuthenticationRequired, ..) => {
            "The bank wants you to confirm the payment, which an automatic payment cannot do. Buy a pack yourself, or \
             save another payment method."
        }
        (TopUpStop::NoPaymentMethod, ..) => {
            "No payment method is saved. Buy a pack yourself, which saves one, or save one on the same page."
        }
        (TopUpStop::PackChanged, Some(was), Some(now)) => {
            return format!("The pack was agreed as {}, and is now sold as {}.", plain(was), plain(now));
        }
        (TopUpStop::PackChanged, ..) => "The pack's terms have changed since they were agreed.",
        (TopUpStop::PackGone, ..) => "The pack is no longer sold to this workspace.",
        (TopUpStop::Refused, ..) => "The payment could not be made. The operator is informed.",
        (TopUpStop::NotGiven, ..) => {
            "The pack was paid, and its credits could not be given. The operator is informed, and will settle it."
        }
    };
    words.to_owned()
}

/// Returns the consequence of a declined payment for the plan, in a sentence.
fn what_then(period_ends: Option<Timestamp>, awaited_until: Option<Timestamp>) -> String {
    match (awaited_until, period_ends) {
        (Some(until), _) => format!(
            "The period is over, and its remaining credits cannot be used. Without a payment by {}, the plan ends.",
            day_and_time(until)
        ),
        (None, Some(end)) => format!("The period that is paid for is unchanged until {}.", day_and_time(end)),
        (None, None) => "The period that is paid for is unchanged.".to_owned(),
    }
}

/// Returns the name of a review, which the catalog writes in one word, as words.
fn words(review: &str) -> String {
    plain(&review.replace(['_', '-'], " "))
}

/// Returns plans by their names, as the beginning of a sentence.
fn the_plans(plans: &[String]) -> String {
    let plans: Vec<String> = plans.iter().map(|plan| plain(plan)).collect();
    match plans.as_slice() {
        [] => "The plans that require it".to_owned(),
        [one] => format!("The {one} plan"),
        [first @ .., last] => format!("The plans {} and {last}", first.join(", ")),
    }
}

fn day_and_time(at: Timestamp) -> String {
    // An instant beyond the calendar is shown as its last one.
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// Returns a template with the values in place of its names. It is read once: a value that was filled in is not read
/// for names.
fn fill(template: &str, values: &[(&str, String)], form: fn(&str) -> String) -> String {
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

/// Returns a name that a person has chosen, as one line in which no mail program finds a link: the text after a colon,
/// and a letter after a dot or an at sign, stands apart.
fn plain(text: &str) -> String {
    let line = line(text, SHOWN_MAX);
    let mut apart = String::with_capacity(line.len() + 8);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        apart.push(letter);
        let next = letters.peek().copied().unwrap_or(' ');
        let parts = match letter {
            ':' | '\u{ff1a}' => !next.is_whitespace(),
            '.' | '@' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}' | '\u{ff20}' => next.is_alphabetic(),
            _ => false,
        };
        if parts {
            apart.push(' ');
        }
    }
    apart
}

/// Returns the text of a person as one line: no control characters, no marks that turn or hide the text after them, and
/// at most `most` letters.
fn line(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let hides =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let line: String = text.chars().filter(|c| !hides(*c)).map(shown).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// Returns a text as HTML, inside an element or a quoted attribute.
fn escape(text: &str) -> String {
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
        assert_eq!(mail.subject, "You are invited to a workspace on two-buckets");
        assert_eq!(mail.text, include_str!("golden/invitation.txt"));
        assert_eq!(mail.html, include_str!("golden/invitation.html"));

        let link = "https://credits.example.com/sign-in?token=x&to=y";
        let mail = message("two-buckets", "bo@example.com", &Mail::SignIn { workspace: None, known_as: None }, link);
        assert_eq!(mail.subject, "Sign in to two-buckets");
        assert_eq!(mail.text, include_str!("golden/sign-in.txt"));
        assert_eq!(mail.html, include_str!("golden/sign-in.html"));
    }

    fn amount(units: i64) -> Amount {
        Amount::new(units).expect("it is in range")
    }

    /// Returns one of each notice, in a workspace of this name, with this reason where there is one.
    fn notices(workspace: &str, reason: &str) -> [(&'static str, Mail); 11] {
        let [workspace, reason] = [workspace, reason].map(str::to_owned);
        // 2026-12-01T09:30:00Z
        let at = Timestamp::from_micros(1_796_117_400_000_000);
        let (review, plan) = ("business_verification".to_owned(), "Business".to_owned());
        let failed = |period_ends, awaited_until| {
            let (workspace, plan) = (workspace.clone(), plan.clone());
            Mail::PaymentFailed { workspace, plan, attempt: 2, period_ends, awaited_until }
        };
        let low = Mail::CreditsLow { workspace: workspace.clone(), left: amount(1), line: amount(50) };
        let expiring = Mail::GrantExpiring {
            workspace: workspace.clone(),
            amount: amount(940),
            unit: Unit::Credits,
            expires_at: at,
        };
        let shortened = Mail::RetentionShortened {
            workspace: workspace.clone(),
            plan: "Free".to_owned(),
            keeps: scrip_engine::Span::Months(3),
            old_until: at,
        };
        let raised = Mail::PriceRaised {
            workspace: workspace.clone(),
            plan: "Pro".to_owned(),
            price: "49.00 USD a month".to_owned(),
            from: at,
        };
        let stopped = Mail::TopUpStopped {
            workspace: workspace.clone(),
            pack: "credits-1000".to_owned(),
            why: TopUpStop::PackChanged,
            was: Some("1000 credits for 12.00 USD".to_owned()),
            now: Some("1000 credits for 15.00 USD".to_owned()),
        };
        let put_off = Mail::TopUpPutOff { workspace: workspace.clone(), until: at };
        let approved = Mail::ReviewApproved {
            workspace: workspace.clone(),
            review: review.clone(),
            plans: ["Business", "Big", "Huge"].map(str::to_owned).into(),
        };
        let rejected =
            Mail::ReviewRejected { workspace: workspace.clone(), review: review.clone(), reason: reason.clone() };
        [
            ("credits-low", low),
            ("grant-expiring", expiring),
            ("payment-failed", failed(Some(at), None)),
            ("payment-awaited", failed(Some(at), Some(at))),
            ("price-raised", raised),
            ("retention-shortened", shortened),
            ("top-up-stopped", stopped),
            ("top-up-put-off", put_off),
            ("review-approved", approved),
            ("review-rejected", rejected),
            ("review-revoked", Mail::ReviewRevoked { workspace, review, plans: vec![plan], reason }),
        ]
    }

    #[test]
    fn notices_say_what_they_are_to_say() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/golden");
        for (name, notice) in notices("Ada & Bo's <studio>", "the register does not know the company") {
            let kept = notice.to("a", "bo@example.com").expect("the address is good");
            assert_eq!(Mail::read(&kept.kind, &kept.data).as_ref(), Ok(&notice));
            let link = "https://credits.example.com/settings/billing?a=b&c=d";
            let mail = message("canvas-tiers", "bo@example.com", &notice, link);
            let golden = |ending: &str| {
                std::fs::read_to_string(format!("{folder}/{name}.{ending}"))
                    .unwrap_or_else(|error| panic!("{name}.{ending}: {error}"))
            };
            assert_eq!(format!("{}\n\n{}", mail.subject, mail.text), golden("txt"), "{name}");
            assert_eq!(mail.html, golden("html"), "{name}");
        }
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
            for ((kind, notice), (_, same)) in notices(name, name).into_iter().zip(notices("W", "R")) {
                let link = "https://example.com/?a&b";
                let (mail, same) =
                    (message(name, "bo@example.com", &notice, link), message("P", "bo@example.com", &same, link));
                assert!(!mail.subject.chars().any(char::is_control) && mail.subject.chars().count() < 250, "{kind}");
                assert_eq!(mail.text.lines().count(), same.text.lines().count(), "{kind}: {}", mail.text);
                assert_eq!(tags(&mail.html), tags(&same.html), "{kind}: {}", mail.html);
            }
        }
    }

    #[test]
    fn no_name_is_in_a_subject_and_none_becomes_a_link() {
        let names = [
            "Your PayPal is limited, visit http://evil.example/login now",
            "www.evil.example",
            "evil.example",
            "EVIL.EXAMPLE/x?y#z",
            "javascript:alert(1)",
            "mailto:eve@evil.example",
            "eve@evil.example",
            "https:\u{ff0f}\u{ff0f}evil\u{ff0e}example",
            "http\u{ff1a}//evil\u{3002}example",
            "http://xn--evil.example:8080",
            "ftp://evil.example",
            "a.b.c.d.example",
        ];
        let dots = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}', '\u{2024}'];
        for name in names {
            let shown = plain(name);
            for found in ["://", ":/", "www.e", "mailto:e", "javascript:a", "@e"] {
                assert!(!shown.contains(found), "{found} in {shown}");
            }
            let letters: Vec<char> = shown.chars().collect();
            let is_domain =
                |three: &[char]| three[0].is_alphanumeric() && dots.contains(&three[1]) && three[2].is_alphabetic();
            assert!(!letters.windows(3).any(is_domain), "{shown}");
            let words: Vec<&str> = name.split([' ', '.', '/', ':']).filter(|word| word.len() > 3).collect();
            let link = "https://credits.example.com/x";
            let mails =
                notices(name, "R").into_iter().map(|(_, notice)| notice).chain([invitation(name, "ada@example.com")]);
            for mail in mails {
                let mail = message("P", "bo@example.com", &mail, link);
                for word in &words {
                    assert!(!mail.subject.contains(word), "{word} in {}", mail.subject);
                }
                assert!(!mail.text.contains(name) || plain(name) == name, "{}", mail.text);
                let links = |text: &str| text.matches("://").count() - text.matches(link).count();
                assert_eq!((links(&mail.text), links(&mail.html)), (0, 0), "{}", mail.text);
            }
        }
        assert_eq!(plain("Ada's v1.5, 3.2 x"), "Ada's v1.5, 3.2 x", "numbers stay as they are");
    }

    #[test]
    fn a_name_that_looks_like_a_template_is_only_a_name() {
        let mail = message("P", "bo@example.com", &invitation("{link} {inviter}", "ada@example.com"), "https://secret");
        assert!(mail.text.contains("{link} {inviter}"), "{}", mail.text);
        assert_eq!(mail.text.matches("https://secret").count(), 1);
    }

    #[test]
    fn nothing_is_fetched_when_a_mail_is_read() {
        let notices = notices("W", "R").map(|(_, notice)| template(&notice).0);
        for template in [&SIGN_IN, &INVITATION].into_iter().chain(notices) {
            for word in ["src", "url(", "<link", "<img", "<script", "@import", "http"] {
                assert!(!template.html.contains(word), "{word}: {}", template.html);
            }
            assert!(template.html.matches("{link}").count() == 2 && template.text.matches("{link}").count() == 1);
        }
    }
}
