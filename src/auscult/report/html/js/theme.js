// Colours: as the system has them, or as the reader chose.

const THEMES = ["system", "light", "dark"];

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const words = theme === "system" ? "as the system has them" : theme;
  byId("theme").setAttribute("aria-label", `Colours: ${words}`);
  byId("theme").title = `Colours: ${words}`;
  document.dispatchEvent(new Event("themechange"));
}

function storedTheme() {
  try {
    return localStorage.getItem("auscult-theme") || "system";
  } catch {
    return "system"; // storage is closed to this page: a frame in a notebook
  }
}

function startTheme() {
  setTheme(THEMES.includes(storedTheme()) ? storedTheme() : "system");
  byId("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || "system";
    const next = now === "system" ? (dark ? "light" : "dark") : "system";
    setTheme(next);
    try {
      localStorage.setItem("auscult-theme", next);
    } catch {
      // not kept, then
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
}

const probe = element("i", { hidden: true });
document.body.append(probe);

/** A colour of the page as the canvas takes it. */
function cssColor(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** A font of the page. */
const cssFont = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
