// Flags over the lanes: one for each time of each event; a press goes there and plays it in a loop.

const MAX_FLAGS = 200;
const FLAG_PIXELS = 16; // flags nearer to each other are one, with the number of times in it

class Flags {
  constructor(sound) {
    this.sound = sound;
    this.node = element("div", { className: "flags", role: "group", "aria-label": "Events" });
  }

  /** The times of all events on the screen that lie in the view, from left to right. */
  get placed() {
    const { view, player, events, marks } = this.sound;
    const all = player.shown.flatMap((index) => events[index]).flatMap((event) => event.times.map(([from, to], time) => ({ event, time, from, to })));
    const seen = all.filter(({ from, to }) => to >= view.from && from <= view.to).sort((one, other) => one.from - other.from);
    return seen.map((place) => ({ ...place, percent: clamp(marks.percent(place.from), 0, 100) }));
  }

  draw() {
    const width = Math.max(1, this.node.clientWidth);
    const groups = [];
    for (const place of this.placed) {
      const last = groups.at(-1);
      if (last && ((place.percent - last[0].percent) * width) / 100 < FLAG_PIXELS) last.push(place);
      else groups.push([place]);
    }
    this.node.hidden = !this.sound.player.shown.some((index) => this.sound.events[index].length);
    this.node.replaceChildren(...groups.slice(0, MAX_FLAGS).map((group) => this.flag(group)));
  }

  flag(group) {
    const { event, time, from, percent } = group.find(({ event }) => event.severity === "error") ?? group[0];
    const causes = [...new Set(group.map((place) => place.event.cause))].join(", ");
    const words = `${causes} at ${clockText(from - this.sound.tracks[event.track].start)}: hear it in a loop`;
    const count = group.length > 1 ? String(group.length) : "";
    const button = element("button", { type: "button", className: `flag ${event.severity}`, title: words, "aria-label": words }, count);
    button.style.left = `${percent}%`;
    button.addEventListener("click", () => this.sound.hearTime(event, time));
    return button;
  }
}
