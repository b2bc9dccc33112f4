// One spectrogram on the common time axis, with its waveform; and the difference of two.

const MAX_COLUMNS = 1400;
const MAX_ROWS = 192;
const BATCH_SECONDS = 12;

const mel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertz = (mels) => 700 * (10 ** (mels / 2595) - 1);

/** Frequencies at the edges of the rows, lowest first. */
function rowEdges(top, rows, scale) {
  const place = (row) => (scale === "mel" ? hertz((mel(top) * row) / rows) : (top * row) / rows);
  return Float32Array.from({ length: rows + 1 }, (_, row) => place(row));
}

/** A piece of a spectrogram: levels of `width` columns between two times, and the canvas that shows them. */
class Picture {
  constructor(view, width, rows) {
    Object.assign(this, { from: view.from, to: view.to, width, rows, done: 0 });
    this.levels = new Uint8Array(width * rows).fill(NO_DATA);
    this.low = new Float32Array(width);
    this.high = new Float32Array(width);
    this.canvas = element("canvas", { width, height: rows });
  }

  get complete() {
    return this.done === this.width;
  }

  /** Colour the columns [first, last) by a function from place in `levels` to an entry of a colour table, or -1 for no data. */
  paint(first, last, colors, entryAt) {
    if (last <= first) return;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(last - first, this.rows);
    for (let column = first; column < last; column++) {
      for (let row = 0; row < this.rows; row++) {
        const entry = entryAt(column * this.rows + row);
        const place = 4 * ((this.rows - 1 - row) * (last - first) + column - first);
        for (let part = 0; part < 3; part++) image.data[place + part] = entry < 0 ? NO_DATA_COLOR[part] : colors[3 * entry + part];
        image.data[place + 3] = 255;
      }
    }
    context.putImageData(image, first, 0);
  }

  /** Draw what lies in the view. */
  drawOn(context, view, width, height) {
    const scale = width / (view.to - view.from);
    context.drawImage(this.canvas, 0, 0, this.width, this.rows, (this.from - view.from) * scale, 0, (this.to - this.from) * scale, height);
  }

  columnAt(seconds) {
    return Math.floor(((seconds - this.from) / (this.to - this.from)) * this.width);
  }
}

class Lane {
  constructor(sound, title) {
    this.sound = sound;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.heading = element("div", { className: "lane-title" }, title);
    this.wave = element("canvas", { className: "lane-wave", "aria-hidden": "true" });
    this.node = element("div", { className: "lane" }, this.heading, element("div", { className: "lane-body" }, this.canvas), this.wave);
    this.picture = null;
  }

  get size() {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    return { width: Math.round(this.canvas.clientWidth * ratio), height: Math.round(this.canvas.clientHeight * ratio), ratio };
  }

  draw() {
    const { width, height, ratio } = this.size;
    if (!width) return;
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    const context = this.canvas.getContext("2d");
    context.fillStyle = `rgb(${NO_DATA_COLOR})`;
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = true;
    for (const picture of [this.whole, this.picture]) picture?.drawOn(context, this.sound.view, width, height);
    this.drawFrequencies(context, height, ratio);
  }

  drawFrequencies(context, height, ratio) {
    const { top, settings } = this.sound;
    const marks = settings.scale === "mel" ? [500, 1000, 2000, 4000, 8000, 16000] : evenMarks(top);
    context.font = `${10 * ratio}px ${cssFont("--sans")}`;
    context.textBaseline = "middle";
    for (const mark of marks.filter((value) => value < 0.97 * top)) {
      const share = settings.scale === "mel" ? mel(mark) / mel(top) : mark / top;
      const y = height * (1 - share);
      context.fillStyle = "rgba(255,255,255,.55)";
      context.fillRect(0, Math.round(y), 5 * ratio, ratio);
      context.fillStyle = "rgba(255,255,255,.85)";
      context.shadowColor = "#000";
      context.shadowBlur = 3 * ratio;
      context.fillText(mark >= 1000 ? `${mark / 1000} kHz` : `${mark} Hz`, 8 * ratio, y);
      context.shadowBlur = 0;
    }
  }
}

function evenMarks(top) {
  const step = [500, 1000, 2000, 4000, 5000, 8000, 10000].find((size) => top / size <= 5) || 20000;
  return Array.from({ length: Math.floor(top / step) }, (_, index) => (index + 1) * step);
}

/** The waveform of a picture, as far as it lies in the view, with `most` at the edges. */
function drawWave(canvas, pictures, view, most) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (!width || !height) return;
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const y = (value) => height * (0.5 - (0.47 * value) / most);
  context.fillStyle = cssColor("--line");
  context.fillRect(0, Math.round(height / 2), width, 1);
  context.fillStyle = cssColor("--wave");
  const fits = pictures.filter((one) => one && one.done && one.from <= view.from && one.to >= view.to);
  const picture = fits.find((one) => one.complete) || fits[0]; // what is still being made shows only where there is nothing else
  if (!picture) return;
  const scale = width / (view.to - view.from);
  const each = ((picture.to - picture.from) / picture.width) * scale;
  let [low, high] = [NaN, NaN];
  for (let column = Math.max(0, picture.columnAt(view.from)); column < Math.min(picture.done, picture.columnAt(view.to) + 1); column++) {
    const [from, to] = [Math.min(picture.low[column], high || Infinity), Math.max(picture.high[column], low || -Infinity)];
    [low, high] = [picture.low[column], picture.high[column]];
    const x = (picture.from - view.from) * scale + column * each;
    context.fillRect(x, y(to), Math.ceil(each), Math.max(ratio, y(from) - y(to)));
  }
}

