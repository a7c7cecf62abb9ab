// SPDX-License-Identifier: Apache-2.0
// The same as dialects_check.py for the npm packages ai and @ai-sdk/openai-compatible, against any base URL that answers
// as canned_service does:
//   npm install ai @ai-sdk/openai-compatible zod && node tests/clients/ai_sdk_check.mjs http://127.0.0.1:PORT/v1

import assert from 'node:assert/strict';
import { generateObject, generateText, jsonSchema, streamObject, streamText, tool } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';

const provider = createOpenAICompatible({
  name: 'paddock',
  baseURL: process.argv[2],
  apiKey: 'k',
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider('m');
const greeting = 'Grüß Gott.';
const city = jsonSchema({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false });

const plain = await generateText({ model, prompt: 'hi' });
assert.equal(plain.text, greeting);
assert.equal(plain.usage.inputTokens, 12);
assert.equal(plain.finishReason, 'stop');

const streamed = streamText({ model, prompt: 'hi' });
let text = '';
for await (const piece of streamed.textStream) text += piece;
assert.equal(text, greeting);
assert.equal((await streamed.usage).outputTokens, 5);

const tools = { weather: tool({ description: 'd', inputSchema: city }) };
const called = await generateText({ model, prompt: 'hi', tools });
assert.deepEqual(called.toolCalls[0].input, { city: 'Graz' });
assert.equal(called.finishReason, 'tool-calls');

const streamedCall = streamText({ model, prompt: 'hi', tools });
await streamedCall.consumeStream();
assert.deepEqual((await streamedCall.toolCalls)[0].input, { city: 'Graz' });

const schema = jsonSchema({
  type: 'object',
  properties: { city: { type: 'string' }, celsius: { type: 'integer' } },
  required: ['city', 'celsius'],
  additionalProperties: false,
});
const object = await generateObject({ model, schema, prompt: 'hi' });
assert.deepEqual(object.object, { city: 'Graz', celsius: 21 });
const streamedObject = streamObject({ model, schema, prompt: 'hi' });
for await (const part of streamedObject.partialObjectStream) assert.ok(part);
assert.deepEqual(await streamedObject.object, { city: 'Graz', celsius: 21 });

await assert.rejects(generateText({ model, prompt: 'hi', temperature: 9, maxRetries: 0 }), /temperature must be at most 2/);
console.log('ai sdk: ok');
