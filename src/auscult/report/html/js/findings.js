// Findings lead to the times and the tensors that they speak of, and back.

function goToFinding(index) {
  const node = byId(`finding-${index}`);
  for (const other of document.querySelectorAll(".finding.current")) other.classList.remove("current");
  node.classList.add("current");
  node.setAttribute("tabindex", "-1");
  node.focus({ preventScroll: true });
  bringIntoView(node);
}

/** Wire the chips: times to the player, places to the first table that shows them. */
function startFindings(tables, sound) {
  for (const item of document.querySelectorAll(".finding")) {
    const finding = DATA.findings[Number(item.dataset.finding)];
    const homes = tables.filter((table) => finding.where.some((name) => table.shows.has(name)));
    for (const chip of item.querySelectorAll(".place")) if (!homes.length) chip.replaceWith(element("span", { className: "chip plain" }, chip.textContent));
    for (const chip of item.querySelectorAll(".time")) chip.disabled = !sound;
    item.addEventListener("click", (event) => {
      const place = event.target.closest("button.place");
      const time = event.target.closest("button.time");
      if (!place && !time) return;
      for (const other of document.querySelectorAll(".finding.current")) other.classList.remove("current");
      item.classList.add("current");
      if (time) sound.showFinding(Number(item.dataset.finding), Number(time.dataset.time));
      else homes.find((table) => table.reveal(place.dataset.place));
    });
  }
}
