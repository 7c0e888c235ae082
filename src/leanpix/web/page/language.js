// The page in the reader's language. Its texts are files under languages/; another file is another language.

import { $, $$, setText } from "./dom.js";

const NAME = "leanpix.language";
const STANDARD = "en";
const OFFERED = JSON.parse($("meta[name=languages]").content);

let code = chosen([localStorage.getItem(NAME), ...navigator.languages].filter(Boolean));
let messages = await texts(code).catch(() => ({}));
let plurals = new Intl.PluralRules(code);

/** The first of some wishes that there is a file for: "pt-BR" is met by pt, "zh-TW" by zh. */
export function chosen(wishes, offered = Object.keys(OFFERED)) {
  for (const wish of wishes) {
    const found = offered.find((one) => one === wish) ?? offered.find((one) => one === wish.split("-")[0]);
    if (found) return found;
  }
  return STANDARD;
}

/** A language's texts; what its file lacks is said in English. */
async function texts(language) {
  return Object.assign({}, ...(await Promise.all([...new Set([STANDARD, language])].map(fetched))));
}

async function fetched(language) {
  // Beside this module, wherever the page itself lies.
  const response = await fetch(new URL(`./languages/${language}.json`, import.meta.url));
  if (!response.ok) throw new TypeError(`no texts in ${language}`);
  return response.json();
}

export const language = () => code;

/** A text by its key, with {values} in their places; of several forms the one that goes with the number `n`. */
export function t(key, values = {}) {
  let text = messages[key] ?? key;
  if (typeof text !== "string") text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

export const has = (key) => key in messages;

/**
 * What went wrong as text: { key, values, words }. words are the server's own, which are English and say more: in English
 * they are the text.
 */
export const told = ({ key, values, words }) => (code === STANDARD && words ? words : t(key, values));

/** The server's own words where the text is not made of them already, else nothing. */
export const addedWords = ({ words }) => (code === STANDARD || !words ? "" : words);

/** Put the language's texts into an element and all below it that say by data-t which is theirs. */
export function translate(within) {
  for (const element of [...(within.dataset?.t ? [within] : []), ...$$("[data-t]", within)]) {
    if (has(element.dataset.t)) fill(element, t(element.dataset.t));
  }
  for (const element of $$("[data-t-attributes]", within)) {
    for (const pair of element.dataset.tAttributes.split(" ")) {
      const [attribute, key] = pair.split("=");
      if (has(key)) element.setAttribute(attribute, t(key));
    }
  }
}

/** The text, with the elements that are in there already where it says {0}, {1} and so on. */
function fill(element, text) {
  const inner = [...element.children];
  if (!inner.length) return setText(element, text);
  element.replaceChildren(...text.split(/(\{\d\})/).map((part) => inner[/^\{(\d)\}$/.exec(part)?.[1]] ?? part));
}

function translateAll() {
  document.documentElement.lang = code;
  translate(document.documentElement);
  for (const template of $$("template")) translate(template.content);
  document.documentElement.classList.remove("translating");
}

/** Translate the page and let the reader choose; `changed()` is called after another language was chosen. */
export function startLanguage(changed = () => {}) {
  translateAll();
  const select = $("#language");
  select.replaceChildren(...Object.entries(OFFERED).map(([value, name]) => new Option(name, value)));
  select.value = code;
  select.addEventListener("change", async () => {
    messages = await texts(select.value);
    code = select.value;
    plurals = new Intl.PluralRules(code);
    localStorage.setItem(NAME, code);
    translateAll();
    changed();
  });
}
