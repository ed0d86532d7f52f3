/** The panels of the page: what each asks, what came back, and their place in the address. */

import { signal, type Signal } from '@preact/signals';
import { ApiError, queryInstant, queryRange, type Answer } from './api';
import { remember } from './preferences';
import { autoStep, wholeSteps } from './time';
import { decodePanels, DEFAULTS, encodePanels, PANELS_MAX, type PanelOptions } from './url';

/** The time that a graph covers (milliseconds) and the seconds between its points. */
export interface Window {
  start: number;
  end: number;
  step: number;
}

/** What a panel shows. */
export type Outcome =
  | { kind: 'idle' }
  | { kind: 'cancelled' }
  | { kind: 'answer'; answer: Answer; expr: string; ms: number; window: Window | null }
  | { kind: 'error'; error: ApiError; expr: string };

/** One expression with its settings and its outcome. */
export class Panel {
  readonly id = nextId++;
  readonly options: Signal<PanelOptions>;
  /** What stands in the editor; becomes `options.expr` when it is executed. */
  readonly draft: Signal<string>;
  readonly outcome = signal<Outcome>({ kind: 'idle' });
  readonly loading = signal(false);
  /** Ranges to go back to after zooming in. */
  readonly zoomedFrom = signal<Pick<PanelOptions, 'range' | 'end'>[]>([]);
  private running: AbortController | null = null;

  constructor(options: PanelOptions) {
    this.options = signal(options);
    this.draft = signal(options.expr);
  }

  /** Takes the draft, keeps the address in step, and asks. */
  execute(): void {
    const expr = this.draft.peek();
    if (expr.trim() === '') return;
    this.options.value = { ...this.options.peek(), expr };
    remember(expr.trim());
    saveAddress();
    void this.run();
  }

  /** Changes settings and asks again if there is anything to ask. */
  change(settings: Partial<PanelOptions>): void {
    this.options.value = { ...this.options.peek(), ...settings };
    if (this.draft.peek().trim() !== '') this.execute();
    else saveAddress();
  }

  /** Looks closer: a part of the graph becomes its whole range. */
  zoom(start: number, end: number): void {
    const { range, end: before } = this.options.peek();
    this.zoomedFrom.value = [...this.zoomedFrom.peek(), { range, end: before }];
    const seconds = Math.max(1, Math.round((end - start) / 1000));
    this.change({ range: seconds, end: Math.round(end / 1000) * 1000 });
  }

  /** Undoes the last zoom. */
  zoomOut(): void {
    const last = this.zoomedFrom.peek().at(-1);
    if (!last) return;
    this.zoomedFrom.value = this.zoomedFrom.peek().slice(0, -1);
    this.change(last);
  }

  /** Stops waiting; what an older question brought is not passed off as the answer. */
  cancel(): void {
    if (this.running === null) return;
    this.running.abort();
    this.running = null;
    this.loading.value = false;
    this.outcome.value = { kind: 'cancelled' };
  }

  /** Asks for what the options say; an older question is given up. */
  async run(): Promise<void> {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.loading.value = true;
    const outcome = await ask(this.options.peek(), running.signal);
    if (this.running !== running) return;
    this.running = null;
    this.loading.value = false;
    if (outcome !== null) this.outcome.value = outcome;
  }
}

/** Null if the question was given up. */
async function ask(options: PanelOptions, signal: AbortSignal): Promise<Outcome | null> {
  const started = performance.now();
  const window = options.tab === 'graph' ? windowOf(options) : null;
  try {
    const answer = await (window
      ? queryRange(options, window, signal)
      : queryInstant(options, signal));
    const ms = performance.now() - started;
    return { kind: 'answer', answer, expr: options.expr, ms, window };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return null;
    return { kind: 'error', error: asApiError(error), expr: options.expr };
  }
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('page', String(error));
}

function windowOf(options: PanelOptions): Window {
  const end = options.end ?? Date.now();
  const step = options.step ?? autoStep(options.range);
  return { start: end - wholeSteps(options.range, step) * 1000, end, step };
}

let nextId = 1;

/** All panels, in order. */
export const panels = signal<Panel[]>([]);

/** Adds an empty panel which keeps the settings of the last one. */
export function addPanel(): void {
  if (panels.value.length >= PANELS_MAX) return;
  const last = panels.value.at(-1)?.options.peek() ?? DEFAULTS;
  panels.value = [...panels.value, new Panel({ ...last, expr: '' })];
  saveAddress();
}

/** Takes a panel away; the last one is emptied instead. */
export function removePanel(panel: Panel): void {
  panel.cancel();
  const rest = panels.value.filter((other) => other !== panel);
  panels.value = rest.length > 0 ? rest : [new Panel({ ...DEFAULTS })];
  saveAddress();
}

/** Opens the panels of the address and asks for their answers. */
export function loadAddress(): void {
  panels.value.forEach((panel) => panel.cancel());
  const found = decodePanels(location.search);
  panels.value = (found.length > 0 ? found : [{ ...DEFAULTS }]).map(
    (options) => new Panel(options),
  );
  for (const panel of panels.value) {
    if (panel.options.peek().expr !== '') void panel.run();
  }
}

function saveAddress(): void {
  const search = encodePanels(panels.peek().map((panel) => panel.options.peek()));
  if (search !== location.search) history.pushState(null, '', search);
}
