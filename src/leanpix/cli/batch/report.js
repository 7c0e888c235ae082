// The report's own: sliders, the worst place enlarged, a table that is sorted and searched. It runs from the file itself.

for (const compare of document.querySelectorAll(".compare")) {
  const range = compare.querySelector("input");
  range.addEventListener("input", () => compare.style.setProperty("--at", `${range.value}%`));
  const button = compare.parentElement.querySelector("button");
  button?.addEventListener("click", () => {
    const isNear = compare.classList.toggle("near");
    button.setAttribute("aria-pressed", String(isNear));
  });
}

const table = document.querySelector(".all");
const body = table?.tBodies[0];
for (const button of table?.querySelectorAll("thead button") ?? []) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const isUp = head.getAttribute("aria-sort") === "descending";
    for (const other of table.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    const value = (row) => row.cells[head.cellIndex].dataset.v ?? "";
    const isNumber = head.classList.contains("number");
    const order = new Intl.Collator(undefined, { numeric: true }).compare;
    const rows = [...body.rows].sort((one, other) => {
      const [a, b] = [value(one), value(other)];
      if (!a || !b) return Number(!a) - Number(!b); // what has none is last, whatever the direction
      const found = isNumber ? a - b : order(a, b);
      return isUp ? found : -found;
    });
    body.append(...rows);
  });
}

const search = document.querySelector("#search");
search?.addEventListener("input", () => {
  const words = search.value.trim().toLowerCase();
  for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(words);
});
