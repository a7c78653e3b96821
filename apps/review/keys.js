// The language of the page, for fonts and screen readers; a new item is shown from its top. And: a switch, a tick box or a list keeps the keyboard after a click; the keys of the
// page would do nothing until one clicks elsewhere.
export default function ({ data }) {
  document.documentElement.lang = data.lang;
  if (window.leishuItem && data.item && window.leishuItem !== data.item) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  window.leishuItem = data.item;
  if (window.leishuKeys) return;
  window.leishuKeys = true;
  const free = () => setTimeout(() => {
    const box = document.activeElement;
    if (!(box instanceof HTMLInputElement)) return;
    const chosen = box.closest('[data-testid="stSelectbox"]') && box.getAttribute("aria-expanded") === "false" && !box.closest("form, [data-testid=stForm]");
    if (box.type === "checkbox" || box.type === "radio" || chosen) box.blur();
  }, 150);
  // Only after the mouse: who walks with the Tab key wants to stay.
  document.addEventListener("pointerup", free, true);
}
