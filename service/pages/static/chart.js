// Charts that answer to the pointer, in place of their pictures. Specifications are drawn without eval.

let loading;

/** Draw each `[data-bundle]` once it comes into view; its picture stays where that fails. */
export function begin(root) {
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((found) => found.isIntersecting)) {
      watch.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "200px" });
  for (const figure of root.querySelectorAll("[data-bundle]")) watch.observe(figure);
}

async function draw(figure) {
  const picture = figure.querySelector("img");
  try {
    loading ??= import(figure.dataset.bundle);
    const mode = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const look = matchMedia("(max-width: 40rem)").matches ? `${mode}Narrow` : mode;
    const [answer] = await Promise.all([fetch(figure.dataset[look]), loading]);
    if (!answer.ok) return;
    const place = document.createElement("div");
    const spec = await answer.json();
    if (spec === null) return;
    await window.vegaEmbed(place, spec, {
      ast: true,
      actions: false,
      renderer: "svg",
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
    });
    const drawing = place.querySelector("svg");
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", picture.alt);
    picture.parentElement.replaceWith(place);
  } catch {
    // The picture stays.
  }
}
