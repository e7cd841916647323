//! HTML as a value that cannot be written without escaping.
//!
//! Markup comes from string literals alone; whatever is known only at run time goes through [`Html::text`].
//!
//! Invariant: no text from outside becomes markup.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("style.css");

/// A piece of HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Creates an empty piece of HTML.
    pub fn new() -> Html {
        Html::default()
    }

    /// Appends markup, which only the program itself can have written.
    #[must_use]
    pub fn raw(mut self, markup: &'static str) -> Html {
        self.0.push_str(markup);
        self
    }

    /// Appends text from any source, escaped so that it is good between tags and inside a quoted attribute.
    #[must_use]
    pub fn text(mut self, text: impl AsRef<str>) -> Html {
        for letter in text.as_ref().chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Appends another piece of HTML.
    #[must_use]
    pub fn add(mut self, piece: Html) -> Html {
        self.0.push_str(&piece.0);
        self
    }

    /// Appends a piece for each of some things.
    #[must_use]
    pub fn each<T>(self, things: impl IntoIterator<Item = T>, piece: impl Fn(T) -> Html) -> Html {
        things.into_iter().fold(self, |whole, thing| whole.add(piece(thing)))
    }

    /// Appends a piece, if there is something to say.
    #[must_use]
    pub fn maybe<T>(self, thing: Option<T>, piece: impl Fn(T) -> Html) -> Html {
        self.each(thing, piece)
    }

    /// Appends a link with an address and its words.
    #[must_use]
    pub fn link(self, address: impl AsRef<str>, words: impl AsRef<str>) -> Html {
        self.raw("<a href=\"").text(address).raw("\">").text(words).raw("</a>")
    }

    /// Returns a whole page with a title.
    pub fn page(self, status: StatusCode, title: &str) -> Response {
        let page = Html::new()
            .raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>")
            .text(title)
            .raw("</title>\n<style>\n")
            .raw(STYLE)
            .raw("</style>\n</head>\n<body>\n<p class=\"notice\">A simulation: no money moves here.</p>\n<main>\n")
            .add(self)
            .raw("</main>\n</body>\n</html>\n");
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            // Nothing is loaded, nothing is run, and no other page may show this one in a frame.
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
            ),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (status, headers, page.0).into_response()
    }
}

/// Redirects the reader to another page. Characters that an address may not hold are percent-encoded.
pub fn see_other(address: &str) -> Response {
    let mut encoded = String::with_capacity(address.len());
    for byte in address.bytes() {
        match byte {
            b'!'..=b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    (StatusCode::SEE_OTHER, [(header::LOCATION, encoded)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let html = Html::new().raw("<p title=\"").text("\"><script>'&").raw("\">").text("<b>").raw("</p>");
        assert_eq!(html.0, "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\">&lt;b&gt;</p>");
    }

    #[test]
    fn an_address_stays_one_line() {
        let answer = see_other("https://shop.example/é?a=b\r\nSet-Cookie: c=d");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[header::LOCATION], "https://shop.example/%C3%A9?a=b%0D%0ASet-Cookie:%20c=d");
    }
}
