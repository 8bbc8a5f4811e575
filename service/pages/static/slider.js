// The form of saved checkpoints as a slider: arrow keys, play, the step in the address, and the parts of the page that follow.

const PAUSE = 900;

/** Make a slider of each `form[data-slider]`. */
export function begin(root) {
  for (const form of root.querySelectorAll("form[data-slider]")) slide(form);
}

function slide(form) {
  const select = form.querySelector("select");
  if (form.querySelector("input[type=range]") || select.options.length < 2) return;
  const range = document.createElement("input");
  Object.assign(range, { type: "range", min: 0, max: select.options.length - 1, step: 1, value: select.selectedIndex });
  range.setAttribute("aria-label", "Checkpoint");
  const said = document.createElement("output");
  const play = document.createElement("button");
  play.type = "button";
  const place = document.createElement("div");
  place.className = "range";
  place.append(said, range, ticks(select));
  form.replaceChildren(...form.querySelectorAll("input[type=hidden]"), place, play);
  const state = { timer: 0, asked: 0 };

  function tell() {
    said.textContent = select.options[range.value].textContent;
    range.setAttribute("aria-valuetext", said.textContent);
    play.textContent = state.timer ? "Pause" : "Play";
  }
  function go() {
    select.selectedIndex = range.value;
    tell();
    follow(form, select.value, state);
  }
  range.addEventListener("input", go);
  play.addEventListener("click", () => {
    if (state.timer) stop();
    else {
      if (range.value === range.max) range.value = 0;
      state.timer = setInterval(next, PAUSE);
    }
    tell();
  });
  function next() {
    range.value = Number(range.value) + 1;
    go();
    if (range.value === range.max) stop();
  }
  function stop() {
    clearInterval(state.timer);
    state.timer = 0;
    tell();
  }
  tell();
}

/** A mark for each measured checkpoint, at its place. */
function ticks(select) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "ticks");
  svg.setAttribute("viewBox", `0 0 ${select.options.length - 1} 8`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const option of select.options) {
    if (!("measured" in option.dataset)) continue;
    const line = document.createElementNS(svg.namespaceURI, "line");
    for (const [name, value] of Object.entries({ x1: option.index, x2: option.index, y1: 0, y2: 8 })) line.setAttribute(name, value);
    svg.append(line);
  }
  return svg;
}

/** Load the page at another step, and put its parts in the place of those that are here. */
async function follow(form, step, state) {
  const address = new URL(location.href);
  address.searchParams.set("step", step);
  history.replaceState(null, "", address);
  const asked = ++state.asked;
  await new Promise((done) => setTimeout(done, 80));
  if (asked !== state.asked) return;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok || asked !== state.asked) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
  const again = page.querySelector(".again");
  if (again) {
    document.querySelector(".again")?.replaceWith(again);
    form.dispatchEvent(new CustomEvent("again", { bubbles: true }));
  }
}