/** The spectrogram of a recording. */
class TrackLane extends Lane {
  constructor(sound, track) {
    super(sound, "");
    this.track = track;
    this.whole = null;
    this.job = 0;
  }

  draw() {
    super.draw();
    if (this.sound.settings.wave && !this.node.hidden) drawWave(this.wave, [this.picture, this.whole], this.sound.view, this.sound.loudness / this.track.gain);
  }

  /** Compute the view, batch after batch, as long as nothing else is wanted. */
  async render() {
    const job = ++this.job;
    if (this.node.hidden) return;
    const { width, height } = this.size;
    if (!width) return;
    const { view, settings, top } = this.sound;
    const picture = new Picture(view, Math.min(width, MAX_COLUMNS), Math.min(height, MAX_ROWS));
    picture.all = view.from === 0 && view.to === this.sound.player.length;
    this.next = picture;
    const { track } = this;
    const size = 2 ** clamp(Math.round(Math.log2((track.rate * settings.resolution) / 1000)), 6, 14);
    const edges = rowEdges(top, picture.rows, settings.scale);
    const step = ((picture.to - picture.from) * track.rate) / picture.width;
    const origin = (picture.from - track.start) * track.rate;
    const batch = clamp(Math.floor((BATCH_SECONDS * track.rate) / step), 8, 256);
    for (let column = 0; column < picture.width; column += batch) {
      const columns = Math.min(batch, picture.width - column);
      const first = Math.round(origin + column * step) - size / 2;
      const last = Math.round(origin + (column + columns) * step) + size / 2 + 1;
      const outside = last < 0 || first > track.frames;
      if (!outside) {
        const samples = await track.samples(first, last, settings.channel);
        if (job !== this.job) return;
        const made = await this.sound.analyst.ask({ samples, columns, step, size, rate: track.rate, edges });
        if (job !== this.job) return;
        this.take(picture, made, column, step, origin);
      }
      picture.done = column + columns;
      this.show(picture, column, picture.done);
    }
    if (picture.all) {
      this.whole = picture;
      this.sound.levelsKnown();
    }
    this.sound.rendered(this);
  }

  /** Copy a batch into the picture; columns outside the recording, or of a piece that is not here, hold no data. */
  take(picture, made, column, step, origin) {
    for (let index = 0; index < made.low.length; index++) {
      const frame = origin + (column + index + 0.5) * step;
      if (frame < 0 || frame >= this.track.frames || this.track.partAt(frame).blob < 0) continue;
      picture.levels.set(made.levels.subarray(index * picture.rows, (index + 1) * picture.rows), (column + index) * picture.rows);
      picture.low[column + index] = made.low[index];
      picture.high[column + index] = made.high[index];
    }
  }

  show(picture, first, last) {
    this.color(picture, first, last);
    this.picture = picture;
    this.draw();
  }

  color(picture, first, last) {
    const { top, range } = this.sound.levels();
    const gain = 20 * Math.log10(this.track.gain);
    const table = Int16Array.from({ length: 256 }, (_, level) => (level === NO_DATA ? -1 : clamp(Math.round(255 * (1 + (dbOf(level) + gain - top) / range)), 0, 255)));
    picture.paint(first, last, LEVEL_COLORS, (place) => table[picture.levels[place]]);
  }

  recolor() {
    for (const picture of new Set([this.whole, this.picture])) if (picture) this.color(picture, 0, picture.done);
    this.draw();
  }

  /** The level in dB at a time and a share of the height from below; null where nothing is known. */
  levelAt(seconds, share) {
    const picture = this.picture;
    if (!picture) return null;
    const [column, row] = [picture.columnAt(seconds), Math.min(picture.rows - 1, Math.floor(share * picture.rows))];
    if (column < 0 || column >= picture.done) return null;
    const level = picture.levels[column * picture.rows + row];
    return level === NO_DATA ? null : dbOf(level) + 20 * Math.log10(this.track.gain);
  }
}

const DIFFERENCE_DB = 30;

/** How much more (orange) or less (blue) the second of two recordings has than the first. */
class DifferenceLane extends Lane {
  constructor(sound) {
    super(sound, "");
    this.node.classList.add("difference");
    this.wave.remove();
    this.node.hidden = true;
  }

  update() {
    if (this.node.hidden) return;
    const [first, second] = this.sound.player.pair.map((index) => this.sound.lanes[index]);
    const [a, b] = [first.picture, second.picture];
    this.heading.replaceChildren(element("b", {}, `${second.track.short} − ${first.track.short}`), element("span", { className: "key less" }, `−${DIFFERENCE_DB} dB`), element("span", { className: "key more" }, `+${DIFFERENCE_DB} dB`));
    if (!a || !b || a.from !== b.from || a.to !== b.to || a.width !== b.width || a.rows !== b.rows) return this.draw();
    const picture = new Picture(a, a.width, a.rows);
    picture.done = Math.min(a.done, b.done);
    const { top, range } = this.sound.levels();
    const floors = [first, second].map((lane) => levelOf(top - range - 20 * Math.log10(lane.track.gain)));
    const gains = [first, second].map((lane) => 20 * Math.log10(lane.track.gain));
    const entry = (place) => {
      if (a.levels[place] === NO_DATA || b.levels[place] === NO_DATA) return -1;
      const more = dbOf(Math.max(b.levels[place], floors[1])) + gains[1] - dbOf(Math.max(a.levels[place], floors[0])) - gains[0];
      return clamp(Math.round(127.5 + (127.5 * more) / DIFFERENCE_DB), 0, 255);
    };
    picture.paint(0, picture.done, DIFFERENCE_COLORS, entry);
    this.picture = picture;
    this.draw();
  }
}
