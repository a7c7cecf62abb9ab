// SPDX-License-Identifier: Apache-2.0
// The list of conversations: open, rename, export, delete. On a narrow screen it is a drawer.

import {byId, download, element, iconButton, toast} from './dom.js';
import {withPictures} from './picture_store.js';
import * as store from './store.js';

export const titleOf = (conversation) => conversation.title || 'New chat';

function fileName(conversation) {
  const words = titleOf(conversation).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');
  return `${words.slice(0, 60) || 'chat'}.json`;
}

export class Sidebar {
  // actions: open(id), add(), removed(id), renamed(id)
  constructor(actions) {
    this.actions = actions;
    this.list = byId('conversations');
    byId('new-chat').addEventListener('click', () => (this.close(), actions.add()));
    byId('open-menu').addEventListener('click', () => this.open());
    byId('close-menu').addEventListener('click', () => this.close());
    byId('scrim').addEventListener('click', () => this.close());
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.isOpen()) this.close();
    });
    const narrow = matchMedia('(max-width: 760px)');
    const adapt = () => (narrow.matches ? this.close() : ((byId('sidebar').inert = false), (byId('scrim').hidden = true)));
    narrow.addEventListener('change', adapt);
    this.narrow = narrow;
    adapt();
  }

  isOpen() {
    return byId('sidebar').classList.contains('open');
  }
  open() {
    byId('sidebar').inert = false;
    byId('sidebar').classList.add('open');
    byId('scrim').hidden = false;
    byId('open-menu').setAttribute('aria-expanded', 'true');
    byId('close-menu').focus();
  }
  close() {
    const wasOpen = this.isOpen();
    byId('sidebar').classList.remove('open');
    byId('sidebar').inert = this.narrow?.matches ?? false;
    byId('scrim').hidden = true;
    byId('open-menu').setAttribute('aria-expanded', 'false');
    if (wasOpen) byId('open-menu').focus();
  }

  show(currentId) {
    this.currentId = currentId;
    const items = store.conversations().map((conversation) => this.item(conversation));
    this.list.replaceChildren(...(items.length ? items : [element('li', {class: 'none'}, 'No conversations yet')]));
  }

  item(conversation) {
    const {id} = conversation;
    const title = titleOf(conversation);
    const isCurrent = id === this.currentId;
    const open = element('button', {type: 'button', class: 'open', 'aria-current': isCurrent ? 'page' : null, onclick: () => (this.close(), this.actions.open(id))}, title);
    const row = element(
      'li',
      {class: isCurrent ? 'current' : ''},
      open,
      element(
        'span',
        {class: 'row-actions'},
        iconButton('edit', `Rename ${title}`, () => this.rename(row, conversation)),
        iconButton('export', `Export ${title}`, async () => download(fileName(conversation), JSON.stringify(await withPictures(store.loadConversation(id)), null, 2))),
        iconButton('trash', `Delete ${title}`, () => this.remove(conversation)),
      ),
    );
    return row;
  }

  rename(row, conversation) {
    const input = element('input', {'aria-label': 'Title', value: titleOf(conversation), maxlength: '120'});
    let isDone = false;
    const finish = (keep) => {
      if (isDone) return;
      isDone = true;
      const current = store.loadConversation(conversation.id) ?? conversation;
      if (keep && input.value.trim()) {
        current.title = input.value.trim();
        store.saveConversation(current);
        this.actions.renamed(current);
      }
      this.show(this.currentId);
    };
    input.addEventListener('blur', () => finish(true));
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') finish(true);
      if (event.key === 'Escape') (event.stopPropagation(), finish(false));
    });
    row.replaceChildren(input);
    input.select();
    input.focus();
  }

  remove(conversation) {
    const kept = store.loadConversation(conversation.id) ?? conversation;
    store.removeConversation(conversation.id);
    this.actions.removed(conversation.id);
    toast(`Deleted “${titleOf(conversation)}”`, {
      label: 'Undo',
      run: () => {
        store.saveConversation(kept);
        this.show(this.currentId);
      },
    });
  }
}
