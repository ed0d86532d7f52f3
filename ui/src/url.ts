/** The page's state in its address, in the words of Prometheus and Thanos (`g0.expr=...`). */

import { formatDuration, formatInstant, parseDuration, parseInstant } from './time';

/** Which view of an answer a panel shows. */
export type Tab = 'table' | 'graph';

/** Everything of a panel that its address keeps. */
export interface PanelOptions {
  expr: string;
  tab: Tab;
  /** Seconds that a graph covers. */
  range: number;
  /** End of the graph, or time of evaluation, in milliseconds; null is now. */
  end: number | null;
  /** Seconds between points; null lets the page choose. */
  step: number | null;
  dedup: boolean;
  partial: boolean;
  /** Empty asks all tenants. */
  tenant: string;
}

/** Panels that an address can open; the rest is left out. */
export const PANELS_MAX = 20;

/** A panel as it is before anybody touched it. */
export const DEFAULTS: PanelOptions = {
  expr: '',
  tab: 'table',
  range: 3600,
  end: null,
  step: null,
  dedup: true,
  partial: true,
  tenant: '',
};

/** The panels that a query string describes, in order. */
export function decodePanels(search: string): PanelOptions[] {
  const panels = new Map<number, PanelOptions>();
  for (const [key, value] of new URLSearchParams(search)) {
    const match = /^g(\d{1,4})\.([a-z_]+)$/.exec(key);
    if (!match) continue;
    const index = Number(match[1]);
    const panel = panels.get(index) ?? { ...DEFAULTS };
    panels.set(index, panel);
    readOption(panel, match[2] ?? '', value);
  }
  return [...panels]
    .sort(([a], [b]) => a - b)
    .slice(0, PANELS_MAX)
    .map(([, panel]) => panel);
}

function readOption(panel: PanelOptions, name: string, value: string): void {
  switch (name) {
    case 'expr':
      panel.expr = value;
      break;
    case 'tab':
      panel.tab = value === '0' || value === 'graph' ? 'graph' : 'table';
      break;
    case 'range_input':
      panel.range = parseDuration(value) ?? DEFAULTS.range;
      break;
    case 'end_input':
      panel.end = parseInstant(value) ?? panel.end;
      break;
    case 'moment_input':
      panel.end ??= parseInstant(value);
      break;
    case 'step_input':
      panel.step = parseDuration(value);
      break;
    case 'deduplicate':
      panel.dedup = value !== '0';
      break;
    case 'partial_response':
      panel.partial = value !== '0';
      break;
    case 'tenant':
      panel.tenant = value;
      break;
  }
}

/** The query string that opens these panels again. */
export function encodePanels(panels: PanelOptions[]): string {
  const params = new URLSearchParams();
  panels.forEach((panel, index) => {
    const set = (name: string, value: string) => params.set(`g${index}.${name}`, value);
    set('expr', panel.expr);
    set('tab', panel.tab === 'table' ? '1' : '0');
    set('range_input', formatDuration(panel.range));
    set('end_input', panel.end === null ? '' : formatInstant(panel.end));
    set('step_input', panel.step === null ? '' : String(panel.step));
    set('deduplicate', panel.dedup ? '1' : '0');
    set('partial_response', panel.partial ? '1' : '0');
    set('tenant', panel.tenant);
  });
  return `?${params}`;
}
