// The manager's page: sign-in, tabs, the event stream handed to each part, stop-all.

import * as api from './api.js';
import {calmly, ask, find, link, make, myZone, say} from './page.js';
import {changed, load, note, state, watch} from './state.js';
import * as agents from './agents.js';
import * as calls from './calls.js';
import * as campaigns from './campaigns.js';
import * as form from './campaign_form.js';
import * as doNotCall from './do_not_call.js';
import * as lists from './lists.js';
import * as live from './live.js';
import * as queues from './queues.js';
import * as setup from './setup.js';

const pages = ['campaigns', 'new', 'lists', 'agents', 'queues', 'calls', 'setup'];
let stream = null;

function showTab() {
  const wanted = location.hash.slice(1), tab = pages.includes(wanted) ? wanted : 'campaigns';
  for (const part of document.querySelectorAll('[data-tab]')) part.hidden = part.dataset.tab !== tab;
  for (const each of document.querySelectorAll('#tabs a')) {
    if (each.hash === '#' + tab) each.setAttribute('aria-current', 'page');
    else each.removeAttribute('aria-current');
  }
  state.tab = tab;
  calls.show();
  if (tab === 'campaigns') changed('live');  // charts know their width once they are seen
}

// What a newcomer still lacks, in the order in which it is needed.
function showSteps() {
  const steps = [
    ['trunks', '#setup', 'Add a trunk', 'the carrier that takes the calls'],
    ['prompts', '#setup', 'Upload a message', 'what a broadcast plays, or people hear when no agent is free'],
    ['lists', '#lists', 'Upload a list', 'a CSV file of people'],
    ['campaigns', '#new', 'Create a campaign', 'message, list, trunk, hours'],
    ['agents', '#agents', 'Add agents', 'only for progressive and predictive campaigns']];
  const isNew = steps.slice(0, 4).some(([kind]) => state.loaded.has(kind) && !state[kind].length);
  find('first_steps').hidden = !isNew;
  if (!isNew) return;
  const next = steps.find(([kind]) => !state[kind].length);
  find('steps').replaceChildren(...steps.map(step => {
    const [kind, hash, text, why] = step;
    return make('li', {class: state[kind].length ? 'done' : step === next ? 'next' : ''}, link(hash, text), ' ', make('span', {class: 'hint'}, why));
  }));
}

// Many may change in one moment: one look a second is enough.
const refresh = Object.fromEntries(['agents', 'campaigns', 'lists', 'endpoints', 'trunks'].map(kind => [kind, calmly(() => load(kind).catch(told))]));
const redraw = calmly(() => changed('live'), 100);  // each campaign tells its figures once a second
function told(error) { say('desk_say', error.message, true); }

function onEvent(type, event) {
  const data = event.data || event;
  if (type === 'campaign.live') {
    note(data, data.campaign, event.time);
    redraw();
  } else if (type === 'queue.live') queues.note(data, event.time);
  else if (type === 'campaign.state_changed') refresh.campaigns();
  else if (type === 'agent.status_changed') refresh.agents();
  else if (type === 'endpoint.state_changed') refresh.endpoints();
  else if (type === 'trunk.state_changed') refresh.trunks();
  else if (type === 'import.progress') lists.onProgress(data);
  calls.onEvent(type);
  campaigns.onEvent(type, data);
}

function leave(why) {
  if (stream) stream.abort();
  stream = null;
  api.setToken('');
  find('sign_in').hidden = false;
  find('desk').hidden = find('tabs').hidden = find('stop_all').hidden = find('sign_out').hidden = true;
  say('connection', '');
  say('sign_in_say', why || '', Boolean(why));
  find('token').value = '';
}

async function enter() {
  say('sign_in_say', '');
  try {
    await api.get('/campaigns?limit=1');  // one question shows whether the token is taken
    await load('campaigns', 'lists', 'trunks', 'prompts', 'agents', 'endpoints', 'queues', 'numbers');
  } catch (error) {
    find('sign_in').hidden = false;
    if (error.status !== 401) say('sign_in_say', error.message, true);
    return;
  }
  find('sign_in').hidden = true;
  find('desk').hidden = find('tabs').hidden = find('stop_all').hidden = find('sign_out').hidden = false;
  showTab();
  stream = new AbortController();
  let wasOff = false;
  api.events(onEvent, isOn => {
    say('connection', isOn ? 'live' : 'not connected, trying again', !isOn);
    if (isOn && wasOff) load('campaigns', 'lists', 'agents').catch(told);
    wasOff = !isOn;
  }, stream.signal);
}

async function stopAll() {
  if (!await ask('Pause every campaign now? Calls that ring are hung up; people who talk go on talking.', 'Stop all dialing', null, 'danger')) return;
  try {
    const {paused} = await api.post('/actions/stop_all', {hang_up: true});
    say('campaigns_say', '');
    say('desk_say', paused === 1 ? 'One campaign was paused.' : `${paused} campaigns were paused.`);
  } catch (error) {
    told(error);
  }
  await load('campaigns').catch(told);
}

api.whenRefused(() => leave('This token is not known, or no longer. Sign in again.'));
for (const each of document.querySelectorAll('.zone')) each.textContent = myZone();
find('zones').replaceChildren(...(Intl.supportedValuesOf ? Intl.supportedValuesOf('timeZone') : []).map(value => make('option', {value})));
for (const part of [agents, calls, campaigns, form, doNotCall, lists, live, queues, setup]) part.start();
watch(['campaigns', 'lists', 'trunks', 'prompts', 'agents'], showSteps);
window.addEventListener('hashchange', () => { showTab(); say('desk_say', ''); });
find('sign_in_form').addEventListener('submit', event => { event.preventDefault(); api.setToken(find('token').value.trim()); enter(); });
find('sign_out').addEventListener('click', () => leave());
find('stop_all').addEventListener('click', stopAll);
if (api.token()) enter();
else find('sign_in').hidden = false;
