"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const [ROWS, COLUMNS] = data.shape;
const unpacked = (text, kind) => text === null ? null : new kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const positions = unpacked(data.positions, Uint16Array);
const holds = unpacked(data.holds, Uint8Array);
const perturbation = unpacked(data.perturbation, Int32Array);
const dose = unpacked(data.dose, Float32Array);
const valuesOf = (number) => (number.read ??= unpacked(number.values, Float32Array));
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// What is shown; the address holds it, so that a view can be sent to a colleague.
const state = { number: 0, batch: 0, scale: "one", marks: true, plate: -1, position: 0, channel: 0 };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const named = (list, key, otherwise) => {
    const found = list.findIndex((item) => (item.name ?? item) === given.get(key));
    return found < 0 ? otherwise : found;
  };
  state.number = named(data.numbers, "number", Math.max(0, data.numbers.findIndex((number) => number.varies)));
  // A screen that fits on a few screenfuls is shown whole.
  const first = data.batches.length > 1 && data.plates.length <= 60 ? -1 : 0;
  state.batch = given.get("batch") === "all" ? -1 : named(data.batches, "batch", first);
  state.scale = given.get("scale") === "own" ? "own" : "one";
  state.marks = given.get("marks") !== "no";
  state.plate = named(data.plates, "plate", -1);
  state.position = named(data.addresses, "well", 0);
  state.channel = data.montages ? named(data.montages.channels, "picture", 0) : 0;
  if (state.plate >= 0 && state.batch >= 0) state.batch = data.plates[state.plate].batch;
}

function writeAddress() {
  const kept = new URLSearchParams({ number: data.numbers[state.number].name });
  kept.set("batch", state.batch < 0 ? "all" : data.batches[state.batch]);
  if (state.scale === "own") kept.set("scale", "own");
  if (!state.marks) kept.set("marks", "no");
  if (state.plate >= 0) {
    kept.set("plate", data.plates[state.plate].name);
    kept.set("well", data.addresses[state.position]);
    if (state.channel) kept.set("picture", data.montages.channels[state.channel]);
  }
  history.replaceState(null, "", "#" + kept);
}

const shownPlates = () => data.plates.map((plate, i) => i).filter((i) => state.batch < 0 || data.plates[i].batch === state.batch);

function rangeOf(plates) {
  const values = valuesOf(data.numbers[state.number]);
  const found = [];
  for (const i of plates) for (let w = data.plates[i].start; w < data.plates[i].end; w++) if (!Number.isNaN(values[w])) found.push(values[w]);
  if (!found.length) return null;
  const sorted = Float32Array.from(found).sort();
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))], high = sorted[Math.ceil(0.99 * (sorted.length - 1))];
  return [low, high];
}

function written(value, whole) {
  if (Number.isNaN(value)) return "not known";
  return whole ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
}

function colourOf(value, [low, high]) {
  const share = high > low ? (value - low) / (high - low) : 0.5;
  const n = data.colours.length;
  return data.colours[Math.min(n - 1, Math.max(0, Math.floor(share * n)))];
}

function draw(canvas, plate, range, cell) {
  const { start, end } = data.plates[plate], number = data.numbers[state.number], values = valuesOf(number);
  canvas.width = COLUMNS * cell;
  canvas.height = ROWS * cell;
  const g = canvas.getContext("2d"), ink = css("--soft");
  g.fillStyle = css("--shade");
  g.fillRect(0, 0, canvas.width, canvas.height);
  const known = new Set();
  for (let w = start; w < end; w++) {
    const x = (positions[w] % COLUMNS) * cell, y = Math.floor(positions[w] / COLUMNS) * cell, value = values[w];
    if (Number.isNaN(value) || !range) continue;
    known.add(positions[w]);
    const rgb = colourOf(value, range);
    g.fillStyle = `rgb(${rgb})`;
    g.fillRect(x, y, cell - 0.5, cell - 0.5);
    if (holds[w] === 1 || holds[w] === 2) {
      const light = rgb[0] * 0.3 + rgb[1] * 0.6 + rgb[2] * 0.1 < 120;
      g.beginPath();
      g.arc(x + cell / 2, y + cell / 2, cell / 5, 0, 7);
      if (holds[w] === 1) { g.fillStyle = light ? "#fff" : "#000"; g.fill(); } else { g.strokeStyle = light ? "#fff" : "#000"; g.stroke(); }
    }
  }
  g.strokeStyle = ink;
  g.lineWidth = 1;
  g.beginPath();
  for (let p = 0; p < ROWS * COLUMNS; p++) {
    if (known.has(p)) continue;
    const x = (p % COLUMNS) * cell, y = Math.floor(p / COLUMNS) * cell;
    g.moveTo(x + 1, y + cell - 1);
    g.lineTo(x + cell - 1, y + 1);
  }
  g.stroke();
  if (!state.marks) return;
  g.strokeStyle = css("--series-0");
  g.lineWidth = Math.max(1.5, cell / 7);
  for (const { position } of number.marks) {
    g.strokeRect((position % COLUMNS) * cell + 0.5, Math.floor(position / COLUMNS) * cell + 0.5, cell - 1, cell - 1);
  }
}

