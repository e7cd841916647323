//! Tests that one mailbox is one address however it is spelled, and that a text that is no address is refused.

use super::*;
use std::collections::BTreeSet;

/// Spellings of one mailbox each: the first is the form in which it is stored.
const MAILBOXES: [(&str, &[&str]); 7] = [
    (
        "ada@example.com",
        &["Ada@Example.com", "ADA@EXAMPLE.COM", " ada@example.com ", "ada@ex\u{ad}ample.com", "ada@example\u{ff0e}com"],
    ),
    (
        "zed@gmail.com",
        &["zed@ｇmail.com", "zed@ＧＭＡＩＬ.ＣＯＭ", "zed@gmail\u{3002}com", "zed@gmail\u{ff61}com", "ZED@ⓖmail.com"],
    ),
    (
        "user@xn--bcher-kva.example",
        &[
            "user@bücher.example",
            "user@BÜCHER.example",
            "user@bu\u{308}cher.example",
            "USER@XN--BCHER-KVA.EXAMPLE",
            "user@Bücher.Example",
            "user@ｂüｃｈｅｒ.example",
            "user@Xn--Bcher-Kva.example",
        ],
    ),
    ("a@xn--strae-oqa.example", &["a@straße.example", "a@XN--STRAE-OQA.example", "a@STRAẞE.example"]),
    ("a@xn--e1afmkfd.xn--p1ai", &["a@пример.рф", "a@ПРИМЕР.РФ", "a@Пример.рф", "a@xn--e1afmkfd.рф"]),
    ("a@xn--wgv71a119e.jp", &["a@日本語.jp", "a@日本語。jp", "a@日本語．ＪＰ", "A@日本語｡jp"]),
    ("o'hara_{x}@mail.example.co", &["O'Hara_{x}@Mail.Example.Co", "o'hara_{X}@mail.example.co"]),
];

/// Texts that are no address of one person, or that have endlessly many spellings.
const NONE: [&str; 58] = [
    "",
    "@",
    "ada",
    "@example.com",
    "ada@",
    "ada@localhost",
    "ada@com",
    "a da@example.com",
    "ada@exa mple.com",
    "ada@example.",
    "ada@.example",
    "ada@.",
    "ada@example.com.",
    "ada@example..com",
    "ada@-example.com",
    "ada@example-.com",
    "ada@exa_mple.com",
    "ada@exa%6dple.com",
    "ada@example.com:25",
    "ada@[127.0.0.1]",
    "ada@[IPv6:::1]",
    "ada@127.0.0.1",
    "ada@2130706433",
    "ada@0x7f.1",
    "ada@example.123",
    "ada@１２７.０.０.１",
    "ada\n@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com\0",
    "ada\u{7f}@example.com",
    "ada\u{85}@example.com",
    "ada\u{2028}@example.com",
    "\"ada\"@example.com",
    "\"a\\da\"@example.com",
    "\"a@b\"@example.com",
    "a.\"da\"@example.com",
    "ada(comment)@example.com",
    "(comment)ada@example.com",
    "ada@example.com(comment)",
    "ada@(comment)example.com",
    "ada@example.com,eve@example.com",
    "ada@example.com;eve@example.com",
    "ada@example.com eve@example.com",
    "<ada@example.com>",
    "Ada <ada@example.com>",
    "mailto:ada@example.com",
    "ada@eve@example.com",
    "ada＠example.com",
    ".ada@example.com",
    "ada.@example.com",
    "a..da@example.com",
    "\u{212a}ate@example.com",
    "ａda@example.com",
    "büro@example.com",
    "ad\u{ad}a@example.com",
    "ad\u{200b}a@example.com",
    "ada@xn--a.example",
    "ada@\u{200d}example.com",
];

#[test]
fn one_mailbox_is_one_address_however_it_is_written() {
    for (kept, spellings) in MAILBOXES {
        for spelling in spellings.iter().chain([&kept]) {
            let read = Email::parse(spelling);
            assert_eq!(read.as_ref().map(Email::as_str), Ok(kept), "{spelling:?}");
        }
    }
}

