// The agent's page: seat, card of the person on the line, what became of the call.

import * as api from './api.js';
import {clearFaults, find, make, myZone, onSubmit, options, put, say, timeIn, words} from './page.js';

const dispositions = {sale: 'Sale', interested: 'Interested', not_interested: 'Not interested', callback: 'Call back', wrong_number: 'Wrong number',
  machine: 'Answering machine', do_not_call: 'Do not call again'};
const whatNow = {
  offline: 'Log in: your phone is called once and the line stays up; people are put through to it without ringing.',
  ready: 'You are next in line. A person is put through without a ring; the card appears here.',
  reserved: 'Somebody is being put through to you.', talking: '', wrap_up: 'Say how it ended.', break: 'No call comes until you are ready again.'};
const seat = {agent: null, attempt: '', campaign: null, card: null, asked: '', coming: '', endpoint: null, turn: 0};
let stream = null;

const chosen = () => find('agent').value;

async function act(action) {
  say('seat_say', '');
  try {
    await api.post(`/agents/${chosen()}/actions/${action}`);
    if (action === 'log_in' && seat.agent && seat.agent.leg === 'kept_up') say('seat_say', 'Your phone is being called. Pick up and keep the line open.');
  } catch (error) {
    say('seat_say', error.line || error.message, true);
  }
  await look();
}

// ---------------------------------------------------------------- what is shown

async function look() {
  if (!chosen()) return;
  const turn = ++seat.turn;
  try {
    const agent = await api.get('/agents/' + chosen());
    if (turn !== seat.turn || agent.id !== chosen()) return;  // a newer look is under way
    if (!seat.agent || seat.agent.status !== agent.status) say('seat_say', '');
    seat.agent = agent;
    await take(agent.current);
    if (agent.status === 'offline') seat.endpoint = await api.get('/endpoints/' + agent.endpoint).catch(() => null);
    if (seat.agent) showSeat(seat.agent);  // the newest by now
  } catch (error) {
    say('seat_say', error.message, true);
  }
}

function showSeat(agent) {
  put(find('status'), words(agent.status));
  find('status').className = 'state big ' + agent.status;
  const can = {log_in: agent.status === 'offline', ready: ['break', 'wrap_up'].includes(agent.status), break: !['offline', 'break'].includes(agent.status),
    log_out: agent.status !== 'offline'};
  for (const [action, isAble] of Object.entries(can)) find(action).hidden = !isAble;
  const isMissing = agent.status === 'offline' && agent.leg === 'kept_up' && seat.endpoint && !seat.endpoint.registered;
  put(find('what_now'), isMissing ? `Your phone (${seat.endpoint.username}) is not registered here: switch it on first.`
    : agent.leg === 'on_demand' && agent.status === 'offline' ? 'Log in: your phone rings for each person.' : whatNow[agent.status]);
  find('wrap').hidden = !seat.attempt || agent.status === 'offline';
  find('card').hidden = !seat.attempt;
  find('hang_up').hidden = agent.status !== 'talking';
  document.title = (agent.status === 'talking' && seat.card ? (seat.card.name || seat.card.phone || 'Call') + ' · ' : words(agent.status) + ' · ') + 'Carillon';
  tick();
}

// A new person in hand: a new card and an empty form.
async function take(current) {
  if (!current || !current.attempt || [seat.attempt, seat.asked, seat.coming].includes(current.attempt)) return;
  seat.coming = current.attempt;
  const source = current.queue ? '/queues/' + current.queue : '/campaigns/' + current.campaign;
  const campaign = await api.get(source).catch(() => null);  // a queue has a name and a wrap-up time, too
  const card = {phone: current.number, ...(current.lead || {})};
  if (!card.phone && current.call) {  // an inbound caller: the call knows the number
    const call = await api.get('/calls/' + current.call).catch(() => ({}));
    card.phone = call.direction === 'inbound' ? call.from : call.to;
  }
  if (!card.time_zone) {  // as the dialer has it: the lead's, else its list's, else the campaign's
    const list = card.list ? await api.get('/lists/' + card.list).catch(() => ({})) : {};
    card.time_zone = list.time_zone || (campaign && campaign.time_zone) || '';
  }
  if (seat.attempt && seat.card) say('seat_say', `Nothing was saved about ${seat.card.name || seat.card.phone}.`, true);
  Object.assign(seat, {attempt: current.attempt, coming: '', campaign, card});
  find('disposition_form').reset();
  clearFaults(find('disposition_form'));
  say('wrap_say', '');
  byDisposition();
  put(find('card_campaign'), campaign ? campaign.name : '');
  put(find('card_name'), card.name || 'No name');
  put(find('card_phone'), card.phone);
  const rows = {Reference: card.external_id, 'Attempt': card.attempts > 1 ? card.attempts : '', 'Last time': words(card.disposition), ...(card.extra || {})};
  find('card_fields').replaceChildren(...Object.entries(rows).filter(each => each[1] !== undefined && each[1] !== null && each[1] !== '').flatMap(
    ([name, value]) => [make('dt', {}, name), make('dd', {}, typeof value === 'object' ? JSON.stringify(value) : value)]));
}

const span = ms => Math.floor(ms / 60000) + ':' + String(Math.floor(ms / 1000) % 60).padStart(2, '0');

