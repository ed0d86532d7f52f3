/** An answer as a table: series and values, whatever type the answer has. */

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Data, Histogram, MatrixSeries, Point, VectorSeries } from './api';
import { seriesText } from './format';
import { utc } from './preferences';
import { SeriesName } from './series';
import { showInstant } from './time';

/** Rows that are shown before anybody asks for more: more would make the page slow. */
const ROWS_SHOWN = 500;

/** Samples of one series that are shown, the newest ones. */
const SAMPLES_SHOWN = 200;

/** The table of any answer. */
export function ResultTable(props: { data: Data }) {
  const { data } = props;
  switch (data.resultType) {
    case 'vector':
      return <Series series={data.result} value={vectorValue} />;
    case 'matrix':
      return <Series series={data.result} value={matrixValue} />;
    default:
      return (
        <Table caption={data.resultType}>
          <tr>
            <td>{data.resultType}</td>
            <td class="value">{data.result[1]}</td>
          </tr>
        </Table>
      );
  }
}

interface SeriesProps<T> {
  series: T[];
  value(series: T): ComponentChildren;
}

function Series<T extends VectorSeries | MatrixSeries>(props: SeriesProps<T>) {
  const all = useSignal(false);
  const { series, value } = props;
  if (series.length === 0)
    return <p class="nothing">No series match this expression at this time.</p>;
  const shown = all.value ? series : series.slice(0, ROWS_SHOWN);
  return (
    <>
      <Table caption="Series and their values">
        {shown.map((one) => (
          <tr key={seriesText(one.metric)}>
            <td>
              <SeriesName labels={one.metric} />
            </td>
            <td class="value">{value(one)}</td>
          </tr>
        ))}
      </Table>
      {shown.length < series.length && (
        <p class="more">
          {shown.length} of {series.length} series are shown.{' '}
          <button type="button" class="link" onClick={() => (all.value = true)}>
            Show all
          </button>
        </p>
      )}
    </>
  );
}

function Table(props: { caption: string; children: ComponentChildren }) {
  return (
    <div class="table-frame">
      <table>
        <caption class="unseen">{props.caption}</caption>
        <thead>
          <tr>
            <th scope="col">Series</th>
            <th scope="col" class="value">
              Value
            </th>
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

function vectorValue(series: VectorSeries): ComponentChildren {
  if (series.value) return series.value[1];
  return series.histogram ? histogram(series.histogram[1]) : '';
}

function matrixValue(series: MatrixSeries): ComponentChildren {
  const points: [number, ComponentChildren][] = [
    ...(series.values ?? []).map(([time, value]: Point): [number, string] => [time, value]),
    ...(series.histograms ?? []).map(([time, h]): [number, ComponentChildren] => [
      time,
      histogram(h),
    ]),
  ];
  points.sort(([a], [b]) => a - b);
  const shown = points.slice(-SAMPLES_SHOWN);
  return (
    <>
      {shown.length < points.length && (
        <div class="at">
          newest {shown.length} of {points.length} samples
        </div>
      )}
      {shown.map(([time, value]) => (
        <div key={time}>
          {value} <span class="at">@ {showInstant(time * 1000, utc.value)}</span>
        </div>
      ))}
    </>
  );
}

function histogram(value: Histogram): ComponentChildren {
  return (
    <details class="histogram">
      <summary>
        count {value.count}, sum {value.sum}
      </summary>
      {(value.buckets ?? []).map(([rule, low, high, count]) => (
        <div key={low}>
          {rule === 1 || rule === 3 ? '[' : '('}
          {low}, {high}
          {rule === 0 || rule === 3 ? ']' : ')'} {count}
        </div>
      ))}
    </details>
  );
}