#[test]
fn every_spelling_gives_one_claim() {
    let tags = ["", "+", "+free", "+1+2", "+A.b"];
    let mut spellings = 0;
    for (kept, others) in MAILBOXES {
        let person = Email::parse(kept).expect("it is one").person();
        for spelling in others.iter().chain([&kept]) {
            for tag in tags {
                let (local, domain) = spelling.split_once('@').expect("it has one");
                let tagged = format!("{local}{tag}@{domain}");
                assert_eq!(Email::parse(&tagged).map(|email| email.person()), Ok(person.clone()), "{tagged:?}");
                spellings += 1;
            }
        }
    }
    // Dots are ignored for one large host alone, under each of its names.
    for dotted in ["z.ed@gmail.com", "z.e.d+x@GoogleMail.com", "Z.E.D@ｇｏｏｇｌｅｍａｉｌ.com"] {
        assert_eq!(Email::parse(dotted).map(|email| email.person()), Ok("zed@gmail.com".to_owned()), "{dotted}");
        spellings += 1;
    }
    let dotted = Email::parse("a.da@example.com").expect("it is one").person();
    assert_ne!(dotted, "ada@example.com", "elsewhere dots count");
    assert!(spellings >= 100, "{spellings} spellings");
}

#[test]
fn what_cannot_be_an_address_is_refused() {
    let long = [
        format!("{}@example.com", "a".repeat(65)),
        format!("ada@{}.example", "a".repeat(64)),
        format!("ada@{}com", "abcdefg.".repeat(32)),
        format!("ada@{}", "ü.".repeat(600)),
    ];
    for wrong in NONE.into_iter().chain(long.iter().map(String::as_str)) {
        assert!(Email::parse(wrong).is_err(), "{wrong:?}: {:?}", Email::parse(wrong));
    }
    let longest = format!("{}@{}com", "a".repeat(64), "abcdefg.".repeat(23));
    assert!(Email::parse(&longest).is_ok(), "{longest}");
}

#[test]
fn reading_an_address_again_changes_nothing() {
    // Random texts of the parts of addresses, and of letters that turn two addresses into one.
    let parts = [
        "a",
        "B",
        "k",
        "\u{212a}",
        "ß",
        "ẞ",
        "ü",
        "u\u{308}",
        "İ",
        "ı",
        "ｇ",
        "ⓖ",
        "日本",
        "。",
        "．",
        ".",
        "-",
        "--",
        "xn--",
        "xn--bcher-kva",
        "XN--",
        "_",
        "+",
        "\"",
        "\\",
        "(",
        ")",
        "<",
        ",",
        "\u{ad}",
        "\u{200c}",
        "\u{200d}",
        "\u{200b}",
        "\u{feff}",
        "\u{202e}",
        "א",
        "ع",
        "1",
        "٣",
        "@",
        "@",
        "@x",
        ".com",
        ".рф",
        "example",
        " ",
        "\0",
        "%40",
        "☃",
        "\u{10ffff}",
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |most: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % most as u64) as usize
    };
    let mut read = BTreeSet::new();
    for _ in 0..200_000 {
        let count = 2 + next(6);
        let local: String = (0..=next(2)).map(|_| parts[next(parts.len())]).collect();
        let text = format!("{local}@{}", (0..count).map(|_| parts[next(parts.len())]).collect::<String>());
        let Ok(email) = Email::parse(&text) else { continue };
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email), "{text:?}");
        assert_eq!(Email::from_earlier(&text).as_ref(), Some(&email), "{text:?}");
        let sent = email.as_str().bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
        assert!(sent && email.as_str().matches('@').count() == 1, "{text:?}: {email}");
        read.insert(email);
    }
    assert!(read.len() > 300, "{} addresses are not many", read.len());
}

#[test]
fn quotes_of_an_earlier_version_say_nothing() {
    for (earlier, now) in [
        ("\"mallory\"@example.org", Some("mallory@example.org")),
        ("\"mal\\lory\"@example.org", Some("mallory@example.org")),
        ("\"\\m\\a\\l\\l\\o\\r\\y\"@example.org", Some("mallory@example.org")),
        ("zed@ｇmail.com", Some("zed@gmail.com")),
        ("\"a b\"@example.org", None),
        ("\"mallory\\\"@example.org", None),
        ("büro@example.com", None),
        ("a@b.example,c@d.example", None),
    ] {
        assert_eq!(Email::from_earlier(earlier).as_ref().map(Email::as_str), now, "{earlier}");
    }
    // An address that cannot be parsed keeps its former person.
    assert_eq!(person_of("Büro+x@example.com"), "büro@example.com");
    assert_eq!(person_of("\"mal\\lory\"@Example.org"), "mallory@example.org");
    assert_eq!(earlier_person("\"mal\\lory\"@Example.org"), "\"mal\\lory\"@example.org");
}
