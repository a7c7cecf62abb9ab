// SPDX-License-Identifier: Apache-2.0
// The state of the server from its metrics, read every two seconds. Names are tried in order, so that a part that the server
// does not measure is left out rather than shown as nothing.

import {request} from './api.js';
import {byId, element} from './dom.js';
import {parseMetrics, quantile, rate, Reading} from './prometheus.js';
import {apiKey, saveKey} from './store.js';

const EVERY = 2000; // milliseconds
const KEPT = 150; // readings: five minutes
const WINDOW = 30; // readings: a minute

const names = (...list) => list.map((name) => `paddock_${name}`);
const METRICS = {
  running: names('requests_running', 'running_requests', 'sequences_running'),
  waiting: names('requests_waiting', 'queue_length', 'requests_queued', 'queue_depth', 'waiting_requests'),
  requests: names('requests_total', 'http_requests_total'),
  promptTokens: names('prompt_tokens_total'),
  cachedTokens: names('cached_tokens_total', 'cached_prompt_tokens_total', 'prompt_tokens_cached_total'),
  outputTokens: names('output_tokens_total', 'completion_tokens_total', 'generated_tokens_total'),
  firstToken: names('time_to_first_token_seconds'),
  betweenTokens: names('time_between_tokens_seconds', 'inter_token_latency_seconds', 'time_per_output_token_seconds'),
  whole: names('request_duration_seconds', 'request_seconds', 'e2e_request_latency_seconds'),
  cacheBytes: names('cache_used_bytes', 'cache_bytes', 'kv_cache_used_bytes'),
  cacheCapacity: names('cache_capacity_bytes', 'cache_limit_bytes', 'kv_cache_capacity_bytes'),
  preemptions: names('preemptions_total'),
  memory: ['process_resident_memory_bytes'],
  started: ['process_start_time_seconds'],
  keyRequests: names('key_requests_total'),
  keyPrompt: names('key_prompt_tokens_total'),
  keyOutput: names('key_output_tokens_total', 'key_completion_tokens_total'),
  keyTokens: names('key_tokens_total'),
};

const readings = [];
const latest = () => readings.at(-1);
const aMinuteAgo = () => readings.at(-1 - WINDOW) ?? readings[0];

const whole = new Intl.NumberFormat('en', {maximumFractionDigits: 0});
const short = new Intl.NumberFormat('en', {maximumFractionDigits: 1, notation: 'compact'});
const count = (value) => (value === null ? '–' : value < 10000 ? whole.format(value) : short.format(value));
function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(value || 1) / 10)));
  return `${(value / 1024 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}
function duration(seconds) {
  if (seconds === null) return '–';
  if (seconds < 1) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} days`;
}

function cachedShare(now, before) {
  const [prompt, cached] = [rate(now, before, METRICS.promptTokens), rate(now, before, METRICS.cachedTokens)];
  return prompt > 0 && cached !== null ? Math.min(1, cached / prompt) : null;
}

function tiles() {
  const [now, before] = [latest(), aMinuteAgo()];
  const list = [];
  const add = (name, value, note = '') => {
    if (value !== null) list.push(element('dl', {class: 'tile'}, element('dt', {}, name), element('dd', {}, value, element('small', {}, note))));
  };
  const of = (names, show = count) => (now.sum(names) === null ? null : show(now.sum(names)));
  const between = quantile(now, before, METRICS.betweenTokens, 0.99);
  const first = quantile(now, before, METRICS.firstToken, 0.5);
  add('Running', of(METRICS.running), `${of(METRICS.waiting) ?? 0} waiting`);
  const speed = rate(now, before, METRICS.outputTokens);
  add('Tokens a second', speed === null ? of(METRICS.outputTokens, () => '–') : speed.toFixed(1), `${of(METRICS.outputTokens) ?? 0} in all`);
  add('First token', of(METRICS.firstToken.map((name) => `${name}_count`), () => duration(first)), 'median of a minute');
  add('Between tokens', of(METRICS.betweenTokens.map((name) => `${name}_count`), () => duration(between)), '99 of 100 below');
  const share = cachedShare(now, null) ?? totalShare(now);
  add('From the cache', share === null ? null : `${(100 * share).toFixed(0)} %`, 'of all prompt tokens');
  const capacity = now.sum(METRICS.cacheCapacity);
  add('Cache', of(METRICS.cacheBytes, bytes), capacity ? `of ${bytes(capacity)}` : '');
  add('Memory', of(METRICS.memory, bytes), 'of the process');
  add('Preemptions', of(METRICS.preemptions));
  add('Up for', of(METRICS.started, (start) => duration(Math.max(0, now.time / 1000 - start))));
  byId('tiles').replaceChildren(...list);
}

