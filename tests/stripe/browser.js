// A browser without a screen: it opens pages, fills in the one form that has a certain button, presses it, and follows
// where it is sent, until that leads out of the simulator.

import assert from 'node:assert/strict';

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", nbsp: ' ' };
const decode = (text) => text.replace(/&(#?\w+);/g, (whole, name) => ENTITIES[name] ?? whole);
const plain = (html) => decode(html.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ').trim();

function attributes(tag) {
  const found = {};
  for (const [, name, value] of tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) found[name] = decode(value ?? '');
  return found;
}

function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, head, inside]) => {
    const fields = new Map();
    for (const [, tag] of inside.matchAll(/<input\b([^>]*)>/g)) {
      const { name, value = '', type, checked } = attributes(tag);
      if (type === 'radio' || type === 'checkbox' ? checked !== undefined : name) fields.set(name, value);
    }
    for (const [, tag, options] of inside.matchAll(/<select\b([^>]*)>(.*?)<\/select>/gs)) {
      const all = [...options.matchAll(/<option\b([^>]*)>/g)].map(([, option]) => attributes(option));
      fields.set(attributes(tag).name, (all.find((each) => each.selected !== undefined) ?? all[0])?.value);
    }
    const buttons = [...inside.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gs)].map(([, tag, words]) => ({
      ...attributes(tag),
      words: plain(words),
    }));
    return { ...attributes(head), fields, buttons, inside };
  });
}

/** Checks that a screen reader and a keyboard suffice for a page. */
function assertAccessible(html, url) {
  const tags = (name) => [...html.matchAll(new RegExp(`<${name}\\b([^>]*)>`, 'g'))].map(([, tag]) => attributes(tag));
  assert.equal(tags('h1').length, 1, `${url} has one heading of the first order`);
  assert.match(html, /<html lang="en">/, url);
  assert.match(html, /<title>[^<]+<\/title>/, url);
  assert.doesNotMatch(html, /<script|\son\w+=|javascript:/i, `${url} works without scripts`);
  const labels = new Set(tags('label').map((label) => label.for));
  const within = html.replace(/<label\b.*?<\/label>/gs, '');
  for (const [, tag] of within.matchAll(/<(?:input|select|textarea)\b([^>]*)>/g)) {
    const { type, id, name } = attributes(tag);
    assert.ok(type === 'hidden' || labels.has(id), `${url}: the field ${name} has a label`);
  }
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length, `${url}: an id is there twice: ${ids}`);
  for (const [, id] of html.matchAll(/aria-(?:labelledby|describedby)="([^"]*)"/g)) assert.ok(ids.includes(id), `${url}: ${id}`);
}

/** A page as its reader sees it. */
class Page {
  constructor(url, status, html) {
    assertAccessible(html, url);
    Object.assign(this, { url, status, html, forms: formsOf(html), text: plain(html.replace(/<style.*?<\/style>/gs, '')) });
  }

  /** Returns `true` if the page has a button with these words. */
  offers(words) {
    return this.forms.some((form) => form.buttons.some((button) => button.words.startsWith(words)));
  }

  /** The address that a link with these words leads to. */
  link(words) {
    const links = [...this.html.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gs)];
    const found = links.find(([, , inside]) => plain(inside).startsWith(words));
    assert.ok(found, `no link "${words}" on ${this.url}: ${this.text}`);
    return new URL(attributes(found[1]).href, this.url).href;
  }

  /** Fills in the form that has the button, and presses it; returns the page that follows, or the address outside. */
  async press(words, values = {}) {
    const form = this.forms.find((each) => each.buttons.some((button) => button.words.startsWith(words)));
    assert.ok(form, `no button "${words}" on ${this.url}: ${this.text}`);
    const fields = new URLSearchParams([...form.fields]);
    for (const [name, value] of Object.entries(values)) {
      assert.ok(form.inside.includes(`name="${name}"`), `no field "${name}" beside "${words}" on ${this.url}`);
      fields.set(name, value);
    }
    const button = form.buttons.find((each) => each.words.startsWith(words));
    if (button.name) fields.set(button.name, button.value ?? '');
    const address = new URL(form.action || this.url, this.url);
    if ((form.method ?? 'get').toLowerCase() === 'get') return open(`${address.href.split('?')[0]}?${fields}`);
    return follow(address, await fetch(address, { method: 'POST', body: fields, redirect: 'manual' }));
  }
}

async function follow(from, answer) {
  if (answer.status === 303) {
    const next = new URL(answer.headers.get('location'), from);
    return next.host === from.host ? open(next) : { left: next.href };
  }
  assert.match(answer.headers.get('content-type') ?? '', /^text\/html/, `${from}: ${answer.status}`);
  return new Page(from.href, answer.status, await answer.text());
}

/** Opens an address; returns the page, or the address outside the simulator that it leads to. */
export async function open(url) {
  const address = new URL(url);
  return follow(address, await fetch(address, { redirect: 'manual' }));
}

/** Returns the values for the form of a card. */
export const card = (number) => ({ card_number: number, card_expiry: '12 / 34', card_cvc: '123' });
