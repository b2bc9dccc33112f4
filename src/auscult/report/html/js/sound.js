// The player: lanes of spectrograms on one time axis, what is heard, what is seen, and the keys.

const MIN_VIEW_SECONDS = 0.01;
const MAX_TOGETHER = 4; // recordings of one role that are shown one under the other
const REFERENCES = ["input", "reference"];

class Sound {
  constructor(tracks) {
    this.tracks = tracks;
    this.player = new Player(tracks);
    this.analyst = new Analyst();
    this.events = tracks.map((track) => eventsOf(track));
    this.alternatives = tracks.filter((track) => !REFERENCES.includes(track.role)).map((track) => track.index);
    const first = this.alternatives.find((index) => this.events[index].length) ?? this.alternatives[0];
    const shown = this.shownWith(first);
    this.player.show(shown);
    this.view = { from: 0, to: this.player.length };
    this.settings = { scale: "linear", resolution: 32, channel: -1, range: 80, match: true };
    this.top = Math.max(...tracks.map((track) => track.rate)) / 2;
    this.selection = null;
    this.current = null;
    this.lanes = tracks.map((track) => new TrackLane(this, track));
    this.difference = new DifferenceLane(this);
    this.overview = new Overview(this);
    this.marks = new Marks(this);
    const stack = element("div", { className: "stack" }, ...this.lanes.map((lane) => lane.node), this.difference.node, this.marks.node);
    byId("lanes").append(stack, this.marks.ruler);
    this.stack = stack;
    this.buildSettings();
    this.listen();
    this.arrange();
    new ResizeObserver(() => this.look(this.view.from, this.view.to)).observe(stack);
  }

  // Which recordings

  /** The recordings that are on the screen when that one is: all, where they are few; else it and what it is held against. */
  shownWith(index) {
    const all = this.tracks.map((track) => track.index);
    const few = this.alternatives.length <= MAX_TOGETHER;
    return few ? all : all.filter((one) => one === index || REFERENCES.includes(this.tracks[one].role));
  }

  /** Bring a recording to the screen, if it is not there. */
  bring(index) {
    if (this.player.shown.includes(index)) return;
    this.select(null);
    this.player.show(this.shownWith(index));
    this.view = { from: 0, to: this.player.length };
    this.loudest = undefined;
    this.arrange();
    this.player.choose(index);
    this.look(0, this.player.length);
  }

  arrange() {
    const { shown } = this.player;
    for (const lane of this.lanes) lane.node.hidden = !shown.includes(lane.track.index);
    this.matchLoudness();
    this.buildSwitch();
    this.buildPairs();
    byId("chooser").hidden = this.alternatives.length <= MAX_TOGETHER;
    byId("file").value = String(shown.find((index) => this.alternatives.includes(index)));
  }

  get seen() {
    return this.player.shown.map((index) => this.lanes[index]);
  }

  // What is heard

  /** Gains that bring all recordings to the level of the first, or to none where that is not wanted. */
  matchLoudness() {
    const shown = this.player.shown.map((index) => this.tracks[index]);
    const loud = shown.filter((track) => track.rms > 0);
    const wanted = loud[0]?.rms || 1;
    for (const track of this.tracks) track.gain = this.settings.match && track.rms > 0 ? wanted / track.rms : 1;
    const most = Math.max(...shown.map((track) => track.gain * track.peak));
    if (this.settings.match && most > 1) for (const track of shown) track.gain /= most;
    for (const lane of this.seen) this.titleOf(lane);
    if (this.player.context) this.player.applyGains(0.02);
  }

  titleOf(lane) {
    const { track } = lane;
    const shift = 20 * Math.log10(track.gain);
    const facts = [`${(track.rate / 1000).toLocaleString("en")} kHz`, track.channels > 1 ? `${track.channels} channels` : "", Math.abs(shift) >= 0.5 ? `${shift > 0 ? "+" : "−"}${Math.abs(shift).toFixed(1)} dB to match` : ""];
    lane.heading.replaceChildren(element("b", {}, track.title), element("span", {}, facts.filter(Boolean).join(" · ")));
  }

