// The picture of a batch: what is under the pointer in words, and arrow keys that move a cursor over its cells.

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Take over each `[data-picture]`. */
export function begin(root) {
  for (const picture of root.querySelectorAll("[data-picture]")) take(picture);
}

function take(picture) {
  const link = picture.querySelector("a");
  const size = [Number(picture.dataset.cell), Number(picture.dataset.row)];
  const sequences = JSON.parse(picture.dataset.sequences);
  const said = document.getElementById(picture.dataset.said);
  let values;
  let at = null;
  const cursor = document.createElement("div");
  cursor.className = "cursor";
  cursor.hidden = true;
  picture.append(cursor);

  async function load() {
    values ??= fetch(picture.dataset.picture, { headers: { accept: "application/json" } }).then((answer) => answer.json());
    return values;
  }
  async function show(column, row) {
    const here = [
      Math.max(0, Math.min(Number(picture.dataset.columns) - 1, column)),
      Math.max(0, Math.min(sequences.length - 1, row)),
    ];
    at = here;  // At once, so that keys that come before the values are counted.
    Object.assign(cursor.style, {
      left: `${at[0] * size[0] - 1}px`, top: `${at[1] * size[1] - 1}px`,
      width: `${size[0] + 1}px`, height: `${Math.max(size[1], 4) + 1}px`,
    });
    cursor.hidden = false;
    const found = await load();
    if (at !== here) return;
    const one = found.sequences.find((entry) => entry.sequence === sequences[at[1]]);
    const value = one.values[at[0]];
    const whole = found.protocol.continuation;
    const words = value === null ? "not measured" : value === whole ? "memorized" : `${value} of ${whole} reproduced`;
    said.textContent = `sequence ${one.sequence.toLocaleString("en")}, step ${found.steps[at[0]].toLocaleString("en")}: ${words}`;
  }
  picture.addEventListener("mousemove", (event) => {
    if (event.target.tagName !== "IMG") return;
    show(Math.floor(event.offsetX / size[0]), Math.floor(event.offsetY / size[1]));
  });
  link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(...(at ?? [0, 0])); });
  link.addEventListener("keydown", (event) => {
    if (event.key in MOVES) {
      event.preventDefault();
      const [right, down] = MOVES[event.key];
      show((at?.[0] ?? 0) + right, (at?.[1] ?? 0) + down);
    } else if (event.key === "Enter" && at) {
      event.preventDefault();
      load().then((found) => {
        location.href = `${picture.dataset.base}/sequences/${sequences[at[1]]}?step=${found.steps[at[0]]}`;
      });
    }
  });
}
