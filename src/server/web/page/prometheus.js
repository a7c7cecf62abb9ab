// SPDX-License-Identifier: Apache-2.0
// The text format of Prometheus, and what can be said from two readings of it.

// [{name, labels: {…}, value}]
export function parseMetrics(text) {
  const samples = [];
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
    const value = match[3] === '+Inf' ? Infinity : match[3] === '-Inf' ? -Infinity : Number(match[3]);
    samples.push({name: match[1], labels, value});
  }
  return samples;
}

export class Reading {
  constructor(samples, time) {
    this.samples = samples;
    this.time = time; // milliseconds
  }
  // The samples of the first of these names that is there.
  of(names) {
    for (const name of names) {
      const found = this.samples.filter((sample) => sample.name === name);
      if (found.length) return found;
    }
    return [];
  }
  // Their sum; null where there are none.
  sum(names) {
    const found = this.of(names);
    return found.length ? found.reduce((total, sample) => total + sample.value, 0) : null;
  }
}

// By how much a counter grew a second between two readings. A counter that fell began anew with its server.
export function rate(now, before, names) {
  const [after, start] = [now.sum(names), before?.sum(names)];
  if (after === null || start === null || start === undefined || now.time <= before.time) return null;
  return (after < start ? after : after - start) / ((now.time - before.time) / 1000);
}

// A quantile of what a histogram counted between two readings, by straight lines inside its buckets.
export function quantile(now, before, names, share) {
  const buckets = new Map();
  const add = (reading, sign) => {
    for (const {labels, value} of reading?.of(names.map((name) => `${name}_bucket`)) ?? []) {
      const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + sign * value);
    }
  };
  add(now, 1);
  add(before, -1);
  const sorted = [...buckets].sort((a, b) => a[0] - b[0]);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return null;
  let lower = 0;
  let below = 0;
  for (const [bound, count] of sorted) {
    if (count >= share * total)
      return bound === Infinity ? lower : lower + ((bound - lower) * (share * total - below)) / Math.max(count - below, 1e-9);
    [lower, below] = [bound, count];
  }
  return lower;
}
