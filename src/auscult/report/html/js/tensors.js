// The modules and tensors of a checkpoint.

function startTensors() {
  const typed = (DATA.modules || []).some((row) => row[1]);
  const repeated = (DATA.modules || []).some((row) => row[2] > 1);
  const modules = plainTable("modules", DATA.modules, {
    label: "Modules",
    template: `minmax(0,3fr) ${typed ? "9rem " : ""}${repeated ? "4rem " : ""}8rem minmax(0,4fr)`,
    columns: [
      ["module", "name", (row) => named(NAMES[row[0]])],
      ...(typed ? [["type", "kind", (row) => clipped(row[1])]] : []),
      ...(repeated ? [["times", "n", (row) => (row[2] > 1 ? `×${row[2]}` : "")]] : []),
      ["values", "n main", (row) => row[3].toLocaleString("en")],
      ["tensors", "leaves", (row) => clipped(row[4])],
    ],
    text: (row) => `${NAMES[row[0]]} ${row[1]} ${row[4]}`,
  });
  const measured = (DATA.tensors || []).some((row) => row[5] !== null);
  const numbers = [["minimum", 3], ["maximum", 4], ["mean", 5], ["std", 6]];
  const tensors = plainTable("tensors", DATA.tensors, {
    label: "Tensors",
    template: `minmax(0,3fr) 9rem 6rem${measured ? " 6rem 6rem 6rem 6rem minmax(0,1fr)" : ""} 6rem`,
    columns: [
      ["tensor", "name", (row) => named(NAMES[row[0]])],
      ["shape", "n main", (row) => row[1]],
      ["dtype", "kind", (row) => row[2]],
      ...(measured ? numbers.map(([title, at]) => [title, "n", (row) => signed(row[at])]) : []),
      ...(measured ? [["", "remark", (row) => clipped(row[7])]] : []),
      ["findings", "codes", (row) => codes([row[0]])],
    ],
    text: (row) => `${NAMES[row[0]]} ${row[1]} ${row[2]} ${row[7]}`,
  });
  return [tensors, modules].filter(Boolean);
}

const signed = (value) => (value === null || value === undefined ? "–" : Number(value).toExponential(1));

function plainTable(name, data, { label, template, columns, text }) {
  const host = byId(`${name}-table`);
  if (!host) return null;
  const rows = data.map((row) => Object.assign([...row], { names: [row[0]], text: text(row) }));
  const table = new VirtualTable(host, columns.map(([title, kind, cell]) => ({ title, kind, cell })), { label, template });
  const filter = byId(`${name}-filter`);
  const apply = () => {
    const fits = matcher(filter.value);
    table.setRows(rows.filter((row) => fits(row.text)));
    say(`${table.rows.length} of ${rows.length}`);
  };
  afterTyping(filter, apply);
  table.setRows(rows);
  return { shows: shown(rows), reveal: (pattern) => reveal(table, filter, apply, pattern) };
}
