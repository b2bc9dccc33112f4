// Findings lead to the times and the tensors that they speak of, and back.

function goToFinding(index) {
  const node = byId(`finding-${index}`);
  for (const other of document.querySelectorAll(".finding.current")) other.classList.remove("current");
  node.classList.add("current");
  node.setAttribute("tabindex", "-1");
  node.focus({ preventScroll: true });
  bringIntoView(node);
}

/** Wire the chips: times to the player, places to the recording of that name or to the first table that shows them. */
function startFindings(tables, sound) {
  for (const item of document.querySelectorAll(".finding")) {
    const index = Number(item.dataset.finding);
    const finding = DATA.findings[index];
    const homes = tables.filter((table) => finding.where.some((name) => table.shows.has(name)));
    const trackOf = (name) => sound?.tracks.find((track) => track.file === name || track.file.endsWith(`/${name}`));
    const plays = sound?.events.flat().some((event) => event.finding === index);
    for (const chip of item.querySelectorAll(".time")) chip.disabled = !plays;
    for (const chip of item.querySelectorAll(".place")) {
      if (!homes.length && !trackOf(chip.dataset.place)) chip.replaceWith(element("span", { className: "chip plain" }, chip.textContent));
    }
    item.addEventListener("click", (event) => {
      const place = event.target.closest("button.place")?.dataset.place;
      const time = event.target.closest("button.time")?.dataset.time;
      if (place === undefined && time === undefined) return;
      for (const other of document.querySelectorAll(".finding.current")) other.classList.remove("current");
      item.classList.add("current");
      if (time !== undefined) sound.showFinding(index, Number(time));
      else if (trackOf(place)) sound.showTrack(trackOf(place).index);
      else homes.find((table) => table.reveal(place));
    });
  }
}
