// A table of links as one tab stop: arrow keys move within it, and its <output> says what a cell is.

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Take over each `table[data-grid]`. */
export function begin(root) {
  for (const table of root.querySelectorAll("table[data-grid]")) {
    const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td a")]);
    const first = rows.flat()[0];
    if (!first) continue;
    for (const link of rows.flat()) link.tabIndex = -1;
    first.tabIndex = 0;
    const said = document.getElementById(table.dataset.grid);
    table.addEventListener("keydown", (event) => move(event, rows));
    table.addEventListener("focusin", (event) => attend(event.target, rows, said));
    table.addEventListener("mouseover", (event) => say(event.target, said));
  }
}

function move(event, rows) {
  const row = rows.findIndex((links) => links.includes(event.target));
  if (row < 0) return;
  const column = rows[row].indexOf(event.target);
  let next;
  if (event.key in STEPS) {
    const [down, right] = STEPS[event.key];
    const links = rows[Math.min(rows.length - 1, Math.max(0, row + down))];
    next = down ? nearest(links, event.target) : links[column + right];
  } else if (event.key === "Home") next = rows[row][0];
  else if (event.key === "End") next = rows[row].at(-1);
  else return;
  event.preventDefault();
  next?.focus();
}

/** The link of another row that stands in the same column, or nearest to it. */
function nearest(links, from) {
  const place = from.closest("td").cellIndex;
  return links.reduce((best, link) =>
    Math.abs(link.closest("td").cellIndex - place) < Math.abs(best.closest("td").cellIndex - place) ? link : best,
    links[0]);
}

function attend(link, rows, said) {
  if (!link.matches("td a")) return;
  for (const other of rows.flat()) other.tabIndex = other === link ? 0 : -1;
  say(link, said);
}

function say(target, said) {
  const link = target.closest("td a");
  if (link && said) said.textContent = link.getAttribute("aria-label");
}
