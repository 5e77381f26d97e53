// Beside the map: what is under the pointer, what is picked, what a lasso holds.
let hovered = 0;
async function hoverOver(point) {
  const mine = ++hovered;
  const group = groupAt(point);
  const box = byId('hover');
  const lines = [element('strong', {}, group < 0 ? 'no known perturbation' : titleOf(group))];
  let well = state.level === 'wells' ? point : wellsOf(group).find((w) => data.pictureOf.has(w));
  if (state.level === 'wells') {
    data.wellIds ??= await texts(header.levels.wells.ids);
    lines.push(element('div', { class: 'soft' }, data.wellIds[point]));
  }
  const by = column();
  if (by) lines.push(element('div', {}, `${by.label}: ${(await shownValue(by, point)) || 'none'}`));
  if (mine !== hovered) return;
  let source = well === undefined ? null : picture(well);
  if (!source && state.level === 'wells' && group >= 0) {
    well = wellsOf(group).find((w) => data.pictureOf.has(w));
    source = well === undefined ? null : picture(well);
    if (source) lines.push(element('div', { class: 'soft' }, 'picture: another well of it'));
  }
  if (source) lines.unshift(element('img', { src: source, alt: `cells of ${group < 0 ? 'this well' : titleOf(group)}` }));
  box.replaceChildren(...lines);
  box.hidden = false;
  const at = plot.getScreenPosition(point);
  const area = byId('map').getBoundingClientRect();
  const x = at[0] + 14 + box.offsetWidth > area.width ? at[0] - 14 - box.offsetWidth : at[0] + 14;
  const y = Math.max(4, Math.min(at[1] - 20, area.height - box.offsetHeight - 4));
  box.style.transform = `translate(${Math.round(Math.max(4, x))}px, ${Math.round(y)}px)`;
}
function hoverOut() { hovered++; byId('hover').hidden = true; }

function picked(points) {
  if (busy) return;
  if (points.length === 1) {
    const group = groupAt(points[0]);
    if (group >= 0) pick(group, { well: state.level === 'wells' ? points[0] : null });
    return;
  }
  state.pick = null;
  state.well = null;
  makeLabels();
  showLasso(points);
  keepAddress();
}

async function pick(group, { well = null, move = false } = {}) {
  state.pick = group;
  state.well = well;
  markPick();
  if (move) goTo(group);
  await showGroup(group);
  keepAddress();
}

function dropPick() {
  state.pick = null;
  state.well = null;
  makeLabels();
  showNothing();
  keepAddress();
}

function neighboursOf(group) {
  if (isControl(group)) return [];
  const { k } = header.groups;
  const found = [];
  for (let i = group * k; i < (group + 1) * k; i++) {
    if (data.nearest[i] >= 0) found.push({ group: data.nearest[i], similarity: data.similarity[i], p: data.pValue[i] });
  }
  return found;
}

// Which sources know a relationship of two groups; null where none does.
let relations = null;
function known(one, other) {
  if (!header.known) return null;
  if (!relations) {
    relations = new Map();
    for (let i = 0; i < data.known_first.length; i++) relations.set(data.known_first[i] * 65536 + data.known_second[i], i);
  }
  const a = data.geneOf.get(one);
  const b = data.geneOf.get(other);
  if (a === undefined || b === undefined) return null;
  const at = relations.get(a * 65536 + b) ?? relations.get(b * 65536 + a);
  return at === undefined ? null : at;
}
const sourcesOf = (at) => header.known.sources.filter((_, bit) => data.known_by[at] & (1 << bit)).join(', ');

function showNothing() { byId('panel').replaceChildren(byId('guide').content.cloneNode(true)); }

const nameButton = (group, text = titleOf(group)) => {
  const made = element('button', { type: 'button', class: 'name' }, text);
  made.onclick = () => pick(group, { move: true });
  return made;
};

function tile(well, label, alt) {
  const source = picture(well);
  if (!source) return null;
  const image = element('img', { src: source, alt, loading: 'lazy', width: header.pictures.width, height: header.pictures.height });
  return element('figure', { class: 'tile' }, [image, element('figcaption', {}, label)]);
}
const firstPicture = (group) => wellsOf(group).find((w) => data.pictureOf.has(w));

async function showGroup(group) {
  const panel = byId('panel');
  data.wellIds ??= await texts(header.levels.wells.ids);
  if (state.pick !== group) return;
  const parts = [element('h2', { tabindex: '-1', id: 'picked' }, titleOf(group))];
  parts.push(element('p', { class: 'soft' }, `${kindOf(group)}, ${count(data.counts[group], 'well')} on ${count(data.plates[group], 'plate')}`));
  if (state.well !== null) parts.push(element('p', {}, `Picked well: ${data.wellIds[state.well]}`));
  parts.push(await facts(group), gallery(group), nearestTable(group), doses(group), relationships(group));
  if (state.pick !== group) return;
  panel.replaceChildren(...parts.filter(Boolean));
  panel.scrollTop = 0;
}

