// Plays all recordings at once, sample by sample together, and lets one of them through: switching is immediate.

const AHEAD_SECONDS = 3;
const FADE_SECONDS = 0.006;

class Player extends EventTarget {
  constructor(tracks) {
    super();
    this.tracks = tracks;
    this.at = 0;
    this.hearsDifference = false;
    this.playing = false;
    this.loop = null;
    this.run = 0;
  }

  /** Only these recordings are played; the first of them is heard. */
  show(indices) {
    this.stop();
    this.shown = indices;
    this.length = Math.max(...indices.map((index) => this.tracks[index].end));
    this.at = 0;
    this.chosen = indices[0];
    this.before = indices[Math.min(1, indices.length - 1)];
    this.pair = [indices[0], this.before];
    this.hearsDifference = false;
    this.loop = null;
  }

  get position() {
    if (!this.playing) return this.at;
    return Math.min(this.length, this.at + Math.max(0, this.context.currentTime - this.began));
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  open() {
    if (this.context) return;
    const rate = Math.max(...this.tracks.map((track) => track.rate));
    try {
      this.context = new AudioContext({ sampleRate: rate });
    } catch {
      this.context = new AudioContext(); // a rate that this browser does not play
    }
    this.gains = this.tracks.map(() => new GainNode(this.context, { gain: 0 }));
    for (const gain of this.gains) gain.connect(this.context.destination);
  }

  async play() {
    if (this.playing) return;
    this.open();
    await this.context.resume();
    if (this.at >= this.length - 0.01) this.at = this.loop ? this.loop[0] : 0;
    this.start();
    this.changed();
  }

  /** Begin to schedule from `this.at`. */
  start() {
    const run = ++this.run;
    this.sources = new Set();
    this.playing = true;
    this.began = this.context.currentTime + 0.06;
    this.scheduled = this.tracks.map(() => this.at);
    this.applyGains(0);
    this.feed(run);
    this.timer = setInterval(() => this.feed(run), 250);
  }

  stop() {
    if (!this.playing) return;
    this.at = this.position;
    this.playing = false;
    this.run++;
    clearInterval(this.timer);
    for (const source of this.sources) source.stop();
  }

  pause() {
    this.stop();
    this.changed();
  }

  seek(seconds) {
    const wasPlaying = this.playing;
    this.stop();
    this.at = clamp(seconds, 0, this.length);
    if (wasPlaying) this.start();
    this.changed();
  }

  /** Let another recording through; "difference" for the first of the pair taken from the second. */
  choose(index) {
    const difference = index === "difference";
    if (!difference && index !== this.chosen) [this.before, this.chosen] = [this.chosen, index];
    this.hearsDifference = difference;
    if (this.context) this.applyGains(FADE_SECONDS);
    this.changed();
  }

  applyGains(fade) {
    const now = this.context.currentTime;
    this.gains.forEach((gain, index) => {
      const track = this.tracks[index];
      const level = this.hearsDifference ? (index === this.pair[1] ? 1 : index === this.pair[0] ? -1 : 0) : index === this.chosen ? 1 : 0;
      gain.gain.setTargetAtTime(level * track.gain * track.scale, now, fade / 3 || 0.0001);
    });
  }

  feed(run) {
    for (const index of this.shown) this.feedTrack(this.tracks[index], index, run);
    if (this.position >= this.length && !this.loop) {
      this.stop();
      this.at = this.length;
      this.changed();
    }
  }

  async feedTrack(track, index, run) {
    while (run === this.run && this.scheduled[index] < Math.min(this.position + AHEAD_SECONDS, track.end)) {
      const time = this.scheduled[index];
      const frame = Math.max(0, Math.round((time - track.start) * track.rate));
      const part = track.partAt(frame);
      const until = track.start + (part.start + part.frames) / track.rate;
      this.scheduled[index] = until;
      const buffer = await track.playable(part, this.context);
      if (run !== this.run) return;
      if (buffer) this.place(buffer, index, Math.max(time, track.start), track.start + part.start / track.rate, until);
    }
  }

  /** Schedule a decoded piece that begins at `origin`, from `time` (or from now, if that has passed) to `until`. */
  place(buffer, index, time, origin, until) {
    const now = this.at + (this.context.currentTime - this.began);
    const from = Math.max(time, now + 0.005);
    if (from >= until) return;
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.gains[index]);
    source.start(this.began + (from - this.at), from - origin, until - from);
    this.sources.add(source);
    source.onended = () => this.sources.delete(source);
  }
}
