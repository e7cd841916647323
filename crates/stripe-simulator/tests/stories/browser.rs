//! Browser without a screen: it reads the forms of a page, fills one in, and presses its button.

use reqwest::header;
use std::collections::BTreeMap;

/// Page that a browser shows.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: String,
    pub status: u16,
    pub html: String,
}

/// Result of pressing a button.
#[derive(Debug)]
pub enum Destination {
    /// Another page of the simulator was opened.
    To(Page),
    /// The browser was sent to an address outside the simulator.
    Out(String),
}

impl Destination {
    pub fn page(self) -> Page {
        match self {
            Destination::To(page) => page,
            Destination::Out(address) => panic!("it leads out to {address}"),
        }
    }

    pub fn address(self) -> String {
        match self {
            Destination::To(page) => panic!("it leads to {}: {}", page.url, page.text()),
            Destination::Out(address) => address,
        }
    }
}

/// Returns the values for the form of a card.
pub fn card(number: &str) -> [(&str, &str); 3] {
    [("card_number", number), ("card_expiry", "12/34"), ("card_cvc", "123")]
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn follow(client: &reqwest::Client, from: String, mut answer: reqwest::Response) -> Destination {
    let mut url = reqwest::Url::parse(&from).unwrap();
    while answer.status() == 303 {
        let next = url.join(answer.headers()[header::LOCATION].to_str().unwrap()).unwrap();
        if next.authority() != url.authority() {
            return Destination::Out(next.to_string());
        }
        url = next;
        answer = client.get(url.clone()).send().await.unwrap();
    }
    let status = answer.status().as_u16();
    Destination::To(Page { url: url.to_string(), status, html: answer.text().await.unwrap() })
}

/// Opens an address and follows its redirects.
pub async fn open(url: &str) -> Page {
    let client = client();
    let answer = client.get(url).send().await.unwrap();
    follow(&client, url.to_owned(), answer).await.page()
}

impl Page {
    /// Returns the text that a reader sees.
    pub fn text(&self) -> String {
        let body = self.html.split("</style>").nth(1).unwrap_or(&self.html);
        let mut text = String::new();
        for part in body.split('<') {
            text.push(' ');
            text.push_str(part.split_once('>').map_or(part, |(_, rest)| rest));
        }
        decode(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Returns `true` if a reader sees these words.
    pub fn says(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    fn form(&self, button: &str) -> Option<&str> {
        let forms = self.html.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
        forms.into_iter().find(|form| form.split("<button").skip(1).any(|one| label(one).starts_with(button)))
    }

    /// Returns `true` if the page has such a button.
    pub fn offers(&self, button: &str) -> bool {
        self.form(button).is_some()
    }

    /// Opens the address behind a link.
    pub async fn click(&self, words: &str) -> Page {
        let link = self.html.split("<a ").skip(1).find(|link| label(link).starts_with(words));
        let link = link.unwrap_or_else(|| panic!("no link {words} on {}: {}", self.url, self.text()));
        let url = reqwest::Url::parse(&self.url).unwrap().join(&attribute(link, "href").unwrap()).unwrap();
        open(url.as_str()).await
    }

    /// Fills in the form with this button, and presses it.
    pub async fn press(&self, button: &str, values: &[(&str, &str)]) -> Destination {
        let form = self.form(button).unwrap_or_else(|| panic!("no button {button} on {}: {}", self.url, self.text()));
        let mut fields = BTreeMap::new();
        for input in form.split("<input ").skip(1) {
            if attribute(input, "type").as_deref() != Some("radio") {
                let name = attribute(input, "name").unwrap();
                fields.insert(name, attribute(input, "value").unwrap_or_default());
            }
        }
        for (name, value) in values {
            assert!(form.contains(&format!("name=\"{name}\"")), "no field {name} beside {button} on {}", self.url);
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        let pressed = form.split("<button").skip(1).find(|one| label(one).starts_with(button)).unwrap();
        if let Some(name) = attribute(pressed, "name") {
            fields.insert(name, attribute(pressed, "value").unwrap_or_default());
        }
        let mut url = reqwest::Url::parse(&self.url).unwrap().join(&attribute(form, "action").unwrap()).unwrap();
        let client = client();
        if attribute(form, "method").as_deref() == Some("get") {
            url.query_pairs_mut().clear().extend_pairs(&fields);
            let answer = client.get(url.clone()).send().await.unwrap();
            return follow(&client, url.to_string(), answer).await;
        }
        let mut body = reqwest::Url::parse("form:").unwrap();
        body.query_pairs_mut().extend_pairs(&fields);
        let request = client.post(url.clone()).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = request.body(body.query().unwrap().to_owned()).send().await.unwrap();
        follow(&client, url.to_string(), answer).await
    }
}

/// Returns the words of a tag, of which `rest` follows its name, up to its end.
fn label(rest: &str) -> String {
    let inside = rest.split_once('>').map_or("", |(_, inside)| inside);
    decode(inside.split('<').next().unwrap_or_default().trim())
}

fn attribute(rest: &str, name: &str) -> Option<String> {
    let tag = rest.split('>').next()?;
    let value = tag.split(&format!("{name}=\"")).nth(1)?;
    Some(decode(value.split('"').next()?))
}

fn decode(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (written, read)| text.replace(written, read))
}
