// Fails when what the first paint needs (app.js and app.css) outgrows its budget.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const FIRST_PAINT_BYTES = 60_000;

let total = 0;
for (const name of ['app.js', 'app.css']) {
  const bytes = gzipSync(readFileSync(new URL(`dist/${name}`, import.meta.url)), { level: 9 });
  console.log(`${name}: ${bytes.length} bytes gzipped`);
  total += bytes.length;
}
console.log(`first paint: ${total} of ${FIRST_PAINT_BYTES} bytes`);
if (total > FIRST_PAINT_BYTES) {
  console.error('over budget: make the page smaller or argue for more in budget.mjs');
  process.exit(1);
}
