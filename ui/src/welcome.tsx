/** What an empty panel shows: expressions to begin with. */

import { tokenize } from './tokens';

const EXAMPLES: [string, string][] = [
  ['count (up) by (tenant_id)', 'Scrape targets of every tenant'],
  ['up == 0', 'Targets that are down'],
  ['sum by (tenant_id, job) (up)', 'Healthy targets by tenant and job'],
  ['topk(10, count by (__name__) ({__name__!=""}))', 'Metrics with the most series'],
  ['rate(process_cpu_seconds_total[5m])', 'CPU seconds per second of each process'],
  ['process_resident_memory_bytes / 2^20', 'Memory of each process in MiB'],
];

/** Examples; a click executes one. */
export function Welcome(props: { onPick(expr: string): void }) {
  return (
    <div class="welcome">
      <p>Ask all tenants at once in PromQL, or begin with one of these:</p>
      <ul>
        {EXAMPLES.map(([expr, text]) => (
          <li key={expr}>
            <button type="button" onClick={() => props.onPick(expr)}>
              <code>
                {tokenize(expr).map((token) => (
                  <span key={token.start} class={`t-${token.kind}`}>
                    {token.text}
                  </span>
                ))}
              </code>
              <span>{text}</span>
            </button>
          </li>
        ))}
      </ul>
      <p class="keys">
        <kbd>Enter</kbd> executes, <kbd>Alt</kbd>+<kbd>Enter</kbd> begins a new line,{' '}
        <kbd>Ctrl</kbd>+<kbd>Space</kbd> suggests, <kbd>Tab</kbd> accepts.
      </p>
    </div>
  );
}
