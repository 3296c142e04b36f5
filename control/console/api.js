// The console's way to the REST API: token, problems that say what is wrong and where, files, the event stream.
// The token travels in a header only, never in an address; it is kept for this tab until it is closed.

const key = 'carillon.token';
let onRefused = () => {};

export const token = () => sessionStorage.getItem(key) || '';
export function setToken(value) {
  if (value) sessionStorage.setItem(key, value);
  else sessionStorage.removeItem(key);
}
/** Calls `then` when the server no longer takes the token. */
export function whenRefused(then) { onRefused = then; }

/** What the server said against a request (application/problem+json, RFC 9457). `errors` name fields by pointer. */
export class Problem extends Error {
  constructor(status, body) {
    const about = body && typeof body === 'object' ? body : {};
    const isListed = about.code === 'invalid' && /^errors\[\]/.test(about.detail || '');  // the list below says it better
    super((isListed ? 'Something is not right yet' : about.detail) || about.title || `The server answered ${status}.`);
    this.status = status;
    this.code = about.code || '';
    this.errors = about.errors || [];
  }
  /** In one line, fields included. */
  get line() {
    const fields = this.errors.map(each => (each.pointer ? each.pointer.slice(1).replaceAll('/', ' ').replaceAll('_', ' ') + ' ' : '') + each.detail);
    return fields.length ? this.message + ': ' + fields.join('; ') : this.message;
  }
}

async function ask(method, path, body, type) {
  const headers = {Authorization: 'Bearer ' + token()};
  if (body !== undefined) headers['Content-Type'] = type || 'application/json';
  if (method === 'POST') headers['Idempotency-Key'] = newKey();
  let answer;
  try {
    answer = await fetch('/v1' + path, {method, headers, body: body === undefined || type ? body : JSON.stringify(body)});
  } catch (error) {
    throw new Problem(0, {detail: 'The server cannot be reached. What you see may be old.'});
  }
  if (answer.ok) return answer;
  let about = null;
  try { about = await answer.json(); } catch (error) { /* not JSON: the status alone tells */ }
  if (answer.status === 401) onRefused();
  throw new Problem(answer.status, about);
}

// crypto.randomUUID is there in secure contexts only; a box on a bare address without TLS is none.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(each => each.toString(16).padStart(2, '0')).join('');
}

export async function call(method, path, body, type) {
  const answer = await ask(method, path, body, type);
  const text = await answer.text();
  return (answer.headers.get('Content-Type') || '').includes('json') && text ? JSON.parse(text) : text;
}
export const get = path => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);

/** Every row of a paged list, `most` at the outside. */
export async function all(path, most = 2000) {
  const rows = [];
  for (let cursor = ''; rows.length < most;) {
    const page = await get(path + (path.includes('?') ? '&' : '?') + 'limit=100' + (cursor ? '&cursor=' + encodeURIComponent(cursor) : ''));
    rows.push(...page.data);
    cursor = page.next_cursor;
    if (!cursor || !page.data.length) break;
  }
  return rows;
}

/** A file as an address of this page (blob:), because the token cannot go into a link. Revoke it after use. */
export async function file(path) { return URL.createObjectURL(await (await ask('GET', path)).blob()); }

/** Follows the project's server-sent events until `stop` (an AbortSignal): over fetch, because EventSource cannot send
 *  the token. Comes back by itself after 2 s and asks for what it missed. */
export async function events(onEvent, onState, stop) {
  let last = '';
  while (!stop.aborted) {
    try {
      const headers = {Authorization: 'Bearer ' + token()};
      if (last) headers['Last-Event-ID'] = last;
      const answer = await fetch('/v1/events', {headers, signal: stop});
      if (answer.status === 401) return onRefused();
      if (!answer.ok) throw new Problem(answer.status);
      onState(true);
      await read(answer.body.pipeThrough(new TextDecoderStream()).getReader(), event => {
        if (event.id) last = event.id;
        if (event.data) onEvent(event.type, JSON.parse(event.data));
      });
    } catch (error) { /* told by the state */ }
    if (stop.aborted) return;
    onState(false);
    await new Promise(resolve => setTimeout(resolve, 2000));
  }
}

async function read(reader, take) {
  for (let kept = '';;) {
    const {value, done} = await reader.read();
    if (done) return;
    const blocks = (kept + value).split('\n\n');
    kept = blocks.pop();
    for (const block of blocks) {
      const event = {id: '', type: '', data: ''};
      for (const line of block.split('\n')) {
        if (line.startsWith('id:')) event.id = line.slice(3).trim();
        else if (line.startsWith('event:')) event.type = line.slice(6).trim();
        else if (line.startsWith('data:')) event.data += line.slice(5).trim();
      }
      take(event);
    }
  }
}
