// SPDX-License-Identifier: Apache-2.0
// Runs before the page is painted, so that it does not flash in the other colours. "light" and "dark" override the system.
'use strict';

window.paddockTheme = {
  get() {
    try {
      return localStorage.getItem('paddock.theme') || 'system';
    } catch (problem) {
      return 'system';
    }
  },
  set(theme) {
    try {
      localStorage.setItem('paddock.theme', theme);
    } catch (problem) {
      // Without storage the choice lasts as long as the page.
    }
    this.apply(theme);
  },
  apply(theme) {
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  },
  isDark() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  },
};
window.paddockTheme.apply(window.paddockTheme.get());
