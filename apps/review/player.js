// A clip that loops, with speed buttons, and its contact sheet where it cannot be played. Data never becomes markup.
export default function (component) {
  const { data, parentElement } = component;
  const root = parentElement.querySelector(".player");
  if (!root || root.dataset.src === data.src + data.start) return;
  root.dataset.src = data.src + data.start;
  root.replaceChildren();
  const sheet = () => {
    root.replaceChildren();
    const p = document.createElement("p");
    p.textContent = data.sheet ? data.labels.sheet : data.labels.broken;
    root.append(p);
    if (data.sheet) { const i = document.createElement("img"); i.src = data.sheet; i.alt = data.alt; root.append(i); }
  };
  if (data.kind === "image") { const i = document.createElement("img"); i.src = data.src; i.alt = data.alt; root.append(i); return; }
  if (!data.src) { sheet(); return; }
  const v = document.createElement("video");
  v.src = data.src; v.muted = true; v.autoplay = true; v.playsInline = true; v.preload = "metadata"; v.controls = true; v.tabIndex = -1;
  v.setAttribute("aria-label", data.alt);
  const from = data.start || 0, to = data.end || Infinity;
  let looping = true;
  v.addEventListener("loadedmetadata", () => { if (!v.videoWidth) sheet(); else if (from) v.currentTime = from; });
  v.addEventListener("error", () => sheet());
  const back = () => { if (looping) { v.currentTime = from; v.play().catch(() => {}); } else v.pause(); };
  v.addEventListener("timeupdate", () => { if (v.currentTime >= to) back(); });
  v.addEventListener("ended", back);
  v.addEventListener("focus", () => v.blur());  // keys belong to the decisions
  const bar = document.createElement("div");
  bar.className = "bar";
  const label = document.createElement("span"); label.textContent = data.labels.speed; bar.append(label);
  for (const rate of [0.25, 0.5, 1, 1.5, 2]) {
    const b = document.createElement("button");
    b.type = "button"; b.tabIndex = -1; b.textContent = rate + "×"; b.setAttribute("aria-pressed", String(rate === 1));
    b.addEventListener("click", () => {
      v.playbackRate = rate; b.blur();
      for (const o of bar.querySelectorAll("button.rate")) o.setAttribute("aria-pressed", String(o === b));
    });
    b.classList.add("rate"); bar.append(b);
  }
  const l = document.createElement("button");
  l.type = "button"; l.tabIndex = -1; l.textContent = data.labels.loop; l.setAttribute("aria-pressed", "true");
  l.addEventListener("click", () => { looping = !looping; l.setAttribute("aria-pressed", String(looping)); l.blur(); });
  bar.append(l);
  root.append(v, bar);
}
