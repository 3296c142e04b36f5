// The last calls: what became of each, and its recording to listen to.

import * as api from './api.js';
import {button, calmly, day, emptyRow, find, keyed, link, make, options, put, say, seconds, words} from './page.js';
import {nameOf, state, watch} from './state.js';

const rows_max = 50;
let wanted = 0;

// One row from a call and its attempt, either of which may be missing.
function rowOf(call, attempt) {
  const talked = call ? call.talk_ms : attempt.answered_at && attempt.ended_at ? Date.parse(attempt.ended_at) - Date.parse(attempt.answered_at) : 0;
  const ended = call && call.state !== 'ended' ? call.state : call && !call.answered_at ? [call.sip_status || '', call.reason || call.error || ''].join(' ').trim() : 'answered';
  return {id: call ? call.id : attempt.call, at: call ? call.created_at : attempt.placed_at,
    number: call ? (call.direction === 'inbound' ? call.from : call.to) : attempt.number,
    kind: attempt && attempt.queue ? nameOf('queues', attempt.queue) : attempt ? nameOf('campaigns', attempt.campaign) : call.direction === 'inbound' ? 'inbound' : 'by hand',
    outcome: attempt ? words(attempt.outcome || 'in progress') : ended, verdict: words((call || attempt).verdict || ''),
    disposition: attempt && attempt.disposition ? words(attempt.disposition) + (attempt.was_machine ? ', was a machine' : '') : '',
    talked: talked ? seconds(talked) : '', recording: (call || attempt).recording || ''};
}

async function look() {
  const campaign = find('calls_campaign').value, turn = ++wanted;
  const attempts = (await api.get(`/attempts?limit=${rows_max}` + (campaign ? '&campaign=' + campaign : ''))).data;
  let rows = attempts.map(attempt => rowOf(null, attempt));
  if (!campaign) {
    const of = new Map(attempts.map(each => [each.call, each]));
    const calls = (await api.get(`/calls?limit=${rows_max}`)).data.filter(call => !call.endpoint);  // an agent's own leg is none
    rows = calls.map(call => rowOf(call, of.get(call.id)));
  }
  if (turn !== wanted) return;  // a newer look is under way
  const cell = (name, kind) => make('td', {title_of: name, class: kind});
  keyed(find('calls'), rows, each => each.id, () => make('tr', {}, cell('Time'), cell('Number'), cell('Campaign'), cell('Outcome'), cell('Heard'), cell('Disposition'),
    cell('Talked', 'number'), cell('Recording')), update, emptyRow(8, 'No call yet. ', link('#campaigns', 'Start a campaign or make a test call'), '.'));
  say('calls_say', '');
}

function update(row, each) {
  [day(each.at), each.number, each.kind, each.outcome, each.verdict, each.disposition, each.talked].forEach((text, i) => put(row.children[i], text));
  const place = row.lastChild;
  if (each.recording && !place.firstChild) place.append(button('Play', event => play(event.currentTarget, each), 'play'));
}

// The sound comes by the API like all else: the token stays out of the address.
async function play(pressed, each) {
  pressed.disabled = true;
  try {
    const address = await api.file(`/recordings/${each.recording}/audio`);
    pressed.replaceWith(make('audio', {controls: true, autoplay: true, src: address, label: `recording of the call to ${each.number}`}));
  } catch (error) {
    pressed.disabled = false;
    say('calls_say', `${each.number}: ${error.message}`, true);
  }
}

const refresh = calmly(() => { if (state.tab === 'calls') look().catch(error => say('calls_say', error.message, true)); });
const telling = ['call.dialing', 'call.answered', 'call.ended', 'attempt.finished', 'disposition.set', 'recording.ready'];
export function onEvent(type) { if (telling.includes(type)) refresh(); }
export function show() {
  if (state.tab === 'calls') look().catch(error => say('calls_say', error.message, true));
}

async function results() {
  const campaign = find('calls_campaign').value;
  try {
    const address = await api.file(`/campaigns/${campaign}/results.csv`);
    make('a', {href: address, download: nameOf('campaigns', campaign) + ' results.csv'}).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  } catch (error) {
    say('calls_say', error.message, true);
  }
}

export function start() {
  watch(['campaigns'], () => options(find('calls_campaign'), state.campaigns, 'all calls'));
  find('results').addEventListener('click', results);
  find('calls_campaign').addEventListener('change', () => {
    find('results').hidden = !find('calls_campaign').value;
    show();
  });
}
