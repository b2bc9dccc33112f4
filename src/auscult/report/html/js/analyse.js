// Spectrogram columns from samples. The function below is whole in itself: its text becomes the worker's program.

/** Levels are bytes: 0 to 250 for -140 dB to +10 dB against a full-scale sine, 255 for no data. */
function makeAnalyser() {
  const FLOOR_DB = -140;
  const STEP_DB = 0.6;
  const plans = new Map();

  function planFor(size, rate, edges) {
    const key = `${size} ${rate} ${edges.length} ${edges[edges.length - 1]} ${edges[1]}`;
    if (!plans.has(key)) plans.set(key, makePlan(size, rate, edges));
    return plans.get(key);
  }

  /** Hann window, twiddle factors, bit reversal, and which bins make up which row. */
  function makePlan(size, rate, edges) {
    const window = Float64Array.from({ length: size }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / size));
    const cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
    const sines = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
    const reversed = new Uint32Array(size);
    for (let i = 1; i < size; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
    const rows = [];
    for (let row = 0; row + 1 < edges.length; row++) {
      const [low, high] = [(edges[row] * size) / rate, (edges[row + 1] * size) / rate];
      if (edges[row] >= rate / 2) rows.push(null);
      else if (high - low >= 1) rows.push([Math.floor(low), Math.min(size / 2, Math.ceil(high)), -1]);
      else rows.push([Math.floor((low + high) / 2), 0, ((low + high) / 2) % 1]);
    }
    return { size, window, cosines, sines, reversed, rows, re: new Float64Array(size), im: new Float64Array(size), power: new Float64Array(size / 2 + 2) };
  }

  /** In-place radix-2 Fourier transform of plan.re and plan.im. */
  function transform({ size, cosines, sines, reversed, re, im }) {
    for (let i = 0; i < size; i++) {
      const j = reversed[i];
      if (j > i) {
        [re[i], re[j]] = [re[j], re[i]];
        [im[i], im[j]] = [im[j], im[i]];
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [c, s, a, b] = [cosines[k * stride], sines[k * stride], start + k, start + k + half];
          const x = re[b] * c - im[b] * s;
          const y = re[b] * s + im[b] * c;
          re[b] = re[a] - x;
          im[b] = im[a] - y;
          re[a] += x;
          im[a] += y;
        }
      }
    }
  }

  /** Add to plan.power the spectra of two windows of real samples: one is the real part, the other the imaginary. */
  function addPowers(plan, samples, first, second) {
    const { size, window, re, im, power } = plan;
    for (let n = 0; n < size; n++) {
      re[n] = (samples[first + n] || 0) * window[n];
      im[n] = second === null ? 0 : (samples[second + n] || 0) * window[n];
    }
    transform(plan);
    const norm = 16 / (size * size);
    for (let k = 0; k <= size / 2; k++) {
      const m = (size - k) & (size - 1);
      const [a, b] = [(re[k] + re[m]) / 2, (im[k] - im[m]) / 2];
      const [c, d] = [(im[k] + im[m]) / 2, (re[m] - re[k]) / 2];
      power[k] = Math.max(power[k], (a * a + b * b) * norm, (c * c + d * d) * norm);
    }
  }

  function quantise(power) {
    const level = power > 0 ? (10 * Math.log10(power) - FLOOR_DB) / STEP_DB : 0;
    return level < 0 ? 0 : level > 250 ? 250 : Math.round(level);
  }

  /**
   * Columns of `step` samples each, the strongest of all windows in a column; windows lie half a window apart at most.
   * `samples` begin half a window before the first column. Gives levels (column after column, lowest row first), and the least
   * and largest sample of each column.
   */
  return function analyse({ samples, columns, step, size, rate, edges }) {
    const plan = planFor(size, rate, edges);
    const rows = plan.rows.length;
    const levels = new Uint8Array(columns * rows);
    const low = new Float32Array(columns);
    const high = new Float32Array(columns);
    const count = Math.max(1, Math.ceil(step / (size / 2)));
    for (let column = 0; column < columns; column++) {
      plan.power.fill(0);
      const starts = Array.from({ length: count }, (_, k) => Math.round((column + (k + 0.5) / count) * step));
      for (let k = 0; k < count; k += 2) addPowers(plan, samples, starts[k], k + 1 < count ? starts[k + 1] : null);
      for (let row = 0; row < rows; row++) {
        const bins = plan.rows[row];
        let power = 0;
        if (bins && bins[2] < 0) for (let k = bins[0]; k <= bins[1]; k++) power = Math.max(power, plan.power[k]);
        else if (bins) power = plan.power[bins[0]] * (1 - bins[2]) + plan.power[bins[0] + 1] * bins[2];
        levels[column * rows + row] = bins ? quantise(power) : 255;
      }
      const [from, to] = [Math.floor(column * step) + size / 2, Math.max(Math.floor(column * step) + 1, Math.floor((column + 1) * step)) + size / 2];
      let [least, most] = [samples[from] || 0, samples[from] || 0];
      for (let n = from + 1; n < to; n++) {
        if (samples[n] < least) least = samples[n];
        if (samples[n] > most) most = samples[n];
      }
      [low[column], high[column]] = [least, most];
    }
    return { levels, low, high };
  };
}

const NO_DATA = 255;
const dbOf = (level) => -140 + 0.6 * level;
const levelOf = (db) => (db + 140) / 0.6;

/** Runs the analyser beside the page, or between its other work where the browser allows no worker. */
class Analyst {
  constructor() {
    this.waiting = new Map();
    this.next = 0;
    try {
      const text = `const analyse = (${makeAnalyser})(); onmessage = ({data}) => { const made = analyse(data); postMessage({ id: data.id, made }, [made.levels.buffer]); };`;
      this.worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
      this.worker.onmessage = ({ data }) => this.answer(data.id, data.made);
      this.worker.onerror = () => this.alone();
    } catch {
      this.worker = null;
    }
  }

  ask(question) {
    return new Promise((resolve) => {
      const id = this.next++;
      this.waiting.set(id, { question, resolve });
      if (this.worker) this.worker.postMessage({ ...question, id });
      else this.compute(id);
    });
  }

  answer(id, made) {
    this.waiting.get(id)?.resolve(made);
    this.waiting.delete(id);
  }

  /** The worker could not start: do what it was asked here. */
  alone() {
    this.worker = null;
    for (const id of this.waiting.keys()) this.compute(id);
  }

  compute(id) {
    this.analyse ||= makeAnalyser();
    setTimeout(() => {
      const entry = this.waiting.get(id);
      if (entry) this.answer(id, this.analyse(entry.question));
    });
  }
}
