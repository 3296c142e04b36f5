// What the chosen campaign does at this moment, and why: progress, figures, charts.

import {bars, lines, parts} from './chart.js';
import {calmly, count, day, find, keyed, link, make, percent, put, words} from './page.js';
import {chosen, state, watch} from './state.js';

const people = ['connected', 'message_heard', 'message_cut', 'abandoned', 'opted_out', 'person_hung_up'];

function tiles(campaign, live, cap) {
  const agents = live.agents || {};
  const isBroadcast = campaign.mode === 'broadcast';
  const heard = live.outcomes?.message_heard || 0;
  return [
    ['calls in flight', count(live.calls ?? live.in_flight)],
    ['attempts', count(live.attempts)],
    ['people answered', count(live.answered_by_person)],
    isBroadcast ? ['heard the whole message', count(heard)] : ['talked to an agent', count(live.connected)],
    ['machines', count(live.machines)],
    ...(isBroadcast ? [] : [['people waiting', count(live.waiting), live.waiting > 0],
      ['agents free / busy / break', `${agents.idle || 0} / ${agents.busy || 0} / ${agents.break || 0}`],
      [`abandoned today, cap ${percent(cap)}`, percent(live.abandoned_rate_day), live.abandoned_rate_day > cap],
      ['abandoned in 30 days', percent(live.abandoned_rate_30_days), live.abandoned_rate_30_days > cap]]),
    ['answered by a person, of calls placed', live.attempts ? percent(live.answered_by_person / live.attempts) : '–']];
}

function hint(campaign, live) {
  const agents = live.agents || {};
  if (campaign.mode === 'broadcast' || campaign.state !== 'running' || agents.idle + agents.busy > 0) return [];
  if (!state.agents.some(each => (each.campaigns || []).includes(campaign.id)))
    return ['No agent takes this campaign’s people: ', link('#agents', 'add agents'), ' and tick the campaign.'];
  return ['No agent of this campaign is ready: they log in on the ', link('/agent', 'agent page'), '.'];
}

// Calls placed each second, from what two figures in a row say.
function placed(history) {
  return history.map((sample, i) => {
    const before = history[i - 1];
    return {...sample, placed: before ? Math.max(0, 1000 * (sample.attempts - before.attempts) / Math.max(500, sample.at - before.at)) : 0};
  });
}

function show() {
  const campaign = chosen(), live = state.live[state.chosen];
  find('live').hidden = !campaign || !live;
  if (!campaign || !live) return;
  const cap = campaign.pacing?.abandon_cap ?? 0.03;
  put(find('live_name'), campaign.name);
  put(find('live_state'), campaign.state);
  find('live_state').className = 'state ' + campaign.state;
  const calls = live.calls ?? live.in_flight ?? 0, done = live.done || 0;
  parts(find('live_progress'), [{name: 'done', count: done, kind: 'green'}, {name: 'on the line', count: calls, kind: 'blue'},
    {name: 'still to be called', count: Math.max(0, (live.leads || 0) - done - calls), kind: 'rest'}]);
  put(find('live_text'), words(live.text).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, day));
  const lacking = hint(campaign, live);
  if (!lacking.length || !find('live_hint').textContent) find('live_hint').replaceChildren(...lacking);
  keyed(find('tiles'), tiles(campaign, live, cap), each => each[0], () => make('div', {class: 'tile'}, make('b'), make('span')), (tile, [name, value, isBad]) => {
    put(tile.firstChild, value);
    put(tile.lastChild, name);
    tile.classList.toggle('bad', Boolean(isBad));
  });
  const history = placed(state.history[state.chosen] || []);
  const isBroadcast = campaign.mode === 'broadcast';
  lines(find('chart_calls'), history, [{name: 'calls in flight', kind: 'blue', of: each => each.calls ?? each.in_flight},
    ...(isBroadcast ? [] : [{name: 'agents busy', kind: 'green', of: each => each.agents?.busy}, {name: 'agents free', kind: 'soft', of: each => each.agents?.idle},
      {name: 'people waiting', kind: 'red', of: each => each.waiting}])]);
  lines(find('chart_pacing'), history, [{name: 'calls placed each second', kind: 'blue', of: each => each.placed},
    ...(isBroadcast ? [] : [{name: 'agents expected to be free', kind: 'green', of: each => each.pacing?.free_expected}])], {digits: 1});
  find('chart_abandoned').hidden = isBroadcast;
  lines(find('chart_abandoned'), history, [{name: 'abandoned', kind: 'red', of: each => 100 * each.abandoned_rate_day},
    {name: 'cap', kind: 'amber', of: () => 100 * cap}], {unit: ' %', digits: 1});
  bars(find('outcomes'), Object.entries(live.outcomes || {}).filter(each => each[1] > 0).sort((a, b) => b[1] - a[1])
    .map(([name, times]) => ({name: words(name), count: times, kind: name === 'abandoned' || name === 'failed' ? 'red' : people.includes(name) ? 'green' : 'soft'})),
  'No attempt has ended yet.');
}

export function start() {
  watch(['campaigns', 'agents', 'live'], show);
  window.addEventListener('resize', calmly(show, 200));
}
