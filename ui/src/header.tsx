/** The top of the page: name, state of the node, links, time zone and theme. */

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { isReady } from './api';
import { Logo } from './icons';
import { theme, utc, type Theme } from './preferences';

/** Between two looks at the node's state. */
const READY_EVERY_MS = 10_000;

/** After this, a node that says nothing counts as unreachable. */
const READY_TIMEOUT_MS = 5_000;

type Readiness = 'checking' | 'ready' | 'not ready' | 'unreachable';

const readiness = signal<Readiness>('checking');

async function checkReady(): Promise<void> {
  if (document.hidden) return;
  try {
    const ready = await isReady(AbortSignal.timeout(READY_TIMEOUT_MS));
    readiness.value = ready ? 'ready' : 'not ready';
  } catch {
    readiness.value = 'unreachable';
  }
}

/** The bar at the top. */
export function Header() {
  return (
    <header>
      <a class="brand" href="graph" aria-label="granary: new query">
        <Logo />
        <span>granary</span>
      </a>
      <Readiness />
      <nav aria-label="Node">
        <a href="api/v1/granary/status">Status</a>
        <a href="metrics">Metrics</a>
      </nav>
      <div class="choices">
        <label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked={utc.value}
            onChange={(event) => (utc.value = event.currentTarget.checked)}
          />
          <span>UTC</span>
        </label>
        <ThemeSelect />
      </div>
    </header>
  );
}

function Readiness() {
  useEffect(() => {
    void checkReady();
    const timer = setInterval(() => void checkReady(), READY_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const state = readiness.value;
  return (
    <span class={`readiness ${state.replace(' ', '-')}`} role="status" title="This node">
      <span class="dot" aria-hidden="true" />
      {state}
    </span>
  );
}

function ThemeSelect() {
  const option = (value: Theme, text: string) => (
    <label>
      <input
        type="radio"
        name="theme"
        checked={theme.value === value}
        onChange={() => (theme.value = value)}
      />
      <span>{text}</span>
    </label>
  );
  return (
    <div class="segments" role="radiogroup" aria-label="Theme">
      {option('light', 'Light')}
      {option('auto', 'Auto')}
      {option('dark', 'Dark')}
    </div>
  );
}
