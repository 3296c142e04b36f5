// The form of a campaign: a new one, or one whose rules are changed.

import * as api from './api.js';
import {clearFaults, find, make, onSubmit, options, say, tell} from './page.js';
import {load, state, watch} from './state.js';

const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
let edited = null, before = {};  // id of the campaign that is changed, and what the form said of it at first

const texts = {c_name: 'name', c_mode: 'mode', c_from: 'from', c_machine: 'on_machine', c_zone: 'time_zone'};
const numbers = {c_channels: 'channels_max', c_cps: 'calls_per_second_max', c_wrap: 'wrap_up_s'};
const ids = {c_prompt: 'prompt', c_harbour: 'safe_harbour_prompt', c_opt_out: 'opt_out_digit', c_repeat: 'repeat_digit', c_agent: 'agent_digit'};

function read() {
  const value = id => find(id).value.trim();
  const body = {lists: value('c_list') ? [value('c_list')] : [], trunks: value('c_trunk') ? [value('c_trunk')] : [], record: find('c_record').checked,
    limits: {total: Number(value('c_total')), per_day: Number(value('c_per_day'))},
    pacing: {ring_time_s: Number(value('c_ring')), abandon_cap: Number(value('c_cap')) / 100, connect_time_max_ms: Number(value('c_wait'))}};
  for (const [id, field] of Object.entries(texts)) body[field] = value(id);
  for (const [id, field] of Object.entries(numbers)) body[field] = Number(value(id));
  for (const [id, field] of Object.entries(ids)) if (value(id) || edited) body[field] = value(id) || null;
  const called = days.filter(each => find('c_day_' + each).checked);
  body.window = Object.fromEntries(days.filter(each => called.includes(each) || edited).map(
    each => [each, called.includes(each) ? [{from: value('c_from_time'), until: value('c_until_time') === '00:00' ? '24:00' : value('c_until_time')}] : []]));
  return body;
}

function checked(body) {
  const faults = [];
  if (!body.lists.length) faults.push({pointer: '/lists', detail: state.lists.length ? 'choose a list' : 'there is none yet: upload one under Lists'});
  if (!body.trunks.length) faults.push({pointer: '/trunks', detail: state.trunks.length ? 'choose a trunk' : 'there is none yet: add one under Set-up'});
  if (!body.from) faults.push({pointer: '/from', detail: 'the number that people see is needed'});
  if (body.mode === 'broadcast' && !body.prompt) faults.push({pointer: '/prompt', detail: 'a broadcast needs its message; upload one under Set-up'});
  if (body.mode === 'predictive' && !body.safe_harbour_prompt) faults.push({pointer: '/safe_harbour_prompt', detail: 'predictive dialing needs one; upload it under Set-up'});
  if (!days.some(each => (body.window[each] || []).length)) faults.push({pointer: '/window', detail: 'choose at least one day'});
  return faults;
}

async function save() {
  const body = read(), faults = checked(body);
  if (faults.length) throw new api.Problem(0, {detail: 'Something is missing', errors: faults});
  // only what was touched: rules that this form cannot show (several lists, hours by day) stay as they are
  const touched = Object.fromEntries(Object.entries(body).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(before[field])));
  const campaign = edited ? await api.call('PATCH', '/campaigns/' + edited, touched) : await api.post('/campaigns', body);
  state.chosen = campaign.id;
  const was = edited;
  leave();
  await load('campaigns');
  location.hash = '#campaigns';
  say('campaigns_say', was ? `${campaign.name} is changed.` : `${campaign.name} is ready: make a test call, then start it.`);
}

function leave() {
  edited = null;
  find('campaign_form').reset();
  clearFaults(find('campaign_form'));
  say('campaign_say', '');
  title();
  byMode();
}

function title() {
  find('campaign_title').textContent = edited ? 'Change a campaign' : 'New campaign';
  find('c_save').textContent = edited ? 'Save' : 'Create';
  find('c_cancel').hidden = !edited;
}

function byMode() {
  const isBroadcast = find('c_mode').value === 'broadcast';
  for (const each of find('campaign_form').querySelectorAll('.with_agents')) each.hidden = isBroadcast && !find('c_agent').value;
}

/** Opens the form with the campaign's rules; `problem` is shown at its inputs. */
export function edit(campaign, problem) {
  leave();
  edited = campaign.id;
  for (const [id, field] of Object.entries({...texts, ...numbers, ...ids})) find(id).value = campaign[field] ?? '';
  find('c_list').value = (campaign.lists || [])[0] || '';
  find('c_trunk').value = (campaign.trunks || [])[0] || '';
  find('c_record').checked = campaign.record;
  find('c_total').value = campaign.limits.total;
  find('c_per_day').value = campaign.limits.per_day;
  find('c_ring').value = campaign.pacing.ring_time_s;
  find('c_cap').value = 100 * campaign.pacing.abandon_cap;
  find('c_wait').value = campaign.pacing.connect_time_max_ms;
  const window = campaign.window || {}, isAlways = !Object.keys(window).length;
  for (const each of days) find('c_day_' + each).checked = isAlways || (window[each] || []).length > 0;
  const span = Object.values(window).flat()[0] || {from: '08:00', until: '21:00'};
  find('c_from_time').value = span.from;
  find('c_until_time').value = span.until === '24:00' ? '00:00' : span.until;
  before = read();
  title();
  byMode();
  location.hash = '#new';
  if (problem) setTimeout(() => tell('campaign_say', problem, find('campaign_form')));  // once the form is in view
}

function show() {
  options(find('c_list'), state.lists, state.lists.length ? undefined : 'none yet: upload one under Lists');
  options(find('c_trunk'), state.trunks, state.trunks.length ? undefined : 'none yet: add one under Set-up');
  options(find('c_prompt'), state.prompts, 'none');
  options(find('c_harbour'), state.prompts, 'none');
}

export function start() {
  find('c_days').append(...days.map(each => make('label', {class: 'check'}, make('input', {type: 'checkbox', id: 'c_day_' + each, defaultChecked: true}), ' ' + each[0].toUpperCase() + each.slice(1))));
  watch(['lists', 'trunks', 'prompts'], show);
  find('c_mode').addEventListener('change', byMode);
  find('c_agent').addEventListener('input', byMode);
  find('c_cancel').addEventListener('click', () => { leave(); location.hash = '#campaigns'; });
  onSubmit(find('campaign_form'), 'campaign_say', save);
  leave();
}
