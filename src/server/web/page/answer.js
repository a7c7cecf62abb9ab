// SPDX-License-Identifier: Apache-2.0
// One answer: the request that asks for it, the deltas that make it up, and its figures.

import {ApiError, streamChat} from './api.js';
import {pictureDataUrl} from './picture_store.js';
import {Refusal} from './pictures.js';

export function parseTools(text) {
  if (!text?.trim()) return [];
  const tools = JSON.parse(text);
  if (!Array.isArray(tools)) throw new Error('expected an array of tools');
  return tools.map((tool) => (tool.function ? tool : {type: 'function', function: tool}));
}

function responseFormat(options) {
  if (options.format === 'json_object') return {type: 'json_object'};
  if (options.format !== 'json_schema' || !options.schema?.trim()) return undefined;
  return {type: 'json_schema', json_schema: {name: 'answer', strict: true, schema: JSON.parse(options.schema)}};
}

async function pictureToSend(picture) {
  const url = await pictureDataUrl(picture.id);
  if (!url) throw new Refusal(`“${picture.name}” is no longer kept in this browser: edit the message that has it, and attach it again or remove it.`);
  return {type: 'image_url', image_url: {url}};
}

async function messageToSend({role, content, pictures, tool_calls, tool_call_id}) {
  if (role === 'tool') return {role, tool_call_id, content};
  if (role === 'user' && pictures) {
    const parts = await Promise.all(pictures.map(pictureToSend));
    return {role, content: content ? [...parts, {type: 'text', text: content}] : parts};
  }
  if (role === 'user') return {role, content};
  return tool_calls?.length ? {role, content: content || null, tool_calls} : {role, content};
}

// Of the messages that there are now: what is added before it resolves is not in it.
export async function requestBody(conversation, model) {
  const {options} = conversation;
  const given = conversation.messages.filter((message) => message.role !== 'assistant' || message.content || message.tool_calls?.length);
  const messages = await Promise.all(given.map(messageToSend));
  if (options.system?.trim()) messages.unshift({role: 'system', content: options.system});
  const body = {model, messages};
  for (const name of ['temperature', 'top_p', 'max_tokens', 'seed'])
    if (Number.isFinite(options[name])) body[name] = options[name];
  const tools = parseTools(options.tools);
  if (tools.length) body.tools = tools;
  const format = responseFormat(options);
  if (format) body.response_format = format;
  return body;
}

const LEAST_TIMED = 0.02; // seconds: what arrives within less came in one packet, and says nothing of speed

function addToolCalls(message, deltas) {
  message.tool_calls ||= [];
  for (const delta of deltas) {
    const call = (message.tool_calls[delta.index ?? 0] ||= {id: '', type: 'function', function: {name: '', arguments: ''}});
    if (delta.id) call.id = delta.id;
    if (delta.function?.name) call.function.name += delta.function.name;
    if (delta.function?.arguments) call.function.arguments += delta.function.arguments;
  }
}

// Fills `message` as text arrives, and calls `update` each time. A stop by the user is no error.
export async function fetchAnswer(body, message, signal, update) {
  const begin = performance.now();
  let first = 0;
  let pieces = 0;
  let usage = null;
  message.model = body.model;
  const note = () => {
    const last = performance.now();
    const tokens = usage?.completion_tokens ?? pieces;
    const decoding = (last - first) / 1000;
    message.stats = {
      first: first ? (first - begin) / 1000 : null, // seconds to the first token
      seconds: (last - begin) / 1000,
      rate: first && tokens > 1 && decoding > LEAST_TIMED ? (tokens - 1) / decoding : null, // tokens a second
      prompt: usage?.prompt_tokens ?? null,
      cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
      answer: tokens,
    };
  };
  try {
    for await (const chunk of streamChat(body, signal)) {
      if (chunk.usage) usage = chunk.usage;
      const choice = chunk.choices?.[0];
      const delta = choice?.delta ?? {};
      if (delta.content || delta.tool_calls) {
        first ||= performance.now();
        ++pieces;
        if (delta.content) message.content += delta.content;
        if (delta.tool_calls) addToolCalls(message, delta.tool_calls);
        note();
      }
      if (choice?.finish_reason) message.finish = choice.finish_reason;
      update();
    }
    const rate = message.stats?.rate;
    const seconds = message.stats?.seconds;
    if (first) note();
    // The end of the stream is not the time of a token.
    if (rate && usage && pieces > 1) message.stats.rate = (rate * (usage.completion_tokens - 1)) / (pieces - 1);
    if (seconds) message.stats.seconds = seconds;
  } catch (problem) {
    if (problem.name === 'AbortError') {
      message.finish = 'stopped';
    } else {
      message.error = problem instanceof ApiError ? problem.message : `The answer could not be read: ${problem.message}`;
      throw problem;
    }
  } finally {
    update();
  }
}

// In the currency of the prices; null where nothing is known.
export function cost(stats, prices) {
  if (!stats || !prices) return null;
  const {prompt = 0, cached = prompt, answer = 0} = prices;
  if (!(prompt > 0 || answer > 0 || cached > 0)) return null;
  const fresh = Math.max(0, (stats.prompt ?? 0) - stats.cached);
  return (fresh * prompt + stats.cached * cached + stats.answer * answer) / 1e6;
}

const PRICE_NAMES = {prompt: ['prompt', 'input'], cached: ['cached', 'cached_prompt', 'cached_input'], answer: ['answer', 'completion', 'output']};

// The user's own prices, then those that the server states in its list of models, for a million tokens.
export function pricesOf(settings, model) {
  const stated = model?.prices ?? model?.pricing ?? {};
  const prices = {currency: settings.prices.currency || stated.currency || '$'};
  for (const [name, names] of Object.entries(PRICE_NAMES)) {
    const values = [settings.prices[name], ...names.map((each) => stated[each])];
    const known = values.find((value) => value !== undefined && value !== null && value !== '' && Number.isFinite(Number(value)));
    if (known !== undefined) prices[name] = Number(known);
  }
  return prices;
}
