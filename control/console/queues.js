// Inbound queues: who waits, who serves, what the last day was like; a form for a queue and the number that leads to it.

import * as api from './api.js';
import {ask, button, count, emptyRow, find, keyed, make, onSubmit, options, percent, put, say, seconds} from './page.js';
import {changed, load, nameOf, state, watch} from './state.js';

const lives = {};  // by queue: what queue.live says, and when it said so

/** An event queue.live, or the answer to GET …/live. */
export function note(live, time) {
  lives[live.queue] = {...live, at: time ? Date.parse(time) : Date.now()};
  changed('queue_live');
}

async function look() {
  await Promise.all(state.queues.map(async queue => {
    try { note(await api.get(`/queues/${queue.id}/live`)); } catch (error) { /* deleted meanwhile */ }
  }));
}

async function save() {
  const value = id => find(id).value.trim();
  const body = {name: value('q_name'), max_wait_s: Number(value('q_wait'))};
  for (const [id, field] of [['q_greeting', 'greeting_prompt'], ['q_music', 'music_prompt'], ['q_please', 'wait_prompt']]) if (value(id)) body[field] = value(id);
  const number = value('q_number');
  if (number && !value('q_trunk')) throw new api.Problem(0, {detail: 'Something is missing', errors: [{pointer: '/trunk', detail: 'by which trunk do its calls come in?'}]});
  const queue = await api.post('/queues', body);
  await load('queues');
  if (number) {
    try {
      await api.post('/numbers', {number, trunk: value('q_trunk'), record: true, route: {type: 'queue', queue: queue.id}});
    } catch (error) {
      await api.call('DELETE', '/queues/' + queue.id).catch(() => {});  // half of it would only confuse
      await load('queues');
      throw error;
    }
    await load('numbers');
  }
  find('queue_form').reset();
  say('queue_say', `${queue.name} is there. Under Agents, tick it for those who serve it.`);
}

async function remove(queue) {
  const numbers = numbersOf(queue);
  if (!await ask(`Delete the queue ${queue.name}${numbers.length ? ' and the numbers that lead to it' : ''}?`, 'Delete', null, 'danger')) return;
  try {
    for (const each of numbers) await api.call('DELETE', '/numbers/' + each.id);
    await api.call('DELETE', '/queues/' + queue.id);
    say('queues_say', `${queue.name} is deleted.`);
  } catch (error) {
    say('queues_say', error.message, true);
  }
  await load('queues', 'numbers');
}

const numbersOf = queue => state.numbers.filter(each => each.route.type === 'queue' && each.route.queue === queue.id);
const cell = (name, kind, ...inside) => make('td', {title_of: name, class: kind}, ...inside);

function showQueues() {
  keyed(find('queues'), state.queues, each => each.id, queue => make('tr', {}, cell('Name'), cell('Numbers'), cell('Waiting', 'number'), cell('Longest', 'number'),
    cell('Talking', 'number'), cell('Agents free / busy / break', 'number'), cell('Served / gave up / passed on', 'number'), cell('Average wait', 'number'), cell('In time', 'number'),
    cell('Actions', '', button('Delete', () => remove(queue)))), (row, queue) => {
    const live = lives[queue.id] || {waiting: [], agents: {}};
    [queue.name, numbersOf(queue).map(each => each.number).join(', ') || 'none', live.waiting.length, live.waiting.length ? `${live.longest_wait_s} s` : '', count(live.talking),
      `${live.agents.idle || 0} / ${live.agents.busy || 0} / ${live.agents.break || 0}`, `${live.answered || 0} / ${live.abandoned || 0} / ${live.overflowed || 0}`,
      live.answered ? seconds(live.average_wait_ms) : '', live.service_level === null || live.service_level === undefined ? '' : `${percent(live.service_level)} in ${live.service_level_s} s`]
      .forEach((text, i) => put(row.children[i], text));
  }, emptyRow(10, 'No queue yet. A queue takes calls that come in, plays music, and puts the longest-waiting caller through to the longest-idle agent.'));
  showWaiting();
}

function showWaiting() {
  const waiting = state.queues.flatMap(queue => (lives[queue.id]?.waiting || []).map(each => ({...each, queue: queue.id})));
  keyed(find('waiting'), waiting, each => each.attempt, () => make('tr', {}, cell('Queue'), cell('Position', 'number'), cell('Number'), cell('Waits', 'number')),
    (row, each) => [nameOf('queues', each.queue), each.position, each.number, seconds(Math.max(0, Date.now() - Date.parse(each.since)))].forEach((text, i) => put(row.children[i], text)),
    emptyRow(4, 'Nobody waits.'));
}

function showChoices() {
  for (const id of ['q_greeting', 'q_music', 'q_please']) options(find(id), state.prompts, 'none');
  options(find('q_trunk'), state.trunks, 'choose one');
}

export function start() {
  watch(['queues'], look);
  watch(['queues', 'numbers', 'queue_live'], showQueues);
  watch(['prompts', 'trunks'], showChoices);
  onSubmit(find('queue_form'), 'queue_say', save);
  setInterval(() => { if (state.tab === 'queues') showWaiting(); }, 1000);
}
