// The parts of the page that need no page: addresses, times, positions, completion.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'esbuild';

async function load(name) {
  const entry = new URL(`../src/${name}.ts`, import.meta.url).pathname;
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
}

const time = await load('time');
const url = await load('url');
const format = await load('format');
const tokens = await load('tokens');
const completion = await load('completion');

test('durations', () => {
  const table = [
    ['1h30m', 5400],
    ['90s', 90],
    ['15', 15],
    ['2d', 172_800],
    ['500ms', 0.5],
    ['1w', 604_800],
    ['', null],
    ['0s', null],
    ['-5m', null],
    ['5 minutes', null],
    ['1h30', null],
  ];
  for (const [text, seconds] of table) assert.equal(time.parseDuration(text), seconds, text);
  for (const range of time.RANGES)
    assert.equal(time.parseDuration(time.formatDuration(range)), range);
  assert.equal(time.formatDuration(5400), '1h30m');
  assert.equal(time.formatDuration(864_000), '10d');
  assert.equal(time.stepRange(3600, 1), 7200);
  assert.equal(time.stepRange(4000, -1), 3600);
  assert.equal(time.stepRange(10, -1), 10);
});

test('windows end with a step', () => {
  const table = [
    [3600, 14, 3598],
    [3600, 15, 3600],
    [0.3, 0.1, 0.3],
    [10, 60, 0],
  ];
  for (const [range, step, seconds] of table) {
    assert.ok(Math.abs(time.wholeSteps(range, step) - seconds) < 1e-9, `${range}s by ${step}s`);
  }
});

test('instants', () => {
  const ms = Date.UTC(2020, 8, 8, 12, 0, 1);
  for (const text of ['2020-09-08 12:00:01', '2020-09-08T12:00:01Z', '1599566401']) {
    assert.equal(time.parseInstant(text), ms, text);
  }
  assert.equal(time.formatInstant(ms), '2020-09-08 12:00:01');
  assert.equal(time.fromField(time.toField(ms, true), true), ms);
  assert.equal(time.fromField(time.toField(ms, false), false), ms);
  for (const bad of ['', 'soon', '99999999999999999999'])
    assert.equal(time.parseInstant(bad), null);
});

test('addresses', () => {
  const panels = [
    {
      ...url.DEFAULTS,
      expr: 'a{b="c&d"}\n+ 1',
      tab: 'graph',
      range: 5400,
      end: Date.UTC(2026, 0, 2),
      step: 15,
    },
    { ...url.DEFAULTS, expr: 'up', dedup: false, partial: false, tenant: 'ä b' },
  ];
  assert.deepEqual(url.decodePanels(url.encodePanels(panels)), panels);
  const thanos = '?g3.expr=up&g3.tab=1&g3.stacked=0&g3.moment_input=2026-01-02%2000%3A00%3A00&x=1';
  assert.deepEqual(url.decodePanels(thanos), [
    { ...url.DEFAULTS, expr: 'up', end: Date.UTC(2026, 0, 2) },
  ]);
  assert.deepEqual(url.decodePanels('?g0.range_input=%%%&g0.step_input=x&g0.end_input=y'), [
    url.DEFAULTS,
  ]);
  const many = Array.from({ length: 99 }, (_, i) => `g${i}.expr=up`).join('&');
  assert.equal(url.decodePanels(`?${many}`).length, url.PANELS_MAX);
});

test('positions of messages', () => {
  const table = [
    ['invalid parameter "query": 1:7: parse error: x', { line: 1, column: 7 }],
    ['2:3: parse error', { line: 2, column: 3 }],
    ['PromQL info: something "10.0.0.1:9090" (1:6)', { line: 1, column: 6 }],
    ['dial tcp 127.0.0.1:10901: refused', null],
    ['nothing', null],
  ];
  for (const [text, position] of table) assert.deepEqual(format.positionOf(text), position, text);
  assert.equal(format.offsetOf('ab\ncd', { line: 2, column: 2 }), 4);
  assert.equal(format.offsetOf('ab', { line: 2, column: 1 }), null);
});

test('numbers and series', () => {
  assert.equal(format.axisNumber(1_500_000), '1.5M');
  assert.equal(format.axisNumber(0.25), '0.25');
  assert.equal(format.axisNumber(-12), '-12');
  assert.equal(format.axisNumber(2.5e-6), '2.5µ');
  assert.equal(format.axisNumber(0), '0');
  assert.equal(format.parseValue('+Inf'), Infinity);
  assert.ok(Number.isNaN(format.parseValue('')));
  assert.equal(format.seriesText({ __name__: 'up', b: 'x"y', a: '1' }), 'up{a="1", b="x\\"y"}');
  assert.equal(format.seriesText({}), '{}');
  assert.equal(format.metricSelector('my.metric'), '{"my.metric"}');
});

test('colouring keeps every character', () => {
  const samples = [
    '',
    'rate(up{a="b\\"c"}[5m]) # x',
    '"open',
    '{',
    '💥 ^^ \u0000',
    "sum by (a) (b) > bool 1e3\n'x",
  ];
  for (const text of samples) {
    assert.equal(
      tokens
        .tokenize(text)
        .map((token) => token.text)
        .join(''),
      text,
    );
  }
  const kinds = tokens.tokenize('sum by (by) (up)').map((token) => token.kind);
  assert.deepEqual(kinds.filter((kind) => kind === 'function').length, 1);
  const words = tokens.tokenize('sum by (a) (b{c="d"})').filter(({ text }) => /^[abc]$/.test(text));
  assert.deepEqual(
    words.map(({ kind }) => kind),
    ['label', 'word', 'label'],
  );
});

test('what is wanted at the cursor', () => {
  const table = [
    ['ra', 'expression', 'ra'],
    ['rate(up', 'expression', 'up'],
    ['up{', 'label', ''],
    ['up{jo', 'label', 'jo'],
    ['up{job="n', 'value', 'n'],
    ['up{job="n"', 'nothing', ''],
    ['sum by (ten', 'label', 'ten'],
    ['sum(up) by (a, ', 'label', ''],
    ['rate(up[', 'duration', ''],
    ['rate(up[5', 'nothing', ''],
    ['"te', 'nothing', ''],
    ['# te', 'nothing', ''],
  ];
  for (const [text, kind, typed] of table) {
    const context = completion.contextAt(text, text.length);
    assert.deepEqual([context.wanted.kind, context.typed], [kind, typed], text);
  }
  assert.equal(completion.contextAt('up{job="n', 9).wanted.metric, 'up');
});

test('candidates: exact first, then prefixes, then parts', () => {
  const candidates = ['xrate', 'rated', 'rate'].map((label) => ({
    label,
    insert: label,
    kind: 'metric',
    detail: '',
  }));
  assert.deepEqual(
    completion.rank(candidates, 'rate').map(({ label }) => label),
    ['rate', 'rated', 'xrate'],
  );
});