function option(text, value) {
  const made = document.createElement("option");
  made.textContent = text;
  made.value = value;
  return made;
}

function fillControls() {
  const groups = new Map();
  data.numbers.forEach((number, i) => {
    if (!groups.has(number.group)) {
      const made = document.createElement("optgroup");
      made.label = number.group;
      groups.set(number.group, made);
      at("number").append(made);
    }
    groups.get(number.group).append(option(number.name, i));
  });
  data.batches.forEach((name, i) => at("batch").append(option(name, i)));
  if (data.batches.length > 1) at("batch").append(option("all batches", -1));
  if (data.montages) data.montages.channels.forEach((name, i) => at("channel").append(option(name, i)));
  else { at("picture-box").remove(); at("tiles").remove(); }
}

function showControls() {
  at("number").value = state.number;
  at("batch").value = state.batch;
  at("scale").value = state.scale;
  at("marks").checked = state.marks;
  if (data.montages) at("channel").value = state.channel;
}

function showRange(range) {
  const number = data.numbers[state.number];
  at("about").textContent = `${number.name}: ${number.about}.`;
  at("legend").hidden = !range || state.scale === "own";
  if (!range) return;
  at("low").textContent = written(range[0], number.whole);
  at("high").textContent = written(range[1], number.whole);
  const g = at("ramp").getContext("2d");
  data.colours.forEach((rgb, i) => { g.fillStyle = `rgb(${rgb})`; g.fillRect((i * 256) / data.colours.length, 0, 256 / data.colours.length + 1, 12); });
}

function showStanding() {
  const { marks } = data.numbers[state.number];
  at("standing").replaceChildren();
  if (!state.marks) return;
  const said = document.createElement("p");
  if (data.plates.length < 3) said.textContent = "Positions that stand out: three plates are needed to tell.";
  else if (!marks.length) said.textContent = "No position stands out over plates in this number.";
  else {
    const named = marks.slice(0, 12).map((m) => `${data.addresses[m.position]} (${m.median > 0 ? "+" : ""}${m.median} on ${m.plates} plates${m.same > m.plates / 2 ? `, ${m.same} of them with the same perturbation` : ""})`);
    said.textContent = `${marks.length} position${marks.length > 1 ? "s" : ""} of ${ROWS * COLUMNS} stand${marks.length > 1 ? "" : "s"} out over plates: ${named.join(", ")}${marks.length > 12 ? ", ..." : ""}. In robust standard deviations from the median of the plate. Where one perturbation lies at a position on most plates, it may be the reason.`;
  }
  at("standing").append(said);
}

let shared = null;
function show() {
  showControls();
  const plates = shownPlates();
  shared = rangeOf(plates);
  showRange(shared);
  const grid = at("grid");
  grid.replaceChildren();
  for (const i of plates) {
    const made = document.createElement("button"), canvas = document.createElement("canvas"), name = document.createElement("span");
    name.textContent = data.plates[i].name + (state.batch < 0 ? `, batch ${data.batches[data.plates[i].batch]}` : "");
    name.title = name.textContent;
    made.type = "button";
    made.setAttribute("role", "listitem");
    made.setAttribute("aria-label", `Plate ${data.plates[i].name}, open`);
    made.append(canvas, name);
    made.addEventListener("click", () => open(i));
    grid.append(made);
    draw(canvas, i, state.scale === "own" ? rangeOf([i]) : shared, Math.max(4, Math.round(240 / COLUMNS)));
  }
  showStanding();
  if (state.plate >= 0) showOne();
  writeAddress();
}

function wellAt(plate, position) {
  for (let w = data.plates[plate].start; w < data.plates[plate].end; w++) if (positions[w] === position) return w;
  return -1;
}

function pair(name, value) {
  const line = document.createElement("div");
  for (const text of [name, value]) line.append(Object.assign(document.createElement("span"), { textContent: text }));
  return line;
}

function showWell() {
  const well = wellAt(state.plate, state.position), box = at("well"), head = document.createElement("h3");
  box.replaceChildren(head);
  const what = ["", "negative control", "control", "no known treatment"];
  if (well < 0) head.textContent = `${data.addresses[state.position]}: no well`;
  else {
    const name = perturbation[well] < 0 ? "" : data.perturbations[perturbation[well]];
    const amount = dose && !Number.isNaN(dose[well]) ? ` at ${Number(dose[well].toPrecision(4))} µM` : "";
    head.textContent = `${data.addresses[state.position]}: ${[name + (name && amount), what[holds[well]]].filter(Boolean).join(", ")}`;
    for (const number of data.numbers) box.append(pair(number.name, written(valuesOf(number)[well], number.whole)));
  }
  showTiles(well >= 0);
}

