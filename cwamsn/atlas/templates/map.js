// The map: points drawn by regl-scatterplot, labels of what is picked, pan and zoom by mouse and keys.
let plot;
let drawn = null; // level and map that are drawn
let positions = null; // (2N) in the plot's coordinates, from -1 to 1

const level = () => header.levels[state.level];
const column = () => level().columns.find((c) => c.key === state.colour) ?? null;
const pointSize = (n) => (n > 50000 ? 2 : n > 5000 ? 3.5 : n > 500 ? 6 : 9);

function makePlot() {
  const canvas = byId('canvas');
  // of the size of the map, not of the window, as it would be of its own
  const renderer = globalThis.createRenderer({ canvas: document.createElement('canvas') });
  const fit = () => { const box = byId('map').getBoundingClientRect(); renderer.resize(Math.max(1, box.width), Math.max(1, box.height)); };
  fit();
  new ResizeObserver(() => { fit(); plot?.redraw(); requestAnimationFrame(placeLabels); }).observe(byId('map'));
  plot = globalThis.createScatterplot({
    renderer, canvas, width: 'auto', height: 'auto', pointSizeSelected: 3, pointOutlineWidth: 2, lassoMinDelay: 0, lassoMinDist: 4,
    opacity: 1, backgroundColor: css('--page'), lassoColor: css('--link'), performanceMode: header.levels.wells.n > 50000,
    deselectOnDblClick: false, lassoOnLongPress: false,
  });
  plot.subscribe('pointover', hoverOver);
  plot.subscribe('pointout', hoverOut);
  plot.subscribe('select', ({ points }) => picked(points));
  plot.subscribe('deselect', () => { if (!busy) dropPick(); });
  plot.subscribe('view', () => { thin(); placeLabels(); keepAddressSoon(); });
  canvas.addEventListener('keydown', keys);
}

// Coordinates to -1 ... 1, the same scale both ways.
function fitted(xy) {
  const n = xy.length / 2;
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    x0 = Math.min(x0, xy[2 * i]); x1 = Math.max(x1, xy[2 * i]);
    y0 = Math.min(y0, xy[2 * i + 1]); y1 = Math.max(y1, xy[2 * i + 1]);
  }
  const half = Math.max(x1 - x0, y1 - y0) / 2 || 1;
  const x = new Float32Array(n);
  const y = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    x[i] = ((xy[2 * i] - (x0 + x1) / 2) / half) * 0.94;
    y[i] = ((xy[2 * i + 1] - (y0 + y1) / 2) / half) * 0.94;
  }
  return { x, y };
}

let busy = false; // selections made by the page itself are no picks
let queue = Promise.resolve();
function redraw() {
  queue = queue.then(drawNow).catch((error) => { console.error(error); });
  return queue;
}

async function drawNow() {
  const shape = level();
  const at = shape.maps[state.map] ?? shape.maps.pca;
  const found = await coloursOf(column());
  positions = fitted(await array(at));
  const n = shape.n;
  plot.set({
    pointColor: found.colours, colorBy: found.z ? 'valueA' : null, pointSize: pointSize(n), backgroundColor: css('--page'),
    // one for each colour: the library would take the colour of the class otherwise
    pointColorActive: found.colours.map(() => css('--picked')), pointColorHover: found.colours.map(() => css('--picked')), lassoColor: css('--link'),
  });
  const moves = drawn && drawn.level === state.level && drawn.map !== state.map && n <= 50000 && !matchMedia('(prefers-reduced-motion: reduce)').matches;
  const z = found.z ?? new Float32Array(n);
  busy = true;
  await plot.draw({ x: positions.x, y: positions.y, z }, { transition: Boolean(moves), transitionDuration: 700, zDataType: 'categorical' });
  drawn = { level: state.level, map: state.map };
  showOnly();
  markPick();
  busy = false;
  drawLegend(column(), found);
  byId('count').textContent = `${n.toLocaleString('en')} ${shape.what}`;
}

// Points of one class alone, where the legend says so.
async function showOnly() {
  const by = column();
  if (state.only === null || !by || !by.categories) { plot.unfilter({ preventEvent: true }); return; }
  const values = await array(by.values);
  const kept = [];
  for (let i = 0; i < values.length; i++) if (values[i] === state.only) kept.push(i);
  plot.filter(kept, { preventEvent: true });
}

