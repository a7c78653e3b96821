// The language of the page, for fonts and screen readers; a new item is shown from its top. And: a switch, a tick box or a list keeps the
// keyboard after a click; the keys of the page would do nothing until one clicks elsewhere.
export default function ({ data }) {
  document.documentElement.lang = data.lang;
  if (window.leishuItem && data.item && window.leishuItem !== data.item) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  window.leishuItem = data.item;
  if (window.leishuKeys) return;
  window.leishuKeys = true;
  // A list closes when the browser has time for it, so it is looked at again for a while.
  const free = (left) => setTimeout(() => {
    const box = document.activeElement;
    if (!(box instanceof HTMLInputElement)) return;
    const list = box.closest('[data-testid="stSelectbox"]') && !box.closest('[data-testid="stForm"]');
    if (box.type === "checkbox" || box.type === "radio" || (list && box.getAttribute("aria-expanded") === "false")) box.blur();
    else if (list && left) free(left - 1);
  }, 150);
  // Only after the mouse: who walks with the Tab key wants to stay.
  document.addEventListener("pointerup", () => free(20), true);
}
