// A Chromium whose every request is written down, and the steps that tests share.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Ends a test that has no Chromium to run in: a skip for people, a failure under CI. */
export function needChromium() {
  if (existsSync(EXECUTABLE)) return;
  console.log(`SKIPPED: there is no Chromium at ${EXECUTABLE}; CHROMIUM names another`);
  process.exit(process.env.CI ? 1 : 0);
}

/** Runs steps on a fresh page, then checks that it asked no other host and never stumbled. */
export async function withPage(base, options, steps) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  try {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 860 },
      ...options,
    });
    const page = await context.newPage();
    const seen = { urls: [], errors: [] };
    page.on('request', (request) => seen.urls.push(request.url()));
    page.on('pageerror', (error) => seen.errors.push(String(error)));
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) seen.errors.push(message.text());
    });
    await steps(page);
    const { origin } = new URL(base);
    const foreign = seen.urls.filter((url) => new URL(url).origin !== origin);
    assert.deepEqual(foreign, [], 'the page asked another host');
    assert.deepEqual(seen.errors, [], 'the page stumbled');
    assert.ok(seen.urls.length > 0);
  } finally {
    await browser.close();
  }
}

/** The rows of the first panel's table, as [series, value]. */
export async function rows(page) {
  await page.locator('.panel >> nth=0').locator('tbody tr').first().waitFor();
  const cells = await page
    .locator('.panel >> nth=0')
    .locator('tbody tr')
    .evaluateAll((found) =>
      found.map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
    );
  return cells.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Types an expression into the first panel and executes it. */
export async function execute(page, expr) {
  const field = page.getByRole('textbox', { name: /^Expression of panel/ }).first();
  await field.fill(expr);
  await field.press('Control+Enter');
}

/** A folder for screenshots: SCREENSHOTS, or a new one under the system's temporary folder. */
export async function screenshotFolder() {
  return process.env.SCREENSHOTS ?? (await mkdtemp(path.join(tmpdir(), 'granary-ui-')));
}
