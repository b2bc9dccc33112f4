// A table that draws only the rows one can see, so that ten thousand are as quick as ten.

const SPARE_ROWS = 8;

class VirtualTable {
  /**
   * @param host      element to fill
   * @param columns   [{title, cell(row) -> string or node, kind: class name}]
   * @param options   label, template (grid columns), role, rowClass(row), pick(row, index), decorate(node, row), keys(event, row, index)
   */
  constructor(host, columns, options) {
    this.columns = columns;
    this.options = options;
    this.rows = [];
    this.picked = -1;
    this.host = host;
    host.classList.add("vt");
    host.setAttribute("role", options.role || "table");
    host.setAttribute("aria-label", options.label);
    host.style.setProperty("--columns", options.template);
    this.head = element("div", { className: "vt-head", role: "row" });
    this.head.append(...columns.map((column) => element("div", { className: column.kind || "", role: "columnheader" }, column.title)));
    this.space = element("div", { className: "vt-space", role: "rowgroup" });
    this.body = element("div", { className: "vt-body", tabIndex: 0, "aria-label": options.label }, this.space);
    this.empty = element("p", { className: "vt-empty dim", hidden: true }, "Nothing fits the filter.");
    host.append(this.head, this.body, this.empty);
    this.body.addEventListener("scroll", () => this.draw());
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw(true)).observe(this.body);
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this.host).getPropertyValue("--row")) || 30;
  }

  setRows(rows, keepScroll = false) {
    this.rows = rows;
    this.picked = -1;
    this.host.setAttribute("aria-rowcount", rows.length + 1);
    this.empty.hidden = rows.length > 0;
    if (!keepScroll) this.body.scrollTop = 0;
    this.draw(true);
  }

  draw(anew = false) {
    const height = this.rowHeight;
    if (anew) this.host.style.setProperty("--gutter", `${this.body.offsetWidth - this.body.clientWidth}px`);
    this.space.style.height = `${this.rows.length * height}px`;
    const first = Math.max(0, Math.floor(this.body.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.rows.length, Math.ceil((this.body.scrollTop + this.body.clientHeight) / height) + SPARE_ROWS);
    if (!anew && this.first === first && this.last === last) return;
    [this.first, this.last] = [first, last];
    this.space.replaceChildren(...this.rows.slice(first, last).map((row, offset) => this.rowNode(row, first + offset, height)));
  }

  rowNode(row, index, height) {
    const classes = `vt-row ${this.options.rowClass?.(row) || ""} ${index === this.picked ? "picked" : ""}`;
    const node = element("div", { className: classes, role: "row", id: `${this.host.id}-${index}`, "aria-rowindex": index + 2 });
    node.style.transform = `translateY(${index * height}px)`;
    if (index === this.picked) node.setAttribute("aria-selected", "true");
    for (const column of this.columns) node.append(element("div", { className: column.kind || "", role: "cell" }, column.cell(row)));
    this.options.decorate?.(node, row);
    return node;
  }

  clicked(event) {
    const node = event.target.closest(".vt-row");
    if (node) this.pick(Number(node.id.slice(this.host.id.length + 1)), event);
  }

  pick(index, event) {
    this.picked = index;
    this.body.setAttribute("aria-activedescendant", `${this.host.id}-${index}`);
    this.draw(true);
    this.options.pick?.(this.rows[index], index, event);
  }

  /** Scroll to a row and mark it. */
  reveal(index) {
    const height = this.rowHeight;
    if (index * height < this.body.scrollTop || (index + 1) * height > this.body.scrollTop + this.body.clientHeight)
      this.body.scrollTop = index * height - this.body.clientHeight / 3;
    this.pick(index);
  }

  key(event) {
    const page = Math.floor(this.body.clientHeight / this.rowHeight) - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    if (event.key in steps && this.rows.length) {
      this.reveal(clamp(this.picked + steps[event.key], 0, this.rows.length - 1));
      event.preventDefault();
    } else if (this.picked >= 0 && this.options.keys?.(event, this.rows[this.picked], this.picked)) event.preventDefault();
  }
}

/** Call `act` once the typing pauses. */
function afterTyping(input, act) {
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(act, 80);
  });
}

/** Toggle buttons of which none or several are pressed; gives the pressed values of that data key. */
function pressed(group, key, act) {
  const chosen = new Set();
  group?.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const value = button.dataset[key];
    if (!chosen.delete(value)) chosen.add(value);
    button.setAttribute("aria-pressed", chosen.has(value));
    act();
  });
  return chosen;
}
