// The keys, and what the buttons of the player do.

/** Buttons, panels, and what the player says. */
function startButtons(sound) {
  const { player } = sound;
  byId("play").addEventListener("click", () => sound.toggle());
  byId("zoom-in").addEventListener("click", () => sound.zoom(0.5));
  byId("zoom-out").addEventListener("click", () => sound.zoom(2));
  byId("zoom-fit").addEventListener("click", () => sound.look(0, player.length));
  byId("caption-close").addEventListener("click", () => sound.select(null));
  byId("caption-next").addEventListener("click", () => sound.step(1));
  byId("caption-previous").addEventListener("click", () => sound.step(-1));
  byId("caption-back").addEventListener("click", () => goToFinding(sound.current.event.finding));
  byId("caption-loop").addEventListener("click", () => sound.setLoop(!player.loop));
  player.addEventListener("change", () => sound.changed());
  document.addEventListener("themechange", () => {
    sound.overview.draw();
    for (const lane of sound.seen) lane.draw();
  });
  document.addEventListener("keydown", (event) => pressKey(sound, event));
  for (const panel of document.querySelectorAll(".settings")) panel.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !panel.contains(event.relatedTarget)) panel.open = false;
  });
  document.addEventListener("pointerdown", (event) => {
    for (const panel of document.querySelectorAll(".settings[open]")) if (!panel.contains(event.target)) panel.open = false;
  });
}

/** A key, unless it belongs to what has the focus. */
function pressKey(sound, event) {
  if (isTyping(event.target) && !(event.target.type === "radio" && event.key === " ")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".vt-body")) return;
  const onControl = event.target.closest("button, summary, a");
  const { player, view } = sound;
  const share = (view.to - view.from) * (event.shiftKey ? 0.01 : 0.1);
  const acts = {
    ArrowRight: () => player.seek(player.position + share),
    ArrowLeft: () => player.seek(player.position - share),
    "+": () => sound.zoom(0.5),
    "=": () => sound.zoom(0.5),
    "-": () => sound.zoom(2),
    0: () => sound.look(0, player.length),
    x: () => player.choose(player.before),
    d: () => sound.showDifference(sound.difference.node.hidden),
    n: () => sound.step(1),
    p: () => sound.step(-1),
    Escape: () => sound.select(null),
  };
  if (!onControl) acts[" "] = () => sound.toggle();
  player.shown.slice(0, 9).forEach((index, place) => (acts[place + 1] = () => player.choose(index)));
  if (!(event.key in acts)) return;
  acts[event.key]();
  event.preventDefault();
}
