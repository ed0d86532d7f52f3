// A node that only pretends: the routes of the page and canned answers of its API.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';

const DIST = new URL('../dist/', import.meta.url);
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'";
const PAGES = { '/graph': 'index.html', '/query': 'index.html' };
const TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
};

const UP = [
  [{ tenant_id: 'a' }, 1],
  [{ tenant_id: 'b' }, 1],
  [{ tenant_id: 'cluster' }, 17],
];

/** Starts on a free port; `prefix` is a path before all routes, as behind a proxy. */
export async function startMock(prefix = '') {
  // `asked` keeps the API requests; `clockAhead` is how many milliseconds the node is fast.
  const mock = { asked: [], clockAhead: 0 };
  const server = createServer((request, response) => {
    handle(request, response, prefix, mock).catch((error) => response.destroy(error));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(mock, { base: origin + prefix, stop });
}

async function handle(request, response, prefix, mock) {
  response.setHeader('date', new Date(Date.now() + mock.clockAhead).toUTCString());
  const url = new URL(request.url, 'http://mock');
  if (!url.pathname.startsWith(prefix)) return reply(response, 404, 'text/plain', 'not here');
  const path = url.pathname.slice(prefix.length);
  if (path === '/') return response.writeHead(302, { location: `${prefix}/graph` }).end();
  const file = PAGES[path] ?? (path.startsWith('/assets/') ? path.slice(8) : null);
  if (file !== null) return sendFile(response, file);
  if (path === '/-/ready') return reply(response, 200, 'text/plain', 'ready');
  const params = new URLSearchParams(await body(request));
  for (const [key, value] of url.searchParams) params.append(key, value);
  mock.asked.push({ path, params });
  return api(path, params, response);
}

async function sendFile(response, name) {
  if (!/^[a-z]+\.(html|js|css|svg)$/.test(name))
    return reply(response, 404, 'text/plain', 'no such file');
  reply(response, 200, TYPES[name.split('.').at(-1)], await readFile(new URL(name, DIST)));
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function reply(response, status, type, content) {
  response.writeHead(status, { 'content-type': type, 'content-security-policy': CSP }).end(content);
}

function json(response, status, value) {
  reply(response, status, 'application/json', JSON.stringify(value));
}

function api(path, params, response) {
  const good = (data, more = {}) => json(response, 200, { status: 'success', data, ...more });
  if (path === '/api/v1/label/__name__/values') return good(names());
  if (path === '/api/v1/label/tenant_id/values') return good(['a', 'b', 'cluster']);
  if (/^\/api\/v1\/label\/[^/]+\/values$/.test(path)) return good(['node', 'prometheus']);
  if (path === '/api/v1/labels') return good(['__name__', 'instance', 'job', 'tenant_id']);
  if (path === '/api/v1/query') return instant(params.get('query'), params, response, good);
  if (path === '/api/v1/query_range') return range(params, response, good);
  return reply(response, 404, 'text/plain', 'no such route');
}

function names() {
  const families = [
    'up',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'scrape_duration_seconds',
  ];
  return [
    ...families,
    'http_requests_total',
    'http_request_duration_seconds_bucket',
    'my.dotted.metric',
  ];
}

function instant(query, params, response, good) {
  const now = Number(params.get('time') ?? Date.now() / 1000);
  const vector = (pairs) => ({
    resultType: 'vector',
    result: pairs.map(([metric, value]) => ({ metric, value: [now, String(value)] })),
  });
  switch (query) {
    case 'slow':
      return; // Never answers: to be cancelled.
    case '1 +':
      return json(response, 400, {
        status: 'error',
        errorType: 'bad_data',
        error: 'invalid parameter "query": 1:4: parse error: unexpected end of input',
      });
    case 'rate(up[5m])':
      return good(vector([[{ job: 'node' }, 0.1]]), {
        warnings: ['ring default: node n2 (10.0.0.2:10901) did not answer; its range is missing'],
        infos: ['PromQL info: metric might not be a counter: "up" (1:6)'],
      });
    case 'up[1m]':
      return good({
        resultType: 'matrix',
        result: [
          {
            metric: { __name__: 'up', job: 'node' },
            values: [
              [now - 30, '1'],
              [now - 15, '0'],
              [now, 'NaN'],
            ],
          },
        ],
      });
    case 'pi()':
      return good({ resultType: 'scalar', result: [now, '3.141592653589793'] });
    case '"text"':
      return good({ resultType: 'string', result: [now, 'text'] });
    case 'broken':
      return reply(response, 502, 'text/html', '<h1>Bad Gateway</h1>');
    case 'process_resident_memory_bytes':
      return good(vector(many().map(([metric], i) => [metric, 1e7 * (i + 1)])));
    case 'nothing':
      return good(vector([]));
    default:
      return good(
        vector(
          params.get('tenant') ? UP.filter(([m]) => m.tenant_id === params.get('tenant')) : UP,
        ),
      );
  }
}

function many() {
  return Array.from({ length: 8 }, (_, i) => [
    {
      __name__: 'process_resident_memory_bytes',
      instance: `10.0.0.${i + 1}:9090`,
      job: i % 2 ? 'node' : 'prometheus',
      tenant_id: ['a', 'b', 'cluster'][i % 3],
    },
  ]);
}

function range(params, response, good) {
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(params.get(name)));
  const query = params.get('query');
  if (query === '1 +') return instant(query, params, response, good);
  const pairs = query === 'process_resident_memory_bytes' ? many() : UP;
  const wave = (i, t) =>
    3e7 + i * 9e6 + 5e6 * Math.sin(t / (600 + 170 * i)) + 2e6 * Math.cos(t / 97);
  const result = pairs.map(([metric, fixed], i) => {
    const values = [];
    for (let t = start; t <= end + 1e-6; t += step) {
      const part = (t - start) / (end - start);
      if (i === 1 && part > 0.4 && part < 0.5) continue;
      values.push([t, String(fixed ?? wave(i, t))]);
    }
    return { metric, values };
  });
  return good({ resultType: 'matrix', result });
}
