// A switch or a tick box keeps the keyboard after a click; the keys of the page would do nothing until one clicks elsewhere.
export default function () {
  if (window.leishuKeys) return;
  window.leishuKeys = true;
  const free = () => setTimeout(() => {
    const box = document.activeElement;
    if (box instanceof HTMLInputElement && (box.type === "checkbox" || box.type === "radio")) box.blur();
  }, 150);
  // Only after the mouse: who walks with the Tab key wants to stay.
  document.addEventListener("pointerup", free, true);
}
