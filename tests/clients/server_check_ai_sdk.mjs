// SPDX-License-Identifier: Apache-2.0
// The npm packages ai and @ai-sdk/openai-compatible against a running server. tests/clients/run installs them and calls
// this:  node server_check_ai_sdk.mjs URL KEY KEY_OF_ONE_AT_A_TIME

import assert from 'node:assert/strict';
import { generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { z } from 'zod';
import { allPassed, becomesTrue, metric, run } from './checks.mjs';

const [url, key, keyOfOne] = process.argv.slice(2);
const listed = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
const name = (await listed.json()).data[0].id;
const modelOf = (apiKey) =>
  createOpenAICompatible({ name: 'paddock', baseURL: `${url}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true })(name);
const model = modelOf(key);
const prompt = 'Say hello in one word.';
const endless = { prompt, maxOutputTokens: 4000, providerOptions: { paddock: { ignore_eos: true } } };
const Person = z.object({ name: z.string().max(12), age: z.number().int().min(0).max(120) });
const weather = tool({
  description: 'The weather of a city',
  inputSchema: z.object({ city: z.string().max(12), unit: z.enum(['C', 'F']) }),
  execute: async ({ unit }) => ({ degrees: 22, unit }),
});

await run('text', async () => {
  const plain = await generateText({ model, prompt, maxOutputTokens: 20, temperature: 0 });
  assert.ok(plain.usage.inputTokens > 0 && plain.usage.outputTokens > 0);
  const streamed = streamText({ model, prompt, maxOutputTokens: 20, temperature: 0 });
  let text = '';
  for await (const piece of streamed.textStream) text += piece;
  assert.equal(text, plain.text);
  assert.equal((await streamed.usage).outputTokens, plain.usage.outputTokens);
  assert.equal(await streamed.finishReason, plain.finishReason);
});

await run('object', async () => {
  Person.parse((await generateObject({ model, schema: Person, prompt, maxOutputTokens: 200 })).object);
  const streamed = streamObject({ model, schema: Person, prompt, maxOutputTokens: 200 });
  let parts = 0;
  for await (const part of streamed.partialObjectStream) parts += part !== undefined;
  Person.parse(await streamed.object);
  assert.ok(parts > 1);
  const { object } = await generateObject({ model, output: 'enum', enum: ['red', 'green'], prompt, maxOutputTokens: 60 });
  assert.ok(['red', 'green'].includes(object));
});

await run('tools', async () => {
  const called = await generateText({ model, prompt, tools: { weather }, toolChoice: 'required', maxOutputTokens: 250 });
  assert.ok(called.toolCalls.length >= 1 && called.toolResults[0].output.degrees === 22);
  const named = await generateText({ model, prompt, tools: { weather }, toolChoice: { type: 'tool', toolName: 'weather' }, maxOutputTokens: 250 });
  assert.equal(named.toolCalls[0].toolName, 'weather');
  const streamed = streamText({ model, prompt, tools: { weather }, toolChoice: 'required', maxOutputTokens: 250 });
  await streamed.consumeStream();
  assert.ok(['C', 'F'].includes((await streamed.toolCalls)[0].input.unit));
  // The call, its result, and what the model says to it.
  const steps = await generateText({
    model, prompt, tools: { weather }, maxOutputTokens: 250, stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
  });
  assert.equal(steps.steps.length, 2);
  await generateText({ model, prompt, tools: { weather }, maxOutputTokens: 40 });
});

await run('errors', async () => {
  await assert.rejects(generateText({ model, prompt, temperature: 9, maxRetries: 0 }), /temperature/);
  await assert.rejects(generateText({ model: modelOf('sk-of-somebody-else'), prompt, maxRetries: 0 }), { statusCode: 401 });
});

await run('retries', async () => {
  const controller = new AbortController();
  const busy = streamText({ model: modelOf(keyOfOne), ...endless, abortSignal: controller.signal, onError() {} });
  await busy.textStream[Symbol.asyncIterator]().next();
  await assert.rejects(generateText({ model: modelOf(keyOfOne), prompt, maxOutputTokens: 3, maxRetries: 0 }), { statusCode: 429 });
  const before = await metric(url, key, 'paddock_refusals_total');
  const waiting = generateText({ model: modelOf(keyOfOne), prompt, maxOutputTokens: 3, maxRetries: 4 });
  await becomesTrue(async () => (await metric(url, key, 'paddock_refusals_total')) > before, 'nobody was refused');
  controller.abort();
  assert.ok((await waiting).usage.outputTokens > 0);
});

await run('cancelled', async () => {
  const cancelled = () => metric(url, key, 'paddock_completions_total{finish_reason="cancelled"');
  const before = await cancelled();
  const stream = new AbortController();
  const streamed = streamText({ model, ...endless, abortSignal: stream.signal, onError() {} });
  await streamed.textStream[Symbol.asyncIterator]().next();
  stream.abort();
  await assert.rejects(generateText({ model, ...endless, abortSignal: AbortSignal.timeout(300), maxRetries: 0 }));
  await becomesTrue(async () => (await cancelled()) === before + 2, 'they run on');
});

allPassed();
