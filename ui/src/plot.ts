/** From an answer over time to the columns, scales and colours of a drawing. */

import uPlot from 'uplot';
import type { MatrixSeries } from './api';
import { axisNumber, parseValue } from './format';
import type { Window } from './panels';

/** Lines that are drawn; more could neither be told apart nor drawn quickly. */
export const LINES_MAX = 100;

/** Columns that a drawing holds; a server gives no more than 11,000 points a series. */
const COLUMNS_MAX = 11_001;

/** Pixels between the cursor and the line that it picks. */
const PICK_PIXELS = 1000;

const LIGHT = [
  '#2f6fb7',
  '#c2571a',
  '#2e8b57',
  '#a23b72',
  '#8a6d00',
  '#0f8b8d',
  '#7a4fc0',
  '#c0392b',
  '#5b7f1e',
  '#4a5a9e',
  '#b04a98',
  '#6d5c4d',
];
const DARK = [
  '#6cb0f5',
  '#f2994f',
  '#5fce8f',
  '#e57fb5',
  '#e2c044',
  '#4fd0cf',
  '#b497f5',
  '#f3786b',
  '#a9d157',
  '#93a4f0',
  '#e08ed2',
  '#c8ae93',
];

/** The colour of a line. */
export function lineColour(index: number, dark: boolean): string {
  const palette = dark ? DARK : LIGHT;
  return palette[index % palette.length] ?? 'gray';
}

/** Times and values side by side; a gap is null. Infinities cannot be drawn and are gaps. */
export function columns(series: MatrixSeries[], window: Window): uPlot.AlignedData {
  const first = window.start / 1000;
  const span = (window.end - window.start) / 1000;
  const count = Math.min(COLUMNS_MAX, Math.floor(span / window.step + 1e-6) + 1);
  const times = Array.from({ length: count }, (_, index) => first + index * window.step);
  const lines = series.map((one) => {
    const line: (number | null)[] = new Array(count).fill(null);
    for (const [time, text] of one.values ?? []) {
      const index = Math.round((time - first) / window.step);
      const value = parseValue(text);
      if (index >= 0 && index < count && Number.isFinite(value)) line[index] = value;
    }
    return line;
  });
  return [times, ...lines];
}

/** What a drawing needs beside its data. */
export interface PlotOptions {
  width: number;
  height: number;
  lines: number;
  dark: boolean;
  utc: boolean;
  hidden: ReadonlySet<number>;
  window: Window;
  onCursor(plot: uPlot): void;
  onZoom(start: number, end: number): void;
  onZoomOut(): void;
}

/** The drawing's settings. */
export function plotOptions(options: PlotOptions): uPlot.Options {
  const { width, height, dark, utc, window } = options;
  const zone = (seconds: number) => new Date(seconds * 1000);
  return {
    width,
    height,
    legend: { show: false },
    padding: [12, 28, 0, 0],
    tzDate: utc ? (seconds) => uPlot.tzDate(zone(seconds), 'Etc/UTC') : zone,
    scales: { x: { min: window.start / 1000, max: window.end / 1000 } },
    focus: { alpha: 0.3 },
    cursor: {
      drag: { x: true, y: false, setScale: false },
      focus: { prox: PICK_PIXELS },
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          options.onZoomOut();
          return null;
        },
      },
    },
    series: [{}, ...lineSeries(options)],
    axes: axes(dark),
    hooks: {
      setCursor: [options.onCursor],
      setSelect: [(plot) => select(plot, options.onZoom)],
    },
  };
}

function lineSeries(options: PlotOptions): uPlot.Series[] {
  return Array.from({ length: options.lines }, (_, index) => ({
    show: !options.hidden.has(index),
    stroke: lineColour(index, options.dark),
    width: 1.75,
    points: { show: false, size: 4, filter: lonePoints },
  }));
}

/** A point without neighbours makes no line: it is drawn as a dot. */
function lonePoints(plot: uPlot, index: number): number[] | null {
  const line = plot.data[index];
  if (!line) return null;
  const lone: number[] = [];
  for (let at = 0; at < line.length; at += 1) {
    const before = at > 0 ? line[at - 1] : null;
    const after = at + 1 < line.length ? line[at + 1] : null;
    if (line[at] != null && before == null && after == null) lone.push(at);
  }
  return lone.length > 0 ? lone : null;
}

function axes(dark: boolean): uPlot.Axis[] {
  const line = { stroke: dark ? '#343a46' : '#e6e3dc', width: 1 };
  const look: uPlot.Axis = {
    stroke: dark ? '#a3adbd' : '#5d6470',
    font: '12px system-ui, sans-serif',
    grid: line,
    ticks: line,
  };
  const vertical: uPlot.Axis = {
    ...look,
    values: (_, splits) => splits.map(axisNumber),
    size: (_, values) => 24 + 7 * Math.max(2, ...(values ?? []).map((text) => text?.length ?? 0)),
  };
  return [{ ...look, values: TIME_FORMATS }, vertical];
}

/** Times in 24 hours: from a distance of ticks (seconds) on, what each and a new day show. */
const TIME_FORMATS: uPlot.Axis.Values = [
  [86_400 * 365, '{YYYY}', null, null, null, null, null, null, 1],
  [86_400 * 28, '{YYYY}-{MM}', null, null, null, null, null, null, 1],
  [86_400, '{MM}-{DD}', '\n{YYYY}', null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{YYYY}-{MM}-{DD}', null, '\n{MM}-{DD}', null, null, null, 1],
];

function select(plot: uPlot, onZoom: PlotOptions['onZoom']): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const start = plot.posToVal(left, 'x') * 1000;
  const end = plot.posToVal(left + width, 'x') * 1000;
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(start, end);
}

/** The line nearest to the cursor, and its point. */
export function nearest(plot: uPlot): { line: number; index: number; value: number } | null {
  const { idx, top } = plot.cursor;
  if (idx == null || top == null || top < 0) return null;
  let best: { line: number; index: number; value: number } | null = null;
  let least = Infinity;
  for (let line = 1; line < plot.series.length; line += 1) {
    const value = plot.data[line]?.[idx];
    if (value == null || !plot.series[line]?.show) continue;
    const distance = Math.abs(plot.valToPos(value, 'y') - top);
    if (distance >= least) continue;
    least = distance;
    best = { line: line - 1, index: idx, value };
  }
  return best;
}
