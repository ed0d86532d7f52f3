/** An answer as a graph: the drawing and its legend. */

import { useSignal, type Signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Data, MatrixSeries } from './api';
import { Chart } from './chart';
import { parseValue, seriesText, shortNumber } from './format';
import type { Panel, Window } from './panels';
import { LINES_MAX, lineColour } from './plot';
import { isDark } from './preferences';
import { SeriesName } from './series';

const NONE: ReadonlySet<number> = new Set();

/** The graph of an answer over a time. */
export function ResultGraph(props: { panel: Panel; data: Data; window: Window }) {
  const { panel, data, window } = props;
  const all = data.resultType === 'matrix' ? data.result : [];
  const drawable = useMemo(() => all.filter((series) => (series.values ?? []).length > 0), [data]);
  const series = useMemo(() => drawable.slice(0, LINES_MAX), [drawable]);
  const hidden = useSignal(NONE);
  const focused = useSignal<number | null>(null);
  if (all.length === 0)
    return <p class="nothing">No series match this expression in this range.</p>;
  return (
    <>
      <Chart panel={panel} series={series} window={window} hidden={hidden} focused={focused} />
      <Remarks all={all.length} drawable={drawable.length} drawn={series.length} />
      <Legend panel={panel} series={series} hidden={hidden} focused={focused} />
    </>
  );
}

function Remarks(props: { all: number; drawable: number; drawn: number }) {
  const { all, drawable, drawn } = props;
  return (
    <>
      {drawn < drawable && (
        <p class="more">
          The first {drawn} of {drawable} series are drawn. topk() or a narrower selector shows
          fewer; the Table tab lists all.
        </p>
      )}
      {drawable < all && (
        <p class="more">
          {all - drawable} series hold histograms, which are not drawn; the Table tab has them.
        </p>
      )}
    </>
  );
}

interface LegendProps {
  panel: Panel;
  series: MatrixSeries[];
  hidden: Signal<ReadonlySet<number>>;
  focused: Signal<number | null>;
}

function Legend(props: LegendProps) {
  const { panel, series, hidden, focused } = props;
  const every = series.map((_, index) => index);
  return (
    <section class="legend" aria-label="Legend">
      <div class="legend-head">
        <span>Click shows or hides a line</span>
        {hidden.value.size > 0 && (
          <button type="button" class="link" onClick={() => (hidden.value = NONE)}>
            Show all
          </button>
        )}
        {panel.zoomedFrom.value.length > 0 ? (
          <button type="button" class="link" onClick={() => panel.zoomOut()}>
            Zoom out
          </button>
        ) : (
          <span>Drag in the graph to zoom in</span>
        )}
      </div>
      <ul>
        {series.map((one, index) => (
          <LegendLine
            key={seriesText(one.metric)}
            series={one}
            index={index}
            shown={!hidden.value.has(index)}
            onToggle={() => (hidden.value = toggled(hidden.peek(), index))}
            onOnly={() => (hidden.value = new Set(every.filter((other) => other !== index)))}
            onPoint={(on) => (focused.value = on ? index : null)}
          />
        ))}
      </ul>
    </section>
  );
}

function toggled(set: ReadonlySet<number>, index: number): ReadonlySet<number> {
  const next = new Set(set);
  if (!next.delete(index)) next.add(index);
  return next;
}

interface LineProps {
  series: MatrixSeries;
  index: number;
  shown: boolean;
  onToggle(): void;
  onOnly(): void;
  onPoint(on: boolean): void;
}

function LegendLine(props: LineProps) {
  const { series, index, shown, onToggle, onOnly, onPoint } = props;
  const last = series.values?.at(-1)?.[1];
  return (
    <li onMouseEnter={() => shown && onPoint(true)} onMouseLeave={() => onPoint(false)}>
      <button type="button" class="legend-line" aria-pressed={shown} onClick={onToggle}>
        <span class="swatch" style={{ background: lineColour(index, isDark.value) }} />
        <SeriesName labels={series.metric} />
      </button>
      <button type="button" class="link only" onClick={onOnly}>
        only
      </button>
      <span class="legend-last" title="Newest value">
        {last === undefined ? '' : shortNumber(parseValue(last))}
      </span>
    </li>
  );
}
