// Everything in its order.

/** The part of the page that is being read is marked in the contents list. */
function startContents() {
  const links = new Map([...document.querySelectorAll(".top nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
      const current = [...links.keys()].find((id) => seen.has(id));
      for (const [id, link] of links) id === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    },
    { rootMargin: "-15% 0px -60% 0px" },
  );
  for (const part of document.querySelectorAll(".part")) watcher.observe(part);
}

startTheme();
startContents();
const layerTable = startLayers();
startCurve(layerTable);
const tables = [startMapping(), layerTable, ...startTensors()].filter(Boolean);
// the sound stands behind this script
document.addEventListener("DOMContentLoaded", () => {
  const sound = startSound();
  startFiles(sound);
  startFindings(tables, sound);
});
