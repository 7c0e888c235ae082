// Before the first paint: the remembered theme, and no flash of English where another language is to come.
// Not a module: a module would run after the paint.

(() => {
  const root = document.documentElement;
  const read = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // a browser that keeps nothing
    }
  };
  if (root.dataset.theme) root.dataset.theme = read("leanpix.theme") ?? "auto";
  const wanted = [read("leanpix.language"), ...navigator.languages].filter(Boolean);
  if (root.dataset.language === undefined || /^en\b/i.test(wanted[0] ?? "en")) return;
  root.classList.add("translating");
  setTimeout(() => root.classList.remove("translating"), 1500);
})();
