// SPDX-License-Identifier: Apache-2.0
// Making elements. Text is always text: nothing here takes HTML.

// element('button', {class: 'x', onclick: f, 'aria-label': '…'}, 'text', child, …)
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

export function iconButton(name, label, onclick) {
  return element('button', {type: 'button', class: 'icon-button small', 'aria-label': label, title: label, onclick}, icon(name));
}

export const byId = (id) => document.getElementById(id);

// A button whose icon says for a moment that it worked.
export function copyButton(label, text) {
  const button = iconButton('copy', label, async () => {
    if (!(await copy(text()))) return;
    button.replaceChildren(icon('check'));
    button.setAttribute('aria-label', 'Copied');
    setTimeout(() => {
      button.replaceChildren(icon('copy'));
      button.setAttribute('aria-label', label);
    }, 1500);
  });
  return button;
}

// The clipboard's own interface is there on secure origins alone, and a server in the house has plain HTTP.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (problem) {
    const area = element('textarea', {class: 'unseen', 'aria-hidden': 'true', value: text});
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

let toastTimer = 0;
export function toast(text, action) {
  const box = byId('toast');
  box.replaceChildren(text);
  if (action) box.append(element('button', {type: 'button', onclick: () => (action.run(), (box.hidden = true))}, action.label));
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (box.hidden = true), 7000);
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  element('a', {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
