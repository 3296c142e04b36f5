// Trunks and messages: what a box needs before its first campaign.

import * as api from './api.js';
import {ask, button, count, emptyRow, find, keyed, make, onSubmit, put, say, seconds} from './page.js';
import {load, state, watch} from './state.js';

async function addTrunk() {
  const value = id => find(id).value.trim();
  const body = {name: value('t_name'), gateways: [{address: value('t_address'), port: Number(value('t_port'))}]};
  if (value('t_username')) Object.assign(body, {username: value('t_username'), password: find('t_password').value, register: find('t_register').checked});
  else if (find('t_register').checked) throw new api.Problem(0, {detail: 'Something is missing', errors: [{pointer: '/username', detail: 'is needed to register'}]});
  const trunk = await api.post('/trunks', body);
  find('trunk_form').reset();
  await load('trunks');
  say('trunk_say', `${trunk.name} is there; limits and number rules are set over the API.`);
}

async function addPrompt() {
  const file = find('p_file').files[0];
  const name = find('p_name').value.trim() || file.name.replace(/\.wav$/i, '').replace(/[^\w.-]+/g, '-');
  const prompt = await api.call('POST', '/prompts?name=' + encodeURIComponent(name), file, 'audio/wav');
  find('prompt_form').reset();
  await load('prompts');
  say('prompt_say', `${prompt.name} is uploaded, ${seconds(prompt.duration_ms)}.`);
}

async function remove(kind, each, place) {
  if (!await ask(`Delete ${each.name}?`, 'Delete', null, 'danger')) return;
  try {
    await api.call('DELETE', `/${kind}/${each.id}`);
    say(place, `${each.name} is deleted.`);
  } catch (error) {
    say(place, error.message, true);
  }
  await load(kind);
}

function stateOf(trunk) {
  if (!trunk.state) return 'not known';
  if (trunk.register) return trunk.state.registered ? 'registered' : `not registered: ${[trunk.state.sip_status || '', trunk.state.reason].join(' ').trim()}`;
  return trunk.state.reachable ? 'reachable' : trunk.state.reason || 'not reachable';
}

const cell = (name, kind, ...inside) => make('td', {title_of: name, class: kind}, ...inside);

function showTrunks() {
  keyed(find('trunks'), state.trunks, each => each.id, () => make('tr', {}, cell('Name'), cell('Carrier'), cell('State'), cell('Channels', 'number')),
    (row, trunk) => [trunk.name, trunk.gateways.map(each => `${each.address}:${each.port}`).join(', '), stateOf(trunk), trunk.state ? count(trunk.state.channels) : '']
      .forEach((text, i) => put(row.children[i], text)),
    emptyRow(4, 'No trunk yet. Your carrier names an address, and perhaps a user name and a password.'));
}

function showPrompts() {
  keyed(find('prompts'), state.prompts, each => each.id, prompt => make('tr', {}, cell('Name'), cell('Length', 'number'), cell('State'),
    cell('', '', button('Delete', () => remove('prompts', prompt, 'prompt_say')))),
  (row, prompt) => [prompt.name, seconds(prompt.duration_ms), prompt.error || {stored: 'kept, no engine has it yet', ready: 'ready', failed: 'failed'}[prompt.state]]
    .forEach((text, i) => put(row.children[i], text)),
  emptyRow(4, 'No message yet. Any WAV file of speech does, up to 30 minutes.'));
}

export function start() {
  watch(['trunks'], showTrunks);
  watch(['prompts'], showPrompts);
  onSubmit(find('trunk_form'), 'trunk_say', addTrunk);
  onSubmit(find('prompt_form'), 'prompt_say', addPrompt);
}
