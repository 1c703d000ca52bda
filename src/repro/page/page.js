"use strict";

// Light or dark: as the system has it, until the reader chooses.
const root = document.documentElement;
const scheme = document.getElementById("scheme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () =>
  root.dataset.scheme ? root.dataset.scheme === "dark" : system.matches;
const showScheme = () => scheme.setAttribute("aria-pressed", String(isDark()));
scheme.addEventListener("click", () => {
  root.dataset.scheme = isDark() ? "light" : "dark";
  showScheme();
});
system.addEventListener("change", showScheme);
showScheme();

// On a narrow screen the contents open on request.
if (matchMedia("(max-width: 70rem)").matches) {
  document.querySelector("#contents details").open = false;
}

// Sorting: ascending, descending, as written. Ties stay as written, the empty last.
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
const words = new Intl.Collator("en", { numeric: true });

function compared(first, second, sign) {
  const [a, b] = [first, second].map((cell) => cell.textContent.trim());
  if (!a || !b) return Number(!a) - Number(!b);
  const keys = [first, second].map((cell) => cell.dataset.key);
  if (keys.every((key) => key !== undefined)) {
    return sign * (Number(keys[0]) - Number(keys[1]));
  }
  return sign * words.compare(a, b);
}

function sort(table, written, heading) {
  const order = NEXT[heading.getAttribute("aria-sort")];
  for (const other of table.querySelectorAll("th[aria-sort]")) {
    other.setAttribute("aria-sort", "none");
  }
  heading.setAttribute("aria-sort", order);
  const column = Number(heading.dataset.column);
  const sign = order === "descending" ? -1 : 1;
  const rows = [...written];
  if (order !== "none") {
    rows.sort((a, b) => compared(a.cells[column], b.cells[column], sign));
  }
  table.tBodies[0].append(...rows);
  const told = order === "none" ? "as written" : order;
  document.getElementById("sorted").textContent =
    `${table.caption.textContent.split(". Buttons")[0]}: ${heading.textContent}, ${told}`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  const written = [...table.tBodies[0].rows];
  for (const heading of table.querySelectorAll("th[aria-sort]")) {
    heading
      .querySelector("button")
      .addEventListener("click", () => sort(table, written, heading));
  }
}
