// One line that is kept while typing: in the browser until the store has it, in the store after a pause.
export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".editor");
  if (!root) return;
  const place = "leishu-note:" + data.who + ":" + data.item;
  if (root.dataset.item === data.item) {
    const box = root.querySelector("input");
    if (box && box.value === data.text) localStorage.removeItem(place);
    return;
  }
  root.dataset.item = data.item;
  root.replaceChildren();
  const kept = localStorage.getItem(place);
  const label = document.createElement("label"), box = document.createElement("input"), status = document.createElement("span");
  label.textContent = data.labels.note;
  status.setAttribute("role", "status");
  box.type = "text"; box.dir = "auto"; box.maxLength = 2000; box.value = kept !== null ? kept : data.text;
  box.setAttribute("aria-label", data.labels.note);
  let timer = null, sent = data.text;
  const send = () => {
    clearTimeout(timer);
    if (box.value === sent) return;
    sent = box.value; setStateValue("text", sent); status.textContent = data.labels.kept;
  };
  box.addEventListener("input", () => {
    localStorage.setItem(place, box.value);
    status.textContent = data.labels.typing; clearTimeout(timer); timer = setTimeout(send, 700);
  });
  box.addEventListener("blur", send);
  box.addEventListener("keydown", (e) => {
    // No key typed here is a shortcut of the page.
    e.stopPropagation();
    if (e.isComposing || e.keyCode === 229) return;
    if (e.key === "Enter" || e.key === "Escape") { e.preventDefault(); box.blur(); }
  });
  label.append(box); root.append(label, status);
  if (kept !== null) timer = setTimeout(send, 100);
}
