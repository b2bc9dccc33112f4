// The workbench: files are chosen, the server says which verb fits, a run is watched, its report is shown and kept.

const FORMS = new Map(DATA.forms.map((form) => [form.verb, form]));
const POLL_MS = 300;
const MOST_SHOWN = 200; // files of the folder that are drawn at once; a search finds the others
const state = { files: [], chosen: [], watched: null };

/** Ask the server; an error it names becomes an Error. */
async function ask(path, options = {}) {
  const response = await fetch(path, options);
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
  return answer;
}

const tell = (path, content) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content) });

function showProblem(problem) {
  byId("problem").textContent = problem ? problem.message : "";
}

/** Run something, and show on the page what goes wrong. */
async function tryTo(work) {
  showProblem(null);
  try {
    return await work();
  } catch (problem) {
    showProblem(problem);
    return undefined;
  }
}

function sizeText(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const step = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${step ? (bytes / 1000 ** step).toFixed(1) : bytes} ${units[step]}`;
}

// ---- files

function drawFolder() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = state.files.filter((file) => words.every((word) => file.path.toLowerCase().includes(word)));
  const chosen = new Set(state.chosen.map((file) => file.path));
  byId("folder").replaceChildren(
    ...fitting.slice(0, MOST_SHOWN).map((file) => {
      const isChosen = chosen.has(file.path);
      const button = element(
        "button",
        { type: "button", "aria-pressed": String(isChosen) },
        element("span", { className: "name" }, file.path),
        element("span", { className: "size" }, sizeText(file.size)),
      );
      button.addEventListener("click", () => (isChosen ? drop(file.path) : choose({ path: file.path, name: file.path })));
      return element("li", {}, button);
    }),
  );
  const left = fitting.length - MOST_SHOWN;
  byId("folder-note").textContent = left > 0 ? `and ${left} more: search for them` : fitting.length ? "" : "No file fits.";
}

function drawChosen() {
  byId("chosen").replaceChildren(
    ...state.chosen.map((file, index) => {
      const remove = element("button", { type: "button", className: "quiet", "aria-label": `Leave out ${file.name}` }, "✕");
      remove.addEventListener("click", () => drop(file.path));
      const first = element("button", { type: "button", className: "quiet", "aria-label": `Put ${file.name} first` }, "↑");
      first.addEventListener("click", () => {
        state.chosen = [file, ...state.chosen.filter((other) => other !== file)];
        chosenChanged();
      });
      return element("li", {}, element("span", { className: "name" }, file.name), index > 0 ? first : null, remove);
    }),
  );
}

function choose(file) {
  if (!state.chosen.some((other) => other.path === file.path)) state.chosen.push(file);
  chosenChanged();
}

function drop(path) {
  state.chosen = state.chosen.filter((file) => file.path !== path);
  chosenChanged();
}

/** After a change of the chosen files: the verb that fits, with its form filled in. */
async function chosenChanged() {
  const focused = [...byId("folder").querySelectorAll("button")].indexOf(document.activeElement);
  drawChosen();
  drawFolder();
  if (focused >= 0) byId("folder").querySelectorAll("button")[focused]?.focus();
  if (!state.chosen.length) {
    byId("reason").textContent = "";
    return;
  }
  const paths = state.chosen.map((file) => file.path);
  const choice = await tryTo(() => tell("choice", { paths }));
  if (!choice || paths.join("\0") !== state.chosen.map((file) => file.path).join("\0")) return;
  drawForm(choice.verb, choice.values);
  byId("reason").textContent = choice.reason;
}

async function receive(files) {
  for (const file of files) {
    byId("reason").textContent = `receiving ${file.name}`;
    const kept = await tryTo(() => ask(`uploads?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file }));
    if (!kept) return;
    choose({ path: kept.path, name: kept.name });
  }
}

// ---- the question

const isFile = (field) => ["target", "file", "files"].includes(field.kind);

function drawField(field, value) {
  let control;
  if (field.kind === "files") {
    control = element("textarea", { rows: Math.min(6, Math.max(1, value?.length ?? 1)), value: (value ?? []).join("\n") });
  } else {
    const mode = { "whole number": "numeric", number: "decimal" }[field.kind];
    control = element("input", { type: "text", inputMode: mode, value: value ?? "", autocomplete: "off", spellcheck: false });
  }
  control.name = field.name;
  control.required = field.required;
  return element("label", {}, element("span", {}, field.label), control);
}

/** The form of a verb. What was chosen stands above, everything else can be opened. */
function drawForm(verb, values = {}) {
  const form = FORMS.get(verb);
  byId("verb").value = verb;
  const isOpen = (field) => field.required || field.name in values;
  const folded = form.fields.filter((field) => !isOpen(field));
  const nodes = form.fields.filter(isOpen).map((field) => drawField(field, values[field.name]));
  if (folded.length) {
    const isBare = nodes.length === 0; // nothing of it has to be there, so that something has to be chosen here
    const rest = element("div", {}, ...folded.map((field) => drawField(field)));
    nodes.push(element("details", { open: isBare }, element("summary", {}, "other options"), rest));
  }
  byId("fields").replaceChildren(...nodes);
}

