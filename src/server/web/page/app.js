// SPDX-License-Identifier: Apache-2.0
// The chat: what the user does, on the conversation that is open.

import {fetchAnswer, pricesOf, requestBody} from './answer.js';
import {models} from './api.js';
import {Attachments, takePastedAndDropped} from './attachments.js';
import {OptionsDialog, SettingsDialog} from './dialogs.js';
import {byId, element, toast} from './dom.js';
import {MessageList} from './messages.js';
import {keepPictures, picturesIn, sweepPictures} from './picture_store.js';
import {Refusal, sees} from './pictures.js';
import {Sidebar, titleOf} from './sidebar.js';
import * as store from './store.js';

const STARTERS = ['Explain how a steam engine works', 'Write a Python function that finds duplicate files', 'Draft a polite reminder about an unpaid invoice', 'Compare tea and coffee in a table'];

let conversation = store.newConversation();
let known = []; // models
let running = null; // an AbortController while an answer streams

const list = new MessageList({retry, edit, answerTools, pictureContext});
const sidebar = new Sidebar({open, add, removed, renamed});
const options = new OptionsDialog(() => (keep(), showOptionsMark()));
const settings = new SettingsDialog({saved: loadModels, cleared: () => (add(), sidebar.show(conversation.id), forgetPictures())});
const attachments = new Attachments(byId('composer'), {box: byId('attachments'), button: byId('attach'), focus: byId('prompt'), context: () => pictureContext()});

const model = () => known.find((each) => each.id === byId('model').value);

// What decides about the pictures of a message that is to stand at `index`.
function pictureContext(index = conversation.messages.length) {
  return {earlier: picturesIn(conversation.messages.slice(0, index)), model: model()};
}

function show() {
  list.show(conversation, {running: running !== null, prices: pricesOf(store.settings(), model())});
  byId('title').textContent = conversation.messages.length ? titleOf(conversation) : '';
  document.title = conversation.messages.length ? `${titleOf(conversation)} – Paddock` : 'Paddock';
  byId('attach').hidden = !sees(model());
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

// Once nobody can undo any more what was deleted.
const forgetPictures = () => setTimeout(sweepPictures, 15000);

function removed(id) {
  forgetPictures();
  if (id === conversation.id) add();
  else sidebar.show(conversation.id);
}

function renamed(changed) {
  if (changed.id !== conversation.id) return;
  conversation.title = changed.title;
  show();
}

const stop = () => running?.abort();

async function send(text, pictures = []) {
  conversation.title ||= text.trim().replace(/\s+/g, ' ').slice(0, 60) || pictures[0].name;
  conversation.messages.push(pictures.length ? {role: 'user', content: text, pictures} : {role: 'user', content: text});
  generate();
  if (!(await keepPictures(pictures))) toast('The browser’s storage is full: the pictures of this message are lost when the page closes.');
}

function edit(index, text, pictures) {
  conversation.messages.splice(index);
  send(text, pictures);
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
  const asking = requestBody(asked, byId('model').value);
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
    const body = await asking.catch((caught) => {
      message.error = caught instanceof Refusal ? caught.message : `The options of this chat cannot be sent: ${caught.message}`;
      throw caught;
    });
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

async function submit() {
  await attachments.settled;
  const prompt = byId('prompt');
  const isEmpty = !prompt.value.trim() && attachments.pictures.length === 0;
  if (isEmpty || running || !attachments.mayGo()) return;
  const text = prompt.value;
  prompt.value = '';
  fit();
  send(text, attachments.hand());
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

takePastedAndDropped(attachments);
sweepPictures();
showTheme();
if (location.hash.length > 1 && store.loadConversation(location.hash.slice(1))) open(location.hash.slice(1));
else sidebar.show(conversation.id);
show();
loadModels();
if (!matchMedia('(pointer: coarse)').matches) byId('prompt').focus();
