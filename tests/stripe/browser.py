"""A browser without a screen, as in browser.js: it reads forms with the parser of the standard library."""

import http.client
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

# What has no text of its own that a reader sees.
UNSEEN = {"style", "title"}


class Form:
    def __init__(self, attributes):
        self.action = attributes.get("action", "")
        self.method = attributes.get("method", "get").lower()
        self.fields, self.names, self.buttons = {}, set(), []


class Page(HTMLParser):
    """A page as its reader sees it."""

    def __init__(self, url, html):
        super().__init__()
        self.url, self.forms, self.links, self.parts = url, [], [], []
        self.unseen, self.button, self.anchor = 0, None, None
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        form = self.forms[-1] if self.forms else None
        self.unseen += tag in UNSEEN
        if tag == "form":
            self.forms.append(Form(attributes))
        elif tag == "input":
            form.names.add(attributes["name"])
            if attributes.get("type") not in ("radio", "checkbox") or "checked" in attributes:
                form.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "button":
            self.button = [form, attributes, ""]
        elif tag == "a":
            self.anchor = [attributes["href"], ""]

    def handle_data(self, data):
        if not self.unseen:
            self.parts.append(data)
        for label in (self.button, self.anchor):
            if label:
                label[-1] += data

    def handle_endtag(self, tag):
        self.unseen -= tag in UNSEEN
        if tag == "button":
            form, attributes, words = self.button
            form.buttons.append((words.strip(), attributes))
            self.button = None
        elif tag == "a":
            self.links.append((self.anchor[1].strip(), urljoin(self.url, self.anchor[0])))
            self.anchor = None

    def link(self, words):
        """The address that a link with these words leads to."""
        found = [address for label, address in self.links if label.startswith(words)]
        assert found, f"no link {words} on {self.url}: {self.text}"
        return found[0]

    def offers(self, words):
        """Returns `True` if there is such a button."""
        return any(label.startswith(words) for form in self.forms for label, _ in form.buttons)

    def press(self, words, values=None):
        """Fills in the form with this button and presses it; the page that follows, or the address outside."""
        for form in self.forms:
            for label, attributes in form.buttons:
                if label.startswith(words):
                    return self.send(form, attributes, values or {})
        raise AssertionError(f"no button {words} on {self.url}: {self.text}")

    def send(self, form, button, values):
        assert set(values) <= form.names, f"{set(values) - form.names} is not to be filled in on {self.url}"
        fields = urlencode({**form.fields, **values, **({button["name"]: button["value"]} if "name" in button else {})})
        address = urljoin(self.url, form.action)
        if form.method == "get":
            return open_page(f"{address.split('?')[0]}?{fields}")
        return open_page(address, fields)


def open_page(url, form=None):
    """Opens an address, or sends a form there; the page, or the address outside that it leads to."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    connection.request("GET" if form is None else "POST", path, form, headers)
    answer = connection.getresponse()
    html = answer.read().decode()
    connection.close()
    if answer.status == 303:
        target = urljoin(url, answer.headers["Location"])
        return open_page(target) if urlsplit(target).netloc == parts.netloc else target
    assert answer.headers["Content-Type"].startswith("text/html"), f"{url}: {answer.status}"
    return Page(url, html)


def card(number):
    """Returns the values for the form of a card."""
    return {"card_number": number, "card_expiry": "12 / 34", "card_cvc": "123"}
