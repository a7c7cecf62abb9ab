// SPDX-License-Identifier: Apache-2.0
// The npm package openai against a running server, as server_check.py does for PyPI's. tests/clients/run installs it and
// calls this:  node server_check_openai.mjs URL KEY KEY_OF_ONE_AT_A_TIME

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { allPassed, becomesTrue, metric, run } from './checks.mjs';

const [url, key, keyOfOne] = process.argv.slice(2);
const clientOf = (apiKey, maxRetries = 2) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries });
const client = clientOf(key);
const model = (await client.models.list()).data[0].id;
const messages = [{ role: 'user', content: 'Say hello in one word.' }];
const endless = { model, messages, max_tokens: 4000, ignore_eos: true };
const Person = z.object({ name: z.string().max(12), age: z.number().int().min(0).max(120) });
const Weather = z.object({ city: z.string().max(12), unit: z.enum(['C', 'F']) });
const weather = zodFunction({ name: 'get_weather', parameters: Weather });
const forced = { model, messages, tools: [weather], tool_choice: 'required', parallel_tool_calls: false, max_tokens: 200 };

await run('chat', async () => {
  const ask = { model, messages, max_tokens: 12, temperature: 0 };
  const answer = await client.chat.completions.create(ask);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(answer._request_id);
  let text = '';
  let usage;
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, answer.choices[0].message.content);
  assert.equal(usage.completion_tokens, answer.usage.completion_tokens);
  const final = await client.chat.completions.stream(ask).finalChatCompletion();
  assert.equal(final.choices[0].message.content, text);
});

await run('structured', async () => {
  const ask = { model, messages, response_format: zodResponseFormat(Person, 'person'), max_tokens: 200 };
  Person.parse((await client.chat.completions.parse(ask)).choices[0].message.parsed);
  Person.parse((await client.chat.completions.stream(ask).finalChatCompletion()).choices[0].message.parsed);
});

await run('tools', async () => {
  const parsed = await client.chat.completions.parse(forced);
  Weather.parse(parsed.choices[0].message.tool_calls[0].function.parsed_arguments);
  const { message } = parsed.choices[0];
  const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '22' };
  assert.ok((await client.chat.completions.create({ model, messages: [...messages, message, result], tools: [weather], max_tokens: 5 })).id);
  const free = await client.chat.completions.create({ ...forced, tool_choice: 'auto', max_tokens: 60 });
  assert.ok(free.choices[0].message.tool_calls?.length || free.choices[0].message.content !== null);
  const several = await client.chat.completions.create({ ...forced, parallel_tool_calls: true, max_tokens: 250, seed: 3 });
  assert.ok(several.choices[0].message.tool_calls.length >= 1);
  const stream = client.chat.completions.stream(forced);
  let pieces = '';
  stream.on('tool_calls.function.arguments.delta', (event) => (pieces += event.arguments_delta));
  const [call] = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
  assert.equal(pieces, call.function.arguments);
  Weather.parse(call.function.parsed_arguments);
});

await run('responses', async () => {
  const first = await client.responses.create({ model, input: 'Hello', max_output_tokens: 16 });
  const second = await client.responses.create({ model, input: 'On', previous_response_id: first.id, max_output_tokens: 16 });
  assert.ok(second.usage.input_tokens > first.usage.input_tokens);
  const text = { format: zodTextFormat(Person, 'person') };
  Person.parse((await client.responses.parse({ model, input: 'A person.', text, max_output_tokens: 200 })).output_parsed);
  const kinds = [];
  for await (const event of client.responses.stream({ model, input: 'Hello', max_output_tokens: 16 })) kinds.push(event.type);
  assert.equal(kinds[0], 'response.created');
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
});

await run('errors', async () => {
  const ask = (fields) => client.chat.completions.create({ model, messages, max_tokens: 3, ...fields });
  await assert.rejects(ask({ model: 'gpt-none' }), { status: 404, code: 'model_not_found' });
  await assert.rejects(ask({ temperature: 3 }), { status: 400, param: 'temperature' });
  await assert.rejects(clientOf('sk-of-somebody-else').models.list(), OpenAI.AuthenticationError);
});

await run('retries', async () => {
  const busy = await clientOf(keyOfOne, 5).chat.completions.create({ ...endless, stream: true });
  for await (const chunk of busy) if (chunk.id) break; // leaving the loop closes the stream
  const taken = await clientOf(keyOfOne, 5).chat.completions.create({ ...endless, stream: true });
  await taken[Symbol.asyncIterator]().next();
  const ask = { model, messages, max_tokens: 3 };
  await assert.rejects(clientOf(keyOfOne, 0).chat.completions.create(ask), OpenAI.RateLimitError);
  const before = await metric(url, key, 'paddock_refusals_total');
  const waiting = clientOf(keyOfOne, 5).chat.completions.create(ask);
  await becomesTrue(async () => (await metric(url, key, 'paddock_refusals_total')) > before, 'nobody was refused');
  taken.controller.abort();
  assert.ok((await waiting).id);
});

await run('cancelled', async () => {
  const cancelled = () => metric(url, key, 'paddock_completions_total{finish_reason="cancelled"');
  const before = await cancelled();
  const stream = await client.chat.completions.create({ ...endless, stream: true });
  await stream[Symbol.asyncIterator]().next();
  stream.controller.abort();
  const controller = new AbortController();
  const whole = client.chat.completions.create(endless, { signal: controller.signal, maxRetries: 0 });
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(whole, OpenAI.APIUserAbortError);
  await becomesTrue(async () => (await cancelled()) === before + 2, 'they run on');
});

allPassed();
