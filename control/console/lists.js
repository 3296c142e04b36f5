// Lists: a CSV file becomes a job (columns, dry run, row errors, progress); what each list holds.

import * as api from './api.js';
import {ask, button, count, emptyRow, find, keyed, make, onSubmit, put, say} from './page.js';
import {load, state, watch} from './state.js';

const fields = {phone: 'Telephone', name: 'Name', external_id: 'Reference', priority: 'Priority', time_zone: 'Time zone'};
const shown_max = 20;  // rows of errors
let job = null, onDone = null;

// One line of CSV as the server reads it: quotes, and a doubled quote inside them.
function cells(line, delimiter) {
  const out = [''];
  let quoted = false;
  for (let i = 0; i < line.length; ++i) {
    if (line[i] === '"' && quoted && line[i + 1] === '"') { out[out.length - 1] += '"'; ++i; }
    else if (line[i] === '"') quoted = !quoted;
    else if (line[i] === delimiter && !quoted) out.push('');
    else out[out.length - 1] += line[i];
  }
  return out.map(each => each.trim());
}

async function look() {
  const file = find('list_file').files[0];
  find('mapping').hidden = !file;
  if (!file) return;
  const rows = (await file.slice(0, 16384).text()).replace(/^\uFEFF/, '').split(/\r\n|\n|\r/).slice(0, 4).filter(Boolean);
  const head = rows[0] || '';
  const delimiter = [',', ';', '\t', '|'].sort((a, b) => head.split(b).length - head.split(a).length)[0];
  const table = rows.map(row => cells(row, delimiter));
  find('map_fields').replaceChildren(...Object.entries(fields).map(([field, name]) => make('label', {}, name,
    make('select', {id: 'map_' + field}, make('option', {value: ''}, field === 'phone' ? 'found by its heading' : 'found by its heading, or none'),
      ...(table[0] || []).filter(Boolean).map(each => make('option', {value: each}, each))))));
  for (const select of find('map_fields').querySelectorAll('select')) select.dataset.field = 'mapping.' + select.id.slice(4);
  find('preview').replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, ...(table[0] || []).map(each => make('th', {}, each)))),
    make('tbody', {}, ...table.slice(1).map(row => make('tr', {}, ...row.map(each => make('td', {}, each)))))));
  if (!find('list_name').value) find('list_name').value = file.name.replace(/\.[^.]*$/, '').slice(0, 64);
}

async function listFor() {
  const name = find('list_name').value.trim();
  const known = state.lists.find(each => each.name === name);
  if (known) return known;
  const made = await api.post('/lists', {name, region: find('list_region').value, ...(find('list_zone').value ? {time_zone: find('list_zone').value} : {})});
  return {...made, isNew: true};
}

async function send(submitter) {
  const isDryRun = submitter && submitter.value === 'try';
  say('import_say', 'Sending the file …');
  find('import_errors').replaceChildren();
  const list = await listFor();
  let isKept = false;
  try {
    const query = new URLSearchParams({list: list.id, region: find('list_region').value, update: find('list_update').value});
    if (isDryRun) query.set('dry_run', 'true');
    for (const field of Object.keys(fields)) if (find('map_' + field)?.value) query.set('mapping.' + field, find('map_' + field).value);
    job = await api.call('POST', '/imports?' + query, find('list_file').files[0], 'text/csv');
    await finished();
    await tell(isDryRun);
    isKept = !isDryRun && job.state === 'done';
  } finally {
    find('import_progress').hidden = true;
    job = null;
    if (list.isNew && !isKept) await api.call('DELETE', '/lists/' + list.id).catch(() => {});
    await load('lists', 'campaigns');  // whose figures count these leads
  }
}

// Events tell of the job's progress; a look every two seconds covers a stream that is down.
async function finished() {
  while (job.state === 'queued' || job.state === 'running') {
    find('import_progress').hidden = false;
    find('import_progress').value = job.bytes ? job.bytes_read / job.bytes : 0;
    say('import_say', `${count(job.rows)} rows read, ${count(job.errors)} with errors …`);
    await new Promise(resolve => { onDone = resolve; setTimeout(resolve, 2000); });
    if (job.state === 'queued' || job.state === 'running') job = await api.get('/imports/' + job.id);
  }
}

/** An event import.progress. */
export function onProgress(news) {
  if (job && news.id === job.id) {
    job = news;
    if (onDone) onDone();
  }
}

async function tell(isDryRun) {
  const found = Object.entries(job.mapping || {}).map(([field, header]) => `${fields[field] || field} from “${header}”`).join(', ');
  const facts = [`${count(job.created)} ${isDryRun ? 'would be added' : 'added'}`, job.updated ? `${count(job.updated)} ${isDryRun ? 'would be updated' : 'updated'}` : '',
    `${count(job.duplicates)} duplicates`, `${count(job.errors)} with errors`].filter(Boolean).join(', ');
  if (job.state === 'done') say('import_say', `${isDryRun ? 'Dry run' : 'Done'}: ${count(job.rows)} rows, ${facts}.${found ? ' ' + found + '.' : ''}`);
  else say('import_say', `The import ${job.state}: ${job.error || 'no reason given'}.`, true);
  if (job.errors) await showErrors();
}

async function showErrors() {
  const id = job.id;
  const lines = (await api.get(`/imports/${id}/errors`)).trim().split(/\r?\n/).slice(1).map(line => cells(line, ','));
  find('import_errors').replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, ...['Line', 'Column', 'Fault'].map(each => make('th', {}, each)))),
    make('tbody', {}, ...lines.slice(0, shown_max).map(([line, column, code, detail]) => make('tr', {}, make('td', {}, line), make('td', {}, column), make('td', {}, detail || code))))));
  find('import_errors').append(make('p', {class: 'hint'}, lines.length > shown_max ? `${shown_max} of ${count(job.errors)} are shown. ` : '',
    button('All errors as CSV', async () => {
      const address = await api.file(`/imports/${id}/errors`);
      make('a', {href: address, download: 'errors.csv'}).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
    })));
}

async function remove(list) {
  if (!await ask(`Delete the list ${list.name} and its ${count(list.counts.leads)} leads?`, 'Delete', null, 'danger')) return;
  try {
    await api.call('DELETE', '/lists/' + list.id);
    say('lists_say', `${list.name} is deleted.`);
  } catch (error) {
    say('lists_say', error.message, true);
  }
  await load('lists');
}

function show() {
  find('list_names').replaceChildren(...state.lists.map(each => make('option', {value: each.name})));
  const cell = (name, kind) => make('td', {title_of: name, class: kind});
  keyed(find('lists'), state.lists, each => each.id, list => {
    const row = make('tr', {}, cell('Name'), cell('Leads', 'number'), cell('To be called', 'number'), cell('Done', 'number'), cell('Time zone'), cell(''));
    row.lastChild.append(button('Delete', () => remove(state.lists.find(each => each.id === list.id))));
    return row;
  }, (row, list) => [list.name, count(list.counts.leads), count(list.counts.pending + list.counts.in_hand), count(list.counts.done), list.time_zone || 'by the number or the campaign']
    .forEach((text, i) => put(row.children[i], text)),
  emptyRow(6, 'No list yet. A CSV file with one line of headings is enough: telephone, and whatever else agents should see.'));
}

export function start() {
  watch(['lists'], show);
  find('list_file').addEventListener('change', look);
  onSubmit(find('import_form'), 'import_say', send);
}
