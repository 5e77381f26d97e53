// Search by name with completion: a combobox as WAI-ARIA describes it.
let options = [];
let active = -1;
let searchable = null;

function matches(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  searchable ??= data.names.map((name, group) => ({ group, text: titleOf(group), low: titleOf(group).toLowerCase() }));
  const starts = [];
  const holds = [];
  for (const entry of searchable) {
    const at = entry.low.indexOf(wanted);
    if (at === 0) starts.push(entry);
    else if (at > 0) holds.push(entry);
    if (starts.length > 11) break;
  }
  const found = [...starts, ...holds].slice(0, 12).map((entry) => ({ text: entry.text, group: entry.group, well: null }));
  if (found.length < 12 && data.wellIds) {
    for (let well = 0; well < data.wellIds.length && found.length < 12; well++) {
      if (data.wellIds[well].toLowerCase().startsWith(wanted) && data.code[well] >= 0) found.push({ text: `well ${data.wellIds[well]}`, group: data.code[well], well });
    }
  }
  return found;
}

function showOptions(found) {
  options = found;
  active = found.length ? 0 : -1;
  const box = byId('matches');
  box.replaceChildren(...found.map((entry, i) => {
    const made = element('li', { role: 'option', id: `match-${i}`, 'aria-selected': String(i === active) }, entry.text);
    made.onmousedown = (event) => { event.preventDefault(); choose(i); };
    return made;
  }));
  box.hidden = !found.length;
  const input = byId('search');
  input.setAttribute('aria-expanded', String(Boolean(found.length)));
  mark();
}

function mark() {
  byId('matches').querySelectorAll('li').forEach((li, i) => li.setAttribute('aria-selected', String(i === active)));
  const input = byId('search');
  if (active >= 0) input.setAttribute('aria-activedescendant', `match-${active}`);
  else input.removeAttribute('aria-activedescendant');
}

function choose(i) {
  const entry = options[i];
  if (!entry) return;
  byId('search').value = entry.text;
  showOptions([]);
  if (entry.well !== null && state.level !== 'wells') change({ level: 'wells' });
  queue.then(() => pick(entry.group, { well: entry.well, move: true }));
}

function makeSearch() {
  const input = byId('search');
  input.addEventListener('input', async () => {
    if (header.levels.wells.n <= 500000) data.wellIds ??= await texts(header.levels.wells.ids);
    const found = matches(input.value);
    showOptions(found);
    byId('said').textContent = input.value.trim() && !found.length ? `no ${input.value.trim()} in this map` : `${found.length} found`;
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!options.length) return;
      active = (active + (event.key === 'ArrowDown' ? 1 : options.length - 1)) % options.length;
      mark();
      event.preventDefault();
    } else if (event.key === 'Enter') { choose(active); event.preventDefault(); } else if (event.key === 'Escape') showOptions([]);
  });
  input.addEventListener('blur', () => showOptions([]));
  document.addEventListener('keydown', (event) => {
    if (event.key === '/' && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? '')) { input.focus(); event.preventDefault(); }
    if (event.key === 'Escape' && document.activeElement !== input && state.pick !== null) { dropPick(); markPick(); }
  });
}
