// SPDX-License-Identifier: Apache-2.0
// What the checks in JavaScript share.

let failed = 0;

export async function run(name, check) {
  const begin = Date.now();
  const seconds = () => `${((Date.now() - begin) / 1000).toFixed(2)} s`;
  try {
    await check();
    console.log(name.padEnd(16), 'ok', seconds().padStart(8));
  } catch (problem) { // the others are worth knowing too
    failed += 1;
    console.log(name.padEnd(16), 'FAILED:', String(problem?.stack ?? problem).slice(0, 600));
  }
}

export function allPassed() {
  process.exit(failed > 0 ? 1 : 0);
}

// The sum of the metrics whose names begin so.
export async function metric(url, key, name) {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const lines = (await answer.text()).split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

export async function becomesTrue(condition, otherwise) {
  for (let tries = 0; tries < 200; ++tries) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(otherwise);
}
