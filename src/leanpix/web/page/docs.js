// The API reference: the server's own document, shown by Swagger UI, which is served from here too.

const dark = matchMedia("(prefers-color-scheme: dark)");
const wanted = localStorage.getItem("leanpix.theme") ?? "auto";

function showTheme() {
  document.documentElement.classList.toggle("dark-mode", wanted === "auto" ? dark.matches : wanted === "dark");
}

showTheme();
dark.addEventListener("change", showTheme);

const ui = window.SwaggerUIBundle({
  url: "openapi.json",
  domNode: document.getElementById("reference"),
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  // Its badge would ask a server elsewhere, and would tell it where this one is.
  validatorUrl: null,
  onComplete() {
    const key = localStorage.getItem("leanpix.key");
    if (key) ui.preauthorizeApiKey("key", key);
  },
});
