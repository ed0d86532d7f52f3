/** A series written in colour, in the notation of expressions. */

import { Fragment } from 'preact';
import { labelName, sortedLabels, type Labels } from './format';

/** The metric's name and labels of a series. */
export function SeriesName(props: { labels: Labels }) {
  const name = props.labels['__name__'] ?? '';
  const pairs = sortedLabels(props.labels);
  return (
    <span class="series">
      {name !== '' && <span class="t-metric">{name}</span>}
      {(pairs.length > 0 || name === '') && (
        <>
          {'{'}
          {pairs.map(([label, value], index) => (
            <Fragment key={label}>
              {index > 0 && ', '}
              <span class="t-label">{labelName(label)}</span>
              {'='}
              <span class="t-string">{JSON.stringify(value)}</span>
            </Fragment>
          ))}
          {'}'}
        </>
      )}
    </span>
  );
}