const count = (n, what) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;

async function facts(group) {
  const rows = [];
  for (const by of header.levels.perturbations.columns) {
    if (['type', 'control', 'concentration', 'n_wells', 'n_plates'].includes(by.key)) continue;
    const value = await shownValue(by, group);
    if (value) rows.push(element('dt', {}, by.label), element('dd', {}, value));
  }
  return rows.length ? element('dl', { class: 'facts' }, rows) : null;
}

// Wells of a perturbation beside controls of the same plates.
function gallery(group) {
  if (!header.pictures) return null;
  const own = wellsOf(group).filter((w) => data.pictureOf.has(w));
  if (state.well !== null && data.pictureOf.has(state.well)) own.sort((a, b) => (b === state.well) - (a === state.well));
  if (!own.length) return element('p', { class: 'soft' }, 'No picture of its wells is in this page.');
  const plateOf = (w) => data.plateOf[w]; // ids of other tools need not begin with it
  const plates = new Set(own.slice(0, 8).map(plateOf));
  const byPlate = new Map([...plates].map((plate) => [plate, []]));
  for (let g = header.groups.treated; g < data.names.length; g++) {
    if (g !== group) for (const w of wellsOf(g)) if (data.pictureOf.has(w)) byPlate.get(plateOf(w))?.push(w);
  }
  // one of each plate, then a second of each: the first plates would fill the room
  const controls = [];
  for (let turn = 0; turn < 8; turn++) for (const wells of byPlate.values()) if (turn < wells.length) controls.push(wells[turn]);
  const tiles = (wells, what) => wells.slice(0, 8).map((w) => tile(w, data.wellIds[w], `${what}, well ${data.wellIds[w]}`)).filter(Boolean);
  const parts = [element('h3', {}, 'Its wells'), element('div', { class: 'gallery', id: 'gallery' }, tiles(own, titleOf(group)))];
  if (controls.length) parts.push(element('h3', {}, 'Controls of the same plates'), element('div', { class: 'gallery', id: 'controls' }, tiles(controls, 'negative control')));
  parts.push(element('p', { class: 'soft' }, header.pictures.words));
  return element('section', {}, parts);
}

function nearestTable(group) {
  const near = neighboursOf(group);
  if (!near.length) return null;
  const withP = near.some((n) => !Number.isNaN(n.p));
  const heads = ['', 'perturbation', 'similarity', ...(withP ? ['p'] : []), ...(header.known && data.geneOf.has(group) ? ['known'] : [])];
  const rows = near.map(({ group: other, similarity, p }) => {
    const well = firstPicture(other);
    const source = well === undefined ? null : picture(well);
    const relation = known(group, other);
    const cells = [
      element('td', {}, source ? [element('img', { src: source, alt: `cells of ${titleOf(other)}`, class: 'small', loading: 'lazy' })] : []),
      element('th', { scope: 'row' }, [nameButton(other)]),
      element('td', { class: 'number' }, similarity.toFixed(3)),
    ];
    if (withP) cells.push(element('td', { class: 'number' }, Number.isNaN(p) ? '–' : String(Number(p.toPrecision(2)))));
    if (header.known && data.geneOf.has(group)) cells.push(element('td', {}, relation === null ? '' : sourcesOf(relation)));
    return element('tr', {}, cells);
  });
  const table = element('table', { id: 'nearest' }, [
    element('thead', {}, [element('tr', {}, heads.map((text) => element('th', { scope: 'col', class: ['similarity', 'p'].includes(text) ? 'number' : null }, text)))]), element('tbody', {}, rows),
  ]);
  const among = [];
  const all = near.map((n) => n.group);
  all.forEach((a, i) => all.slice(i + 1).forEach((b) => {
    const at = known(a, b);
    if (at !== null) among.push(`${data.names[a]} – ${data.names[b]} (${sourcesOf(at)})`);
  }));
  const parts = [element('h3', {}, `Its ${near.length} nearest`), element('div', { class: 'scroll' }, [table]), element('p', { class: 'soft' }, header.groups.words)];
  if (among.length) parts.push(element('p', { id: 'among' }, `Known among these: ${among.join('; ')}.`));
  return element('section', {}, parts);
}

