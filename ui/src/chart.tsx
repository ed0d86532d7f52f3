/** The drawing of a graph, with its tooltip; a part of it is chosen by dragging. */

import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { MatrixSeries } from './api';
import { shortNumber } from './format';
import type { Panel, Window } from './panels';
import { columns, lineColour, nearest, plotOptions } from './plot';
import { isDark, utc } from './preferences';
import { SeriesName } from './series';
import { showInstant } from './time';

const HEIGHT = 380;

interface Pointed {
  line: number;
  time: number;
  value: number;
  left: number;
  top: number;
}

interface Props {
  panel: Panel;
  series: MatrixSeries[];
  window: Window;
  hidden: Signal<ReadonlySet<number>>;
  /** The line that stands out because the legend points at it. */
  focused: Signal<number | null>;
}

/** Lines over time. */
export function Chart(props: Props) {
  const { panel, series, window, hidden, focused } = props;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const pointed = useSignal<Pointed | null>(null);
  const dark = isDark.value;
  const inUtc = utc.value;
  useEffect(() => {
    if (!frame.current) return;
    const drawn = draw(frame.current, props, dark, inUtc, (point) => (pointed.value = point));
    plot.current = drawn.plot;
    return drawn.remove;
  }, [series, window, dark, inUtc]);
  const hiddenNow = hidden.value;
  useEffect(() => {
    series.forEach((_, index) => {
      const show = !hiddenNow.has(index);
      if (plot.current?.series[index + 1]?.show !== show)
        plot.current?.setSeries(index + 1, { show });
    });
  }, [hiddenNow]);
  const focus = focused.value;
  useEffect(
    () => plot.current?.setSeries(focus === null ? null : focus + 1, { focus: true }),
    [focus],
  );
  return (
    <div
      class="chart"
      ref={frame}
      role="img"
      aria-label={`Graph of ${series.length} series; the Table tab has the values in words`}
      data-panel={panel.id}
      onMouseLeave={() => (pointed.value = null)}
    >
      {pointed.value && <Tooltip pointed={pointed.value} series={series} />}
    </div>
  );
}

function draw(
  frame: HTMLElement,
  props: Props,
  dark: boolean,
  inUtc: boolean,
  onPoint: (point: Pointed | null) => void,
): { plot: uPlot; remove(): void } {
  const { panel, series, window, hidden } = props;
  const options = plotOptions({
    width: frame.clientWidth,
    height: HEIGHT,
    lines: series.length,
    dark,
    utc: inUtc,
    hidden: hidden.peek(),
    window,
    onCursor: (drawing) => onPoint(point(drawing)),
    onZoom: (start, end) => panel.zoom(start, end),
    onZoomOut: () => panel.zoomOut(),
  });
  const plot = new uPlot(options, columns(series, window), frame);
  const observer = new ResizeObserver(() => {
    if (frame.clientWidth > 0 && frame.clientWidth !== plot.width) {
      plot.setSize({ width: frame.clientWidth, height: HEIGHT });
    }
  });
  observer.observe(frame);
  const remove = () => {
    observer.disconnect();
    plot.destroy();
  };
  return { plot, remove };
}

function point(plot: uPlot): Pointed | null {
  const found = nearest(plot);
  const time = found && plot.data[0][found.index];
  if (found === null || time == null) return null;
  return {
    line: found.line,
    time,
    value: found.value,
    left: plot.over.offsetLeft + plot.valToPos(time, 'x'),
    top: plot.over.offsetTop + plot.valToPos(found.value, 'y'),
  };
}

function Tooltip(props: { pointed: Pointed; series: MatrixSeries[] }) {
  const { pointed, series } = props;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const width = box.current?.parentElement?.clientWidth ?? 0;
    const own = box.current?.offsetWidth ?? 0;
    const left = pointed.left + 16 + own > width ? pointed.left - own - 16 : pointed.left + 16;
    if (!box.current) return;
    box.current.style.left = `${Math.max(0, left)}px`;
    box.current.style.top = `${pointed.top}px`;
  });
  return (
    <div class="tooltip" ref={box}>
      <div class="tooltip-time">{showInstant(pointed.time * 1000, utc.value)}</div>
      <div class="tooltip-value">
        <span class="swatch" style={{ background: lineColour(pointed.line, isDark.value) }} />
        {shortNumber(pointed.value)}
      </div>
      <SeriesName labels={series[pointed.line]?.metric ?? {}} />
    </div>
  );
}
