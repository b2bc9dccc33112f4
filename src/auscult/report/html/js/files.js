// The files that were listened to, each with what was found in it.

function startFiles(sound) {
  const host = byId("files-table");
  if (!host) return;
  const rows = DATA.tracks
    .filter((track) => !REFERENCES.includes(track.role))
    .map((track) => ({ ...track, text: `${track.file} ${track.causes.map((cause) => `${cause.code} ${cause.cause}`).join(" ")}` }));
  const rank = (row) => Math.min(3, ...row.causes.map((cause) => ["error", "warning", "info"].indexOf(cause.severity)));
  rows.sort((a, b) => rank(a) - rank(b));
  const detail = element("div", { className: "detail", hidden: true });
  const columns = [
    { title: "file", kind: "name", cell: (row) => named(row.file || row.title) },
    { title: "length", kind: "n", cell: (row) => (row.seconds ? clockText(row.seconds) : "") },
    { title: "sample rate", kind: "n", cell: (row) => (row.sampleRate ? `${row.sampleRate.toLocaleString("en")} Hz` : "") },
    { title: "found", kind: "causes", cell: causeList },
  ];
  const table = new VirtualTable(host, columns, {
    label: "Files",
    template: "minmax(0,3fr) 6rem 7rem minmax(0,3fr)",
    pick: (row) => showFile(sound, row, detail),
  });
  host.after(detail);
  const filter = byId("files-filter");
  const apply = () => {
    const fits = matcher(filter.value);
    table.setRows(rows.filter((row) => fits(row.text)));
    detail.hidden = true;
    say(`${table.rows.length} of ${rows.length} files`);
  };
  afterTyping(filter, apply);
  table.setRows(rows);
}

function causeList(row) {
  const words = row.causes.map((cause) => element("span", { className: `badge ${cause.severity}` }, cause.cause));
  return element("span", { className: "clip badges" }, ...(words.length ? words : [element("span", { className: "dim" }, "nothing")]));
}

/** Bring the file to the player, and list its times. */
function showFile(sound, row, detail) {
  const track = sound?.tracks.find((one) => one.title === row.title && one.file === row.file);
  if (track) {
    sound.bring(track.index);
    sound.player.choose(track.index);
  }
  const events = track ? sound.events[track.index] : [];
  const chips = events.map((event) =>
    element(
      "div",
      { className: "chips" },
      element("span", { className: `badge ${event.severity}` }, event.cause),
      ...event.times.slice(0, 24).map(([from], time) => element("button", { type: "button", className: "chip time", onclick: () => sound.showTime(event, time) }, clockText(from - track.start))),
      event.times.length > 24 ? `and ${event.times.length - 24} more` : null,
    ),
  );
  detail.replaceChildren(element("p", {}, track ? row.file : `${row.file} is not in this page`), ...chips);
  detail.hidden = false;
}
