// SPDX-License-Identifier: Apache-2.0
// The bytes of pictures, which are too many for where conversations lie: a database of the browser holds them by id, and a
// conversation names the ids. Where the database is full or forbidden, a picture lasts as long as the page.

import {conversations} from './store.js';

const DATABASE = 'paddock';
const TABLE = 'pictures';

const ofPage = new Map(); // id to Blob: what this page was given or has read
const urls = new Map(); // id to a URL of the page

let opening = null;
function database() {
  opening ||= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    request.onsuccess = () => {
      const found = request.result;
      found.onversionchange = () => found.close();
      found.onclose = () => (opening = null);
      resolve(found);
    };
    request.onerror = () => reject(request.error);
  }).catch((problem) => {
    opening = null; // the next who asks tries again
    throw problem;
  });
  return opening;
}

// What `act` asks of the table, once it has really happened.
async function inTable(mode, act) {
  const transaction = (await database()).transaction(TABLE, mode);
  const request = act(transaction.objectStore(TABLE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const holdPicture = (id, blob) => ofPage.set(id, blob);

export function dropPicture(id) {
  ofPage.delete(id);
  if (urls.has(id)) URL.revokeObjectURL(urls.get(id));
  urls.delete(id);
}

// False when they cannot all be kept. Call it when a kept conversation names them: others are swept away.
export async function keepPictures(pictures) {
  const held = pictures.filter(({id}) => ofPage.has(id)); // the others are kept, or gone
  try {
    for (const {id} of held) await inTable('readwrite', (table) => table.put(ofPage.get(id), id));
    return true;
  } catch (problem) {
    return false;
  }
}

// A Blob, or null when it is not there any more.
export async function pictureBlob(id) {
  if (!ofPage.has(id)) {
    const found = await inTable('readonly', (table) => table.get(id)).catch(() => null);
    if (!(found instanceof Blob)) return null;
    ofPage.set(id, found);
  }
  return ofPage.get(id);
}

export async function pictureUrl(id) {
  const blob = await pictureBlob(id);
  if (blob && !urls.has(id)) urls.set(id, URL.createObjectURL(blob));
  return urls.get(id) ?? null;
}

// The file's own bytes as a data: URL, or null.
export async function pictureDataUrl(id) {
  const blob = await pictureBlob(id);
  if (!blob) return null;
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => resolve(null);
    reader.readAsDataURL(blob);
  });
}

export const picturesIn = (messages) => messages.flatMap((message) => message.pictures ?? []);

// Removes what no conversation names.
export async function sweepPictures() {
  try {
    const ids = await inTable('readonly', (table) => table.getAllKeys());
    if (ids.length === 0) return;
    const named = new Set(conversations().flatMap(({messages}) => picturesIn(messages)).map(({id}) => id));
    const left = ids.filter((id) => !named.has(id));
    if (left.length) await inTable('readwrite', (table) => void left.forEach((id) => table.delete(id)));
  } catch (problem) {
    // Nothing is kept there, or it is removed the next time.
  }
}

// A conversation with the bytes of its pictures, for a file.
export async function withPictures(conversation) {
  const messages = await Promise.all(
    conversation.messages.map(async (message) => {
      if (!message.pictures) return message;
      const pictures = await Promise.all(message.pictures.map(async (picture) => ({...picture, url: await pictureDataUrl(picture.id)})));
      return {...message, pictures};
    }),
  );
  return {...conversation, messages};
}
