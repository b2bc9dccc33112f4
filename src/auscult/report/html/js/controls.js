// The controls above the lanes: what is heard, how it is shown.

/** The name of a recording above its lane, with what was done to it. */
function showTitle(lane) {
  const { track } = lane;
  const shift = 20 * Math.log10(track.gain);
  const facts = [`${(track.rate / 1000).toLocaleString("en")} kHz`, track.channels > 1 ? `${track.channels} channels` : "", Math.abs(shift) >= 0.5 ? `${shift > 0 ? "+" : "−"}${Math.abs(shift).toFixed(1)} dB to match` : ""];
  lane.heading.replaceChildren(element("b", {}, track.title), element("span", {}, facts.filter(Boolean).join(" · ")));
}

/** One button for each recording on the screen, and one for the difference of two. */
function buildSwitch(sound) {
  const options = sound.player.shown.map((index) => [index, sound.tracks[index].short]);
  if (canSubtract(sound)) options.push(["difference", "Difference"]);
  byId("switch").replaceChildren(
    ...(options.length < 2 ? [] : options).map(([value, text], index) => {
      const input = element("input", { type: "radio", name: "heard", value: String(value), checked: value === sound.player.chosen });
      input.addEventListener("change", () => sound.player.choose(value));
      const key = value === "difference" ? null : element("kbd", {}, String(index + 1));
      return element("label", {}, input, element("span", {}, key, text));
    }),
  );
}

/** Whether the two of the pair can be taken from each other: only at one sample rate. */
function canSubtract(sound) {
  const [first, second] = sound.player.pair.map((index) => sound.tracks[index]);
  return first !== second && first.rate === second.rate;
}

/** Which difference can be shown. */
function buildPairs(sound) {
  const { shown } = sound.player;
  const pairs = shown.flatMap((second, place) => shown.slice(0, place).map((first) => [first, second]));
  byId("difference").closest("label").hidden = pairs.length === 0;
  if (!pairs.length) sound.showDifference(false);
  byId("pair").replaceChildren(...pairs.map(([first, second]) => element("option", { value: `${first} ${second}` }, `${sound.tracks[second].short} − ${sound.tracks[first].short}`)));
}

/** The panel of settings. */
function buildSettings(sound) {
  const change = (id, act) => byId(id).addEventListener("input", (event) => act(event.target));
  const again = () => {
    for (const lane of sound.lanes) lane.whole = null;
    sound.loudest = undefined;
    sound.look(sound.view.from, sound.view.to);
  };
  change("match", ({ checked }) => {
    sound.settings.match = checked;
    sound.matchLoudness();
    sound.loudest = undefined;
    sound.levelsKnown();
  });
  change("scale", ({ value }) => ((sound.settings.scale = value), again()));
  change("resolution", ({ value }) => ((sound.settings.resolution = Number(value)), again()));
  change("channel", ({ value }) => ((sound.settings.channel = Number(value)), again()));
  change("range", ({ value }) => {
    sound.settings.range = Number(value);
    byId("range-text").textContent = `${value} dB`;
    for (const lane of sound.lanes) lane.recolor();
    sound.difference.update();
  });
  change("wave", ({ checked }) => {
    sound.settings.wave = checked;
    for (const lane of sound.lanes) {
      lane.wave.hidden = !checked;
      lane.draw();
    }
  });
  change("difference", ({ checked }) => sound.showDifference(checked));
  change("pair", ({ value }) => {
    sound.player.pair = value.split(" ").map(Number);
    buildSwitch(sound);
    sound.player.choose(sound.player.chosen);
    sound.showDifference(true);
  });
  byId("file").append(...sound.alternatives.map((index) => element("option", { value: String(index) }, sound.tracks[index].title)));
  change("file", ({ value }) => sound.bring(Number(value)));
  const channels = Math.max(...sound.tracks.map((track) => track.channels));
  byId("channel-row").hidden = channels < 2;
  byId("channel").append(element("option", { value: "-1" }, "all, mixed"), ...Array.from({ length: channels }, (_, index) => element("option", { value: String(index) }, String(index + 1))));
}