// Clocks: time in the status, the time where the person is, when wrap-up ends by itself.
function tick() {
  const agent = seat.agent;
  if (!agent) return;
  const ms = agent.since ? Math.max(0, Date.now() - Date.parse(agent.since)) : 0;
  put(find('since'), agent.since && agent.status !== 'offline' ? span(ms) : '');
  if (seat.card) put(find('card_time'), seat.card.time_zone ? `${timeIn(seat.card.time_zone)} there (${seat.card.time_zone})` : '');
  if (agent.status === 'wrap_up' && seat.campaign) {
    const left = 1000 * seat.campaign.wrap_up_s - ms;
    put(find('what_now'), left > 0 ? `Say how it ended; you are ready again by yourself in ${span(left + 999)}.` : whatNow.wrap_up);
  }
}

async function hangUp() {
  try {
    await api.post(`/calls/${seat.agent.current.call}/actions/hangup`);
  } catch (error) {
    say('seat_say', error.line || error.message, true);
  }
  await look();
}

// ---------------------------------------------------------------- disposition

const picked = () => find('dispositions').querySelector('input:checked')?.value || '';

function byDisposition() {
  find('callback').hidden = picked() !== 'callback';
  const at = find('callback_at').value;
  const zone = seat.card && seat.card.time_zone;
  put(find('callback_said'), (at ? '' : 'When? ') + `The time is yours (${myZone()}).` + (at && zone ? ` It is ${timeIn(zone, new Date(at))} for them (${zone}).` : ''));
}

function callBackIn(hours) {
  const at = new Date(Date.now() + hours * 3600000);
  const two = number => String(number).padStart(2, '0');
  find('callback_at').value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  byDisposition();
}

async function save(submitter) {
  const body = {agent: chosen(), disposition: picked()};
  const missing = (pointer, detail) => { throw new api.Problem(0, {detail: 'Not saved', errors: [{pointer, detail}]}); };
  if (!body.disposition) missing('/disposition', 'choose one');
  if (find('note').value.trim()) body.note = find('note').value.trim();
  if (find('was_machine').checked) body.was_machine = true;
  if (body.disposition === 'callback') {
    if (!find('callback_at').value) missing('/callback_at', 'say when');
    if (new Date(find('callback_at').value) < Date.now()) missing('/callback_at', 'is past');
    body.callback_at = new Date(find('callback_at').value).toISOString();
  }
  await api.post(`/attempts/${seat.attempt}/actions/disposition`, body);
  seat.asked = seat.attempt;
  const name = seat.card.name || seat.card.phone;
  seat.attempt = '';
  const next = submitter && submitter.value === 'break' ? 'break' : 'ready';
  if (next === 'break' || ['wrap_up', 'break'].includes(seat.agent.status)) await act(next);
  else await look();
  if (!find('seat_say').classList.contains('error')) say('seat_say', `Saved for ${name}: ${dispositions[body.disposition]}.`);
}

// ---------------------------------------------------------------- start

function leave(why) {
  if (stream) stream.abort();
  stream = null;
  api.setToken('');
  find('sign_in').hidden = false;
  find('desk').hidden = find('sign_out').hidden = true;
  say('connection', '');
  say('sign_in_say', why || '', Boolean(why));
}

async function enter() {
  say('sign_in_say', '');
  try {
    const agents = await api.all('/agents');
    options(find('agent'), agents, agents.length ? undefined : 'nobody yet: the manager’s page makes agents');
    const last = sessionStorage.getItem('carillon.agent');
    if (agents.some(each => each.id === last)) find('agent').value = last;
  } catch (error) {
    find('sign_in').hidden = false;
    if (error.status !== 401) say('sign_in_say', error.message, true);
    return;
  }
  find('sign_in').hidden = true;
  find('desk').hidden = find('sign_out').hidden = false;
  stream = new AbortController();
  api.events((type, event) => {
    const data = event.data || event;
    if (type === 'agent.status_changed' && data.agent === chosen()) look();
  }, isOn => {
    say('connection', isOn ? 'live' : 'not connected, trying again', !isOn);
    if (isOn) look();
  }, stream.signal);
  await look();
}

api.whenRefused(() => leave('This token is not known, or no longer. Sign in again.'));
find('dispositions').append(...Object.entries(dispositions).map(([value, text]) => make('label', {class: 'chip'}, make('input', {type: 'radio', name: 'disposition', value}), make('span', {}, text))));
find('dispositions').addEventListener('change', byDisposition);
find('callback_at').addEventListener('input', byDisposition);
for (const each of document.querySelectorAll('[data-hours]')) each.addEventListener('click', () => callBackIn(Number(each.dataset.hours)));
find('was_machine').addEventListener('change', event => {
  if (event.target.checked && !picked()) find('dispositions').querySelector('[value=machine]').checked = true;
  byDisposition();
});
for (const action of ['log_in', 'ready', 'break', 'log_out']) find(action).addEventListener('click', () => act(action));
find('hang_up').addEventListener('click', hangUp);
find('agent').addEventListener('change', () => {
  Object.assign(seat, {agent: null, attempt: '', card: null, asked: '', coming: '', endpoint: null});
  sessionStorage.setItem('carillon.agent', chosen());
  say('seat_say', '');
  look();
});
onSubmit(find('disposition_form'), 'wrap_say', save);
find('sign_out').addEventListener('click', () => leave());
find('sign_in_form').addEventListener('submit', event => { event.preventDefault(); api.setToken(find('token').value.trim()); enter(); });
setInterval(tick, 1000);
if (api.token()) enter();
else find('sign_in').hidden = false;