// While a large map moves, some of its points stand for all: without a graphics card each of them costs.
const thinning = { to: 10000, rest: 200 }; // points; milliseconds without a move, after which all are drawn again
let resting = null;
function thin() {
  const n = level().n;
  if (n <= 2 * thinning.to || state.only !== null || !drawn) return;
  if (resting === null) {
    const kept = state.pick === null ? [] : pointsOf(state.pick);
    // multiplied by a large odd number the indices look drawn at random, and are the same each time
    for (let i = 0; i < n; i++) if ((Math.imul(i, 0x9e3779b1) >>> 0) < (thinning.to / n) * 2 ** 32) kept.push(i);
    plot.filter([...new Set(kept)], { preventEvent: true });
  }
  clearTimeout(resting);
  resting = setTimeout(rest, thinning.rest);
}

function rest() {
  if (resting === null) return;
  clearTimeout(resting);
  resting = null;
  showOnly();
}

const pointsOf = (group) => (state.level === 'perturbations' ? [group] : wellsOf(group));
const groupAt = (point) => (state.level === 'perturbations' ? point : data.code[point]);

function markPick() {
  rest(); // what is not drawn could not be selected
  busy = true;
  if (state.pick === null) plot.deselect({ preventEvent: true });
  else plot.select(pointsOf(state.pick), { preventEvent: true });
  busy = false;
  makeLabels();
}

// Labels of the perturbation that is picked and of its neighbours.
let labels = [];
function makeLabels() {
  const box = byId('labels');
  box.replaceChildren();
  labels = [];
  if (state.pick === null) return;
  const near = state.level === 'perturbations' ? neighboursOf(state.pick).map((n) => n.group) : [];
  for (const group of [...near.reverse(), state.pick]) {
    const point = state.level === 'perturbations' ? group : state.well ?? wellsOf(group)[0];
    const label = element('span', { class: group === state.pick ? 'label own' : 'label' }, nameOf(group));
    box.append(label);
    labels.push({ label, point });
  }
  placeLabels();
}

function placeLabels() {
  if (!labels.length) return;
  const box = byId('labels').getBoundingClientRect();
  for (const { label, point } of labels) {
    const at = plot.getScreenPosition(point);
    const inside = at && at[0] > 0 && at[1] > 0 && at[0] < box.width && at[1] < box.height;
    label.hidden = !inside;
    if (inside) label.style.transform = `translate(${Math.round(at[0] + 8)}px, ${Math.round(at[1] - 9)}px)`;
  }
}

// Keys on the map: arrows move it, + and - zoom, 0 shows all of it.
function keys(event) {
  const target = [...plot.get('cameraTarget')];
  let distance = plot.get('cameraDistance');
  const step = 0.15 * distance;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (moves[event.key]) { target[0] += moves[event.key][0]; target[1] += moves[event.key][1]; }
  else if (event.key === '+' || event.key === '=') distance /= 1.25;
  else if (event.key === '-') distance *= 1.25;
  else if (event.key === '0') { target[0] = 0; target[1] = 0; distance = whole(); }
  else return;
  event.preventDefault();
  plot.zoomToLocation(target, distance, { transition: false });
}

// From how far all of the map is seen: it is square, its place may be upright.
function whole() {
  const box = byId('map').getBoundingClientRect();
  return Math.max(1, box.height / Math.max(1, box.width));
}

function goTo(group) {
  const points = pointsOf(group);
  // not Math.min(...): a control may have more wells than a function has arguments
  const ends = (v) => points.reduce(([low, high], p) => [Math.min(low, v[p]), Math.max(high, v[p])], [Infinity, -Infinity]);
  const [left, right] = ends(positions.x);
  const [low, high] = ends(positions.y);
  const distance = Math.min(1, Math.max(0.35, right - left, high - low));
  return plot.zoomToLocation([(left + right) / 2, (low + high) / 2], distance, { transition: !matchMedia('(prefers-reduced-motion: reduce)').matches, transitionDuration: 400 });
}
