// What makes pages better where JavaScript runs. Each module finds its own elements and does nothing without them.
import { begin as act } from "./act.js";
import { begin as chart } from "./chart.js";
import { begin as copy } from "./copy.js";
import { begin as grid } from "./grid.js";
import { begin as picture } from "./picture.js";
import { begin as slider } from "./slider.js";
import { begin as watch } from "./watch.js";

/** Give life to what is within an element. */
function enliven(root) {
  for (const begin of [act, chart, copy, grid, picture, slider, watch]) begin(root);
}

enliven(document);
document.addEventListener("again", () => copy(document));
