// The manager's page: lists in, campaigns started and paused, and what they do.
'use strict';

const kept = 300;  // seconds of live figures in the charts
const desk = {campaigns: [], lists: [], chosen: null, live: {}, history: {}};

// ---------------------------------------------------------------- campaigns

const actions = {
  stopped: [['Start', 'start', 'main']],
  running: [['Pause', 'pause'], ['Stop', 'stop']],
  paused: [['Start', 'start', 'main'], ['Stop', 'stop']],
  finished: [['Start', 'start']],
};

async function act(campaign, action, body) {
  say('campaigns_say', '');
  try {
    await api.call('POST', `/campaigns/${campaign.id}/actions/${action}`, body || {});
    say('campaigns_say', `${campaign.name}: ${action} done.`);
  } catch (error) {
    say('campaigns_say', `${campaign.name}: ${error.message}`, true);
  }
  await loadCampaigns();
}

function testCall(campaign) {
  const to = prompt('Call which number with this campaign’s plan? (E.164)', '+');
  if (to && to.length > 1) act(campaign, 'test_call', {to});
}

function row(campaign) {
  const live = desk.live[campaign.id] || {};
  const buttons = [...(actions[campaign.state] || []), ['Copy', 'copy']].map(([label, action, kind]) =>
    make('button', {class: kind || '', type: 'button', onclick: event => { event.stopPropagation(); act(campaign, action); }}, label));
  buttons.push(make('button', {type: 'button', onclick: event => { event.stopPropagation(); testCall(campaign); }}, 'Test call'));
  return make('tr', {class: campaign.id === desk.chosen ? 'chosen' : '', onclick: () => choose(campaign.id), style: 'cursor:pointer'},
    make('td', {}, campaign.name), make('td', {}, campaign.mode),
    make('td', {}, make('span', {class: 'state ' + campaign.state}, campaign.state)),
    make('td', {class: 'number'}, live.leads ?? ''), make('td', {class: 'number'}, live.done ?? ''),
    make('td', {class: 'number'}, live.attempts ?? ''),
    make('td', {class: 'number'}, live.leads === undefined ? '' : percent(live.abandoned_rate_day)),
    make('td', {}, ...buttons.flatMap(button => [button, ' '])));
}

function showCampaigns() {
  find('campaigns').replaceChildren(...desk.campaigns.map(row));
  if (!desk.campaigns.length) find('campaigns').append(make('tr', {}, make('td', {colSpan: 8, class: 'hint'}, 'No campaign yet: upload a list and create one below.')));
}

async function loadCampaigns() {
  desk.campaigns = await api.all('/campaigns');
  await Promise.all(desk.campaigns.slice(0, 50).map(async campaign => {
    try { note(await api.call('GET', `/campaigns/${campaign.id}/live`), campaign.id); } catch (error) { /* shown at the next event */ }
  }));
  if (!desk.chosen && desk.campaigns.length) desk.chosen = desk.campaigns[0].id;
  showCampaigns();
  showLive();
}

function choose(id) {
  desk.chosen = id;
  showCampaigns();
  showLive();
}

// ---------------------------------------------------------------- live figures

function note(live, id) {
  desk.live[id] = live;
  const history = desk.history[id] = desk.history[id] || [];
  history.push(live);
  if (history.length > kept) history.shift();
  const campaign = desk.campaigns.find(each => each.id === id);
  if (campaign && live.state) campaign.state = live.state;
}

function tile(value, text, isBad) { return make('div', {class: 'tile' + (isBad ? ' bad' : '')}, make('b', {}, value), make('span', {}, text)); }

