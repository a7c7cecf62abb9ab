// SPDX-License-Identifier: Apache-2.0
// The messages of a conversation as elements. Each is drawn anew when it changes alone; while an answer streams, that is the
// last one, and not more often than drawing it takes.

import {cost} from './answer.js';
import {Attachments} from './attachments.js';
import {byId, copyButton, element, icon, iconButton} from './dom.js';
import {codeBlock, render} from './markdown.js';
import {thumbnail} from './picture_view.js';
import {sees} from './pictures.js';

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch (problem) {
    return json; // still streaming, or cut off
  }
}

const seconds = (value) => (value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(0)} s`);
function money(value, currency) {
  const digits = value >= 1 || value === 0 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(value))); // two that say something
  return `${currency}${value.toFixed(Math.max(2, digits))}`;
}

const ENDS = {length: 'cut off at the limit of tokens', stopped: 'stopped', content_filter: 'withheld'};

function figures(message, prices) {
  const {stats} = message;
  const parts = [];
  if (ENDS[message.finish]) parts.push(ENDS[message.finish]);
  if (stats) {
    parts.push(`${stats.answer} ${stats.answer === 1 ? 'token' : 'tokens'}`);
    if (stats.rate) parts.push(`${stats.rate.toFixed(1)} tokens/s`);
    if (stats.first !== null) parts.push(`first after ${seconds(stats.first)}`);
    const price = cost(stats, prices);
    if (price !== null) parts.push(money(price, prices.currency));
  }
  const title = stats && stats.prompt !== null ? `Prompt: ${stats.prompt} tokens, ${stats.cached} of them cached` : '';
  return element('span', {class: 'figures', title}, parts.map((part) => part.replace(/ /g, '\u00a0')).join(' · '));
}

function toolCall(call, isFinal) {
  return element(
    'div',
    {class: 'tool', role: 'group', 'aria-label': `Tool call ${call.function.name}`},
    element('div', {class: 'tool-name'}, icon('tool'), element('span', {}, 'Calls '), element('strong', {}, call.function.name)),
    codeBlock(pretty(call.function.arguments || '{}'), 'json', isFinal),
  );
}

function drawPictures(pictures) {
  return element('div', {class: 'pictures'}, ...pictures.map((picture) => (pictures.length > 1 ? thumbnail(picture, 100) : thumbnail(picture))));
}

export class MessageList {
  // actions: retry(index), edit(index, text, pictures), answerTools(index, results), pictureContext(index)
  constructor(actions) {
    this.actions = actions;
    this.box = byId('messages');
    this.scroller = byId('scroll');
    this.follows = true;
    this.drawn = new WeakMap(); // message to its element, and of what it was drawn
    this.scroller.addEventListener('scroll', () => this.noteScroll(), {passive: true});
    byId('to-end').addEventListener('click', () => this.toEnd());
  }

  show(conversation, {running = false, prices} = {}) {
    this.conversation = conversation;
    this.running = running;
    this.prices = prices;
    const {messages} = conversation;
    byId('welcome').hidden = messages.length > 0;
    this.box.setAttribute('aria-busy', String(running));
    messages.forEach((message, index) => this.place(index, this.drawnOnce(message, index)));
    while (this.box.children.length > messages.length) this.box.lastChild.remove();
    this.keepEnd();
  }

  // Elements of messages that have not changed stay what they are: their focus and selection stay too, and nobody hears them again.
  drawnOnce(message, index) {
    const isLast = index === this.conversation.messages.length - 1;
    const seen = JSON.stringify([isLast, isLast && this.running, message.content.length, message.error, message.stats, this.prices]);
    if (this.drawn.get(message)?.seen !== seen) this.drawn.set(message, {seen, node: this.draw(index)});
    return this.drawn.get(message).node;
  }

  place(index, node) {
    const old = this.box.children[index];
    if (!old) this.box.append(node);
    else if (old !== node) old.replaceWith(node);
  }

  // The last message has grown.
  grow() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      const begin = performance.now();
      const index = this.conversation.messages.length - 1;
      this.place(index, this.draw(index));
      this.keepEnd();
      this.cost = performance.now() - begin;
    }, Math.max(40, 3 * (this.cost ?? 0)));
  }

  finishGrowing() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  draw(index) {
    const message = this.conversation.messages[index];
    if (message.role === 'user') return this.drawUser(message, index);
    if (message.role === 'tool') return this.drawToolResult(message);
    return this.drawAnswer(message, index);
  }

  drawUser(message, index) {
    const edit = iconButton('edit', 'Edit this message', () => this.startEdit(message, index));
    return element(
      'article',
      {class: 'message user', 'aria-label': 'You'},
      message.pictures ? drawPictures(message.pictures) : null,
      message.content ? element('div', {class: 'bubble'}, message.content) : null,
      element('div', {class: 'actions'}, message.content ? copyButton('Copy this message', () => message.content) : null, edit),
    );
  }

  startEdit(message, index) {
    const area = element('textarea', {'aria-label': 'Edit the message', value: message.content});
    const box = element('div', {class: 'attachments'});
    const attach = iconButton('picture', 'Attach pictures');
    const context = () => this.actions.pictureContext(index);
    attach.hidden = !sees(context().model);
    const cancel = () => {
      attachments.discard();
      form.replaceWith(this.drawnOnce(message, index));
      this.box.children[index]?.querySelector('[aria-label="Edit this message"]')?.focus();
    };
    const form = element(
      'form',
      {
        class: 'message user edit',
        onsubmit: async (event) => {
          event.preventDefault();
          await attachments.settled;
          const isEmpty = !area.value.trim() && attachments.pictures.length === 0;
          if (form.isConnected && !isEmpty && attachments.mayGo()) this.actions.edit(index, area.value, attachments.hand());
        },
        onkeydown: (event) => {
          if (event.key === 'Escape') cancel();
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
        },
      },
      box,
      area,
      element('div', {class: 'row'}, attach, element('button', {type: 'button', onclick: cancel}, 'Cancel'), element('button', {class: 'primary'}, 'Send')),
    );
    const attachments = new Attachments(form, {box, button: attach, focus: area, context, pictures: message.pictures});
    this.box.children[index].replaceWith(form);
    area.style.height = `${Math.min(area.scrollHeight + 4, 400)}px`;
    area.focus();
  }

  drawToolResult(message) {
    return element(
      'article',
      {class: 'message tool-result', 'aria-label': `Result of ${message.name || 'a tool'}`},
      element('div', {class: 'tool-name'}, icon('check'), element('span', {}, 'Result of '), element('strong', {}, message.name || 'a tool')),
      codeBlock(pretty(message.content), 'json'),
    );
  }

  drawAnswer(message, index) {
    const isLast = index === this.conversation.messages.length - 1;
    const isStreaming = this.running && isLast;
    const body = element('div', {class: 'body'});
    if (message.content) body.append(message.format ? codeBlock(isStreaming ? message.content : pretty(message.content), 'json', !isStreaming) : render(message.content, !isStreaming));
    for (const call of message.tool_calls || []) if (call) body.append(toolCall(call, !isStreaming));
    if (isStreaming && !message.content && !message.tool_calls?.length)
      body.append(element('div', {class: 'waiting', role: 'status', 'aria-label': 'Waiting for the first token'}, element('i'), element('i'), element('i')));
    if (message.error) body.append(element('p', {class: 'error', role: 'alert'}, message.error));
    if (!isStreaming && isLast && message.tool_calls?.length) body.append(this.drawToolForm(message, index));
    return element(
      'article',
      {class: `message answer${isStreaming ? ' streaming' : ''}`, 'aria-label': 'Answer'},
      body,
      isStreaming
        ? null
        : element(
            'div',
            {class: 'actions'},
            message.content ? copyButton('Copy this answer', () => message.content) : null,
            iconButton('retry', 'Try again', () => this.actions.retry(index)),
            figures(message, this.prices),
          ),
    );
  }

  drawToolForm(message, index) {
    const areas = message.tool_calls.map((call) =>
      element('textarea', {class: 'mono', rows: '2', 'aria-label': `Result of ${call.function.name}`, placeholder: `What ${call.function.name} gives`}));
    const send = (event) => {
      event.preventDefault();
      this.actions.answerTools(index, areas.map((area) => area.value));
    };
    return element('form', {class: 'tool-form', onsubmit: send}, ...areas, element('button', {class: 'primary'}, areas.length > 1 ? 'Send results' : 'Send result'));
  }

  isAtEnd() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 60;
  }
  noteScroll() {
    this.follows = this.isAtEnd();
    byId('to-end').hidden = this.follows;
  }
  keepEnd() {
    if (this.follows) this.scroller.scrollTop = this.scroller.scrollHeight;
    byId('to-end').hidden = this.isAtEnd();
  }
  toEnd() {
    this.follows = true;
    this.keepEnd();
  }
}
