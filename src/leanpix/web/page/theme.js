// Light, dark, or what the system says; remembered in this browser.

import { $ } from "./dom.js";

const NAME = "leanpix.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const LABEL = { auto: "system", light: "light", dark: "dark" };

function show(theme) {
  document.documentElement.dataset.theme = theme;
  const button = $("#theme");
  button.dataset.theme = theme;
  button.setAttribute("aria-label", `Colour theme: ${LABEL[theme]}. Switch to ${LABEL[NEXT[theme]]}`);
  button.title = `Theme: ${LABEL[theme]}`;
}

/** Apply the remembered theme and let the button change it. */
export function startTheme() {
  let theme = localStorage.getItem(NAME) ?? "auto";
  if (!(theme in NEXT)) theme = "auto";
  show(theme);
  $("#theme").addEventListener("click", () => {
    theme = NEXT[theme];
    localStorage.setItem(NAME, theme);
    show(theme);
  });
}
