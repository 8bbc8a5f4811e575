// Forms that write, with a token in a header: each button of `form[data-act]` names its address. Without JavaScript they are not shown.

/** Show each form, and send it when it is sent. */
export function begin(root) {
  for (const form of root.querySelectorAll("form[data-act]")) {
    form.hidden = false;
    const [token, buttons, said] = [form.querySelector("input"), form.querySelectorAll("button"), form.querySelector("output")];
    const allow = () => { for (const button of buttons) button.disabled = !token.value.trim(); };
    token.addEventListener("input", allow);
    allow();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(event.submitter.value, token.value.trim(), said);
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
