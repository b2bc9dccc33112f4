// Small helpers that every other file uses.

const byId = (id) => document.getElementById(id);
const DATA = JSON.parse(byId("data").textContent);
const NAMES = DATA.names;

/** An element with properties, `data-` and `aria-` attributes, and children (text or nodes). */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key in made && !key.includes("-") && key !== "role") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Tell a screen reader, without moving anything on the screen. */
function say(text) {
  byId("status").textContent = text;
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Scroll a node into view, unless it can be seen already. */
function bringIntoView(node, block = "center") {
  const box = node.getBoundingClientRect();
  const top = document.querySelector(".top").offsetHeight;
  if (box.top >= top && box.bottom <= innerHeight) return;
  node.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: box.height > innerHeight - top ? "start" : block });
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function clockText(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(3).padStart(6, "0")}`;
}

/** `3.1e-7`, `0.19`, `–`. */
function errorText(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return value >= 0.01 && value < 1000 ? value.toPrecision(2) : value.toExponential(1);
}

const isTyping = (target) => /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable;

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const area = element("textarea", { value: button.dataset.copy, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1200);
});
