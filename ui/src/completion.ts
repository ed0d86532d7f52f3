/** Decides what could stand at the cursor, and which candidates fit what was typed. */

import { aggregations, durations, functions, keywords } from './functions';
import { labelName, metricSelector } from './format';
import { GROUPING, tokenize, type Token } from './tokens';

/** What kind of thing is being typed. */
export type Wanted =
  | { kind: 'expression' }
  | { kind: 'label'; metric: string | null; inSelector: boolean }
  | { kind: 'value'; label: string; metric: string | null; quote: string }
  | { kind: 'duration' }
  | { kind: 'nothing' };

/** The cursor's surroundings: what is wanted, and the text from `start` that it will replace. */
export interface Context {
  wanted: Wanted;
  start: number;
  typed: string;
}

/** One line of the completion list. */
export interface Candidate {
  /** What is shown and searched. */
  label: string;
  /** What is put into the expression. */
  insert: string;
  kind:
    | 'metric'
    | 'function'
    | 'aggregation'
    | 'keyword'
    | 'label'
    | 'value'
    | 'duration'
    | 'history';
  /** Parameters and meaning. */
  detail: string;
}

/** Where names of metrics and labels come from. */
export interface Source {
  metrics(): Promise<string[]>;
  labels(metric: string | null): Promise<string[]>;
  values(label: string, metric: string | null): Promise<string[]>;
}

/** Lines that the list shows at most. */
export const CANDIDATES_MAX = 50;

const MATCH_OPERATORS = new Set(['=', '!=', '=~', '!~']);

/** Reads the expression up to the cursor. */
export function contextAt(text: string, cursor: number): Context {
  const tokens = tokenize(text.slice(0, cursor)).filter(({ kind }) => kind !== 'space');
  const last = tokens.at(-1);
  if (last?.kind === 'comment' && !text.slice(last.start, cursor).includes('\n'))
    return nothing(cursor);
  if (last?.kind === 'string') return inString(tokens, last, cursor);
  const typing = last !== undefined && isWord(last) && last.start + last.text.length === cursor;
  const before = typing ? tokens.slice(0, -1) : tokens;
  const start = typing ? last.start : cursor;
  return { wanted: wantedAfter(before, last), start, typed: text.slice(start, cursor) };
}

function nothing(cursor: number): Context {
  return { wanted: { kind: 'nothing' }, start: cursor, typed: '' };
}

function isWord(token: Token): boolean {
  return ['word', 'label', 'keyword', 'function'].includes(token.kind);
}

function inString(tokens: Token[], last: Token, cursor: number): Context {
  const quote = last.text[0] ?? '"';
  const closed =
    last.text.length > 1 && last.text.endsWith(quote) && !last.text.endsWith(`\\${quote}`);
  const operator = tokens.at(-2);
  const label = tokens.at(-3);
  const open = openBracket(tokens.slice(0, -1));
  if (closed || !operator || !label || !MATCH_OPERATORS.has(operator.text) || open?.text !== '{') {
    return nothing(cursor);
  }
  const name = label.kind === 'string' ? label.text.slice(1, -1) : label.text;
  const wanted: Wanted = { kind: 'value', label: name, metric: metricBefore(tokens, open), quote };
  return { wanted, start: last.start + 1, typed: last.text.slice(1) };
}

function wantedAfter(before: Token[], last: Token | undefined): Wanted {
  if (last?.kind === 'number' && last === before.at(-1)) return { kind: 'nothing' };
  const open = openBracket(before);
  const previous = before.at(-1);
  if (open?.text === '[') return previous === open ? { kind: 'duration' } : { kind: 'nothing' };
  const atName = previous?.text === ',' || previous === open;
  if (open?.text === '{') {
    return atName
      ? { kind: 'label', metric: metricBefore(before, open), inSelector: true }
      : { kind: 'nothing' };
  }
  const opener = open && before[before.indexOf(open) - 1];
  if (opener && GROUPING.test(opener.text)) {
    return atName ? { kind: 'label', metric: null, inSelector: false } : { kind: 'nothing' };
  }
  return { kind: 'expression' };
}

/** The innermost bracket that is still open at the end of these tokens. */
function openBracket(tokens: Token[]): Token | undefined {
  const stack: Token[] = [];
  for (const token of tokens) {
    if (token.kind !== 'bracket') continue;
    if ('({['.includes(token.text)) stack.push(token);
    else stack.pop();
  }
  return stack.at(-1);
}

function metricBefore(tokens: Token[], brace: Token): string | null {
  const before = tokens[tokens.indexOf(brace) - 1];
  return before?.kind === 'word' ? before.text : null;
}

/** Everything that could stand here, best first. */
export async function candidatesFor(context: Context, source: Source): Promise<Candidate[]> {
  const { wanted, typed } = context;
  switch (wanted.kind) {
    case 'nothing':
      return [];
    case 'duration':
      return rank(
        durations.map((label) => plain(label, 'duration')),
        typed,
      );
    case 'label': {
      const names = (await source.labels(wanted.metric)).filter((name) => name !== '__name__');
      return rank(
        names.map((name) => plain(name, 'label', labelName(name))),
        typed,
      );
    }
    case 'value': {
      const values = await source.values(wanted.label, wanted.metric);
      const quoted = (value: string) =>
        value.replaceAll('\\', '\\\\').replaceAll(wanted.quote, `\\${wanted.quote}`);
      return rank(
        values.map((value) => plain(value, 'value', quoted(value))),
        typed,
      );
    }
    case 'expression': {
      const metrics = await source.metrics();
      return rank(
        [...language, ...metrics.map((name) => plain(name, 'metric', metricSelector(name)))],
        typed,
      );
    }
  }
}

function plain(label: string, kind: Candidate['kind'], insert = label): Candidate {
  return { label, insert, kind, detail: '' };
}

const language: Candidate[] = [
  ...aggregations.map((help) => called(help, 'aggregation')),
  ...functions.map((help) => called(help, 'function')),
  ...keywords.map((label) => plain(label, 'keyword')),
];

function called(
  help: { name: string; parameters: string; text: string },
  kind: 'aggregation' | 'function',
): Candidate {
  const parameters = help.parameters.replace(/\br\b/, 'v[…]');
  const detail = `(${parameters})  ${help.text}`;
  return { label: help.name, insert: `${help.name}(`, kind, detail };
}

/** Keeps what fits: exact, then by prefix, then by part; ties by length and name. */
export function rank(candidates: Candidate[], typed: string): Candidate[] {
  const needle = typed.toLowerCase();
  const scored: [number, Candidate][] = [];
  for (const candidate of candidates) {
    const at = candidate.label.toLowerCase().indexOf(needle);
    if (at < 0) continue;
    const score = candidate.label === typed ? 0 : at === 0 ? 1 : 2;
    scored.push([score, candidate]);
  }
  scored.sort(
    ([a, x], [b, y]) =>
      a - b || (needle === '' ? 0 : x.label.length - y.label.length) || order(x, y),
  );
  return scored.slice(0, CANDIDATES_MAX).map(([, candidate]) => candidate);
}

function order(a: Candidate, b: Candidate): number {
  if (a.kind === 'duration') return 0;
  return a.label < b.label ? -1 : a.label > b.label ? 1 : 0;
}
