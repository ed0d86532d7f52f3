/** Labels, numbers and positions in the form in which people read them. */

/** Labels of a series, as the API gives them. */
export type Labels = Record<string, string>;

/** A place in an expression that a message speaks of; both count from 1. */
export interface Position {
  line: number;
  column: number;
}

/** The number in a sample; the API writes the infinities with a sign. */
export function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return text.trim() === '' ? NaN : Number(text);
}

/** A label's name as an expression needs it: quoted when it is not a plain word. */
export function labelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : JSON.stringify(name);
}

/** A metric's name as an expression needs it: a quoted name must stand in braces. */
export function metricSelector(name: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `{${JSON.stringify(name)}}`;
}

/** Labels other than the metric's name, sorted by name. */
export function sortedLabels(labels: Labels): [string, string][] {
  return Object.entries(labels)
    .filter(([name]) => name !== '__name__')
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A series in the notation of expressions. */
export function seriesText(labels: Labels): string {
  const pairs = sortedLabels(labels).map(([k, v]) => `${labelName(k)}=${JSON.stringify(v)}`);
  const name = labels['__name__'] ?? '';
  return pairs.length === 0 && name !== '' ? name : `${name}{${pairs.join(', ')}}`;
}

const SCALES: [number, string][] = [
  [1e24, 'Y'],
  [1e21, 'Z'],
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1e-3, ''],
  [1e-6, 'µ'],
  [1e-9, 'n'],
];

/** A number for an axis: short, with a metric prefix. */
export function axisNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(size)) return String(value);
  const [factor, prefix] = SCALES.find(([least]) => size >= least * 0.9999) ?? [0, ''];
  if (factor === 0 || size >= 1e27) return value.toExponential(2);
  const scaled = prefix === '' ? value : value / factor;
  return `${Number(scaled.toPrecision(5))}${prefix}`;
}

/** A number for a legend or tooltip: whole where it is, else six digits. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(6)));
}

/** Milliseconds that something took. */
export function loadTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** Where in the expression a message points: `1:7: parse error: ...` or `... (1:7)`. */
export function positionOf(message: string): Position | null {
  const match =
    /\((\d{1,6}):(\d{1,6})\)\s*$/.exec(message) ?? /(?:^|\s)(\d{1,6}):(\d{1,6}):\s/.exec(message);
  if (!match) return null;
  const position = { line: Number(match[1]), column: Number(match[2]) };
  return position.line > 0 && position.column > 0 ? position : null;
}

/** How far into the expression a position is; null if it is outside. */
export function offsetOf(expr: string, position: Position): number | null {
  const lines = expr.split('\n');
  const line = lines[position.line - 1];
  if (line === undefined || position.column > line.length + 1) return null;
  const before = lines.slice(0, position.line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  return before + position.column - 1;
}
