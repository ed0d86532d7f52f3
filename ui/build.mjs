// Builds dist/ from src/. The same sources give the same bytes: no hashes, no time stamps.
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { build } from 'esbuild';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(ROOT, 'dist');

const result = await build({
  absWorkingDir: ROOT,
  entryPoints: { app: 'src/main.tsx' },
  outdir: 'dist',
  write: false,
  bundle: true,
  minify: true,
  metafile: true,
  format: 'iife',
  target: ['es2022'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '/*! granary, Apache-2.0; bundled libraries: LICENSES.txt */' },
  logLevel: 'warning',
});

/** The packages whose code is in the bundle, by what the bundler really took. */
function bundledPackages(metafile) {
  const names = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) names.add(match[1]);
  }
  return [...names].sort();
}

/** Name, version and licence text of every bundled package, as its licence asks for. */
async function licences(names) {
  const parts = ['The web page of granary contains code of these libraries.\n'];
  for (const name of names) {
    const folder = path.join(ROOT, 'node_modules', name);
    const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    const text = (await readFile(path.join(folder, 'LICENSE'), 'utf8')).trim();
    parts.push(`${'='.repeat(72)}\n${name} ${manifest.version} (${manifest.license})\n\n${text}\n`);
  }
  return parts.join('\n').replaceAll('\r\n', '\n');
}

await rm(DIST, { recursive: true, force: true });
await mkdir(DIST, { recursive: true });
for (const file of result.outputFiles) await writeFile(file.path, file.contents);
for (const name of ['index.html', 'favicon.svg']) {
  await copyFile(path.join(ROOT, 'src', name), path.join(DIST, name));
}
await writeFile(path.join(DIST, 'LICENSES.txt'), await licences(bundledPackages(result.metafile)));
