// Agents, their phones, what they do; a form to make both in one go.

import * as api from './api.js';
import {ask, button, clearFaults, clock, emptyRow, find, keyed, make, onSubmit, options, put, say, words} from './page.js';
import {byId, load, nameOf, state, watch} from './state.js';

let edited = null;

const ticked = id => [...find(id).querySelectorAll('input:checked')].map(each => each.value);

async function save() {
  const value = id => find(id).value.trim();
  const body = {name: value('a_name'), leg: value('a_leg'), endpoint: value('a_phone'),
    campaigns: ticked('a_campaigns'), queues: ticked('a_queues')};
  if (!body.endpoint) {
    const phone = await api.post('/endpoints', {name: value('a_name'), username: value('a_username'), password: find('a_password').value, behind_nat: find('a_nat').checked});
    body.endpoint = phone.id;
    await load('endpoints');
    find('a_phone').value = phone.id;  // should the agent be refused, the phone is there
    byPhone();
  }
  const agent = edited ? await api.call('PATCH', '/agents/' + edited, body) : await api.post('/agents', body);
  const was = edited;
  leave();
  await load('agents', 'endpoints');
  say('agent_say', was ? `${agent.name} is changed.` : `${agent.name} is made. Once the phone is registered, log in here or on the agent page.`);
}

function leave() {
  edited = null;
  find('agent_form').reset();
  clearFaults(find('agent_form'));
  title();
}

function title() {
  find('agent_title').textContent = edited ? 'Change an agent' : 'New agent';
  find('a_save').textContent = edited ? 'Save' : 'Create';
  find('a_cancel').hidden = !edited;
  byPhone();
}

function byPhone() {
  for (const each of find('agent_form').querySelectorAll('.new_phone')) each.hidden = Boolean(find('a_phone').value);
}

function edit(agent) {
  leave();
  edited = agent.id;
  find('a_name').value = agent.name;
  find('a_phone').value = agent.endpoint;
  find('a_leg').value = agent.leg;
  for (const [id, chosen] of [['a_campaigns', agent.campaigns], ['a_queues', agent.queues]])
    for (const box of find(id).querySelectorAll('input')) box.checked = (chosen || []).includes(box.value);
  title();
  find('agent_form').scrollIntoView({block: 'center'});
  find('a_name').focus();
}

async function act(agent, action) {
  say('agents_say', '');
  try {
    await api.post(`/agents/${agent.id}/actions/${action}`);
    if (action === 'log_in' && agent.leg === 'kept_up') say('agents_say', `The phone of ${agent.name} is being called; the line stays up.`);
  } catch (error) {
    say('agents_say', `${agent.name}: ${error.line || error.message}`, true);
  }
  await load('agents').catch(error => say('agents_say', error.message, true));
}

async function remove(agent) {
  if (!await ask(`Delete the agent ${agent.name}? The phone stays.`, 'Delete', null, 'danger')) return;
  try {
    await api.call('DELETE', '/agents/' + agent.id);
  } catch (error) {
    say('agents_say', error.message, true);
  }
  await load('agents');
}

const able = {
  log_in: status => status === 'offline', log_out: status => status !== 'offline',
  break: status => ['ready', 'reserved', 'talking', 'wrap_up'].includes(status), ready: status => ['break', 'wrap_up'].includes(status),
};

function build(agent) {
  const now = () => byId('agents', agent.id) || agent;
  const cell = (name, kind, ...inside) => make('td', {title_of: name, class: kind}, ...inside);
  return make('tr', {}, cell('Name'), cell('Status', '', make('span')), cell('Since'), cell('Phone', '', make('span')), cell('Campaigns'), cell('Actions', 'row',
    button('Log in', () => act(now(), 'log_in'), 'log_in'), button('Ready', () => act(now(), 'ready'), 'ready'), button('Break', () => act(now(), 'break'), 'break'),
    button('Log out', () => act(now(), 'log_out'), 'log_out'), button('Edit', () => edit(now())), button('Delete', () => remove(now()))));
}

function update(row, agent) {
  const [name, status, since, phone, campaigns, actions] = row.children;
  const endpoint = byId('endpoints', agent.endpoint);
  put(name, agent.name);
  put(status.firstChild, words(agent.status));
  status.firstChild.className = 'state ' + agent.status;
  put(since, clock(agent.since));
  put(phone.firstChild, endpoint ? `${endpoint.username}: ${endpoint.registered ? 'registered' : 'not registered'}` : 'deleted');
  phone.firstChild.className = endpoint && endpoint.registered ? '' : 'warn';
  put(campaigns, [...(agent.campaigns || []).map(id => nameOf('campaigns', id)), ...(agent.queues || []).map(id => nameOf('queues', id))].join(', ') || 'none: edit, and tick one');
  for (const [action, isAble] of Object.entries(able)) actions.querySelector('.' + action).hidden = !isAble(agent.status);
}

function show() {
  keyed(find('agents'), state.agents, each => each.id, build, update,
    emptyRow(6, 'No agent yet. Broadcasts need none; for progressive and predictive campaigns add them below.'));
  options(find('a_phone'), state.endpoints.map(each => ({id: each.id, name: `${each.name} (${each.username})`})), 'a new one');
  const modes = state.campaigns.filter(each => each.mode !== 'broadcast' || each.agent_digit);
  const box = each => make('label', {class: 'check'}, make('input', {type: 'checkbox', value: each.id}), make('span'));
  const name = (label, each) => put(label.lastChild, ' ' + each.name);
  keyed(find('a_queues'), state.queues, each => each.id, box, name, () => make('span', {class: 'hint'}, 'No queue yet.'));
  keyed(find('a_campaigns'), modes, each => each.id, box, name, () => make('span', {class: 'hint'}, 'No progressive or predictive campaign yet; the agent can be added to one later.'));
  byPhone();
}

export function start() {
  watch(['agents', 'endpoints', 'campaigns', 'queues'], show);
  find('a_phone').addEventListener('change', byPhone);
  find('a_cancel').addEventListener('click', leave);
  onSubmit(find('agent_form'), 'agent_say', save);
}
