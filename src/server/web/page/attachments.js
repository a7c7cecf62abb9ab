// SPDX-License-Identifier: Apache-2.0
// Pictures that are about to be sent with a form: chosen, pasted or dropped; shown, and removed again.

import {byId, element, icon} from './dom.js';
import {dropPicture} from './picture_store.js';
import {thumbnail} from './picture_view.js';
import {Refusal, pictureOf, whyNot} from './pictures.js';

const byForm = new WeakMap();

export class Attachments {
  // box: where they are shown; button: what chooses files; focus: what has the focus afterwards
  // context(): {earlier, model}, the pictures of the messages before and who is to see them
  constructor(form, {box, button, focus, context, pictures = []}) {
    this.context = context;
    this.focus = focus;
    this.pictures = [...pictures];
    this.own = new Set(); // ids of those that no message has
    this.settled = Promise.resolve(); // when all files that were given have been read
    this.list = element('ul', {class: 'attached', 'aria-label': 'Attached pictures'});
    this.problem = element('p', {class: 'problem', role: 'alert'});
    this.news = element('p', {class: 'unseen', role: 'status'});
    const input = element('input', {
      type: 'file',
      accept: 'image/jpeg,image/png,image/webp,image/gif',
      multiple: true,
      hidden: true,
      onchange: () => {
        this.add([...input.files]);
        input.value = ''; // so that the same file can be chosen again
        if (!matchMedia('(pointer: coarse)').matches) focus.focus(); // on a phone, that brings up the keyboard
      },
    });
    box.append(this.list, this.problem, this.news, input);
    button.addEventListener('click', () => input.click());
    byForm.set(form, this);
    this.show();
  }

  show() {
    this.list.hidden = this.pictures.length === 0;
    this.list.replaceChildren(...this.pictures.map((picture) => this.item(picture)));
  }

  item(picture) {
    const label = `Remove ${picture.name}`;
    const remove = element('button', {type: 'button', class: 'remove', 'aria-label': label, title: label, onclick: () => this.remove(picture)}, icon('close'));
    return element('li', {}, thumbnail(picture), remove);
  }

  // In the order in which they came, however long each takes to read.
  add(files) {
    if (files.length) this.settled = this.settled.then(() => this.take(files));
  }

  async take(files) {
    const refused = new Set(); // what holds for all is said once
    const taken = [];
    for (const file of files)
      try {
        const picture = await pictureOf(file, this.context().model);
        const why = whyNot([...this.pictures, picture], this.context());
        if (why) {
          dropPicture(picture.id);
          throw new Refusal(why);
        }
        this.pictures.push(picture);
        this.own.add(picture.id);
        taken.push(picture.name);
      } catch (problem) {
        refused.add(problem instanceof Refusal ? problem.message : `“${file.name}” cannot be read: ${problem.message}`);
      }
    this.say([...refused]);
    if (taken.length) this.news.textContent = `Attached ${taken.join(', ')}; ${this.pictures.length} in all.`;
    this.show();
    this.list.lastElementChild?.scrollIntoView({block: 'nearest'});
  }

  say(sentences) {
    this.problem.replaceChildren(...sentences.map((sentence) => element('span', {}, sentence)));
  }

  remove(picture) {
    const index = this.pictures.indexOf(picture);
    this.pictures.splice(index, 1);
    if (this.own.delete(picture.id)) dropPicture(picture.id);
    this.say([]);
    this.news.textContent = `Removed ${picture.name}.`;
    this.show();
    const next = this.list.children[Math.min(index, this.pictures.length - 1)];
    (next?.querySelector('.remove') ?? this.focus).focus();
  }

  // Whether they may go; if not, says why.
  mayGo() {
    const why = whyNot(this.pictures, this.context());
    this.say(why ? [why] : []);
    return !why;
  }

  // All of them, which from now on belong to who asked.
  hand() {
    const {pictures} = this;
    this.pictures = [];
    this.own.clear();
    this.say([]);
    this.news.textContent = '';
    this.show();
    return pictures;
  }

  // Nobody wants them any more.
  discard() {
    for (const id of this.own) dropPicture(id);
    this.hand();
  }
}

// Pasted and dropped pictures go to the form where that happens, and otherwise to `usual`; none while a dialog is open.
export function takePastedAndDropped(usual) {
  const isOpen = () => document.querySelector('dialog[open]') === null;
  const formAt = (node) => byForm.get(node.closest?.('form')) ?? usual;

  document.addEventListener('paste', (event) => {
    const {files, types} = event.clipboardData;
    // A table or a formatted text brings its picture too, and is a text.
    const isText = types.includes('text/plain') && types.includes('text/html');
    if (files.length === 0 || isText || !isOpen()) return;
    event.preventDefault();
    formAt(event.target).add([...files]);
  });

  const sign = byId('drop');
  let hiding = 0;
  const hide = () => {
    clearTimeout(hiding);
    sign.hidden = true;
  };
  const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
  for (const name of ['dragenter', 'dragover'])
    document.addEventListener(name, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault(); // else the browser leaves the page for the file
      event.dataTransfer.dropEffect = isOpen() ? 'copy' : 'none';
      sign.hidden = !isOpen();
      clearTimeout(hiding);
      hiding = setTimeout(hide, 1000); // not every browser says that the file has left the window
    });
  document.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) hide();
  });
  document.addEventListener('drop', (event) => {
    hide();
    if (!holdsFiles(event)) return;
    event.preventDefault();
    if (isOpen()) formAt(event.target).add([...event.dataTransfer.files]);
  });
}
