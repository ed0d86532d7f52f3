/** Names that the node knows (metrics, labels, values, tenants), asked for once in a while. */

import { labelNames, labelValues } from './api';
import { metricSelector } from './format';
import type { Source } from './completion';

/** How long an answer is taken for fresh. */
const FRESH_MS = 30_000;

/** Answers kept; the oldest goes first. */
const KEPT_MAX = 200;

interface Kept {
  at: number;
  names: Promise<string[]>;
}

const kept = new Map<string, Kept>();

function ask(key: string, fetchNames: () => Promise<string[]>): Promise<string[]> {
  const known = kept.get(key);
  if (known && performance.now() - known.at < FRESH_MS) return known.names;
  const names = fetchNames();
  kept.delete(key);
  kept.set(key, { at: performance.now(), names });
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  // A failure is not kept: the next keystroke may ask again.
  names.catch(() => kept.delete(key));
  return names;
}

/** The names of all tenants. */
export function tenants(): Promise<string[]> {
  return ask('tenants', () => labelValues('tenant_id', ''));
}

/** Names for completion, as one tenant (or, with an empty name, all) has them. */
export function namesOf(tenant: string): Source {
  const match = (metric: string | null) => (metric === null ? undefined : metricSelector(metric));
  return {
    metrics: () => ask(`metrics ${tenant}`, () => labelValues('__name__', tenant)),
    labels: (metric) => ask(`labels ${tenant} ${metric}`, () => labelNames(tenant, match(metric))),
    values: (label, metric) =>
      ask(`values ${tenant} ${label} ${metric}`, () => labelValues(label, tenant, match(metric))),
  };
}
