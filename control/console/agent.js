// The agent's page: seat, card of the person on the line, disposition.
'use strict';

const seat = {agent: null, attempt: null, started: false};

async function act(action) {
  try {
    await api.call('POST', `/agents/${find('agent').value}/actions/${action}`, {});
    say('seat_say', action === 'log_in' ? 'Your phone is being called; keep the line open.' : '');
  } catch (error) {
    say('seat_say', error.message, true);
  }
  await look();
}

function showCard(current) {
  find('card').hidden = !current;
  if (!current) return;
  const lead = current.lead || {};
  find('card_name').textContent = lead.name || lead.phone || 'Unknown caller';
  const rows = {Telephone: lead.phone, 'Local time zone': lead.time_zone, 'Reference': lead.external_id, 'Attempts so far': lead.attempts,
    ...(lead.extra || {})};
  find('card_fields').replaceChildren(...Object.entries(rows).filter(each => each[1] !== undefined && each[1] !== '').flatMap(
    ([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

async function look() {
  const id = find('agent').value;
  if (!id) return;
  try {
    const agent = await api.call('GET', '/agents/' + id);
    find('status').textContent = agent.status.replace('_', ' ');
    find('status').className = 'state big ' + agent.status;
    if (agent.current && agent.current.attempt) seat.attempt = agent.current.attempt;
    showCard(agent.current);
    const can = {log_in: agent.status === 'offline', ready: ['break', 'wrap_up'].includes(agent.status),
      break: !['offline', 'break'].includes(agent.status), log_out: agent.status !== 'offline'};
    for (const [button, isOn] of Object.entries(can)) find(button).disabled = !isOn;
    find('wrap').hidden = !seat.attempt || !['talking', 'wrap_up', 'break'].includes(agent.status);
  } catch (error) {
    say('seat_say', error.message, true);
  }
}

async function saveDisposition(event) {
  event.preventDefault();
  const body = {agent: find('agent').value, disposition: find('disposition').value};
  if (find('note').value) body.note = find('note').value;
  if (find('was_machine').checked) body.was_machine = true;
  if (find('callback_at').value) body.callback_at = new Date(find('callback_at').value).toISOString();
  if (body.disposition === 'callback' && !body.callback_at) {
    say('wrap_say', 'Say when to call back.', true);
    return;
  }
  try {
    await api.call('POST', `/attempts/${seat.attempt}/actions/disposition`, body);
    say('wrap_say', 'Saved.');
    seat.attempt = null;
    find('disposition_form').reset();
    if (find('status').textContent === 'wrap up') await act('ready');
  } catch (error) {
    say('wrap_say', error.message, true);
  }
  await look();
}

async function open() {
  try {
    const agents = await api.all('/agents');
    find('agent').replaceChildren(...agents.map(each => make('option', {value: each.id}, each.name)));
  } catch (error) {
    say('sign_in_say', error.message, true);
    return;
  }
  find('sign_in').hidden = true;
  find('desk').hidden = false;
  await look();
  api.events((type, event) => {
    const data = event.data || event;
    if (type.startsWith('agent.') && data.agent === find('agent').value) look();
  }, isOn => { find('connection').textContent = isOn ? 'live' : 'connection lost, trying again'; if (isOn) look(); });
}

for (const action of ['log_in', 'ready', 'break', 'log_out']) find(action).addEventListener('click', () => act(action));
find('agent').addEventListener('change', () => { seat.attempt = null; look(); });
find('disposition_form').addEventListener('submit', saveDisposition);
find('sign_in_form').addEventListener('submit', event => { event.preventDefault(); api.setToken(find('token').value.trim()); open(); });
if (api.token()) open();
