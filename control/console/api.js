// The console's way to the REST API: token, errors that say what is wrong, the event stream.
'use strict';

const api = (() => {
  const token = () => sessionStorage.getItem('carillon.token') || '';

  async function call(method, path, body, type) {
    const headers = {Authorization: 'Bearer ' + token()};
    if (body !== undefined) headers['Content-Type'] = type || 'application/json';
    if (method === 'POST') headers['Idempotency-Key'] = crypto.randomUUID();
    const payload = body === undefined || type ? body : JSON.stringify(body);
    const answer = await fetch('/v1' + path, {method, headers, body: payload});
    const text = await answer.text();
    const json = (answer.headers.get('Content-Type') || '').includes('json') && text ? JSON.parse(text) : text;
    if (!answer.ok) throw new Error(problem(json, answer.status));
    return json;
  }

  function problem(json, status) {
    if (!json || typeof json !== 'object') return 'The server answered ' + status + '.';
    const fields = (json.errors || []).map(each => (each.pointer ? each.pointer + ': ' : '') + each.detail);
    return [json.detail || json.title, ...fields].filter(Boolean).join(' · ');
  }

  async function all(path) {
    const rows = [];
    for (let cursor = ''; rows.length < 2000;) {
      const page = await call('GET', path + (path.includes('?') ? '&' : '?') + 'limit=100' + (cursor ? '&cursor=' + encodeURIComponent(cursor) : ''));
      rows.push(...page.data);
      cursor = page.next_cursor;
      if (!cursor) break;
    }
    return rows;
  }

  // Server-sent events over fetch, because EventSource cannot carry the token. Comes back by itself.
  async function events(onEvent, onState) {
    let last = '';
    for (;;) {
      try {
        const headers = {Authorization: 'Bearer ' + token()};
        if (last) headers['Last-Event-ID'] = last;
        const answer = await fetch('/v1/events', {headers});
        if (!answer.ok) throw new Error('status ' + answer.status);
        onState(true);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let kept = '';
        for (;;) {
          const {value, done} = await reader.read();
          if (done) break;
          kept += value;
          const parts = kept.split('\n\n');
          kept = parts.pop();
          for (const part of parts) {
            const event = {type: '', data: ''};
            for (const line of part.split('\n')) {
              if (line.startsWith('id:')) last = line.slice(3).trim();
              if (line.startsWith('event:')) event.type = line.slice(6).trim();
              if (line.startsWith('data:')) event.data += line.slice(5).trim();
            }
            if (event.data) onEvent(event.type, JSON.parse(event.data));
          }
        }
      } catch (error) { /* shown by the state */ }
      onState(false);
      await new Promise(resolve => setTimeout(resolve, 2000));
    }
  }

  return {call, all, events, token, setToken: value => sessionStorage.setItem('carillon.token', value)};
})();

// Small helpers for the document. Text only ever goes in as text.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element[name] = value;
  }
  element.append(...children.filter(child => child !== null && child !== undefined).map(child => child instanceof Node ? child : String(child)));
  return element;
}
const find = id => document.getElementById(id);
function say(id, text, isError) {
  const place = find(id);
  place.textContent = text;
  place.classList.toggle('error', Boolean(isError));
}
const percent = rate => (100 * (rate || 0)).toFixed(2) + ' %';
