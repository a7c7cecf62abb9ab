// SPDX-License-Identifier: Apache-2.0
// What the browser keeps: conversations and settings in localStorage, the key for as long as the tab lives unless the user
// wants it remembered. Where storage is full or forbidden, things last as long as the page.

const PREFIX = 'paddock.conversation.';
const memory = new Map();

function read(key) {
  if (memory.has(key)) return memory.get(key);
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch (problem) {
    return null;
  }
}

// False when it could not be kept.
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    memory.delete(key);
    return true;
  } catch (problem) {
    memory.set(key, value);
    return false;
  }
}

function remove(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch (problem) {
    // Nothing is kept there either.
  }
}

function isConversation(value) {
  return value !== null && typeof value === 'object' && typeof value.id === 'string' && Array.isArray(value.messages);
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function newConversation() {
  const now = Date.now();
  return {id: newId(), title: '', created: now, updated: now, messages: [], options: {}};
}

// The newest first.
export function conversations() {
  const keys = new Set(memory.keys());
  try {
    for (let index = 0; index < localStorage.length; ++index) keys.add(localStorage.key(index));
  } catch (problem) {
    // As if it were empty.
  }
  return [...keys]
    .filter((key) => key.startsWith(PREFIX))
    .map(read)
    .filter(isConversation)
    .sort((a, b) => b.updated - a.updated);
}

export function loadConversation(id) {
  const value = read(PREFIX + id);
  return isConversation(value) ? value : null;
}
export const saveConversation = (conversation) => write(PREFIX + conversation.id, conversation);
export const removeConversation = (id) => remove(PREFIX + id);
export const isConversationKey = (key) => key === null || key.startsWith(PREFIX);

export const settings = () => ({prices: {}, model: '', ...read('paddock.settings')});
export const saveSettings = (value) => write('paddock.settings', value);

let keyOfPage = '';
export function apiKey() {
  try {
    return sessionStorage.getItem('paddock.key') || localStorage.getItem('paddock.key') || keyOfPage;
  } catch (problem) {
    return keyOfPage;
  }
}
export function isKeyRemembered() {
  try {
    return localStorage.getItem('paddock.key') !== null;
  } catch (problem) {
    return false;
  }
}
export function saveKey(key, remember) {
  keyOfPage = key;
  try {
    sessionStorage.removeItem('paddock.key');
    localStorage.removeItem('paddock.key');
    if (key) (remember ? localStorage : sessionStorage).setItem('paddock.key', key);
  } catch (problem) {
    // Lasts as long as the page.
  }
}
