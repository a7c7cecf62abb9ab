// SPDX-License-Identifier: Apache-2.0
// Pictures as elements: small ones that open, and the large one.

import {byId, element} from './dom.js';
import {pictureUrl} from './picture_store.js';
import {sizeInWords} from './pictures.js';

// Stated before it has been read, so that nothing moves then.
const WIDEST = 320;
function shown({width, height}, highest) {
  const scale = Math.min(1, WIDEST / width, highest / height);
  return {width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale))};
}

export function thumbnail(picture, highest = 260) {
  const image = element('img', {alt: '', draggable: 'false', decoding: 'async', ...shown(picture, highest)});
  const button = element('button', {type: 'button', class: 'thumbnail', 'aria-label': `Show ${picture.name}`, title: picture.name, onclick: () => showLarge(picture)}, image);
  pictureUrl(picture.id).then((url) => {
    if (url) image.src = url;
    else button.replaceWith(element('span', {class: 'thumbnail gone'}, `${picture.name} is no longer kept in this browser`));
  });
  return button;
}

async function showLarge(picture) {
  const dialog = byId('picture');
  byId('picture-name').textContent = picture.name;
  byId('picture-size').textContent = `${picture.width} × ${picture.height}, ${sizeInWords(picture.size)}`;
  const url = await pictureUrl(picture.id);
  byId('picture-large').replaceChildren(element('img', {src: url, alt: picture.name, width: picture.width, height: picture.height}));
  if (!dialog.open) dialog.showModal();
}

// A click beside the picture closes it.
byId('picture').addEventListener('click', (event) => {
  if (!event.target.closest('img, header')) byId('picture').close();
});
byId('picture').addEventListener('close', () => byId('picture-large').replaceChildren());
