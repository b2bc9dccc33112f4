// Error and floor along the depth.

const INSET = 42; // pixels for the scale on the left

function startCurve(layers) {
  const host = byId("curve");
  if (!host || !layers) return;
  const { nodes, scale } = layers;
  const canvas = element("canvas", { "aria-hidden": "true" });
  const note = element("div", { className: "curve-note mono", hidden: true });
  host.append(canvas, note);
  const draw = () => drawCurve(canvas, nodes, scale);
  new ResizeObserver(draw).observe(host);
  document.addEventListener("themechange", draw);
  const nodeAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return nodes[clamp(Math.floor(((event.clientX - box.left - INSET) / (box.width - INSET)) * nodes.length), 0, nodes.length - 1)];
  };
  host.addEventListener("pointermove", (event) => {
    const node = nodeAt(event);
    const box = host.getBoundingClientRect();
    note.textContent = `${node.path || "(the whole model)"}  ${errorText(node.error)} / ${errorText(node.floor)}`;
    note.hidden = false;
    note.style.left = `${clamp(event.clientX - box.left + 12, 0, Math.max(0, box.width - note.offsetWidth))}px`;
  });
  host.addEventListener("pointerleave", () => (note.hidden = true));
  host.addEventListener("click", (event) => layers.revealNode(nodeAt(event)));
}

function drawCurve(canvas, nodes, scale) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width) return;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const at = (value) => height - 4 - scale.at(value) * (height - 8);
  context.font = `11px ${cssFont("--mono")}`;
  context.textBaseline = "middle";
  for (let power = Math.ceil(scale.low); power <= scale.high; power += Math.max(1, Math.ceil((scale.high - scale.low) / 5))) {
    context.fillStyle = cssColor("--line");
    context.fillRect(INSET, at(10 ** power), width, 1);
    context.fillStyle = cssColor("--dim");
    context.fillText(`1e${power}`, 2, at(10 ** power));
  }
  line(context, nodes.map((node) => node.floor), at, width, cssColor("--info"), [4, 3], 1.5);
  line(context, nodes.map((node) => node.error), at, width, cssColor("--error"), [], 2);
  const first = nodes.findIndex((node) => node.name === DATA.first);
  if (first >= 0) {
    context.fillStyle = cssColor("--error");
    context.beginPath();
    context.arc(INSET + ((first + 0.5) / nodes.length) * (width - INSET), at(nodes[first].error), 4.5, 0, 7);
    context.fill();
  }
}

/** A line through all values; where several share a pixel, from the least to the largest of them. */
function line(context, values, at, width, color, dash, thickness) {
  const columns = Math.min(values.length, Math.floor(width - INSET));
  context.strokeStyle = color;
  context.lineWidth = thickness;
  context.setLineDash(dash);
  context.beginPath();
  for (let column = 0; column < columns; column++) {
    const part = values.slice(Math.floor((column * values.length) / columns), Math.floor(((column + 1) * values.length) / columns)).map(at);
    const x = INSET + ((column + 0.5) / columns) * (width - INSET);
    context.lineTo(x, Math.max(...part));
    if (part.length > 1) context.lineTo(x, Math.min(...part));
  }
  context.stroke();
  context.setLineDash([]);
}
