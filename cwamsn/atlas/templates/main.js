// The state of the page, which its address keeps, and the start.
const state = { level: header.start.level, map: header.start.map, colour: header.start.colour, only: null, pick: null, well: null };

function address() {
  const parts = new URLSearchParams();
  for (const key of ['level', 'map', 'colour']) if (state[key] !== header.start[key]) parts.set(key, state[key] ?? '');
  if (state.only !== null) parts.set('only', column()?.categories?.[state.only - 1] ?? '');
  if (state.pick !== null) {
    parts.set('pick', data.names[state.pick]);
    parts.set('type', data.types[state.pick]);
    if (dose(state.pick)) parts.set('dose', data.doses[state.pick]);
    if (isControl(state.pick)) parts.set('control', '1');
    if (state.well !== null && data.wellIds) parts.set('well', data.wellIds[state.well]);
  }
  const target = plot.get('cameraTarget');
  const distance = plot.get('cameraDistance');
  if (Math.abs(target[0]) + Math.abs(target[1]) > 1e-3 || Math.abs(distance - whole()) > 1e-3) parts.set('view', [...target.slice(0, 2), distance].map((v) => v.toFixed(4)).join(','));
  return parts.toString();
}

let kept = null;
function keepAddress() {
  const text = address();
  kept = text;
  history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
}
let waiting = 0;
function keepAddressSoon() { clearTimeout(waiting); waiting = setTimeout(keepAddress, 250); }

async function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const wanted = (key, known) => (known.includes(parts.get(key)) ? parts.get(key) : header.start[key]);
  state.level = wanted('level', Object.keys(header.levels));
  state.map = wanted('map', Object.keys(level().maps));
  state.colour = parts.get('colour') === '' ? null : wanted('colour', level().columns.map((c) => c.key));
  if (!level().maps[state.map]) state.map = 'pca';
  if (!column() && state.colour !== null) state.colour = level().columns[0]?.key ?? null;
  const only = parts.get('only');
  state.only = only && column()?.categories ? column().categories.indexOf(only) + 1 || null : null;
  state.pick = null;
  state.well = null;
  if (parts.has('pick')) {
    const same = (data.groupsOfName.get(`${parts.get('type')}\t${parts.get('pick')}`) ?? []).filter((g) => isControl(g) === parts.has('control'));
    const value = parts.has('dose') ? Number(parts.get('dose')) : NaN;
    const far = (g) => (Object.is(data.doses[g], value) ? 0 : Math.abs(data.doses[g] - value));
    const near = [...same].sort((a, b) => far(a) - far(b))[0] ?? null;
    state.pick = Number.isNaN(value) ? same[0] ?? null : near !== null && far(near) <= 1e-6 * value ? near : null;
    if (parts.has('well')) {
      data.wellIds ??= await texts(header.levels.wells.ids);
      const at = data.wellIds.indexOf(parts.get('well'));
      state.well = at < 0 ? null : at;
    }
    if (state.pick === null) byId('said').textContent = `no ${parts.get('pick')} in this map`;
  }
  fillControls();
  await redraw();
  const [x, y, distance] = (parts.get('view') ?? '').split(',').map(Number);
  const stands = [x, y, distance].every(Number.isFinite);
  await plot.zoomToLocation(stands ? [x, y] : [0, 0], stands ? distance : whole(), { transition: false });
  if (state.pick !== null) await showGroup(state.pick);
  else showNothing();
}

function fillControls() {
  const choose = byId('colour');
  choose.replaceChildren(element('option', { value: '' }, 'one colour'), ...level().columns.map((c) => element('option', { value: c.key }, c.label)));
  choose.value = state.colour ?? '';
  for (const [name, value] of [['level', state.level], ['map', state.map]]) {
    document.querySelectorAll(`input[name=${name}]`).forEach((input) => {
      input.checked = input.value === value;
      if (name === 'map') input.disabled = !level().maps[input.value];
    });
  }
}

function change(values) {
  Object.assign(state, values);
  if (values.level) {
    state.well = null;
    if (!level().columns.some((c) => c.key === state.colour)) {
      const label = header.levels[values.level === 'wells' ? 'perturbations' : 'wells'].columns.find((c) => c.key === state.colour)?.label;
      state.colour = level().columns.find((c) => c.label === label)?.key ?? level().colour;
    }
    if (!level().maps[state.map]) state.map = 'pca';
  }
  if ('colour' in values || values.level) state.only = null;
  fillControls();
  return redraw().then(() => { if (state.pick !== null) showGroup(state.pick); keepAddress(); });
}

// Frames per second while the map moves with every frame; the page measures itself.
async function panRate(frames = 40) {
  const target = plot.get('cameraTarget').slice(0, 2);
  const distance = plot.get('cameraDistance');
  const frame = () => new Promise((done) => { requestAnimationFrame(done); });
  await frame();
  const start = performance.now();
  for (let i = 0; i < frames; i++) {
    const turn = (2 * Math.PI * i) / frames;
    plot.zoomToLocation([target[0] + 0.1 * Math.cos(turn), target[1] + 0.1 * Math.sin(turn)], distance, { transition: false });
    await frame();
  }
  await frame();
  const rate = (1000 * frames) / (performance.now() - start);
  await plot.zoomToLocation(target, distance, { transition: false });
  return rate;
}

async function start() {
  await load();
  makePlot();
  await readAddress();
  makeSearch();
  byId('colour').onchange = (event) => change({ colour: event.target.value || null });
  document.querySelectorAll('input[name=level]').forEach((input) => { input.onchange = () => change({ level: input.value }); });
  document.querySelectorAll('input[name=map]').forEach((input) => { input.onchange = () => change({ map: input.value }); });
  document.querySelectorAll('input[name=tool]').forEach((input) => {
    input.onchange = () => plot.set({ mouseMode: input.value === 'lasso' ? 'lasso' : 'panZoom' });
  });
  byId('whole').onclick = () => plot.zoomToLocation([0, 0], whole(), { transition: false });
  document.body.addEventListener('change', (event) => { if (event.target.name === 'theme') redraw(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw());
  addEventListener('hashchange', () => { if (location.hash.slice(1) !== kept) readAddress(); });
  atlas.milliseconds = Math.round(performance.now());
  byId('loading').remove();
  document.documentElement.dataset.ready = 'true';
}

const atlas = { state, data, header, panRate, pick, change, showLasso, thinning, plot: () => plot, milliseconds: null };
globalThis.atlas = atlas;
start().catch((error) => {
  byId('loading').textContent = `This page cannot be drawn here: ${error.message}. A browser with WebGL is needed.`;
  throw error;
});
