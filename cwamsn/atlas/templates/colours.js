// Colours of points by a column: the commonest classes each in a colour of their own, numbers on one scale.
const GREY = 8;
const scale = header.scale; // colours of the sequential map, from small to large

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const classColours = () => [...Array.from({ length: header.series }, (_, i) => css(`--series-${i}`)), css('--points-other')];

async function coloursOf(column) {
  if (!column) return { z: null, colours: [css('--points')], legend: null };
  const values = await array(column.values);
  return column.categories ? byClass(column, values) : byNumber(column, values);
}

function byClass(column, values) {
  const counts = new Uint32Array(column.categories.length + 1);
  for (const value of values) counts[value]++;
  const order = column.categories.map((_, i) => i + 1).filter((i) => counts[i]).sort((a, b) => counts[b] - counts[a]);
  const shown = order.length <= header.series ? order : order.slice(0, header.series - 1);
  shown.sort((a, b) => a - b); // the order of the names: plate 2 before plate 10
  const place = new Uint8Array(column.categories.length + 1).fill(header.series);
  shown.forEach((value, i) => { place[value] = i; });
  const z = Float32Array.from(values, (value) => place[value]);
  const colours = classColours();
  const others = order.length - shown.length;
  const rest = counts[0] + order.filter((v) => !shown.includes(v)).reduce((sum, v) => sum + counts[v], 0);
  const legend = shown.map((v, i) => ({ label: column.categories[v - 1], count: counts[v], colour: colours[i], value: v }));
  if (rest) legend.push({ label: others ? `${others} more${counts[0] ? ', or none' : ''}` : 'none', count: rest, colour: colours[header.series], value: null });
  return { z, colours, legend, kind: 'class' };
}

function byNumber(column, values) {
  const known = values.filter((v) => !Number.isNaN(v) && (!column.logarithmic || v > 0)).sort();
  if (!known.length) return { z: null, colours: [css('--points-other')], legend: null };
  const at = (q) => known[Math.min(known.length - 1, Math.floor(q * known.length))];
  const low = column.logarithmic ? known[0] : at(0.01);
  const high = column.logarithmic ? known[known.length - 1] : at(0.99);
  const f = column.logarithmic ? Math.log : (v) => v;
  const span = f(high) - f(low) || 1;
  const steps = scale.length;
  const z = Float32Array.from(values, (v) => {
    if (Number.isNaN(v) || (column.logarithmic && v <= 0)) return steps;
    return Math.min(steps - 1, Math.max(0, Math.round(((f(v) - f(low)) / span) * (steps - 1))));
  });
  const missing = values.length - known.length;
  return { z, colours: [...scale, css('--points-other')], legend: { low, high, missing, logarithmic: column.logarithmic }, kind: 'number' };
}

function drawLegend(column, found) {
  const box = byId('legend');
  box.replaceChildren();
  if (!found.legend) return;
  if (found.kind === 'number') {
    const bar = element('div', { class: 'bar', role: 'img', 'aria-label': `from ${short(found.legend.low)} to ${short(found.legend.high)}` });
    bar.style.background = `linear-gradient(to right, ${scale.join(',')})`;
    const ends = element('div', { class: 'ends' }, [element('span', {}, short(found.legend.low)), element('span', {}, short(found.legend.high))]);
    box.append(bar, ends);
    if (found.legend.missing) box.append(element('p', { class: 'soft' }, `${found.legend.missing.toLocaleString('en')} without a value, grey`));
    if (found.legend.logarithmic) box.append(element('p', { class: 'soft' }, 'logarithmic'));
    return;
  }
  for (const entry of found.legend) {
    const mark = element('span', { class: 'mark' });
    mark.style.background = entry.colour;
    const text = [mark, element('span', { class: 'name' }, entry.label), element('span', { class: 'soft' }, entry.count.toLocaleString('en'))];
    if (entry.value === null) { box.append(element('div', { class: 'entry' }, text)); continue; }
    const button = element('button', { type: 'button', class: 'entry', 'aria-pressed': String(state.only === entry.value), title: 'show these alone' }, text);
    button.onclick = () => { state.only = state.only === entry.value ? null : entry.value; showOnly(); drawLegend(column, found); keepAddress(); };
    box.append(button);
  }
}

function element(tag, attributes = {}, content = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}
