// The acceptance query on /graph, as table and as graph. BASE_URL names a running node, such as
// http://127.0.0.1:10902 of `granary demo`; without it, a mock answers.
import assert from 'node:assert/strict';
import path from 'node:path';
import { execute, needChromium, rows, screenshotFolder, withPage } from './browser.mjs';
import { startMock } from './mock.mjs';

const QUERY = 'count (up) by (tenant_id)';
const EXPECTED = [
  ['{tenant_id="a"}', '1'],
  ['{tenant_id="b"}', '1'],
  ['{tenant_id="cluster"}', '17'],
];

needChromium();
const mock = process.env.BASE_URL ? null : await startMock();
const base = (process.env.BASE_URL ?? mock.base).replace(/\/$/, '');
const folder = await screenshotFolder();

try {
  for (const colorScheme of ['light', 'dark']) {
    await withPage(base, { colorScheme }, async (page) => {
      const shot = (name) =>
        page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
      await page.goto(`${base}/`);
      assert.match(page.url(), /\/graph$/, '/ leads to /graph');
      await page.locator('.readiness.ready').waitFor();
      await shot('empty');

      await execute(page, QUERY);
      assert.deepEqual(await rows(page), EXPECTED);
      assert.match(page.url(), /g0\.expr=count\+%28up%29\+by\+%28tenant_id%29&g0\.tab=1/);
      assert.equal(await page.locator('.badge').count(), 0, 'the answer is complete');
      await shot('table');

      await page.getByRole('tab', { name: 'Graph' }).click();
      await page.locator('.chart canvas').waitFor();
      assert.equal(await page.locator('.legend li').count(), 3);
      assert.match(page.url(), /g0\.tab=0/);
      // A node that has just started has no line to point at yet.
      if (mock) {
        const box = await page.locator('.chart .u-over').boundingBox();
        await page.mouse.move(box.x + box.width * 0.97, box.y + box.height * 0.3);
        await page.locator('.tooltip').waitFor();
      }
      await shot('graph');
    });
  }
  console.log(`ok: ${QUERY} on ${base}/graph; screenshots in ${folder}`);
} finally {
  await mock?.stop();
}
