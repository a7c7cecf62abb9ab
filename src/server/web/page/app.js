// SPDX-License-Identifier: Apache-2.0
// The chat: what the user does, on the conversation that is open.

import {fetchAnswer, pricesOf, requestBody} from './answer.js';
import {models} from './api.js';
import {OptionsDialog, SettingsDialog} from './dialogs.js';
import {byId, element, toast} from './dom.js';
import {MessageList} from './messages.js';
import {Sidebar, titleOf} from './sidebar.js';
import * as store from './store.js';

const STARTERS = ['Explain how a steam engine works', 'Write a Python function that finds duplicate files', 'Draft a polite reminder about an unpaid invoice', 'Compare tea and coffee in a table'];

let conversation = store.newConversation();
let known = []; // models
let running = null; // an AbortController while an answer streams

const list = new MessageList({retry, edit, answerTools});
const sidebar = new Sidebar({open, add, removed, renamed});
const options = new OptionsDialog(() => (keep(), showOptionsMark()));
const settings = new SettingsDialog({saved: loadModels, cleared: () => (add(), sidebar.show(conversation.id))});

const model = () => known.find((each) => each.id === byId('model').value);

function show() {
  list.show(conversation, {running: running !== null, prices: pricesOf(store.settings(), model())});
  byId('title').textContent = conversation.messages.length ? titleOf(conversation) : '';
  document.title = conversation.messages.length ? `${titleOf(conversation)} – Paddock` : 'Paddock';
  byId('send').hidden = running !== null;
  byId('stop').hidden = running === null;
  showOptionsMark();
}

function showOptionsMark() {
  const count = Object.keys(conversation.options).length;
  byId('options-mark').hidden = count === 0;
  byId('open-options').setAttribute('aria-label', count ? `Options of this chat, ${count} set` : 'Options of this chat');
}

function keep() {
  if (conversation.messages.length === 0) return;
  if (!store.saveConversation(conversation)) toast('The browser’s storage is full: this conversation is lost when the page closes. Export or delete some.');
  sidebar.show(conversation.id);
}

function open(id) {
  stop();
  conversation = store.loadConversation(id) ?? store.newConversation();
  location.hash = conversation.messages.length ? conversation.id : '';
  list.follows = true;
  show();
  sidebar.show(conversation.id);
  byId('prompt').focus();
}

function add() {
  stop();
  conversation = store.newConversation();
  history.replaceState(null, '', location.pathname);
  show();
  sidebar.show(conversation.id);
  byId('prompt').focus();
}

function removed(id) {
  if (id === conversation.id) add();
  else sidebar.show(conversation.id);
}

function renamed(changed) {
  if (changed.id !== conversation.id) return;
  conversation.title = changed.title;
  show();
}

const stop = () => running?.abort();

function send(text) {
  conversation.title ||= text.trim().replace(/\s+/g, ' ').slice(0, 60);
  conversation.messages.push({role: 'user', content: text});
  generate();
}

function edit(index, text) {
  conversation.messages.splice(index);
  send(text);
}

function retry(index) {
  conversation.messages.splice(index);
  generate();
}

function answerTools(index, results) {
  for (const [position, call] of conversation.messages[index].tool_calls.entries())
    conversation.messages.push({role: 'tool', tool_call_id: call.id, name: call.function.name, content: results[position]});
  generate();
}

