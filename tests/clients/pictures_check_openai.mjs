// SPDX-License-Identifier: Apache-2.0
// The npm package openai sending a picture to a server whose first model is tiny-vision, as pictures_check.py does for
// PyPI's:  node pictures_check_openai.mjs URL KEY PICTURE TOKENS
// PICTURE is a PNG file that comes to TOKENS in a prompt.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { allPassed, run } from './checks.mjs';

const [baseUrl, apiKey, file, tokens] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey, maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const url = `data:image/png;base64,${(await readFile(file)).toString('base64')}`;
const words = 'What is to be seen?';
const messagesWith = (...addresses) => [
  { role: 'user', content: [...addresses.map((each) => ({ type: 'image_url', image_url: { url: each } })), { type: 'text', text: words }] },
];
const ask = (fields) => client.chat.completions.create({ model, messages: messagesWith(url), max_tokens: 16, temperature: 0, ...fields });

await run('chat', async () => {
  const whole = await ask();
  const without = await ask({ messages: messagesWith() });
  assert.equal(whole.usage.prompt_tokens - without.usage.prompt_tokens, Number(tokens));
  let text = '';
  let usage;
  for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.prompt_tokens, whole.usage.prompt_tokens);
  const stream = client.chat.completions.stream({ model, messages: messagesWith(url), max_tokens: 16, temperature: 0 });
  assert.equal(await stream.finalContent(), text);
});

await run('responses', async () => {
  const content = [{ type: 'input_image', image_url: url, detail: 'auto' }, { type: 'input_text', text: words }];
  const answer = await client.responses.create({ model, input: [{ role: 'user', content }], max_output_tokens: 16, temperature: 0 });
  assert.equal(answer.usage.input_tokens, (await ask()).usage.prompt_tokens);
});

await run('errors', async () => {
  const broken = `data:image/png;base64,${Buffer.from('only words').toString('base64')}`;
  for (const wrong of [broken, 'https://example.org/a.png'])
    await assert.rejects(ask({ messages: messagesWith(wrong) }), (problem) => {
      assert.ok(problem instanceof OpenAI.BadRequestError, String(problem));
      assert.ok(problem.param.startsWith('messages[0].content[0]') && problem.message.split(' ').length > 6, problem.message);
      return true;
    });
});

allPassed();