  buildSwitch() {
    const options = this.player.shown.map((index) => [index, this.tracks[index].short]);
    if (this.canSubtract()) options.push(["difference", "Difference"]);
    byId("switch").replaceChildren(
      ...(options.length < 2 ? [] : options).map(([value, text], index) => {
        const input = element("input", { type: "radio", name: "heard", value: String(value), checked: value === this.player.chosen });
        input.addEventListener("change", () => this.player.choose(value));
        const key = value === "difference" ? null : element("kbd", {}, String(index + 1));
        return element("label", {}, input, element("span", {}, key, text));
      }),
    );
  }

  canSubtract() {
    const [first, second] = this.player.pair.map((index) => this.tracks[index]);
    return first !== second && first.rate === second.rate;
  }

  // What is seen

  /** Show the times between, as far as they are within the sound. */
  look(from, to) {
    const { length } = this.player;
    const span = clamp(to - from, Math.min(MIN_VIEW_SECONDS, length), length);
    const start = clamp((from + to - span) / 2, 0, length - span);
    this.view = { from: start, to: Math.min(length, start + span) };
    for (const lane of [...this.lanes, this.difference]) lane.draw();
    this.marks.draw();
    this.moved();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.render(), 60);
  }

  async render() {
    for (const lane of this.lanes) lane.job++;
    const chosen = this.lanes[this.player.chosen];
    for (const lane of [chosen, ...this.seen.filter((other) => other !== chosen)]) lane.render();
  }

  zoom(factor, center = null) {
    const { from, to } = this.view;
    const position = this.player.position;
    const middle = center ?? (position >= from && position <= to ? position : (from + to) / 2);
    this.look(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }

  rendered() {
    this.difference.update();
    this.overview.draw();
  }

  /** The loudest point of all that is known is white; `range` dB below it is black. */
  levels() {
    return { top: this.loudest ?? 0, range: this.settings.range };
  }

  levelsKnown() {
    let most = -Infinity;
    for (const { whole, track } of this.seen) {
      if (!whole) continue;
      let level = 0;
      for (const value of whole.levels) if (value !== NO_DATA && value > level) level = value;
      most = Math.max(most, dbOf(level) + 20 * Math.log10(track.gain));
    }
    if (most === this.loudest || most === -Infinity) return;
    this.loudest = most;
    for (const lane of this.lanes) lane.recolor();
    this.difference.update();
  }

  buildSettings() {
    const change = (id, act) => byId(id).addEventListener("input", (event) => act(event.target));
    const again = () => {
      for (const lane of this.lanes) lane.whole = null;
      this.loudest = undefined;
      this.look(this.view.from, this.view.to);
    };
    change("match", ({ checked }) => {
      this.settings.match = checked;
      this.matchLoudness();
      this.loudest = undefined;
      this.levelsKnown();
    });
    change("scale", ({ value }) => ((this.settings.scale = value), again()));
    change("resolution", ({ value }) => ((this.settings.resolution = Number(value)), again()));
    change("channel", ({ value }) => ((this.settings.channel = Number(value)), again()));
    change("range", ({ value }) => {
      this.settings.range = Number(value);
      byId("range-text").textContent = `${value} dB`;
      for (const lane of this.lanes) lane.recolor();
      this.difference.update();
    });
    change("difference", ({ checked }) => this.showDifference(checked));
    change("pair", ({ value }) => {
      this.player.pair = value.split(" ").map(Number);
      this.buildSwitch();
      this.player.choose(this.player.chosen);
      this.showDifference(true);
    });
    byId("file").append(...this.alternatives.map((index) => element("option", { value: String(index) }, this.tracks[index].title)));
    change("file", ({ value }) => this.bring(Number(value)));
    const channels = Math.max(...this.tracks.map((track) => track.channels));
    byId("channel-row").hidden = channels < 2;
    byId("channel").append(element("option", { value: "-1" }, "all, mixed"), ...Array.from({ length: channels }, (_, index) => element("option", { value: String(index) }, String(index + 1))));
  }

  buildPairs() {
    const { shown } = this.player;
    const pairs = shown.flatMap((second, place) => shown.slice(0, place).map((first) => [first, second]));
    byId("difference").closest("label").hidden = pairs.length === 0;
    if (!pairs.length) this.showDifference(false);
    byId("pair").replaceChildren(...pairs.map(([first, second]) => element("option", { value: `${first} ${second}` }, `${this.tracks[second].short} − ${this.tracks[first].short}`)));
  }

  showDifference(wanted) {
    byId("difference").checked = wanted;
    this.difference.node.hidden = !wanted;
    this.difference.update();
    this.marks.draw();
  }

  // Position and selection

  listen() {
    const { player } = this;
    byId("play").addEventListener("click", () => this.toggle());
    byId("zoom-in").addEventListener("click", () => this.zoom(0.5));
    byId("zoom-out").addEventListener("click", () => this.zoom(2));
    byId("zoom-fit").addEventListener("click", () => this.look(0, player.length));
    byId("caption-close").addEventListener("click", () => this.select(null));
    byId("caption-next").addEventListener("click", () => this.step(1));
    byId("caption-previous").addEventListener("click", () => this.step(-1));
    byId("caption-back").addEventListener("click", () => goToFinding(this.current.event.finding));
    byId("caption-loop").addEventListener("click", () => this.setLoop(!player.loop));
    player.addEventListener("change", () => this.changed());
    document.addEventListener("themechange", () => this.overview.draw());
    document.addEventListener("keydown", (event) => this.key(event));
    for (const panel of document.querySelectorAll(".settings")) panel.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !panel.contains(event.relatedTarget)) panel.open = false;
    });
    document.addEventListener("pointerdown", (event) => {
      for (const panel of document.querySelectorAll(".settings[open]")) if (!panel.contains(event.target)) panel.open = false;
    });
    startPointer(this);
  }

  toggle() {
    return this.player.playing ? this.player.pause() : this.player.play();
  }

  changed() {
    const { player } = this;
    const playing = player.playing;
    byId("play").classList.toggle("on", playing);
    byId("play").setAttribute("aria-label", playing ? "Stop" : "Play");
    const heard = player.hearsDifference ? "difference" : String(player.chosen);
    for (const input of byId("switch").querySelectorAll("input")) input.checked = input.value === heard;
    this.lanes.forEach((lane, index) => lane.node.classList.toggle("heard", !player.hearsDifference && index === player.chosen));
    this.difference.node.classList.toggle("heard", player.hearsDifference);
    this.overview.draw();
    this.moved();
    if (playing && !this.ticking) this.tick();
  }

  tick() {
    this.ticking = this.player.playing;
    if (!this.ticking) return;
    const { player } = this;
    const { position, loop } = player;
    if (loop && position >= loop[1]) player.seek(loop[0]);
    else if (loop && position >= player.length) player.seek(loop[0]);
    const { from, to } = this.view;
    if (position > to && to < player.length && !this.held) this.look(position, position + (to - from));
    this.moved();
    requestAnimationFrame(() => this.tick());
  }

  moved() {
    const position = this.player.position;
    byId("clock").textContent = `${clockText(position)}`;
    this.marks.place(position);
    this.overview.place(position);
  }

  /** Select a range of times, or nothing. */
  select(range, current = null) {
    this.selection = range;
    this.current = range ? current : null;
    if (!range) this.setLoop(false);
    else if (this.player.loop) this.player.loop = range;
    byId("caption").hidden = !range;
    if (range) this.caption();
    this.marks.draw();
  }

  caption() {
    const [from, to] = this.selection;
    const { current } = this;
    const event = current?.event;
    const length = to - from >= 1 ? `${(to - from).toFixed(2)} s` : `${(1000 * (to - from)).toFixed(1)} ms`;
    const many = event && event.times.length > 1;
    const text = `${clockText(from)} – ${clockText(to)}, ${length}`;
    byId("caption-text").replaceChildren(
      ...(event ? [element("span", { className: `dot ${event.severity}` }), element("b", {}, event.cause), many ? ` ${current.time + 1} of ${event.times.length} · ` : " · "] : []),
      element("span", { className: "times" }, text),
    );
    for (const id of ["caption-next", "caption-previous"]) byId(id).hidden = !many;
    byId("caption-back").hidden = event?.finding === undefined;
    say(`${event ? event.cause : "selected"} ${text}`);
  }

  setLoop(wanted) {
    this.player.loop = wanted && this.selection ? this.selection : null;
    byId("caption-loop").setAttribute("aria-pressed", Boolean(this.player.loop));
    if (this.player.loop && !(this.player.position >= this.selection[0] && this.player.position < this.selection[1])) this.player.seek(this.selection[0]);
  }

  /** Go to one of the times of a finding, in the recording that it speaks of. */
  showFinding(finding, time) {
    const event = this.events.flat().find((one) => one.finding === finding && one.times.length > time);
    if (event) this.showTime(event, time);
  }

  /** Go to one of the times of an event: the range in view and marked, the position at its start. */
  showTime(event, time) {
    const [from, to] = event.times[time];
    this.bring(event.track);
    this.player.choose(event.track);
    const margin = clamp(2 * (to - from), 0.25, 5);
    this.select([from, to], { event, time });
    this.player.seek(from);
    this.look(from - margin, to + margin);
    bringIntoView(byId("player"));
  }

  showTrack(index) {
    this.bring(index);
    this.player.choose(index);
    bringIntoView(byId("player"));
  }

  step(by) {
    if (!this.current) return;
    const { event, time } = this.current;
    this.showTime(event, (time + by + event.times.length) % event.times.length);
  }

  key(event) {
    if (isTyping(event.target) && !(event.target.type === "radio" && event.key === " ")) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".vt-body")) return;
    const onControl = event.target.closest("button, summary, a");
    const { player, view } = this;
    const share = (view.to - view.from) * (event.shiftKey ? 0.01 : 0.1);
    const acts = {
      ArrowRight: () => player.seek(player.position + share),
      ArrowLeft: () => player.seek(player.position - share),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.look(0, player.length),
      x: () => player.choose(player.before),
      d: () => this.showDifference(this.difference.node.hidden),
      n: () => this.step(1),
      p: () => this.step(-1),
      Escape: () => this.select(null),
    };
    if (!onControl) acts[" "] = () => this.toggle();
    player.shown.slice(0, 9).forEach((index, place) => (acts[place + 1] = () => player.choose(index)));
    if (!(event.key in acts)) return;
    acts[event.key]();
    event.preventDefault();
  }
}

