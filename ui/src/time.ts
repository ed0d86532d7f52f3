/** Durations and instants: how they are read from input fields and URLs, and written back. */

const UNIT_SECONDS: Record<string, number> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** Ranges that the buttons beside the range field step through, in seconds. */
export const RANGES = [
  10, 60, 300, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
  2_419_200, 4_838_400, 15_724_800, 31_536_000, 63_072_000,
];

/** Points a graph asks for when no resolution is given. */
const GRAPH_POINTS = 250;

/** Seconds of a Prometheus duration (`1h30m`) or a plain number of seconds; null if neither. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return positive(Number(trimmed));
  if (!/^(\d+(ms|[smhdwy]))+$/.test(trimmed)) return null;
  let seconds = 0;
  for (const [, count, unit] of trimmed.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    seconds += Number(count) * (UNIT_SECONDS[unit ?? ''] ?? NaN);
  }
  return positive(seconds);
}

function positive(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** A duration as Prometheus writes it: `1h30m`, largest unit first. */
export function formatDuration(seconds: number): string {
  let rest = Math.round(seconds * 1000);
  let text = '';
  for (const unit of ['y', 'w', 'd', 'h', 'm', 's', 'ms']) {
    const size = (UNIT_SECONDS[unit] ?? 1) * 1000;
    // Years and weeks only where they come out even, as people read 10d more easily than 1w3d.
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text || '0s';
}

/** The next larger (or smaller) range of the list. */
export function stepRange(seconds: number, direction: 1 | -1): number {
  if (direction > 0) return RANGES.find((range) => range > seconds) ?? seconds;
  return RANGES.filter((range) => range < seconds).at(-1) ?? seconds;
}

/** Resolution in seconds for a range nobody chose a resolution for. */
export function autoStep(rangeSeconds: number): number {
  return Math.max(1, Math.floor(rangeSeconds / GRAPH_POINTS));
}

/**
 * Seconds of the whole steps in a range. A window of so many seconds has its last step at its end;
 * any other ends up to a step before the newest samples.
 */
export function wholeSteps(rangeSeconds: number, step: number): number {
  return Math.floor(rangeSeconds / step + 1e-6) * step;
}

/** Milliseconds of an instant in a URL: `2020-09-08 12:00:00` (UTC), ISO, or Unix seconds. */
export function parseInstant(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return finite(Number(trimmed) * 1000);
  const plain = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)$/.exec(trimmed);
  return finite(Date.parse(plain ? `${plain[1]}T${plain[2]}Z` : trimmed));
}

function finite(value: number): number | null {
  return Number.isFinite(value) && Math.abs(value) <= 8.64e15 ? value : null;
}

/** An instant for a URL, in UTC, to the second. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

/** An instant for people, local or UTC, to the millisecond only where it has any. */
export function showInstant(ms: number, utc: boolean): string {
  const text = shifted(ms, utc).toISOString();
  return text.slice(0, text.endsWith('.000Z') ? 19 : 23).replace('T', ' ');
}

/** The value of a `datetime-local` field. */
export function toField(ms: number, utc: boolean): string {
  return shifted(ms, utc).toISOString().slice(0, 19);
}

/** Milliseconds of a `datetime-local` field's value. */
export function fromField(text: string, utc: boolean): number | null {
  if (text === '') return null;
  return finite(Date.parse(utc ? `${text}Z` : text));
}

function shifted(ms: number, utc: boolean): Date {
  const inRange = finite(ms) ?? 0;
  const offset = utc ? 0 : new Date(inRange).getTimezoneOffset() * 60_000;
  return new Date(finite(inRange - offset) ?? 0);
}
