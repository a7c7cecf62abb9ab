// SPDX-License-Identifier: Apache-2.0
// From a file to a picture that can be sent, as it is: what is taken, and the sentences about what is not.

import {holdPicture} from './picture_store.js';
import {newId} from './store.js';

const MIB = 1024 * 1024;
const LARGEST_BODY = 32 * MIB; // of a request, unless the server was told otherwise
const ROOM_FOR_TEXT = MIB;

const mebibytes = (bytes) => `${(bytes / MIB).toFixed(1).replace(/\.0$/, '')} MiB`;
export function sizeInWords(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < MIB ? `${Math.round(bytes / 1024)} KiB` : mebibytes(bytes);
}

export const sees = (model) => model?.input_modalities?.includes('image') ?? false;

// By the file's first bytes: names and types that systems give to files are guesses. Empty for what is none of these.
function typeOf(bytes) {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  return text.startsWith('RIFF') && text.endsWith('WEBP') ? 'image/webp' : '';
}

// Upright. Rejects a file that is not whole, which an element would show as far as it goes.
async function dimensions(blob) {
  const bitmap = await createImageBitmap(blob);
  const {width, height} = bitmap;
  bitmap.close(); // it may be large
  return {width, height};
}

export class Refusal extends Error {}

// {id, name, type, size, width, height} of a file whose bytes are then held by the page; or a Refusal, with a sentence.
export async function pictureOf(file, model) {
  const name = file.name || 'picture';
  const most = model?.image_limits?.bytes ?? Infinity;
  if (file.size > most) throw new Refusal(`“${name}” has ${sizeInWords(file.size)}; a picture may have at most ${sizeInWords(most)}.`);
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer()); // now: the file may change or go before it is sent
  } catch (problem) {
    throw new Refusal(`“${name}” cannot be read.`);
  }
  const type = typeOf(bytes);
  if (!type) throw new Refusal(`“${name}” is no picture that can be sent; JPEG, PNG, WebP and GIF files can.`);
  const blob = new Blob([bytes], {type});
  const size = await dimensions(blob).catch(() => {
    throw new Refusal(`“${name}” cannot be shown: the file is damaged.`);
  });
  const id = newId();
  holdPicture(id, blob);
  return {id, name, type, size: bytes.length, ...size};
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
// Base64 takes four letters for three bytes, and a data: URL some before them.
const bytesInBody = (picture) => 4 * Math.ceil(picture.size / 3) + 100;

// Why these cannot be sent together; empty when they can. `earlier` are those of messages before, which are sent again.
export function whyNot(pictures, {earlier, model}) {
  if (pictures.length === 0) return '';
  if (model && !sees(model)) return `${model.id} sees no pictures; choose another model, or send text alone.`;
  const all = [...earlier, ...pictures];
  const place = earlier.length ? 'a conversation, whose earlier pictures are sent again' : 'a message';
  const most = model?.image_limits?.images ?? Infinity;
  if (all.length > most) return `At most ${most} pictures fit into ${place}.`;
  if (sum(all.map(bytesInBody)) <= LARGEST_BODY - ROOM_FOR_TEXT) return '';
  return `Pictures of ${mebibytes(((LARGEST_BODY - ROOM_FOR_TEXT) * 3) / 4)} in all fit into ${place}; these have ${mebibytes(sum(all.map(({size}) => size)))}.`;
}
