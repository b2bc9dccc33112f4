// The mapping of names, filterable, each row linked to the findings that speak of it.

function startMapping() {
  const host = byId("mapping-table");
  if (!host) return null;
  const texts = (numbers) => numbers.map((number) => NAMES[number]).join(", ");
  const rows = DATA.mapping.map(([a, b, ops, kind]) => {
    const row = { a: texts(a), b: texts(b), ops, kind, names: [...a, ...b] };
    row.text = `${row.a} ${row.b} ${ops}`;
    return row;
  });
  const columns = [
    { title: host.dataset.a, kind: "name a", cell: (row) => named(row.a) },
    { title: host.dataset.b, kind: "name b", cell: (row) => (row.a === row.b ? element("span", { className: "dim" }, "same name") : named(row.b)) },
    { title: "operations", kind: "ops", cell: (row) => clipped(row.ops || "–") },
    { title: "equality", kind: "equality", cell: (row) => badge(row.kind) },
    { title: "findings", kind: "codes", cell: (row) => codes(row.names) },
  ];
  const detail = element("div", { className: "detail", hidden: true });
  const table = new VirtualTable(host, columns, {
    label: "Mapping",
    template: "minmax(0,3fr) minmax(0,3fr) minmax(0,2.4fr) 8.5rem 6.5rem",
    pick: (row) => showDetail(detail, row),
  });
  host.after(detail);

  const filter = byId("mapping-filter");
  const operation = byId("mapping-op");
  const apply = () => {
    const fits = matcher(filter.value);
    const wanted = operation?.value || "";
    table.setRows(rows.filter((row) => fits(row.text) && hasKind(row.kind) && hasOperation(row.ops, wanted)));
    detail.hidden = true;
    say(`${table.rows.length} of ${rows.length} entries`);
  };
  const kinds = pressed(byId("mapping-kinds"), "kind", () => apply());
  const hasKind = (kind) => kinds.size === 0 || [...kinds].some((wanted) => kind === wanted || kind.startsWith(`${wanted} (`));
  afterTyping(filter, apply);
  operation?.addEventListener("change", apply);
  table.setRows(rows);
  return { shows: shown(rows), reveal: (pattern) => reveal(table, filter, apply, pattern) };
}

function hasOperation(ops, wanted) {
  if (!wanted) return true;
  return wanted === "-" ? !ops : new RegExp(`(^|→ |: )${escaped(wanted)}(\\(|$| )`).test(ops);
}

/** Filter a table by a pattern, and mark its first row. */
function reveal(table, filter, apply, pattern) {
  filter.value = pattern;
  apply();
  if (table.rows.length) table.reveal(0);
  bringIntoView(table.host);
  return table.rows.length;
}

const shown = (rows) => new Set(rows.flatMap((row) => row.names));
const clipped = (text) => element("span", { className: "clip", title: text }, text);

/** A name of which the end stays readable where there is no room for all of it. */
function named(text) {
  const cut = Math.max(0, text.length - 14);
  return element("span", { className: "ends-shown", title: text }, element("span", {}, text.slice(0, cut)), element("span", {}, text.slice(cut)));
}

function badge(kind) {
  const state = kind.startsWith("exact") ? "good" : kind.startsWith("close") ? "warning" : "error";
  return element("span", { className: `badge ${state}` }, kind);
}

let findingsOf = null;

/** The findings that speak of any of these names. */
function findingsFor(names) {
  if (!findingsOf) {
    findingsOf = new Map();
    (DATA.findings || []).forEach((finding, index) => {
      for (const name of finding.where) {
        if (!findingsOf.has(name)) findingsOf.set(name, []);
        findingsOf.get(name).push(index);
      }
    });
  }
  return [...new Set(names.flatMap((name) => findingsOf.get(name) || []))];
}

function codes(names) {
  const found = findingsFor(names).map((index) => DATA.findings[index]);
  const worst = found[0]?.severity || "";
  return element("span", { className: `clip code-list ${worst}`, title: found.map((one) => `${one.code} ${one.cause}`).join(", ") }, [...new Set(found.map((one) => one.code))].join(" "));
}

function showDetail(detail, row) {
  const links = findingsFor(row.names).map((index) =>
    element("button", { type: "button", className: `chip ${DATA.findings[index].severity}`, onclick: () => goToFinding(index) }, `${DATA.findings[index].code} ${DATA.findings[index].cause}`),
  );
  const line = (title, text) => [element("dt", {}, title), element("dd", {}, text)];
  const facts = element("dl", { className: "facts mono" });
  for (const [title, text] of row.facts || [["a", row.a], ["b", row.b], ["operations", row.ops || "none"], ["equality", row.kind]]) facts.append(...line(title, text));
  detail.replaceChildren(facts, element("div", { className: "chips" }, ...links));
  detail.hidden = false;
}
