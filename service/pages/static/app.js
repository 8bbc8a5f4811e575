// What makes pages better where JavaScript runs. Each module finds its own elements and does nothing without them.
import { begin as copy } from "./copy.js";
import { begin as grid } from "./grid.js";
import { begin as chart } from "./chart.js";
import { begin as live } from "./live.js";

document.documentElement.dataset.js = "";

/** Give life to what is within an element; called again for what is loaded later. */
export function enliven(root) {
  for (const begin of [copy, grid, chart, live]) begin(root);
}

enliven(document);
document.addEventListener("fresh", (event) => enliven(event.detail));