/** The pointer on the lanes: press to go there, drag to select, pinch or ctrl-wheel to zoom, wheel sideways to move. */
function startPointer(sound) {
  const { stack } = sound;
  const box = () => sound.seen[0].canvas.getBoundingClientRect();
  const timeAt = (x) => sound.view.from + clamp((x - box().left) / box().width, 0, 1) * (sound.view.to - sound.view.from);
  const fingers = new Map();
  let start = null;
  stack.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest("button")) return;
    fingers.set(event.pointerId, event.clientX);
    start = fingers.size === 1 ? { x: event.clientX, time: timeAt(event.clientX), dragged: false } : null;
    stack.setPointerCapture(event.pointerId);
    sound.held = true;
  });
  stack.addEventListener("pointermove", (event) => {
    readout(sound, event, timeAt(event.clientX));
    if (!fingers.has(event.pointerId)) return;
    if (fingers.size === 2) pinch(sound, fingers, event, timeAt);
    else if (start && (start.dragged || Math.abs(event.clientX - start.x) > 4)) {
      start.dragged = true;
      const time = timeAt(event.clientX);
      sound.select([Math.min(start.time, time), Math.max(start.time, time)]);
    }
    fingers.set(event.pointerId, event.clientX);
  });
  const release = (event) => {
    if (fingers.delete(event.pointerId) && start && event.type === "pointerup") {
      if (start.dragged) sound.player.seek(sound.selection[0]);
      else sound.player.seek(start.time);
    }
    start = null;
    sound.held = false;
  };
  stack.addEventListener("pointerup", release);
  stack.addEventListener("pointercancel", release);
  stack.addEventListener("pointerleave", () => (byId("readout").textContent = ""));
  stack.addEventListener("dblclick", () => (sound.selection ? sound.look(...sound.selection) : sound.look(0, sound.player.length)));
  stack.addEventListener(
    "wheel",
    (event) => {
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (zooms) return sound.zoom(Math.exp(clamp(event.deltaY, -60, 60) / 100), timeAt(event.clientX));
      const shift = (event.deltaX / box().width) * (sound.view.to - sound.view.from);
      sound.look(sound.view.from + shift, sound.view.to + shift);
    },
    { passive: false },
  );
}