// Asks for the next message of the conversation.
async function generate() {
  const asked = conversation;
  let body;
  try {
    body = requestBody(asked, byId('model').value);
  } catch (problem) {
    show();
    keep();
    toast(`The options of this chat cannot be sent: ${problem.message}`);
    return;
  }
  const message = {role: 'assistant', content: '', format: asked.options.format};
  asked.messages.push(message);
  asked.updated = Date.now();
  const controller = new AbortController();
  running = controller;
  list.follows = true;
  location.hash = asked.id;
  show();
  keep();
  let problem = null;
  try {
    await fetchAnswer(body, message, controller.signal, () => {
      if (conversation === asked) list.grow();
    });
  } catch (caught) {
    problem = caught;
  }
  list.finishGrowing();
  if (running === controller) running = null;
  if (store.loadConversation(asked.id)) store.saveConversation(asked);
  if (conversation === asked) {
    show();
    sidebar.show(asked.id);
  }
  if (problem?.status === 401) askForKey(asked, message);
  else if (problem?.retryAfter) message.error += ` Try again in ${problem.retryAfter} s.`;
  if (problem?.retryAfter && conversation === asked) show();
}

async function askForKey(asked, message) {
  const saved = await settings.open(store.apiKey() ? 'The server refused this key.' : 'This server asks for a key.');
  const index = asked.messages.indexOf(message);
  if (saved && conversation === asked && index === asked.messages.length - 1) retry(index);
}

async function loadModels() {
  const select = byId('model');
  let found;
  try {
    found = await models();
  } catch (problem) {
    byId('welcome-note').textContent = problem.message;
    if (problem.status === 401) await settings.open(store.apiKey() ? 'The server refused this key.' : 'This server asks for a key.');
    return;
  }
  known = found;
  const wanted = store.settings().model;
  select.replaceChildren(...known.map(({id}) => element('option', {value: id, selected: id === wanted}, id)));
  if (known.length === 0) select.append(element('option', {value: ''}, 'No model'));
  byId('welcome-note').textContent = 'The model runs on this server. Conversations stay in this browser.';
  show();
}

function fit() {
  const prompt = byId('prompt');
  prompt.style.height = 'auto';
  prompt.style.height = `${Math.min(prompt.scrollHeight, 240)}px`;
}

function submit() {
  const prompt = byId('prompt');
  if (!prompt.value.trim() || running) return;
  const text = prompt.value;
  prompt.value = '';
  fit();
  send(text);
}

function nextTheme() {
  const order = ['system', 'light', 'dark'];
  const theme = order[(order.indexOf(window.paddockTheme.get()) + 1) % order.length];
  window.paddockTheme.set(theme);
  showTheme();
}
function showTheme() {
  const theme = window.paddockTheme.get();
  const label = theme === 'system' ? 'Colours: as the system' : `Colours: ${theme}`;
  byId('theme').setAttribute('aria-label', label);
  byId('theme').title = label;
}

byId('composer').addEventListener('submit', (event) => (event.preventDefault(), submit()));
byId('prompt').addEventListener('input', fit);
byId('prompt').addEventListener('keydown', (event) => {
  const isEnter = event.key === 'Enter' && !event.shiftKey && !event.isComposing;
  if (!isEnter || matchMedia('(pointer: coarse)').matches) return;
  event.preventDefault();
  submit();
});
byId('stop').addEventListener('click', () => (stop(), byId('prompt').focus()));
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && running && !document.querySelector('dialog[open]')) stop();
});
byId('open-options').addEventListener('click', () => options.open(conversation));
byId('open-settings').addEventListener('click', () => settings.open());
byId('theme').addEventListener('click', nextTheme);
byId('model').addEventListener('change', () => {
  store.saveSettings({...store.settings(), model: byId('model').value});
  show();
});
addEventListener('hashchange', () => {
  const id = location.hash.slice(1);
  if (id !== conversation.id && store.loadConversation(id)) open(id); // the browser's way back
});
addEventListener('storage', (event) => {
  if (store.isConversationKey(event.key)) sidebar.show(conversation.id);
});
for (const text of STARTERS) byId('starters').append(element('button', {type: 'button', onclick: () => send(text)}, text));

showTheme();
if (location.hash.length > 1 && store.loadConversation(location.hash.slice(1))) open(location.hash.slice(1));
else sidebar.show(conversation.id);
show();
loadModels();
if (!matchMedia('(pointer: coarse)').matches) byId('prompt').focus();