/** The chosen files in the fields of another verb, in their order. */
function spreadChosen(verb) {
  const paths = state.chosen.map((file) => file.path);
  const values = {};
  for (const field of FORMS.get(verb).fields.filter(isFile)) {
    if (!paths.length) break;
    values[field.name] = field.kind === "files" ? paths.splice(0) : paths.shift();
  }
  return values;
}

function readForm() {
  const values = {};
  for (const field of FORMS.get(byId("verb").value).fields) {
    const text = byId("form").elements[field.name].value.trim();
    if (text) values[field.name] = field.kind === "files" ? text.split("\n").map((line) => line.trim()).filter(Boolean) : text;
  }
  return values;
}

// ---- runs and reports

function drawRun(job) {
  const words = { waiting: "Waits for the run before it", running: "Runs", failed: "There is no report", stopped: "Stopped", done: "Done" };
  byId("run-state").textContent = job.problem ? `${words[job.state]}: ${job.problem}` : words[job.state];
  byId("run-state").className = job.state === "failed" ? "problem" : "";
  byId("stop").hidden = job.over;
  byId("steps").replaceChildren(
    ...job.steps.map((step) =>
      element(
        "li",
        {},
        element("span", {}, step.description),
        element("progress", { max: Math.max(1, step.total), value: step.done, "aria-label": step.description }),
        element("span", { className: "n" }, step.total > 1 ? `${step.done} of ${step.total}` : ""),
      ),
    ),
  );
}

/** Watch a run until it is over, then show its report. */
async function watch(id) {
  state.watched = id;
  byId("report").hidden = false;
  byId("shown").hidden = true;
  byId("run").hidden = false;
  byId("report").scrollIntoView({ block: "start" });
  while (state.watched === id) {
    const job = await ask(`jobs/${id}`).catch((problem) => ({ state: "failed", problem: problem.message, steps: [], over: true }));
    if (state.watched !== id) return;
    drawRun(job);
    if (job.over) {
      say(byId("run-state").textContent);
      const entries = await drawHistory();
      const entry = entries.find((kept) => kept.id === id);
      if (entry) showReport(entry);
      return;
    }
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

function showReport(entry) {
  state.watched = null;
  byId("report").hidden = false;
  byId("run").hidden = true;
  byId("shown").hidden = false;
  byId("command").textContent = entry.command;
  byId("frame").title = `Report ${entry.id}: ${entry.verdict}`;
  byId("frame").src = byId("alone").href = `reports/${entry.id}/page.html`;
  byId("report-title").focus({ preventScroll: true });
  byId("report").scrollIntoView({ block: "start" });
}

function drawEntry(entry) {
  const acts = element("span", { className: "acts" });
  const add = (label, about, act) => {
    const button = element("button", { type: "button", className: "quiet", "aria-label": `${about} ${entry.id}` }, label);
    button.addEventListener("click", act);
    acts.append(button);
  };
  add("Show", "Show report", () => showReport(entry));
  add("Ask again", "Ask again as in report", () => {
    drawForm(entry.verb, entry.values);
    byId("reason").textContent = `as in ${entry.id}`;
    byId("question").scrollIntoView({ block: "start" });
    byId("verb").focus({ preventScroll: true });
  });
  add("Choose", "Choose as a file: report", () =>
    tryTo(async () => choose(await ask(`reports/${entry.id}/path`))),
  );
  return element(
    "li",
    { className: "entry" },
    element("span", { className: `badge ${entry.verdict}` }, entry.verdict),
    element("span", { className: "what" }, entry.headline || "Nothing was found.", element("br"), element("code", {}, entry.command)),
    acts,
  );
}

async function drawHistory() {
  const { kept } = await ask("jobs");
  byId("kept").replaceChildren(...kept.map(drawEntry));
  byId("kept-note").hidden = kept.length > 0;
  return kept;
}

function startDropping() {
  const zone = byId("drop");
  byId("picker").addEventListener("change", async () => {
    await receive([...byId("picker").files]);
    byId("picker").value = "";
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind === "drop") receive([...event.dataTransfer.files]);
    });
  }
}

async function start() {
  startTheme();
  startDropping();
  byId("verb").replaceChildren(...[...FORMS.values()].map((form) => element("option", { value: form.verb }, `${form.verb}: ${form.question}`)));
  drawForm(FORMS.keys().next().value);
  byId("verb").addEventListener("change", () => {
    byId("reason").textContent = "";
    drawForm(byId("verb").value, spreadChosen(byId("verb").value));
  });
  byId("search").addEventListener("input", drawFolder);
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    tryTo(async () => watch((await tell("jobs", { verb: byId("verb").value, values: readForm() })).id));
  });
  byId("stop").addEventListener("click", () => tryTo(() => tell(`jobs/${state.watched}/stop`, {})));
  await tryTo(async () => {
    state.files = (await ask("files")).files;
    drawFolder();
    const { unfinished } = await ask("jobs");
    await drawHistory();
    if (unfinished.length) watch(unfinished[0].id);
  });
}

start();
