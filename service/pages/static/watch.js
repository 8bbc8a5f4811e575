// A part of a page that changes by itself: it is asked for again, as the server renders it, whenever the server tells of a change,
// and every two seconds where nothing tells.

const SECONDS = 2;

/** Follow each `[data-watch]`: `data-watch` is the address of its events. */
export function begin(root) {
  for (const part of root.querySelectorAll("[data-watch]")) {
    withoutButtons(part);
    follow(part);
  }
}

function follow(part) {
  const id = part.id;
  const events = new EventSource(part.dataset.watch);
  for (const name of ["progress", "end"]) events.addEventListener(name, () => {
    if (name === "end") events.close();
    again(id);
  });
  events.onerror = () => {
    // The browser comes back by itself, unless it was refused.
    if (events.readyState === EventSource.CLOSED) poll(id);
  };
  addEventListener("pagehide", () => events.close(), { once: true });
}

async function poll(id) {
  const part = document.hidden ? document.getElementById(id) : await again(id);
  if (part?.dataset.watch) setTimeout(() => poll(id), SECONDS * 1000);
}

/** Ask for a part again, and put it in its place; returns what stands there then. */
async function again(id) {
  const part = document.getElementById(id);
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = answer.ok && page.getElementById(id);
    if (!fresh) return part;
    withoutButtons(fresh);
    const held = part.contains(document.activeElement);
    part.replaceWith(fresh);
    if (held) fresh.querySelector("a, button, [tabindex]")?.focus();
    document.dispatchEvent(new CustomEvent("again"));
    return fresh;
  } catch {
    return part; // The service is away for now; what is shown stays.
  }
}

/** Nobody needs to look again by hand. */
function withoutButtons(part) {
  for (const button of part.querySelectorAll(".reload")) button.hidden = true;
}