function totalShare(now) {
  const [prompt, cached] = [now.sum(METRICS.promptTokens), now.sum(METRICS.cachedTokens)];
  return prompt > 0 && cached !== null ? Math.min(1, cached / prompt) : null;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// What each chart draws: names, and values of a reading, the one before it and the one a minute before.
const CHARTS = {
  'chart-tokens': {series: ['Answers', 'Prompts (right)'], values: (now, before) => [rate(now, before, METRICS.outputTokens), rate(now, before, METRICS.promptTokens)]},
  'chart-requests': {series: ['Running', 'Waiting'], oneScale: true, values: (now) => [now.sum(METRICS.running), now.sum(METRICS.waiting)]},
  'chart-latency': {
    series: ['First token (ms)', 'Between tokens (ms, right)'],
    values: (now, before, minute) => [quantile(now, minute, METRICS.firstToken, 0.5), quantile(now, minute, METRICS.betweenTokens, 0.5)].map((value) => (value === null ? null : value * 1000)),
  },
  'chart-cache': {series: ['Cached (%)'], values: (now, before, minute) => [cachedShare(now, minute)].map((value) => (value === null ? null : value * 100))},
};
const charts = new Map();

function makeChart(id, {series, oneScale}) {
  const colours = [colour('--accent'), colour('--code-name')];
  const axis = {beginAtZero: true, suggestedMax: 1, ticks: {color: colour('--quiet'), maxTicksLimit: 5, precision: 0}};
  return new window.Chart(byId(id), {
    type: 'line',
    data: {
      labels: [],
      datasets: series.map((label, index) => ({label, data: [], borderColor: colours[index], backgroundColor: `${colours[index]}1f`, fill: index === 0, borderWidth: 2, pointRadius: 0, tension: 0.25, yAxisID: index > 0 && !oneScale ? 'right' : 'y'})),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: {mode: 'index', intersect: false},
      scales: {
        x: {ticks: {color: colour('--quiet'), maxTicksLimit: 5, maxRotation: 0}, grid: {display: false}, border: {display: false}},
        y: {...axis, grid: {color: colour('--line'), drawBorder: false}},
        right: {...axis, position: 'right', display: series.length > 1 && !oneScale, grid: {display: false, drawBorder: false}},
      },
      plugins: {legend: {display: series.length > 1, position: 'bottom', labels: {color: colour('--quiet'), boxWidth: 14, boxHeight: 1}}},
    },
  });
}

const clock = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});

function drawCharts() {
  if (!window.Chart) return;
  for (const [id, description] of Object.entries(CHARTS)) {
    if (!charts.has(id)) charts.set(id, makeChart(id, description));
    const chart = charts.get(id);
    const values = readings.map((reading, index) => description.values(reading, readings[index - 1], readings[Math.max(0, index - WINDOW)]));
    chart.data.labels = readings.map((reading) => clock.format(reading.time));
    chart.data.datasets.forEach((dataset, series) => (dataset.data = values.map((each) => each[series])));
    chart.update('none');
  }
}

function fill(table, heads, rows) {
  const side = (index) => (index > 0 ? 'to-right' : null);
  table.replaceChildren(
    element('thead', {}, element('tr', {}, ...heads.map((head, index) => element('th', {scope: 'col', class: side(index)}, head)))),
    element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map((cell, index) => element('td', {class: side(index)}, String(cell)))))),
  );
}

function keysTable() {
  const columns = [['Requests', METRICS.keyRequests], ['Prompt tokens', METRICS.keyPrompt], ['Answer tokens', METRICS.keyOutput], ['Tokens', METRICS.keyTokens]];
  const there = columns.filter(([, metric]) => latest().of(metric).length);
  const keys = new Map();
  for (const [head, metric] of there)
    for (const {labels, value} of latest().of(metric)) {
      const key = labels.name || labels.key || labels.key_id || 'none';
      if (!keys.has(key)) keys.set(key, {});
      keys.get(key)[head] = (keys.get(key)[head] ?? 0) + value;
    }
  byId('keys-panel').hidden = keys.size === 0;
  fill(byId('keys'), ['Key', ...there.map(([head]) => head)], [...keys].map(([key, row]) => [key, ...there.map(([head]) => whole.format(row[head] ?? 0))]));
}

function codesTable() {
  const rows = latest().of(METRICS.requests).filter(({labels}) => labels.route || labels.code)
    .filter(({labels}) => !labels.route?.startsWith('/web/'));  // files of this page
  byId('codes-panel').hidden = rows.length === 0;
  const sorted = rows.sort((a, b) => b.value - a.value).slice(0, 50);
  fill(byId('codes'), ['Route', 'Status', 'Requests'], sorted.map(({labels, value}) => [labels.route ?? '', labels.code ?? labels.status ?? '', whole.format(value)]));
}

function allTable() {
  if (!byId('all').closest('details').open) return;
  const wanted = byId('find').value.trim().toLowerCase();
  const rows = [];
  for (const {name, labels, value} of latest().samples) {
    const text = name + (Object.keys(labels).length ? `{${Object.entries(labels).map(([key, each]) => `${key}="${each}"`).join(', ')}}` : '');
    if (text.toLowerCase().includes(wanted)) rows.push([text, value]);
  }
  fill(byId('all'), ['Metric', 'Value'], rows.slice(0, 500));
}

function say(text, kind) {
  byId('state').textContent = text;
  byId('state').className = `state ${kind}`;
}

async function read() {
  try {
    const text = await (await request('/metrics')).text();
    readings.push(new Reading(parseMetrics(text), Date.now()));
    if (readings.length > KEPT) readings.shift();
    byId('key-form').hidden = true;
    say('Running', 'good');
    tiles();
    keysTable();
    codesTable();
    allTable();
    drawCharts();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) byId('key-form').hidden = false;
    say(problem.message, 'bad');
  }
}

// One reading at a time, and none while nobody looks.
async function poll() {
  if (!document.hidden) await read();
  setTimeout(poll, EVERY);
}

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  saveKey(byId('key').value.trim(), false);
  byId('key').value = '';
  read();
});
byId('find').addEventListener('input', allTable);
byId('all').closest('details').addEventListener('toggle', allTable);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts.values()) chart.destroy();
  charts.clear();
  if (latest()) drawCharts();
});
if (apiKey()) byId('key-form').hidden = true;
poll();
