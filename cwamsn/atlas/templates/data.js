// What the page holds: a header in JSON, arrays as compressed bytes that are read when they are needed.
const byId = (id) => document.getElementById(id);
const header = JSON.parse(byId('header').textContent);
const TYPES = { f8: Float64Array, f4: Float32Array, i4: Int32Array, u4: Uint32Array, u2: Uint16Array, u1: Uint8Array };
const cache = new Map();

async function expanded(id) {
  const text = atob(byId(id).textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

function array(reference) {
  if (!cache.has(reference.id)) {
    cache.set(reference.id, expanded(reference.id).then((bytes) => new TYPES[reference.type](bytes)));
  }
  return cache.get(reference.id);
}

function texts(id) {
  if (!cache.has(id)) {
    cache.set(id, expanded(id).then((bytes) => JSON.parse(new TextDecoder().decode(bytes))));
  }
  return cache.get(id);
}

// What everything else reads; filled by `load`.
const data = { names: [], wellIds: null };

async function load() {
  const g = header.groups;
  const parts = { names: texts(g.names), types: texts(g.types), doses: array(g.doses), code: array(g.code), plateOf: array(g.plateOf) };
  for (const name of ['starts', 'members', 'nearest', 'similarity', 'pValue', 'counts', 'plates']) parts[name] = array(g[name]);
  const k = header.known;
  if (k) for (const name of ['first', 'second', 'by', 'similarity', 'percentile']) parts[`known_${name}`] = array(k[name]);
  if (header.pictures) {
    parts.pictured = array(header.pictures.wells);
    parts.offsets = array(header.pictures.offsets);
  }
  const keys = Object.keys(parts);
  const values = await Promise.all(Object.values(parts));
  keys.forEach((key, i) => { data[key] = values[i]; });
  data.pictureOf = new Map(Array.from(data.pictured ?? [], (well, i) => [well, i]));
  data.groupsOfName = new Map();
  data.names.forEach((name, i) => {
    const key = `${data.types[i]}\t${name}`;
    if (!data.groupsOfName.has(key)) data.groupsOfName.set(key, []);
    data.groupsOfName.get(key).push(i);
  });
  const kinds = new Map();
  data.names.forEach((name, i) => kinds.set(name, (kinds.get(name) ?? new Set()).add(kindOf(i))));
  data.shared = new Set([...kinds].filter(([, found]) => found.size > 1).map(([name]) => name));
  data.geneOf = new Map();
  if (k) k.groups.forEach((group, gene) => data.geneOf.set(group, gene));
}

const isControl = (group) => group >= header.groups.treated;
const dose = (group) => (Number.isNaN(data.doses[group]) ? '' : `${short(data.doses[group])} µM`);
const kindOf = (group) => (isControl(group) ? 'negative control' : data.types[group].replace('COMPOUND', 'compound'));
// with its kind where a gene and a compound share a name
const nameOf = (group) => data.names[group] + (data.shared.has(data.names[group]) ? ` (${kindOf(group)})` : '');
const titleOf = (group) => nameOf(group) + (dose(group) ? ` at ${dose(group)}` : '');
const wellsOf = (group) => Array.from(data.members.subarray(data.starts[group], data.starts[group + 1]));
const short = (value) => (Number.isNaN(value) ? '–' : String(Number(Number(value).toPrecision(3))));

function picture(well) {
  const at = data.pictureOf.get(well);
  if (at === undefined) return null;
  data.text ??= byId('pictures').textContent;
  return `data:${header.pictures.type};base64,${data.text.slice(data.offsets[at], data.offsets[at + 1])}`;
}

// Value of a column at a point, as text.
async function shownValue(column, point) {
  const value = (await array(column.values))[point];
  if (!column.categories) return Number.isNaN(value) ? '' : short(value);
  return value === 0 ? '' : column.categories[value - 1];
}
