// A table of counts; a click opens a cell's queue.
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".heat");
  if (!root) return;
  root.replaceChildren();
  const table = document.createElement("table"), head = document.createElement("tr");
  head.append(document.createElement("th"));
  for (const c of data.columns) { const th = document.createElement("th"); th.scope = "col"; const s = document.createElement("span"); s.textContent = c.label; th.append(s); head.append(th); }
  table.append(head);
  const top = Math.max(1, ...Object.values(data.cells).map((x) => x[1]));
  for (const r of data.rows) {
    const tr = document.createElement("tr"), th = document.createElement("th");
    th.scope = "row"; th.textContent = r.label; tr.append(th);
    for (const c of data.columns) {
      const td = document.createElement("td"), key = r.id + "|" + c.id, got = data.cells[key];
      if (got) {
        const b = document.createElement("button");
        b.type = "button"; b.textContent = got[0] + "/" + got[1]; b.title = r.label + " · " + c.label;
        b.style.background = "color-mix(in srgb, #b5382a " + Math.round(12 + 48 * (got.length > 2 ? got[2] : Math.sqrt(got[1] / top))) + "%, transparent)";
        b.addEventListener("click", () => setTriggerValue("cell", key));
        td.append(b);
      }
      tr.append(td);
    }
    table.append(tr);
  }
  root.append(table);
}
