// The player: lanes of spectrograms on one time axis, what is heard, what is seen, and the keys.

const MIN_VIEW_SECONDS = 0.01;
const MIN_LOOP_SECONDS = 0.5; // a click of a millisecond alone is no sound that one can judge
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
    this.settings = { scale: "linear", resolution: 32, channel: -1, range: 80, match: true, wave: true };
    this.top = Math.max(...tracks.map((track) => track.rate)) / 2;
    this.selection = null;
    this.current = null;
    this.lanes = tracks.map((track) => new TrackLane(this, track));
    this.difference = new DifferenceLane(this);
    this.overview = new Overview(this);
    this.marks = new Marks(this);
    this.flags = new Flags(this);
    const stack = element("div", { className: "stack" }, ...this.lanes.map((lane) => lane.node), this.difference.node, this.marks.node);
    byId("lanes").append(this.flags.node, stack, this.marks.ruler);
    this.stack = stack;
    buildSettings(this);
    startButtons(this);
    startPointer(this);
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
    buildSwitch(this);
    buildPairs(this);
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
    this.loudness = Math.max(1e-6, ...shown.map((track) => track.gain * track.peak));
    for (const lane of this.seen) showTitle(lane);
    if (this.player.context) this.player.applyGains(0.02);
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
    this.flags.draw();
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

  showDifference(wanted) {
    byId("difference").checked = wanted;
    this.difference.node.hidden = !wanted;
    this.difference.update();
    this.marks.draw();
  }

  // Position and selection

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
    const start = event ? this.tracks[event.track].start : 0; // times are said as those of the recording
    const text = `${clockText(from - start)} – ${clockText(to - start)}, ${length}`;
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
    byId("play").focus({ preventScroll: true }); // so that the space bar plays it
  }

  /** Go to one of the times of an event and play it in a loop, with a little before and behind it. */
  hearTime(event, time) {
    this.showTime(event, time);
    const [from, to] = this.selection;
    const margin = clamp((MIN_LOOP_SECONDS - (to - from)) / 2, 0, MIN_LOOP_SECONDS);
    this.setLoop(true);
    this.player.loop = [Math.max(0, from - margin), Math.min(this.player.length, to + margin)];
    this.player.seek(this.player.loop[0]);
    this.look(this.player.loop[0] - margin / 2, this.player.loop[1] + margin / 2);
    return this.player.play();
  }

  showTrack(index) {
    this.bring(index);
    this.player.choose(index);
    bringIntoView(byId("player"));
  }

  step(by) {
    if (!this.current) return;
    const { event, time } = this.current;
    const next = (time + by + event.times.length) % event.times.length;
    if (this.player.loop) this.hearTime(event, next);
    else this.showTime(event, next);
  }

}

/** What was found in a recording, by its own list of causes or by the findings that speak of it. */
function eventsOf(track) {
  const onAxis = (times) => times.map(([from, to]) => [from + track.start, to + track.start]);
  const own = (DATA.findings || []).map((finding, index) => ({ ...finding, finding: index, track: track.index, times: onAxis(finding.times) })).filter((event) => DATA.owners[event.finding] === track.index && event.times.length);
  if (own.length || !track.causes.length) return own;
  return track.causes.filter((cause) => cause.times.length).map((cause) => {
    const finding = (DATA.findings || []).findIndex((one) => one.cause === cause.cause);
    return { ...cause, finding: finding < 0 ? undefined : finding, track: track.index, times: onAxis(cause.times) };
  });
}

function startSound() {
  const tracks = (DATA.tracks || []).filter((facts) => facts.pieces.some((piece) => piece[2] >= 0));
  if (!tracks.length) return null;
  DATA.owners = (DATA.owners || []).map((owner) => (owner === null ? null : tracks.indexOf(DATA.tracks[owner])));
  const first = Math.min(...tracks.map((facts) => facts.start)); // the common time begins with the earliest
  for (const facts of tracks) facts.start -= first;
  const sound = new Sound(tracks.map((facts, index) => new Track(facts, index)));
  sound.changed();
  window.auscult = { sound }; // for those who want to look inside
  return sound;
}
