// Forms that write, with a token in a header: `form[data-act]` names the address. Without JavaScript they are not shown.

/** Show each form, and send it when it is sent. */
export function begin(root) {
  for (const form of root.querySelectorAll("form[data-act]")) {
    form.hidden = false;
    const [token, button, said] = [form.querySelector("input"), form.querySelector("button"), form.querySelector("output")];
    const allow = () => { button.disabled = !token.value.trim(); };
    token.addEventListener("input", allow);
    allow();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form.dataset.act, token.value.trim(), said);
    });
  }
}

async function send(address, token, said) {
  said.textContent = "Asking …";
  try {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" };
    const answer = await fetch(address, { method: "POST", headers, body: "{}" });
    const told = await answer.json();
    said.textContent = answer.ok ? `Done: it is ${told.state}.` : told.detail;
  } catch {
    said.textContent = "The service does not answer; try again.";
  }
}
