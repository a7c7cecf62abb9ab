// SPDX-License-Identifier: Apache-2.0
// What the Markdown library asks of "punycode", by the browser's own means. Names stay in their ASCII form where they are
// shown, so that a look-alike of a known name is seen for what it is.
'use strict';

exports.toASCII = function (host) {
  try {
    return new URL('http://' + host).hostname;
  } catch (problem) {
    return host;
  }
};

exports.toUnicode = function (host) {
  return host;
};