function pinch(sound, fingers, event, timeAt) {
  const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
  const [before, after] = [Math.abs(fingers.get(event.pointerId) - other), Math.abs(event.clientX - other)];
  if (before > 8 && after > 8) sound.zoom(before / after, timeAt((event.clientX + other) / 2));
}

/** Time, frequency, and the level of every recording under the pointer. */
function readout(sound, event, time) {
  const lane = [...sound.lanes, sound.difference].find((one) => one.canvas.matches(":hover")) || laneUnder(sound, event);
  if (!lane) return;
  const area = lane.canvas.getBoundingClientRect();
  const share = clamp(1 - (event.clientY - area.top) / area.height, 0, 0.9999);
  const frequency = sound.settings.scale === "mel" ? hertz(mel(sound.top) * share) : sound.top * share;
  const levels = sound.seen.map((one) => {
    const level = one.levelAt(time, share);
    return `${one.track.short} ${level === null ? "–" : `${level.toFixed(0)} dB`.replace("-", "−")}`;
  });
  byId("readout").textContent = [`${clockText(time)}`, `${Math.round(frequency).toLocaleString("en")} Hz`, ...levels].join("   ");
}

function laneUnder(sound, event) {
  return [...sound.lanes, sound.difference].find(({ canvas, node }) => {
    const area = canvas.getBoundingClientRect();
    return !node.hidden && event.clientY >= area.top && event.clientY <= area.bottom;
  });
}

/** What was found in a recording, by its own list of causes or by the findings that speak of it. */
function eventsOf(track) {
  const own = (DATA.findings || []).map((finding, index) => ({ ...finding, finding: index, track: track.index })).filter((event) => DATA.owners[event.finding] === track.index && event.times.length);
  if (own.length || !track.causes.length) return own;
  return track.causes.filter((cause) => cause.times.length).map((cause) => {
    const finding = (DATA.findings || []).findIndex((one) => one.cause === cause.cause);
    return { ...cause, finding: finding < 0 ? undefined : finding, track: track.index };
  });
}

function startSound() {
  const tracks = (DATA.tracks || []).filter((facts) => facts.pieces.some((piece) => piece[2] >= 0));
  if (!tracks.length) return null;
  DATA.owners = (DATA.owners || []).map((owner) => (owner === null ? null : tracks.indexOf(DATA.tracks[owner])));
  const sound = new Sound(tracks.map((facts, index) => new Track(facts, index)));
  sound.changed();
  window.auscult = { sound }; // for those who want to look inside
  return sound;
}
