/** What the browser remembers for its user: theme, time zone and earlier expressions. */

import { computed, effect, signal } from '@preact/signals';

/** Which colours the page wears; `auto` follows the system. */
export type Theme = 'auto' | 'light' | 'dark';

/** Expressions that are remembered, newest first. */
const HISTORY_MAX = 50;
const THEME_KEY = 'granary.theme';
const UTC_KEY = 'granary.utc';
const HISTORY_KEY = 'granary.history';

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener('change', (event) => {
  systemIsDark.value = event.matches;
});

/** The chosen theme. */
export const theme = signal<Theme>(readTheme());

/** Whether the page is dark now. */
export const isDark = computed(
  () => theme.value === 'dark' || (theme.value === 'auto' && systemIsDark.value),
);

/** Whether times are shown in UTC; else in the browser's zone. */
export const utc = signal(read(UTC_KEY) === '1');

/** Earlier expressions, newest first. */
export const history = signal<string[]>(readHistory());

effect(() => {
  document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
  write(THEME_KEY, theme.value);
});
effect(() => write(UTC_KEY, utc.value ? '1' : '0'));

/** Puts an expression on top of the history. */
export function remember(expr: string): void {
  const rest = history.peek().filter((item) => item !== expr);
  history.value = [expr, ...rest].slice(0, HISTORY_MAX);
  write(HISTORY_KEY, JSON.stringify(history.value));
}

function readTheme(): Theme {
  const stored = read(THEME_KEY);
  return stored === 'light' || stored === 'dark' ? stored : 'auto';
}

function readHistory(): string[] {
  try {
    const value: unknown = JSON.parse(read(HISTORY_KEY) ?? '[]');
    const items = Array.isArray(value) ? value : [];
    return items.filter((item) => typeof item === 'string').slice(0, HISTORY_MAX);
  } catch {
    return [];
  }
}

// Storage can be switched off or full; the page then merely forgets.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}