function showLive() {
  const campaign = desk.campaigns.find(each => each.id === desk.chosen);
  const live = desk.live[desk.chosen];
  find('live').hidden = !campaign || !live;
  if (!campaign || !live) return;
  const cap = (campaign.pacing && campaign.pacing.abandon_cap) || 0.03;
  const agents = live.agents || {};
  find('live_name').textContent = campaign.name;
  find('live_progress').value = live.leads ? live.done / live.leads : 0;
  say('live_text', live.text || '');
  find('tiles').replaceChildren(
    tile(`${live.done} / ${live.leads}`, 'leads done'), tile(live.in_flight, 'calls in flight'), tile(live.waiting, 'people waiting'),
    tile(`${agents.idle || 0} / ${agents.busy || 0}`, 'agents free / busy'), tile(live.answered_by_person, 'people reached'),
    tile(live.connected, 'talked to an agent'), tile(percent(live.abandoned_rate_day), 'abandoned today', live.abandoned_rate_day > cap),
    tile(live.attempts, 'attempts'));
  const history = desk.history[desk.chosen];
  const of = pick => history.map(each => pick(each) || 0);
  chart(find('chart_channels'), [
    {name: 'in flight', colour: 'var(--blue)', values: of(each => each.in_flight)},
    {name: 'agents busy', colour: 'var(--green)', values: of(each => each.agents && each.agents.busy)},
    {name: 'waiting', colour: 'var(--red)', values: of(each => each.waiting)}]);
  chart(find('chart_pacing'), [
    {name: 'placed', colour: 'var(--blue)', values: of(each => each.pacing && each.pacing.calls)},
    {name: 'free expected', colour: 'var(--green)', values: of(each => Math.max(0, (each.pacing && each.pacing.free_expected) || 0))}]);
  chart(find('chart_abandoned'), [
    {name: 'abandoned', colour: 'var(--red)', values: of(each => 100 * each.abandoned_rate_day)},
    {name: 'cap', colour: 'var(--amber)', values: of(() => 100 * cap)}], '%');
  const outcomes = Object.entries(live.outcomes || {}).filter(each => each[1] > 0).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...outcomes.map(each => each[1]));
  find('outcomes').replaceChildren(...outcomes.map(([name, count]) => make('div', {class: 'bar'},
    make('span', {}, name.replaceAll('_', ' ')), make('i', {style: `width:${100 * count / most}%`}), make('span', {}, count))));
}

// ---------------------------------------------------------------- lists

async function loadChoices() {
  const option = each => make('option', {value: each.id}, each.name);
  const none = () => make('option', {value: ''}, 'none');
  const [lists, trunks, prompts] = await Promise.all([api.all('/lists'), api.all('/trunks'), api.all('/prompts')]);
  desk.lists = lists;
  find('list_names').replaceChildren(...lists.map(each => make('option', {value: each.name})));
  find('c_list').replaceChildren(...lists.map(option));
  find('c_trunk').replaceChildren(...trunks.map(option));
  find('c_prompt').replaceChildren(none(), ...prompts.map(option));
  find('c_harbour').replaceChildren(none(), ...prompts.map(option));
}

async function showHeader() {
  const file = find('list_file').files[0];
  if (!file) return;
  const line = (await file.slice(0, 4096).text()).replace(/^\uFEFF/, '').split(/\r?\n/)[0];
  const delimiter = [',', ';', '\t', '|'].sort((a, b) => line.split(b).length - line.split(a).length)[0];
  const names = line.split(delimiter).map(each => each.replace(/^"|"$/g, '').trim()).filter(Boolean);
  find('map_phone').replaceChildren(make('option', {value: ''}, 'found by its name'), ...names.map(each => make('option', {value: each}, each)));
}

async function runImport(isDryRun) {
  const form = find('import_form');
  if (!form.reportValidity()) return;
  say('import_say', 'Uploading …');
  find('import_errors').replaceChildren();
  try {
    const name = find('list_name').value.trim(), region = find('list_region').value;
    let list = desk.lists.find(each => each.name === name);
    if (!list) list = await api.call('POST', '/lists', {name, region, time_zone: find('list_zone').value || undefined});
    const query = new URLSearchParams({list: list.id, region});
    if (isDryRun) query.set('dry_run', 'true');
    if (find('map_phone').value) query.set('mapping.phone', find('map_phone').value);
    let job = await api.call('POST', '/imports?' + query, find('list_file').files[0], 'text/csv');
    find('import_progress').hidden = false;
    while (job.state === 'queued' || job.state === 'running') {
      await new Promise(resolve => setTimeout(resolve, 500));
      job = await api.call('GET', '/imports/' + job.id);
      find('import_progress').value = job.bytes ? job.bytes_read / job.bytes : 0;
      say('import_say', `${job.rows} rows read …`);
    }
    const verb = isDryRun ? 'would be added' : 'added';
    say('import_say', job.state === 'done'
      ? `${job.rows} rows: ${job.created} ${verb}, ${job.duplicates} duplicates, ${job.errors} with errors.`
      : `The import ${job.state}: ${job.error || ''}`, job.state !== 'done');
    if (job.errors) await showErrors(job);
  } catch (error) {
    say('import_say', error.message, true);
  }
  find('import_progress').hidden = true;
  await loadChoices();
}

