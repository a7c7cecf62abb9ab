// SPDX-License-Identifier: Apache-2.0
// The two dialogs: options of a chat, and what holds for all of them.

import {parseTools} from './answer.js';
import {byId, download, toast} from './dom.js';
import {withPictures} from './picture_store.js';
import * as store from './store.js';

const NUMBERS = ['temperature', 'top_p', 'max_tokens', 'seed'];
const TEXTS = ['system', 'format', 'schema', 'tools'];

const number = (input) => (input.value.trim() === '' ? undefined : Number(input.value));

// What is wrong with a text that should be JSON; empty when nothing is.
function problemOf(text, check) {
  if (!text.trim()) return '';
  try {
    check(text);
    return '';
  } catch (problem) {
    return problem.message;
  }
}

export class OptionsDialog {
  constructor(changed) {
    this.dialog = byId('options');
    byId('option-format').addEventListener('change', () => this.adapt());
    for (const name of ['schema', 'tools']) byId(`option-${name}`).addEventListener('input', () => this.adapt());
    this.dialog.addEventListener('close', () => {
      this.read();
      changed();
    });
  }

  open(conversation) {
    this.conversation = conversation;
    const {options} = conversation;
    for (const name of NUMBERS) byId(`option-${name}`).value = options[name] ?? '';
    for (const name of TEXTS) byId(`option-${name}`).value = options[name] ?? (name === 'format' ? 'text' : '');
    this.adapt();
    this.dialog.showModal();
  }

  adapt() {
    const usesSchema = byId('option-format').value === 'json_schema';
    byId('schema-field').hidden = !usesSchema;
    byId('schema-problem').textContent = usesSchema ? problemOf(byId('option-schema').value, JSON.parse) : '';
    byId('tools-problem').textContent = problemOf(byId('option-tools').value, parseTools);
  }

  read() {
    const options = {};
    for (const name of NUMBERS) options[name] = number(byId(`option-${name}`));
    for (const name of TEXTS) options[name] = byId(`option-${name}`).value || undefined;
    if (options.format === 'text') delete options.format;
    this.conversation.options = JSON.parse(JSON.stringify(options));
  }
}

export class SettingsDialog {
  // saved(): key or prices may have changed; cleared(): no conversation is left
  constructor({saved, cleared}) {
    this.dialog = byId('settings');
    this.saved = saved;
    this.dialog.addEventListener('close', () => this.finish());
    this.dialog.querySelector('form').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.target.tagName !== 'INPUT') return;
      event.preventDefault();
      byId('save-settings').click(); // and not the first button of the form, which closes it
    });
    byId('export-all').addEventListener('click', async () =>
      download('conversations.json', JSON.stringify(await Promise.all(store.conversations().map(withPictures)), null, 2)));
    byId('delete-all').addEventListener('click', () => this.deleteAll(cleared));
  }

  // Resolves to whether the user saved.
  open(reason = '') {
    const {prices} = store.settings();
    byId('key').value = store.apiKey();
    byId('key-remember').checked = store.isKeyRemembered();
    byId('key-reason').textContent = reason;
    byId('key-reason').hidden = !reason;
    for (const name of ['prompt', 'cached', 'answer', 'currency']) byId(`price-${name}`).value = prices[name] ?? '';
    this.dialog.returnValue = '';
    if (!this.dialog.open) this.dialog.showModal();
    byId('key').focus();
    return new Promise((resolve) => (this.resolve = resolve));
  }

  finish() {
    const isSaved = this.dialog.returnValue === 'save';
    if (isSaved) {
      store.saveKey(byId('key').value.trim(), byId('key-remember').checked);
      const prices = {};
      for (const name of ['prompt', 'cached', 'answer']) prices[name] = number(byId(`price-${name}`));
      prices.currency = byId('price-currency').value.trim() || undefined;
      store.saveSettings({...store.settings(), prices});
      this.saved();
    }
    byId('key').value = '';
    this.resolve?.(isSaved);
  }

  deleteAll(cleared) {
    const all = store.conversations();
    for (const {id} of all) store.removeConversation(id);
    cleared();
    this.dialog.close();
    toast(`Deleted ${all.length} ${all.length === 1 ? 'conversation' : 'conversations'}`, {
      label: 'Undo',
      run: () => {
        for (const conversation of all) store.saveConversation(conversation);
        cleared();
      },
    });
  }
}
