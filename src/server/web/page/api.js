// SPDX-License-Identifier: Apache-2.0
// The server's interface, as any client sees it.

import {apiKey} from './store.js';

export class ApiError extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status; // 0: nothing came back
    this.retryAfter = retryAfter; // seconds, or null
  }
}

function headers() {
  const key = apiKey();
  return key ? {Authorization: `Bearer ${key}`} : {};
}

export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path, {...options, headers: {...headers(), ...options.headers}});
  } catch (problem) {
    if (problem.name === 'AbortError') throw problem;
    throw new ApiError(0, 'The server does not answer. Is it running?', null);
  }
  if (response.ok) return response;
  throw new ApiError(response.status, await sentence(response), Number(response.headers.get('Retry-After')) || null);
}

async function sentence(response) {
  const text = await response.text().catch(() => '');
  try {
    const {error} = JSON.parse(text);
    if (typeof error === 'string') return error;
    if (typeof error?.message === 'string') return error.message;
  } catch (problem) {
    // Not JSON: the status has to do.
  }
  return `The server answered with status ${response.status}.`;
}

export async function models() {
  const {data} = await (await request('/v1/models')).json();
  return Array.isArray(data) ? data : [];
}

// The events' data of a stream of server-sent events, as text.
export async function* eventData(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = '';
  let data = [];
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) break;
      const lines = (held + value).split('\n');
      held = lines.pop();
      for (const withReturn of lines) {
        const line = withReturn.endsWith('\r') ? withReturn.slice(0, -1) : withReturn;
        if (line === '') {
          if (data.length > 0) yield data.join('\n');
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line[5] === ' ' ? 6 : 5));
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// The chunks of a chat completion.
export async function* streamChat(body, signal) {
  const response = await request('/v1/chat/completions', {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({...body, stream: true, stream_options: {include_usage: true}}),
    signal,
  });
  let isComplete = false;
  for await (const data of eventData(response.body)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ApiError(500, chunk.error.message || String(chunk.error), null);
    if (chunk.choices?.[0]?.finish_reason) isComplete = true;
    yield chunk;
  }
  if (!isComplete) throw new ApiError(0, 'The connection ended before the answer did.', null);
}
