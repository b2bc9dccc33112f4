// The module tree: error against floor, subtrees of one state closed.

function startLayers() {
  const host = byId("layers-table");
  if (!host) return null;
  const nodes = layerNodes();
  const scale = errorScale(nodes);
  const detail = element("div", { className: "detail", hidden: true });
  const columns = [
    { title: "layer", kind: "name", cell: treeCell },
    { title: "type", kind: "kind", cell: (node) => clipped(node.type) },
    { title: "error over floor", kind: "strip", cell: (node) => strip(node, scale) },
    { title: "error", kind: "n", cell: (node) => errorText(node.error) },
    { title: "floor", kind: "n", cell: (node) => errorText(node.floor) },
    { title: "state", kind: "state", cell: (node) => element("span", { className: `badge ${STATE_KINDS[node.state] || ""}` }, node.state) },
    { title: "cause", kind: "cause", cell: (node) => clipped(node.causes || node.remark) },
  ];
  const table = new VirtualTable(host, columns, {
    label: "Layers",
    role: "treegrid",
    template: "minmax(0,3fr) 7.5rem minmax(5rem,1.4fr) 5rem 5rem 5rem minmax(0,1.4fr)",
    rowClass: (node) => (node.name === DATA.first ? "first" : ""),
    decorate: (row, node) => {
      row.setAttribute("aria-level", node.depth + 1);
      if (node.children.length) row.setAttribute("aria-expanded", node.open);
    },
    pick: (node, index, event) => {
      if (event?.target.closest(".twisty")) toggle(node, index);
      showDetail(detail, Object.assign(node, { facts: layerFacts(node) }));
    },
    keys: (event, node, index) => {
      const wanted = { ArrowRight: true, ArrowLeft: false }[event.key];
      const flips = event.key === "Enter" || (wanted !== undefined && wanted !== node.open);
      if (!flips || !node.children.length) return false;
      toggle(node, index);
      return true;
    },
  });
  host.after(detail);

  const toggle = (node, index) => {
    node.open = !node.open;
    const top = table.body.scrollTop;
    table.setRows(visible(), true);
    table.body.scrollTop = top;
    table.picked = index;
    table.draw(true);
  };
  const filter = byId("layers-filter");
  const states = pressed(byId("layers-states"), "state", () => apply());
  const visible = () => {
    const fits = matcher(filter.value);
    const filtered = filter.value.trim() !== "" || states.size > 0;
    if (!filtered) return openRows(nodes.tops);
    return nodes.filter((node) => fits(`${node.path} ${node.other} ${node.type} ${node.causes}`) && (!states.size || states.has(node.state)));
  };
  const apply = () => {
    host.classList.toggle("flat", filter.value.trim() !== "" || states.size > 0);
    table.setRows(visible());
    detail.hidden = true;
    say(`${table.rows.length} layers`);
  };
  const openAll = (open) => {
    for (const node of nodes) node.open = open || node.depth === 0;
    apply();
  };
  afterTyping(filter, apply);
  byId("layers-open").addEventListener("click", () => openAll(true));
  byId("layers-close").addEventListener("click", () => openAll(false));
  apply();
  return {
    nodes,
    scale,
    shows: shown(nodes),
    reveal: (pattern) => reveal(table, filter, apply, pattern),
    revealNode: (node) => {
      for (let up = node.parent; up; up = up.parent) up.open = true;
      filter.value = "";
      apply();
      table.reveal(table.rows.indexOf(node));
    },
  };
}

const STATE_KINDS = { born: "error", grown: "warning", differs: "warning", same: "good" };

/** The layers as a tree in order of execution: a layer hangs under the nearest one whose path begins its own. */
function layerNodes() {
  const byPath = new Map();
  const nodes = DATA.layers.map(([a, b, type, error, floor, state, causes, remark]) => {
    const node = { name: a, names: [a, b], path: NAMES[a], other: NAMES[b], type, error, floor, state, causes, remark, children: [], open: false, parent: null };
    byPath.set(node.path, node);
    return node;
  });
  nodes.tops = [];
  for (const node of nodes) {
    node.parent = parentOf(node.path, byPath);
    (node.parent ? node.parent.children : nodes.tops).push(node);
  }
  const place = (list, depth) => {
    for (const node of list) {
      node.depth = depth;
      place(node.children, depth + 1);
      node.uniform = node.children.every((child) => child.uniform && child.state === node.state);
    }
  };
  place(nodes.tops, 0);
  for (const node of nodes) node.open = node.depth === 0 || (!node.uniform && nodes.length <= 2000);
  for (let up = nodes.find((node) => node.name === DATA.first)?.parent; up; up = up.parent) up.open = true;
  return nodes;
}

function parentOf(path, byPath) {
  for (let name = path; name; ) {
    name = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    if (byPath.has(name)) return byPath.get(name);
  }
  return null;
}

function openRows(list) {
  const rows = [];
  const walk = (nodes) => {
    for (const node of nodes) {
      rows.push(node);
      if (node.open) walk(node.children);
    }
  };
  walk(list);
  return rows;
}

function treeCell(node) {
  const inside = node.children.length && !node.open ? ` and ${countBelow(node).toLocaleString("en")} inside` : "";
  const above = node.parent?.path || "";
  const cell = element("span", { className: "tree" });
  cell.style.setProperty("--depth", node.depth);
  cell.append(
    element("span", { className: `twisty ${node.children.length ? (node.open ? "open" : "closed") : ""}`, "aria-hidden": "true" }),
    element("span", { className: "clip", title: node.path === node.other ? node.path : `${node.path} = ${node.other}` }, element("span", { className: "full" }, node.path), element("span", { className: "short" }, node.path ? node.path.slice(above.length).replace(/^\./, "") : "(the whole model)")),
    element("span", { className: "dim inside" }, inside),
  );
  return cell;
}

const countBelow = (node) => node.children.reduce((sum, child) => sum + 1 + countBelow(child), 0);

function layerFacts(node) {
  const facts = [["layer", node.path || "(the whole model)"]];
  if (node.other !== node.path) facts.push(["is", node.other]);
  facts.push(["error", `${errorText(node.error)} against a floor of ${errorText(node.floor)}`]);
  if (node.causes) facts.push(["cause", node.causes]);
  if (node.remark) facts.push(["remark", node.remark]);
  return facts;
}

function errorScale(nodes) {
  const known = nodes.flatMap((node) => [node.error, node.floor]).filter((value) => value > 0).map(Math.log10);
  const low = known.length ? known.reduce((a, b) => Math.min(a, b)) - 0.3 : -8;
  const high = known.length ? known.reduce((a, b) => Math.max(a, b)) + 0.3 : 0;
  return { low, high, at: (value) => (value === null ? 1 : value > 0 ? clamp((Math.log10(value) - low) / (high - low), 0, 1) : 0) };
}

/** The error as a bar, the floor as a tick on it, logarithmic. */
function strip(node, scale) {
  const bar = element("span", { className: `strip ${STATE_KINDS[node.state] || ""}`, "aria-hidden": "true" }, element("i"), element("b"));
  bar.firstChild.style.width = `${100 * scale.at(node.error)}%`;
  bar.lastChild.style.left = `${100 * scale.at(node.floor)}%`;
  return bar;
}
