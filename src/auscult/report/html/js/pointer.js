// The pointer on the lanes, and what lies under it.

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
