// The overview strip, the ruler, and the marks over the lanes: position, selection, and the times of a finding.

class Overview {
  constructor(sound) {
    this.sound = sound;
    this.node = byId("overview");
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.window = element("div", { className: "window" });
    this.head = element("div", { className: "head" });
    this.node.append(this.canvas, this.window, this.head);
    this.node.addEventListener("pointerdown", (event) => this.grab(event));
    this.node.addEventListener("keydown", (event) => this.key(event));
  }

  timeAt(event) {
    const box = this.node.getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * this.sound.player.length;
  }

  /** Press to go there; drag to carry the window along. */
  grab(event) {
    const { sound } = this;
    const { view } = sound;
    const zoomed = view.to - view.from < sound.player.length;
    const start = this.timeAt(event);
    const inside = zoomed && start >= view.from && start <= view.to;
    let moved = false;
    this.node.setPointerCapture(event.pointerId);
    const move = (next) => {
      const shift = this.timeAt(next) - start;
      if (!inside || (!moved && Math.abs(next.clientX - event.clientX) < 4)) return;
      moved = true;
      sound.look(view.from + shift, view.to + shift);
    };
    const release = () => {
      this.node.removeEventListener("pointermove", move);
      if (moved) return;
      sound.player.seek(start);
      if (zoomed && !inside) sound.look(start - (view.to - view.from) / 2, start + (view.to - view.from) / 2);
    };
    this.node.addEventListener("pointermove", move);
    this.node.addEventListener("pointerup", release, { once: true });
    this.node.addEventListener("pointercancel", () => this.node.removeEventListener("pointermove", move), { once: true });
  }

  key(event) {
    const { player } = this.sound;
    const places = { Home: 0, End: player.length, PageUp: player.position + player.length / 10, PageDown: player.position - player.length / 10 };
    if (!(event.key in places)) return;
    player.seek(places[event.key]);
    event.preventDefault();
  }

  draw() {
    const { player } = this.sound;
    const lane = this.sound.lanes[player.hearsDifference ? player.pair[1] : player.chosen];
    drawWave(this.canvas, [lane.whole], { from: 0, to: player.length }, lane.track.peak || 1);
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [this.canvas.width, this.canvas.height];
    const context = this.canvas.getContext("2d");
    const events = player.shown.flatMap((index) => this.sound.events[index]);
    for (const { severity, times } of events) {
      context.fillStyle = cssColor(`--${severity}`);
      for (const [from, to] of times) {
        const x = (from / player.length) * width;
        context.fillRect(x, height - 5 * ratio, Math.max(2 * ratio, ((to - from) / player.length) * width), 5 * ratio);
      }
    }
  }

  /** Where the window and the position are. */
  place(position) {
    const { view, player } = this.sound;
    this.window.style.left = `${(100 * view.from) / player.length}%`;
    this.window.style.width = `${(100 * (view.to - view.from)) / player.length}%`;
    this.head.style.left = `${(100 * position) / player.length}%`;
    this.node.setAttribute("aria-valuemax", player.length.toFixed(2));
    this.node.setAttribute("aria-valuenow", position.toFixed(2));
    this.node.setAttribute("aria-valuetext", clockText(position));
  }
}

class Marks {
  constructor(sound) {
    this.sound = sound;
    this.head = element("div", { className: "head" });
    this.spans = element("div", { className: "spans" });
    this.selection = element("div", { className: "selection", hidden: true });
    this.node = element("div", { className: "marks", "aria-hidden": "true" }, this.spans, this.selection, this.head);
    this.ruler = element("div", { className: "ruler", "aria-hidden": "true" });
  }

  percent(seconds) {
    const { view } = this.sound;
    return (100 * (seconds - view.from)) / (view.to - view.from);
  }

  place(position) {
    this.head.style.left = `${this.percent(position)}%`;
  }

  /** Redraw what belongs to the view: ruler, selection, the times of the current finding. */
  draw() {
    const { view, selection, current } = this.sound;
    const [from, to] = selection || [0, 0];
    this.selection.hidden = !selection || Boolean(current);
    this.selection.style.left = `${this.percent(from)}%`;
    this.selection.style.width = `${this.percent(to) - this.percent(from)}%`;
    const times = current ? current.event.times : [];
    const seen = times.map((span, index) => [...span, index]).filter(([start, stop]) => stop >= view.from && start <= view.to);
    this.spans.replaceChildren(
      ...seen.slice(0, 300).map(([start, stop, index]) => {
        const span = element("div", { className: `span ${current.event.severity} ${index === current.time ? "now" : ""}` });
        span.style.left = `${this.percent(start)}%`;
        span.style.width = `${this.percent(stop) - this.percent(start)}%`;
        return span;
      }),
    );
    this.ruler.replaceChildren(...ticks(view, this.ruler.clientWidth).map(([time, text]) => {
      const tick = element("span", {}, text);
      tick.style.left = `${this.percent(time)}%`;
      return tick;
    }));
  }
}

/** Round times that fit, with their labels. */
function ticks(view, width) {
  const length = view.to - view.from;
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((size) => (width * size) / length >= 70) || 1800;
  const made = [];
  for (let index = Math.ceil(view.from / step); index * step <= view.to; index++) {
    const time = index * step;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const minutes = Math.floor(time / 60 + 1e-9);
    const text = view.to >= 60 ? `${minutes}:${(time - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}` : `${time.toFixed(digits)} s`;
    made.push([time, text]);
  }
  return made;
}
