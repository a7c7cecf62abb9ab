// SPDX-License-Identifier: Apache-2.0
// What a model wrote, as elements. It is never HTML: tags in it are text, the result is sanitised all the same, and no
// picture is fetched from anywhere, which would tell its server what was said.

import {copyButton, element} from './dom.js';

const markdown = window.markdownit('default', {html: false, linkify: true});
markdown.validateLink = (url) => /^(https?:\/\/|mailto:)/i.test(url.trim());
markdown.renderer.rules.image = (tokens, index) => {
  const token = tokens[index];
  const {escapeHtml} = markdown.utils;
  const words = token.content || 'picture';
  return `<a href="${escapeHtml(token.attrGet('src') || '')}">${escapeHtml(words)}</a>`;
};
// Styles in elements are forbidden by the page's policy: a column's side becomes a class.
for (const rule of ['th_open', 'td_open'])
  markdown.renderer.rules[rule] = (tokens, index, options, env, self) => {
    const token = tokens[index];
    const side = /text-align:(\w+)/.exec(token.attrGet('style') || '');
    token.attrs = side ? [['class', `to-${side[1]}`]] : null;
    return self.renderToken(tokens, index, options);
  };

const ALLOWED = {
  ALLOWED_TAGS: ['p', 'br', 'hr', 'a', 'em', 'strong', 's', 'code', 'pre', 'ul', 'ol', 'li', 'blockquote', 'table', 'thead', 'tbody',
    'tr', 'th', 'td', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'span'],
  ALLOWED_ATTR: ['href', 'class', 'start'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
// Debian 12's build of the sanitiser asks a variable for the depth of what it is about to clean that it never defines, and
// fails. Depths are counted from there on.
window.shadowNode ??= Object.freeze({__depth: 0});
const safe = (html) => window.DOMPurify.sanitize(html, ALLOWED);

let highlighting = null;
function loadHighlighter() {
  highlighting ||= new Promise((resolve) => {
    const script = element('script', {src: '/web/lib/highlight.js'});
    script.addEventListener('load', () => resolve(window.hljs));
    script.addEventListener('error', () => resolve(null));
    document.head.append(script);
  });
  return highlighting;
}

const LONGEST_HIGHLIGHTED = 100000; // characters: colours are not worth a page that stands still
async function highlight(code, language) {
  const text = code.textContent;
  if (text.length > LONGEST_HIGHLIGHTED) return;
  const library = await loadHighlighter();
  if (!library?.getLanguage(language)) return;
  code.replaceChildren(safe(library.highlight(language, text, true).value));
}

export function codeBlock(text, language, isFinal = true) {
  const code = element('code', {}, text);
  if (isFinal && language) highlight(code, language);
  return element(
    'div',
    {class: 'code'},
    element('div', {class: 'code-head'}, element('span', {}, language || 'text'), copyButton('Copy code', () => text)),
    element('pre', {tabindex: '0', 'aria-label': `Code: ${language || 'text'}`}, code),
  );
}

// `isFinal`: no more text will come, so that all code is worth its colours.
export function render(text, isFinal) {
  const fragment = safe(markdown.render(text));
  const blocks = [...fragment.querySelectorAll('pre')];
  for (const [index, pre] of blocks.entries()) {
    const code = pre.querySelector('code');
    const language = /language-([\w+#.-]+)/.exec(code?.className || '')?.[1].toLowerCase() || '';
    pre.replaceWith(codeBlock(pre.textContent.replace(/\n$/, ''), language, isFinal || index < blocks.length - 1));
  }
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  for (const table of fragment.querySelectorAll('table')) {
    const frame = element('div', {class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table'});
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}
