// What the page does beside the acceptance query, against the mock.
import assert from 'node:assert/strict';
import path from 'node:path';
import { execute, needChromium, rows, screenshotFolder, withPage } from './browser.mjs';
import { startMock } from './mock.mjs';

needChromium();
const folder = await screenshotFolder();
const field = (page) => page.getByRole('textbox', { name: /^Expression of panel/ }).first();
const notice = (page, kind) => page.locator(`.notice.${kind}`);

const cases = {
  async 'answers of every type'(page, base) {
    await page.goto(`${base}/graph`);
    await execute(page, 'pi()');
    assert.deepEqual(await rows(page), [['scalar', '3.141592653589793']]);
    await execute(page, '"text"');
    await page.getByRole('cell', { name: 'string', exact: true }).waitFor();
    assert.deepEqual(await rows(page), [['string', 'text']]);
    await execute(page, 'up[1m]');
    await page.locator('.at').first().waitFor();
    const [[series, values]] = await rows(page);
    assert.equal(series, 'up{job="node"}');
    assert.match(values, /^1 @ .*\n0 @ .*\nNaN @ /);
    await execute(page, 'nothing');
    await page.getByText('No series match').waitFor();
  },

  async 'errors point into the expression'(page, base) {
    await page.goto(`${base}/graph?g0.expr=1+%2B`);
    await notice(page, 'error').waitFor();
    assert.match(await notice(page, 'error').innerText(), /bad_data[^]*unexpected end of input/);
    assert.equal(await page.locator('.excerpt').innerText(), '1 +\n   ▲');
    await page.getByRole('button', { name: 'Go to line 1, column 4' }).click();
    assert.equal(await field(page).evaluate((area) => area.selectionStart), 3);
    await page.screenshot({ path: path.join(folder, 'error.png') });
    await execute(page, 'broken');
    await page.getByText('HTTP 502').waitFor();
  },

  async 'an incomplete answer says so'(page, base) {
    await page.goto(`${base}/graph`);
    await execute(page, 'rate(up[5m])');
    await notice(page, 'incomplete').waitFor();
    assert.match(await notice(page, 'incomplete').innerText(), /may be incomplete[^]*n2/);
    assert.equal(await page.locator('.badge').innerText(), 'incomplete');
    assert.match(await notice(page, 'info').innerText(), /might not be a counter/);
    await page.screenshot({ path: path.join(folder, 'incomplete.png') });
  },

  async 'a clock that differs is told'(page, base, mock) {
    mock.clockAhead = -120_000;
    await page.goto(`${base}/graph?g0.expr=up`);
    await page.getByText(/The node's clock is (2m|2m1s|2m2s) behind/).waitFor();
    assert.equal((await rows(page)).length, 3);
  },

  async 'a slow question can be cancelled'(page, base) {
    await page.goto(`${base}/graph`);
    await execute(page, 'pi()');
    assert.equal((await rows(page)).length, 1);
    await execute(page, 'slow');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Execute' }).waitFor();
    await page.getByText('Cancelled.').waitFor();
    assert.equal(await page.locator('table').count(), 0, 'no older answer is shown for it');
  },

  async 'settings go to the API and into the address'(page, base, { asked }) {
    await page.goto(`${base}/graph`);
    await execute(page, 'count (up) by (tenant_id)');
    assert.equal((await rows(page)).length, 3);
    await page.getByLabel('Tenant').selectOption('b');
    await page.getByText('"cluster"').waitFor({ state: 'detached' });
    assert.deepEqual(await rows(page), [['{tenant_id="b"}', '1']]);
    await page.getByRole('switch', { name: 'Deduplication' }).click();
    await page.getByRole('switch', { name: 'Partial response' }).click();
    await page.waitForFunction(() => location.search.includes('g0.partial_response=0'));
    await page.waitForFunction(() => document.querySelector('.panel').ariaBusy === 'false');
    const last = asked.filter(({ path: route }) => route === '/api/v1/query').at(-1).params;
    assert.equal(last.get('tenant'), 'b');
    assert.equal(last.get('dedup'), 'false');
    assert.equal(last.get('partial_response'), 'false');
    assert.match(page.url(), /g0\.deduplicate=0&g0\.partial_response=0&g0\.tenant=b/);
    await page.goBack();
    await page.waitForFunction(
      () => document.querySelectorAll('.settings input:checked').length === 1,
    );
  },

  async 'a Thanos address opens as it was'(page, base, { asked }) {
    const panel =
      'g0.range_input=2h&g0.end_input=2026-01-02%2003%3A04%3A05&g0.step_input=60&g0.tab=0';
    await page.goto(
      `${base}/graph?g0.expr=process_resident_memory_bytes&${panel}&g1.expr=up&g1.tab=1`,
    );
    await page.locator('.chart canvas').waitFor();
    assert.equal(await page.locator('.panel').count(), 2);
    const { params } = asked.find(({ path: route }) => route === '/api/v1/query_range');
    const end = Date.UTC(2026, 0, 2, 3, 4, 5) / 1000;
    assert.deepEqual(
      ['start', 'end', 'step'].map((name) => Number(params.get(name))),
      [end - 7200, end, 60],
    );
    await page.screenshot({ path: path.join(folder, 'panels.png'), fullPage: true });
    await page.getByRole('button', { name: 'Remove panel' }).first().click();
    assert.equal(await page.locator('.panel').count(), 1);
    await page.getByRole('button', { name: 'Add panel' }).click();
    assert.equal(await page.locator('.panel').count(), 2);
  },

  async 'the legend hides lines and dragging zooms'(page, base, { asked }) {
    await page.goto(`${base}/graph?g0.expr=process_resident_memory_bytes&g0.tab=0`);
    await page.locator('.chart canvas').waitFor();
    const first = page.locator('.legend-line').first();
    await first.click();
    assert.equal(await first.getAttribute('aria-pressed'), 'false');
    await page.getByRole('button', { name: 'Show all' }).click();
    assert.equal(await first.getAttribute('aria-pressed'), 'true');
    const box = await page.locator('.chart .u-over').boundingBox();
    await page.mouse.move(box.x + box.width / 4, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Zoom out' }).waitFor();
    const { params } = asked.filter(({ path: route }) => route === '/api/v1/query_range').at(-1);
    const seconds = Number(params.get('end')) - Number(params.get('start'));
    assert.ok(Math.abs(seconds - 900) < 30, `zoomed to ${seconds} s`);
    await page.getByRole('button', { name: 'Zoom out' }).click();
    await page.getByText('Drag in the graph').waitFor();
  },

  async 'completion knows functions, metrics, labels and values'(page, base) {
    await page.goto(`${base}/graph`);
    await field(page).click();
    await page.keyboard.type('sum(proc');
    await page.getByRole('option', { name: /process_cpu_seconds_total/ }).waitFor();
    await page.screenshot({ path: path.join(folder, 'completion.png') });
    await page.keyboard.press('Tab');
    assert.equal(await field(page).inputValue(), 'sum(process_cpu_seconds_total');
    await page.keyboard.type('{jo');
    await page.getByRole('option', { name: /job/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('option', { name: /node/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await field(page).inputValue(), 'sum(process_cpu_seconds_total{job="node"');
    await page.keyboard.type('}) by (ten');
    await page.getByRole('option', { name: /tenant_id/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('listbox').waitFor({ state: 'detached' });
  },

  async 'earlier expressions are kept'(page, base) {
    await page.goto(`${base}/graph`);
    await execute(page, 'pi()');
    await page.reload();
    await page.getByRole('button', { name: 'Earlier expressions' }).click();
    await page.getByRole('option', { name: 'pi()' }).click();
    assert.equal(await field(page).inputValue(), 'pi()');
  },

  async 'the theme is chosen and kept'(page, base) {
    await page.goto(`${base}/graph`);
    const look = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await look(), 'light');
    await page.getByRole('radio', { name: 'Dark' }).check();
    assert.equal(await look(), 'dark');
    await page.reload();
    assert.equal(await look(), 'dark');
  },

  async 'a narrow window is usable'(page, base) {
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(`${base}/graph?g0.expr=process_resident_memory_bytes&g0.tab=0`);
    await page.locator('.chart canvas').waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} pixels wide`);
    await page.screenshot({ path: path.join(folder, 'narrow.png'), fullPage: true });
  },
};

for (const prefix of ['', '/metrics/granary']) {
  for (const [name, steps] of Object.entries(cases)) {
    const mock = await startMock(prefix);
    try {
      await withPage(mock.base, { colorScheme: 'light' }, (page) => steps(page, mock.base, mock));
      console.log(`ok: ${name}${prefix && ` (under ${prefix})`}`);
    } finally {
      await mock.stop();
    }
  }
}
