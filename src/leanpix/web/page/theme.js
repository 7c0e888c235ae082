// Light, dark, or what the system says; remembered in this browser.

import { $ } from "./dom.js";
import { t } from "./language.js";

const NAME = "leanpix.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

function show(theme) {
  document.documentElement.dataset.theme = theme;
  const button = $("#theme");
  button.dataset.theme = theme;
  const names = { theme: t(`theme.${theme}`), next: t(`theme.${NEXT[theme]}`) };
  button.setAttribute("aria-label", t("theme.label", names));
  button.title = t("theme.title", names);
}

/** Say it again: the language has changed. */
export const retellTheme = () => show(document.documentElement.dataset.theme);

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
