/** The query API of the node that served this page; relative, to work under any path prefix. */

import { signal as observable } from '@preact/signals';
import type { Labels } from './format';
import type { PanelOptions } from './url';

/** Time in seconds and value as text. */
export type Point = [number, string];

/** A native histogram: totals, and buckets as (boundary rule, low, high, count). */
export interface Histogram {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

/** One series of an answer for one time. */
export interface VectorSeries {
  metric: Labels;
  value?: Point;
  histogram?: [number, Histogram];
}

/** One series of an answer over time. */
export interface MatrixSeries {
  metric: Labels;
  values?: Point[];
  histograms?: [number, Histogram][];
}

/** What an expression came to. */
export type Data =
  | { resultType: 'vector'; result: VectorSeries[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar' | 'string'; result: Point };

/** A good answer and what the node had to say about it. */
export interface Answer {
  data: Data;
  warnings: string[];
  infos: string[];
}

/** What went wrong, in the words of the node where it gave any. */
export class ApiError extends Error {
  constructor(
    readonly kind: string,
    message: string,
    readonly warnings: string[] = [],
  ) {
    super(message);
  }
}

/** Characters of an answer that is not JSON which are worth showing. */
const FOREIGN_TEXT_MAX = 300;

/** How far the node's clock is ahead of the browser's, in milliseconds, to about a second. */
export const clockAhead = observable(0);

/** Evaluates at one time; without a time the node takes its own now. */
export function queryInstant(options: PanelOptions, signal: AbortSignal): Promise<Answer> {
  const form = queryForm(options);
  if (options.end !== null) form.set('time', seconds(options.end));
  return post('api/v1/query', form, signal);
}

/** Evaluates from start to end (milliseconds), every step (seconds). */
export function queryRange(
  options: PanelOptions,
  window: { start: number; end: number; step: number },
  signal: AbortSignal,
): Promise<Answer> {
  const form = queryForm(options);
  form.set('start', seconds(window.start));
  form.set('end', seconds(window.end));
  form.set('step', String(window.step));
  return post('api/v1/query_range', form, signal);
}

/** Values of a label, over all tenants or one, of the series that a selector picks. */
export function labelValues(label: string, tenant: string, match?: string): Promise<string[]> {
  return strings(`api/v1/label/${encodeURIComponent(label)}/values`, tenant, match);
}

/** Names of labels, over all tenants or one, of the series that a selector picks. */
export function labelNames(tenant: string, match?: string): Promise<string[]> {
  return strings('api/v1/labels', tenant, match);
}

/** Whether the node takes part in the cluster; throws if it does not answer at all. */
export async function isReady(signal: AbortSignal): Promise<boolean> {
  const response = await fetch('-/ready', { signal, cache: 'no-store' });
  return response.ok;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function queryForm(options: PanelOptions): URLSearchParams {
  const form = new URLSearchParams({
    query: options.expr,
    dedup: String(options.dedup),
    partial_response: String(options.partial),
  });
  if (options.tenant !== '') form.set('tenant', options.tenant);
  return form;
}

async function post(path: string, form: URLSearchParams, signal: AbortSignal): Promise<Answer> {
  const body = await envelope(path, { method: 'POST', body: form, signal });
  if (!isData(body.data)) throw new ApiError('bad answer', 'The answer has a form unknown here.');
  return { data: body.data, warnings: texts(body.warnings), infos: texts(body.infos) };
}

async function strings(path: string, tenant: string, match?: string): Promise<string[]> {
  const params = new URLSearchParams();
  if (tenant !== '') params.set('tenant', tenant);
  if (match !== undefined) params.set('match[]', match);
  const body = await envelope(params.size > 0 ? `${path}?${params}` : path, {});
  return texts(body.data);
}

async function envelope(path: string, init: RequestInit): Promise<Record<string, unknown>> {
  const { response, text } = await send(path, init);
  const body = parseObject(text);
  if (body === null) {
    const said = text.trim().slice(0, FOREIGN_TEXT_MAX) || 'nothing';
    throw new ApiError(`HTTP ${response.status}`, `The answer is not JSON; it says: ${said}`);
  }
  if (body['status'] !== 'success') {
    const kind =
      typeof body['errorType'] === 'string' ? body['errorType'] : `HTTP ${response.status}`;
    const message = typeof body['error'] === 'string' ? body['error'] : 'no reason was given';
    throw new ApiError(kind, message, texts(body['warnings']));
  }
  return body;
}

async function send(
  path: string,
  init: RequestInit,
): Promise<{ response: Response; text: string }> {
  try {
    const response = await fetch(path, init);
    noteClock(response);
    return { response, text: await response.text() };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError('unreachable', 'The node did not answer: it may be down or restarting.');
  }
}

function noteClock(response: Response): void {
  const node = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(node)) clockAhead.value = node - Date.now();
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function isData(value: unknown): value is Data {
  if (!isObject(value) || !Array.isArray(value['result'])) return false;
  const result: unknown[] = value['result'];
  switch (value['resultType']) {
    case 'vector':
    case 'matrix':
      return result.every((series) => isObject(series) && isObject(series['metric']));
    case 'scalar':
    case 'string':
      return result.length === 2 && typeof result[0] === 'number';
    default:
      return false;
  }
}
