// Numbers that nobody may call: add, look up, take off.

import * as api from './api.js';
import {ask, button, day, find, onSubmit, say} from './page.js';

async function send(submitter) {
  find('block_found').replaceChildren();
  const number = find('block_number').value.trim();
  if (submitter && submitter.value === 'look') return look(number);
  const answer = await api.post('/do_not_call', {number, ...(find('block_reason').value ? {reason: find('block_reason').value} : {})});
  say('block_say', answer.added ? `${number} will not be called by any campaign, from now on.` : `${number} was on the list already.`);
}

async function look(number) {
  const [found] = (await api.get('/do_not_call?number=' + encodeURIComponent(number))).data;
  if (!found) return say('block_say', `${number} is not on the list: it may be called.`);
  say('block_say', `${found.number} must not be called, since ${day(found.created_at)}${found.reason ? ': ' + found.reason : ''}.`);
  find('block_found').append(button('Take it off the list', () => unblock(found.number)));
}

async function unblock(number) {
  if (!await ask(`Let campaigns call ${number} again?`, 'Take it off', null, 'danger')) return;
  try {
    await api.call('DELETE', '/do_not_call/' + encodeURIComponent(number));
    say('block_say', `${number} may be called again.`);
    find('block_found').replaceChildren();
  } catch (error) {
    say('block_say', error.message, true);
  }
}

export function start() { onSubmit(find('block_form'), 'block_say', send); }