function doses(group) {
  const all = data.groupsOfName.get(`${data.types[group]}\t${data.names[group]}`).filter((g) => isControl(g) === isControl(group));
  if (all.length < 2) return null;
  const by = header.levels.perturbations.columns.find((c) => c.key === 'from_controls');
  const sorted = [...all].sort((a, b) => data.doses[a] - data.doses[b]);
  const box = element('div', { class: 'gallery', id: 'doses' });
  for (const other of sorted) {
    const well = firstPicture(other);
    const label = nameButton(other, dose(other) || 'no dose');
    if (other === group) label.setAttribute('aria-current', 'true');
    const figure = element('figure', { class: other === group ? 'tile own' : 'tile' });
    const source = well === undefined ? null : picture(well);
    if (source) figure.append(element('img', { src: source, alt: titleOf(other), loading: 'lazy', width: header.pictures.width, height: header.pictures.height }));
    const caption = element('figcaption', {}, [label]);
    if (by) shownValue(by, other).then((value) => caption.append(element('span', { class: 'soft' }, ` ${value} from controls`)));
    figure.append(caption);
    box.append(figure);
  }
  return element('section', {}, [element('h3', {}, `Its ${all.length} doses`), box]);
}

function relationships(group) {
  const gene = data.geneOf.get(group);
  if (gene === undefined) return null;
  const found = [];
  for (let i = 0; i < data.known_first.length; i++) {
    if (data.known_first[i] === gene || data.known_second[i] === gene) {
      const other = data.known_first[i] === gene ? data.known_second[i] : data.known_first[i];
      found.push({ group: header.known.groups[other], at: i, similarity: data.known_similarity[i], percentile: data.known_percentile[i] });
    }
  }
  if (!found.length) return element('p', { class: 'soft', id: 'known' }, `No relationship of it with a gene of this map is known to ${header.known.sources.join(', ')}.`);
  found.sort((a, b) => b.similarity - a.similarity);
  const rows = found.map((f) => element('tr', {}, [
    element('th', { scope: 'row' }, [nameButton(f.group)]), element('td', { class: 'number' }, f.similarity.toFixed(3)),
    element('td', { class: 'number' }, `${Math.round(f.percentile)}%`), element('td', {}, sourcesOf(f.at)),
  ]));
  const heads = ['gene', 'similarity', 'above', 'source'].map((text) => element('th', { scope: 'col', class: ['similarity', 'above'].includes(text) ? 'number' : null }, text));
  return element('section', { id: 'known' }, [
    element('h3', {}, `Its ${found.length} known relationships in this map`),
    element('div', { class: 'scroll' }, [element('table', {}, [element('thead', {}, [element('tr', {}, heads)]), element('tbody', {}, rows)])]),
    element('p', { class: 'soft' }, 'above: the share of all pairs of genes in this map that are less similar'),
  ]);
}

// What a lasso holds, to be taken away.
async function showLasso(points) {
  const groups = state.level === 'perturbations' ? points : [...new Set(points.map((p) => data.code[p]))].filter((g) => g >= 0);
  data.wellIds ??= await texts(header.levels.wells.ids);
  const taken = (g) => [data.names[g], data.types[g], Number.isNaN(data.doses[g]) ? '' : data.doses[g]];
  const rows = state.level === 'perturbations'
    ? [['perturbation', 'perturbation_type', 'concentration'], ...points.map(taken)]
    : [['well_id', 'perturbation', 'perturbation_type', 'concentration'], ...points.map((w) => {
      const g = data.code[w];
      return [data.wellIds[w], ...(g < 0 ? ['', '', ''] : taken(g))];
    })];
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const csv = `${rows.map((row) => row.map((v) => quoted(String(v))).join(',')).join('\n')}\n`;
  const save = element('a', { download: 'selection.csv', href: URL.createObjectURL(new Blob([csv], { type: 'text/csv' })), class: 'button', id: 'save' }, 'Save as CSV');
  const copy = element('button', { type: 'button', id: 'copy' }, 'Copy names');
  const names = [...new Set(groups.map((g) => data.names[g]))];
  copy.onclick = () => navigator.clipboard.writeText(names.join('\n')).then(() => { copy.textContent = 'Copied'; });
  const list = element('ul', { class: 'names', id: 'held' }, groups.slice(0, 300).map((g) => element('li', {}, [nameButton(g)])));
  const what = state.level === 'perturbations' ? count(points.length, 'perturbation') : `${count(points.length, 'well')} of ${count(groups.length, 'perturbation')}`;
  byId('panel').replaceChildren(element('h2', { id: 'picked', tabindex: '-1' }, what), element('p', { class: 'buttons' }, [save, copy]), list);
  if (groups.length > 300) byId('panel').append(element('p', { class: 'soft' }, `and ${groups.length - 300} more; the file holds all`));
  data.lasso = csv;
}
