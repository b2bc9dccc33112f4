// One recording: pieces of about ten seconds that are decoded when they are wanted, and let go of when memory is short.

const MAX_DECODED_SAMPLES = 24e6;

class Decoded {
  constructor() {
    this.kept = new Map();
    this.samples = 0;
  }

  /** The decoded piece of that key, from memory or by `make`; the least recently used are forgotten. */
  get(key, make) {
    let entry = this.kept.get(key);
    if (entry) this.kept.delete(key);
    else {
      entry = { size: 0, buffer: make() };
      entry.buffer.then((buffer) => {
        entry.size = buffer ? buffer.length * buffer.numberOfChannels : 0;
        this.samples += entry.size;
        this.forget();
      });
    }
    this.kept.set(key, entry);
    return entry.buffer;
  }

  forget() {
    for (const [key, entry] of this.kept) {
      if (this.samples <= MAX_DECODED_SAMPLES) return;
      if (!entry.size) continue;
      this.samples -= entry.size;
      this.kept.delete(key);
    }
  }
}

const decoded = new Decoded();

function bytesOf(blob) {
  const text = atob(byId(`piece-${blob}`).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

class Track {
  constructor(facts, index) {
    Object.assign(this, facts, { index });
    this.short = facts.title.split(":")[0];
    this.seconds = this.frames / this.rate;
    this.end = this.start + this.seconds;
    this.gain = 1;
    let start = 0;
    this.parts = facts.pieces.map(([frames, codec, blob], at) => {
      const part = { at, start, frames, codec, blob };
      start += frames;
      return part;
    });
  }

  partAt(frame) {
    const guess = Math.floor(frame / this.parts[0].frames);
    return this.parts[clamp(guess, 0, this.parts.length - 1)];
  }

  /** The piece at the file's own rate, for looking at. */
  raw(part) {
    return this.decode(part, this.rate, () => new OfflineAudioContext(this.channels, 1, this.rate));
  }

  /** The piece at the player's rate, for listening. */
  playable(part, context) {
    return context.sampleRate === this.rate ? this.raw(part) : this.decode(part, context.sampleRate, () => context);
  }

  decode(part, rate, context) {
    if (part.blob < 0) return Promise.resolve(null);
    return decoded.get(`${this.index} ${part.at} ${rate}`, async () => {
      try {
        return await context().decodeAudioData(bytesOf(part.blob));
      } catch (error) {
        say(`A piece of ${this.short} cannot be decoded by this browser: ${error.message}`);
        part.blob = -1; // shown as no data, not as silence
        return null;
      }
    });
  }

  /** Samples [from, to) of one channel, or the mean of all; zero outside and where the page has no sound. */
  async samples(from, to, channel) {
    const out = new Float32Array(Math.max(0, to - from));
    for (const part of this.parts) {
      const [first, last] = [Math.max(from, part.start), Math.min(to, part.start + part.frames)];
      if (first >= last) continue;
      const buffer = await this.raw(part);
      if (!buffer) continue;
      const channels = channel >= 0 ? [Math.min(channel, buffer.numberOfChannels - 1)] : [...Array(buffer.numberOfChannels).keys()];
      for (const number of channels) {
        const data = buffer.getChannelData(number).subarray(first - part.start, last - part.start);
        for (let i = 0; i < data.length; i++) out[first - from + i] += (data[i] * this.scale) / channels.length;
      }
    }
    return out;
  }
}
