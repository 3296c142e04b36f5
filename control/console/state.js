// What the manager's page knows: rows of the API by kind, live figures by campaign, and who wants to hear of changes.

import * as api from './api.js';

export const kept_ms = 10 * 60 * 1000;  // live figures in the charts
export const state = {campaigns: [], lists: [], trunks: [], prompts: [], endpoints: [], agents: [], queues: [], numbers: [],
  live: {}, history: {}, chosen: null, loaded: new Set()};
const watchers = [];

/** Runs `show` after any of `kinds` was loaded. */
export function watch(kinds, show) { watchers.push({kinds, show}); }
export function changed(...kinds) {
  for (const each of watchers) if (each.kinds.some(kind => kinds.includes(kind))) each.show();
}

export async function load(...kinds) {
  await Promise.all(kinds.map(async kind => {
    state[kind] = await api.all('/' + kind);
    state.loaded.add(kind);
  }));
  if (kinds.includes('campaigns')) await Promise.all(state.campaigns.slice(-50).map(figure));
  changed(...kinds);
}

async function figure(campaign) {
  try {
    note(await api.get(`/campaigns/${campaign.id}/live`), campaign.id);
  } catch (error) { /* deleted meanwhile, or shown at the next event */ }
}

/** Takes in what a campaign does at this moment. */
export function note(live, id, time) {
  const at = time ? Date.parse(time) : Date.now();
  state.live[id] = live;
  const history = state.history[id] = state.history[id] || [];
  if (history.length && at - history[history.length - 1].at < 500) history.pop();
  history.push({...live, at});
  while (history[0].at < at - kept_ms) history.shift();
  const campaign = byId('campaigns', id);
  if (campaign && live.state) campaign.state = live.state;
}

export const byId = (kind, id) => state[kind].find(each => each.id === id);
export const nameOf = (kind, id) => (byId(kind, id) || {name: 'deleted'}).name;
export const chosen = () => byId('campaigns', state.chosen);