function showTiles(any) {
  const files = data.montages?.files[data.plates[state.plate].name], box = at("tiles");
  if (!data.montages) return;
  box.replaceChildren();
  if (!files || !any) return;
  const side = 144, column = state.position % COLUMNS, row = Math.floor(state.position / COLUMNS);
  files.forEach((file, i) => {
    const figure = document.createElement("figure"), tile = document.createElement("div"), caption = document.createElement("figcaption");
    caption.textContent = data.montages.channels[i];
    tile.setAttribute("role", "img");
    tile.setAttribute("aria-label", `Well ${data.addresses[state.position]}, ${data.montages.channels[i]}`);
    tile.style.backgroundImage = `url("${file}")`;
    tile.style.backgroundSize = `${COLUMNS * side}px ${ROWS * side}px`;
    tile.style.backgroundPosition = `${-column * side}px ${-row * side}px`;
    figure.append(tile, caption);
    box.append(figure);
  });
}

function showOne() {
  const plate = data.plates[state.plate], number = data.numbers[state.number];
  const range = state.scale === "own" ? rangeOf([state.plate]) : shared;
  at("one-title").textContent = `Plate ${plate.name} (batch ${data.batches[plate.batch]})`;
  at("one-range").textContent = range ? `${number.name}, ${written(range[0], number.whole)} (dark) to ${written(range[1], number.whole)} (light)` : `${number.name}: no number on this plate`;
  const cell = Math.max(6, Math.min(28, Math.floor(1200 / COLUMNS))), large = at("large");
  draw(large, state.plate, range, cell);
  large.setAttribute("aria-label", `Heat map of plate ${plate.name}: ${number.name}`);
  const g = large.getContext("2d"), column = state.position % COLUMNS, row = Math.floor(state.position / COLUMNS);
  g.strokeStyle = css("--series-4");
  g.lineWidth = 3;
  g.strokeRect(column * cell + 1.5, row * cell + 1.5, cell - 3, cell - 3);
  const files = data.montages?.files[plate.name];
  if (data.montages) {
    at("picture-box").hidden = !files;
    if (files) {
      at("picture").src = files[state.channel];
      at("picture").alt = `Wells of plate ${plate.name}, ${data.montages.channels[state.channel]}`;
      Object.assign(at("cursor").style, { left: `${(100 * column) / COLUMNS}%`, top: `${(100 * row) / ROWS}%`, width: `${100 / COLUMNS}%`, height: `${100 / ROWS}%` });
    }
  }
  showWell();
  if (!at("one").open) { at("one").showModal(); large.focus(); }
}

function open(plate) {
  state.plate = plate;
  if (wellAt(plate, state.position) < 0) state.position = positions[data.plates[plate].start];
  showOne();
  writeAddress();
}

function step(by) {
  const plates = shownPlates(), next = plates.indexOf(state.plate) + by;
  if (next >= 0 && next < plates.length) open(plates[next]);
}

function moveTo(event) {
  const box = event.currentTarget.getBoundingClientRect();
  const column = Math.floor(((event.clientX - box.left) / box.width) * COLUMNS), row = Math.floor(((event.clientY - box.top) / box.height) * ROWS);
  if (column < 0 || row < 0 || column >= COLUMNS || row >= ROWS) return;
  state.position = row * COLUMNS + column;
  showOne();
  writeAddress();
}

const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
function onKey(event) {
  if (event.target.tagName === "SELECT") return;
  if (event.key === "PageUp" || event.key === "PageDown") step(event.key === "PageUp" ? -1 : 1);
  else if (KEYS[event.key]) {
    const [down, right] = KEYS[event.key];
    const row = Math.floor(state.position / COLUMNS) + down, column = (state.position % COLUMNS) + right;
    if (row < 0 || column < 0 || row >= ROWS || column >= COLUMNS) return;
    state.position = row * COLUMNS + column;
    showOne();
    writeAddress();
  } else return;
  event.preventDefault();
}

fillControls();
readAddress();
for (const [id, key] of [["number", "number"], ["batch", "batch"]]) at(id).addEventListener("change", (e) => { state[key] = Number(e.target.value); show(); });
at("scale").addEventListener("change", (e) => { state.scale = e.target.value; show(); });
at("marks").addEventListener("change", (e) => { state.marks = e.target.checked; show(); });
at("channel")?.addEventListener("change", (e) => { state.channel = Number(e.target.value); showOne(); writeAddress(); });
at("before").addEventListener("click", () => step(-1));
at("after").addEventListener("click", () => step(1));
at("close").addEventListener("click", () => at("one").close());
at("one").addEventListener("close", () => { state.plate = -1; writeAddress(); });
at("one").addEventListener("keydown", onKey);
at("large").addEventListener("click", moveTo);
at("picture")?.addEventListener("click", moveTo);
addEventListener("hashchange", () => { readAddress(); if (state.plate < 0 && at("one").open) at("one").close(); show(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
document.body.addEventListener("change", (e) => { if (e.target.name === "theme") show(); });
at("controls").addEventListener("submit", (e) => e.preventDefault());
show();
document.documentElement.dataset.ready = "yes";
