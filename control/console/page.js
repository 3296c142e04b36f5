// Small helpers for the document. Names of leads, SIP reasons and the like only ever go in as text.

export const find = id => document.getElementById(id);

export function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null) continue;
    if (name === 'class') element.className = value;
    else if (name === 'label') element.setAttribute('aria-label', value);
    else if (name === 'title_of') element.dataset.label = value;  // heading of a cell where the table is shown as cards
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element[name] = value;
  }
  element.append(...children.filter(child => child !== null && child !== undefined).map(child => child instanceof Node ? child : String(child)));
  return element;
}

export function say(id, text, isError) {
  const place = find(id);
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle('error', Boolean(isError));
}
/** Sets a text only when it differs: a reader's selection and a screen reader's patience survive. */
export function put(element, text) {
  const value = String(text ?? '');
  if (element.textContent !== value) element.textContent = value;
}

/** One row element per item, kept while its key lives: focus, hover and a click in progress survive each update.
 *  `build(item)` makes the element, `update(element, item)` fills it. */
export function keyed(parent, items, keyOf, build, update, ifEmpty) {
  const old = new Map([...parent.children].map(element => [element.dataset.key, element]));
  const rows = items.map(item => {
    const key = String(keyOf(item));
    let element = old.get(key);
    if (!element) {
      element = build(item);
      element.dataset.key = key;
    }
    old.delete(key);
    update(element, item);
    return element;
  });
  if (!rows.length && ifEmpty) {
    rows.push(old.get('empty') || ifEmpty());
    rows[0].dataset.key = 'empty';
    old.delete('empty');
  }
  for (const element of old.values()) element.remove();
  rows.forEach((element, i) => { if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] || null); });
}

/** A row that says what to do where there is nothing yet. */
export const emptyRow = (columns, ...words) => () => make('tr', {class: 'empty'}, make('td', {colSpan: columns}, ...words));
export const link = (hash, text) => make('a', {href: hash}, text);
export const button = (text, onclick, kind) => make('button', {type: 'button', class: kind, onclick}, text);

/** Options of a select, the choice kept. */
export function options(select, rows, none) {
  const wanted = [...(none === undefined ? [] : [['', none]]), ...rows.map(each => [each.id, each.name])];
  const now = [...select.options].map(each => [each.value, each.textContent]);
  if (JSON.stringify(now) === JSON.stringify(wanted)) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map(([value, text]) => make('option', {value}, text)));
  if (wanted.some(each => each[0] === chosen)) select.value = chosen;
}

// ---------------------------------------------------------------- forms

/** Takes away what an earlier answer said about fields. */
export function clearFaults(form) {
  for (const fault of form.querySelectorAll('.fault')) fault.remove();
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
}

/** Shows each fault at the input whose data-field its pointer begins with; returns those that have no place. */
export function showFaults(form, errors) {
  const homeless = [];
  let first = null;
  errors.forEach((error, i) => {
    const inputs = [...form.querySelectorAll('[data-field]')].filter(each => each.dataset.field.split(' ').some(
      field => error.pointer === '/' + field || error.pointer.startsWith('/' + field + '/')));
    const input = inputs.find(each => each.offsetParent) || inputs[0];
    if (!input) return homeless.push(error);
    const id = (form.id || 'form') + '_fault_' + i;
    (input.closest('label, fieldset') || input.parentElement).append(make('span', {class: 'fault', id}, error.detail));
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', id);
    input.closest('details')?.setAttribute('open', '');
    first = first || input;
  });
  if (first) first.focus();
  return homeless;
}

/** Sends a form: one at a time, what went wrong at its inputs (until they are changed) and in `place`. */
export function onSubmit(form, place, send) {
  form.addEventListener('input', event => {
    const home = event.target.closest('[aria-invalid]');
    if (!home) return;
    find(home.getAttribute('aria-describedby'))?.remove();
    home.removeAttribute('aria-invalid');
    home.removeAttribute('aria-describedby');
  });
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = 'yes';
    clearFaults(form);
    say(place, '');
    try {
      await send(event.submitter);
    } catch (error) {
      tell(place, error, form);
    }
    delete form.dataset.busy;
  });
}
export function tell(place, error, form) {
  const rest = form && error.errors ? showFaults(form, error.errors) : error.errors || [];
  const shown = form && error.errors && error.errors.length > rest.length;
  const words = rest.map(each => `${each.pointer} ${each.detail}`).join('; ');
  say(place, [shown && !rest.length ? error.message + ' (see above)' : error.message, words].filter(Boolean).join(': '), true);
}

/** A question in a dialog. `field`: {label, value, type, pattern, title} asks for a text. Resolves to true, the text, or null. */
export function ask(text, yes, field, kind) {
  return new Promise(resolve => {
    const input = field && make('input', {required: true, ...field, label: undefined});
    const dialog = make('dialog', {}, make('form', {method: 'dialog'},
      make('p', {}, text), field ? make('label', {}, field.label, input) : null,
      make('div', {class: 'row'}, make('button', {class: kind || 'main', value: 'yes'}, yes),
        make('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes' ? (field ? input.value.trim() : true) : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// ---------------------------------------------------------------- words

export const words = text => String(text ?? '').replaceAll('_', ' ');
export const percent = rate => (100 * (rate || 0)).toFixed(1) + ' %';
export const count = value => value === undefined ? '' : Number(value).toLocaleString('en');
export const seconds = ms => ms === undefined || ms === null ? '' : ms < 60000 ? (ms / 1000).toFixed(1) + ' s'
  : Math.floor(ms / 60000) + ':' + String(Math.round(ms % 60000 / 1000)).padStart(2, '0') + ' min';
/** This browser's time zone; every time on the pages is in it unless another is named. */
export const myZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
export const clock = time => time ? new Date(time).toLocaleTimeString('en-GB') : '';
export const day = time => time ? new Date(time).toLocaleString('en-GB', {day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit'}) : '';
/** The time of day in another zone, or nothing when the browser does not know it. */
export function timeIn(zone, time) {
  try {
    return new Date(time ?? Date.now()).toLocaleString('en-GB', {weekday: 'short', hour: '2-digit', minute: '2-digit', timeZone: zone});
  } catch (error) {
    return '';
  }
}

/** At most one run of `work` each `gap` ms, the last wish kept. */
export function calmly(work, gap = 1000) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    setTimeout(() => { due = false; work(); }, gap);
  };
}
