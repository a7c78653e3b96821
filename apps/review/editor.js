// Two text boxes whose content is kept while typing: in the browser at every stroke, in the store after a pause.
export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".editor");
  if (!root || root.dataset.item === data.item) return;
  root.dataset.item = data.item;
  root.replaceChildren();
  const place = "leishu-draft:" + data.who + ":" + data.item;
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(place)); } catch { kept = null; }
  const boxes = {};
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const texts = () => Object.fromEntries(Object.entries(boxes).map(([k, b]) => [k, b.value]));
  let timer = null, sent = "";
  const send = () => {
    const now = texts(), mark = JSON.stringify(now);
    if (mark === sent) return;
    sent = mark; setStateValue("text", now); status.textContent = data.labels.kept;
  };
  // What is saved is no draft: the boxes lose the focus when they go, and must not send it once more.
  const save = () => { clearTimeout(timer); sent = JSON.stringify(texts()); localStorage.removeItem(place); setTriggerValue("saved", texts()); };
  const leave = () => { clearTimeout(timer); send(); setTriggerValue("left", texts()); };
  for (const lang of ["zh", "en"]) {
    const box = document.createElement("textarea");
    const label = document.createElement("label");
    label.textContent = data.labels[lang];
    box.value = kept && typeof kept[lang] === "string" ? kept[lang] : data[lang];
    box.lang = lang; box.rows = 3; box.spellcheck = lang === "en"; box.dir = "auto"; box.setAttribute("aria-label", data.labels[lang]);
    box.addEventListener("input", () => {
      localStorage.setItem(place, JSON.stringify(texts()));
      status.textContent = data.labels.typing; clearTimeout(timer); timer = setTimeout(send, 700);
    });
    box.addEventListener("blur", send);
    box.addEventListener("keydown", (e) => {
      // No key typed here is a shortcut of the page; during composition (Chinese input) none is one of ours either.
      e.stopPropagation();
      if (e.isComposing || e.keyCode === 229) return;
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); save(); }
      if (e.key === "Escape") { e.preventDefault(); leave(); }
    });
    label.append(box); root.append(label); boxes[lang] = box;
  }
  const bar = document.createElement("div");
  bar.className = "bar";
  for (const [name, act] of [["save", save], ["cancel", leave]]) {
    const b = document.createElement("button");
    b.type = "button"; b.textContent = data.labels[name]; b.addEventListener("click", act); bar.append(b);
  }
  const keys = document.createElement("span"); keys.textContent = data.labels.keys;
  bar.append(status, keys); root.append(bar);
  (boxes[data.first] || boxes.zh).focus();
  if (kept) { sent = ""; timer = setTimeout(send, 100); }
}