async function showErrors(job) {
  const lines = (await api.call('GET', `/imports/${job.id}/errors`)).trim().split('\n').slice(1, 21);
  find('import_errors').replaceChildren(make('table', {}, make('thead', {}, make('tr', {}, make('th', {}, 'line, column, code, reason'))),
    make('tbody', {}, ...lines.map(line => make('tr', {}, make('td', {}, line))))));
}

// ---------------------------------------------------------------- new campaign, messages, agents

async function createCampaign(event) {
  event.preventDefault();
  const body = {name: find('c_name').value, mode: find('c_mode').value, lists: [find('c_list').value], trunks: [find('c_trunk').value],
    from: find('c_from').value, on_machine: find('c_machine').value, channels_max: Number(find('c_channels').value),
    calls_per_second_max: Number(find('c_cps').value)};
  if (find('c_prompt').value) body.prompt = find('c_prompt').value;
  if (find('c_harbour').value) body.safe_harbour_prompt = find('c_harbour').value;
  try {
    const campaign = await api.call('POST', '/campaigns', body);
    desk.chosen = campaign.id;
    say('campaign_say', `${campaign.name} is ready to start.`);
    await loadCampaigns();
  } catch (error) {
    say('campaign_say', error.message, true);
  }
}

async function uploadPrompt(event) {
  event.preventDefault();
  const file = find('prompt_file').files[0];
  try {
    const made = await api.call('POST', '/prompts?name=' + encodeURIComponent(file.name), file, 'audio/wav');
    say('campaign_say', `Message ${made.name} uploaded.`);
    await loadChoices();
  } catch (error) {
    say('campaign_say', error.message, true);
  }
}

async function loadAgents() {
  const agents = await api.all('/agents');
  const nameOf = id => (desk.campaigns.find(each => each.id === id) || {name: id}).name;
  find('agents').replaceChildren(...agents.map(agent => make('tr', {}, make('td', {}, agent.name),
    make('td', {}, make('span', {class: 'state ' + agent.status}, agent.status.replace('_', ' '))),
    make('td', {}, agent.since ? new Date(agent.since).toLocaleTimeString() : ''),
    make('td', {}, (agent.campaigns || []).map(nameOf).join(', ')))));
}

// ---------------------------------------------------------------- start

let agentsDue = false;
function onEvent(type, event) {
  const data = event.data || event;
  if (type === 'campaign.live') {
    note(data, data.campaign);
    showCampaigns();
    if (data.campaign === desk.chosen) showLive();
  } else if (type === 'campaign.state_changed') {
    loadCampaigns();
  } else if (type === 'agent.status_changed' && !agentsDue) {
    agentsDue = true;  // many may change in one moment: one look a second is enough
    setTimeout(() => { agentsDue = false; loadAgents(); }, 1000);
  }
}

async function open() {
  try {
    await loadCampaigns();
    await Promise.all([loadChoices(), loadAgents()]);
  } catch (error) {
    say('sign_in_say', error.message, true);
    return;
  }
  find('sign_in').hidden = true;
  find('desk').hidden = find('stop_all').hidden = false;
  api.events(onEvent, isOn => { find('connection').textContent = isOn ? 'live' : 'connection lost, trying again'; });
}

find('sign_in_form').addEventListener('submit', event => { event.preventDefault(); api.setToken(find('token').value.trim()); open(); });
find('import_form').addEventListener('submit', event => { event.preventDefault(); runImport(false); });
find('import_try').addEventListener('click', () => runImport(true));
find('list_file').addEventListener('change', showHeader);
find('campaign_form').addEventListener('submit', createCampaign);
find('prompt_form').addEventListener('submit', uploadPrompt);
find('stop_all').addEventListener('click', async () => {
  if (!confirm('Pause every campaign now?')) return;
  try { await api.call('POST', '/actions/stop_all', {hang_up: true}); } catch (error) { say('campaigns_say', error.message, true); }
  await loadCampaigns();
});
if (api.token()) open();
