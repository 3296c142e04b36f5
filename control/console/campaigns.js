// The table of campaigns and what they are told: start, pause, stop, test call, copy, edit, delete.

import * as api from './api.js';
import {ask, button, count, emptyRow, find, keyed, link, make, percent, put, say, words} from './page.js';
import {changed, load, state, watch} from './state.js';
import {edit} from './campaign_form.js';

const test = {call: '', name: '', said: ''};

async function act(campaign, action) {
  say('campaigns_say', '');
  try {
    await api.post(`/campaigns/${campaign.id}/actions/${action}`);
    say('campaigns_say', `${campaign.name}: ${{start: 'started', pause: 'paused', stop: 'stopped', copy: 'copied'}[action]}.`);
  } catch (error) {
    refused(campaign, error);
  }
  await load('campaigns').catch(error => say('campaigns_say', error.message, true));
}

// What lacks is shown where it can be put right: in the campaign's form.
function refused(campaign, error) {
  say('campaigns_say', `${campaign.name}: ${error.line || error.message}. `, true);
  if (error.errors && error.errors.length) find('campaigns_say').append(button('Edit the campaign', () => edit(campaign, error)));
}

async function remove(campaign) {
  if (!await ask(`Delete the campaign ${campaign.name}? Its attempts and recordings stay.`, 'Delete', null, 'danger')) return;
  try {
    await api.call('DELETE', '/campaigns/' + campaign.id);
    if (state.chosen === campaign.id) state.chosen = null;
    say('campaigns_say', `${campaign.name} is deleted.`);
  } catch (error) {
    say('campaigns_say', error.message, true);
  }
  await load('campaigns');
}

async function testCall(campaign) {
  const to = await ask(`Call which number with the plan of ${campaign.name}? It counts in no figure.`, 'Call me',
    {label: 'Your number', type: 'tel', value: '+', pattern: '\\+[1-9][0-9]{6,14}', title: 'with + and country code'});
  if (!to) return;
  say('campaigns_say', `${campaign.name}: calling ${to} …`);
  try {
    const call = await api.post(`/campaigns/${campaign.id}/actions/test_call`, {to});
    Object.assign(test, {call: call.id, name: campaign.name, said: ''});
  } catch (error) {
    refused(campaign, error);
  }
}

/** Tells how a test call goes. */
export function onEvent(type, data) {
  if (!test.call || data.id !== test.call || !type.startsWith('call.')) return;
  const heard = data.verdict ? `, heard as ${words(data.verdict)}` : '';
  const marks = (data.marks || []).length ? `, ${words(data.marks[data.marks.length - 1].mark)}` : '';
  const how = data.state === 'ended' ? `ended (${data.answered_at ? 'talked ' + Math.round(data.talk_ms / 1000) + ' s' : (data.sip_status || '') + ' ' + (data.reason || '')})` : data.state;
  say('campaigns_say', `Test call to ${data.to}: ${how}${heard}${marks}.`);
}

const able = {
  start: campaign => campaign.state !== 'running',
  pause: campaign => campaign.state === 'running',
  stop: campaign => ['running', 'paused'].includes(campaign.state),
  remove: campaign => ['stopped', 'finished'].includes(campaign.state),
};

function build(campaign) {
  const now = () => state.campaigns.find(each => each.id === campaign.id) || campaign;
  const cell = (name, kind, ...inside) => make('td', {title_of: name, class: kind}, ...inside);
  const row = make('tr', {onclick: () => choose(campaign.id)},
    cell('Name', '', make('button', {type: 'button', class: 'plain', onclick: () => choose(campaign.id)})), cell('Mode', ''),
    cell('State', '', make('span')), cell('Leads done', 'number'), cell('Attempts', 'number'), cell('Abandoned today', 'number'),
    cell('Actions', 'row', button('Start', () => act(now(), 'start'), 'main start'), button('Pause', () => act(now(), 'pause'), 'main pause'),
      button('Stop', () => act(now(), 'stop'), 'stop'), button('Test call', () => testCall(now()), 'test'),
      button('Edit', () => edit(now()), 'edit'), button('Copy', () => act(now(), 'copy'), 'copy'), button('Delete', () => remove(now()), 'remove')));
  return row;
}

function update(row, campaign) {
  const live = state.live[campaign.id] || {};
  row.classList.toggle('chosen', campaign.id === state.chosen);
  const [name, mode, status, done, attempts, abandoned, actions] = row.children;
  put(name.firstChild, campaign.name);
  name.firstChild.setAttribute('aria-pressed', campaign.id === state.chosen);
  put(mode, campaign.mode);
  put(status.firstChild, campaign.state);
  status.firstChild.className = 'state ' + campaign.state;
  put(done, live.leads === undefined ? '' : `${count(live.done)} / ${count(live.leads)}`);
  put(attempts, count(live.attempts));
  put(abandoned, campaign.mode === 'broadcast' || live.leads === undefined ? '–' : percent(live.abandoned_rate_day));
  for (const [action, isAble] of Object.entries(able)) actions.querySelector('.' + action).hidden = !isAble(campaign);
  put(actions.querySelector('.start'), campaign.state === 'paused' ? 'Resume' : 'Start');
}

export function choose(id) {
  state.chosen = id;
  changed('live');
}

function show() {
  if (!state.campaigns.some(each => each.id === state.chosen)) state.chosen = (state.campaigns[state.campaigns.length - 1] || {id: null}).id;
  keyed(find('campaigns'), [...state.campaigns].reverse(), each => each.id, build, update,
    emptyRow(7, 'No campaign yet. ', link('#new', 'Create one'), '; the steps above say what it needs.'));
}

export function start() { watch(['campaigns', 'live'], show); }
