// A part of a page that changes by itself: it is asked for again, as the server renders it, until it is done.

const SECONDS = 2;

/** Look again for each `[data-watch]`, while the page is shown. */
export function begin(root) {
  for (const part of root.querySelectorAll("[data-watch]")) {
    forButtons(part);
    setTimeout(() => look(part), SECONDS * 1000);
  }
}

/** Nobody needs to look again by hand. */
function forButtons(part) {
  for (const button of part.querySelectorAll(".reload")) button.hidden = true;
}

async function look(part) {
  let fresh = null;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
    } catch {
      // The service is away for now; what is shown stays.
    }
  }
  if (fresh) {
    forButtons(fresh);
    const focused = part.contains(document.activeElement);
    part.replaceWith(fresh);
    if (focused) fresh.querySelector("a, button, [tabindex]")?.focus();
    document.dispatchEvent(new CustomEvent("again"));
    if (!("watch" in fresh.dataset)) return;
  }
  setTimeout(() => look(fresh ?? part), SECONDS * 1000);
}
