#!/usr/bin/env node
// The dashboard in a real browser: Chromium without a window, `mcporch serve --http`, real servers. Linux.
//
//     dashboard.mjs BIN [--only TEXT] [--group NAME]… [--screenshots DIR] [--cache DIR]
//
// Groups: servers, pages, hostile, reading, keys. Exit status 1 when something failed; what cannot run is named by a line `skipped: …`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Browser } from './lib/browser.mjs';
import * as day from './lib/dashboard_day.mjs';
import * as hostile from './lib/dashboard_hostile.mjs';
import * as pages from './lib/dashboard_pages.mjs';
import * as reading from './lib/dashboard_reading.mjs';
import * as servers from './lib/dashboard_servers.mjs';
import { binary, chatty, defaultCache, demo, environment, installed, Serving, Verdicts } from './lib/serving.mjs';

const GROUPS = ['servers', 'pages', 'hostile', 'reading', 'keys'];
const ODD_NAME = '<b>a/b?c=d&e#f</b> ü';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    group: { type: 'string', multiple: true, default: [] },
    screenshots: { type: 'string' },
    cache: { type: 'string', default: defaultCache() },
  },
});
if (positionals.length !== 1 || values.group.some((one) => !GROUPS.includes(one))) {
  console.error(`usage: dashboard.mjs BIN [--only TEXT] [--group ${GROUPS.join('|')}]… [--screenshots DIR] [--cache DIR]`);
  process.exit(2);
}
const mcporch = binary(positionals[0]);
const groups = values.group.length > 0 ? values.group : values.screenshots !== undefined && values.only === '' ? [] : GROUPS;
const verdicts = new Verdicts(values.only);
const units = installed(resolve(values.cache), 'surfaces');
if (!units.node_modules || !units.chromium) {
  verdicts.skip('everything: there is no Chromium, or nothing to drive it');
  process.exit(verdicts.end());
}
const work = mkdtempSync(join(tmpdir(), 'mcporch-dashboard-'));
const browser = await Browser.start(units);
verdicts.onFailure = (name) => browser.evidence(work, name);

/** Servers that nobody here wrote, where they are installed. */
function realServers() {
  const found = {};
  const { node_modules: modules, python2 } = installed(resolve(values.cache), 'clients');
  const files = join(work, 'files');
  mkdirSync(files, { recursive: true });
  if (modules) {
    found.filesystem = { command: join(modules, '.bin/mcp-server-filesystem'), args: [files] };
    found.memory = { command: join(modules, '.bin/mcp-server-memory'), args: [], env: { MEMORY_FILE_PATH: join(work, 'memory.jsonl') } };
  }
  if (python2) found.time = { command: python2.replace(/python$/, 'mcp-server-time'), args: [] };
  if (Object.keys(found).length === 0) verdicts.skip('real servers: none is installed');
  return found;
}

/** Runs `use` with a mcporch of its own; afterwards looks at what the pages and mcporch itself did wrong. */
async function serve(name, registry, options, use) {
  const serving = new Serving(mcporch, join(work, name), registry, options);
  try {
    await serving.start();
    await use(serving);
  } catch (error) {
    await verdicts.check(`${name} can go on`, () => error.message, true);
  } finally {
    await serving.stop();
  }
  await verdicts.check(`${name}: no request to others, no CSP violation, no error on the console`, () => browser.takeSins().slice(0, 8).join('; '), true);
  await verdicts.check(`${name}: no panic`, () => (serving.stderr().includes('panicked') ? serving.stderr().slice(-400) : undefined), true);
}

const ours = {
  bench: demo(mcporch, 'bench'),
  misbehave: demo(mcporch, 'misbehave'),
  chatty: chatty(),
  hostile: chatty('--hostile'),
  absent: { command: '/nowhere/at/all' },
  [ODD_NAME]: chatty(),
};

try {
  if (groups.includes('servers')) {
    verdicts.section('Servers');
    const reals = realServers();
    await serve('servers', { ...ours, ...reals }, [], (serving) => servers.cases(verdicts, browser, serving, Object.keys(reals)));
  }
  for (const [name, title, run] of [
    ['pages', 'Pages', (serving) => pages.cases(verdicts, browser, serving)],
    ['hostile', 'Hostile servers', (serving) => hostile.cases(verdicts, browser, serving, ODD_NAME)],
    ['reading', 'Reading it otherwise', (serving) => reading.cases(verdicts, browser, serving)],
  ]) {
    if (!groups.includes(name)) continue;
    verdicts.section(title);
    await serve(name, ours, [], async (serving) => {
      await serving.order('chatty', 'start');
      await serving.call('chatty.say', { text: 'hello' });
      await run(serving);
    });
  }
  if (groups.includes('keys')) {
    verdicts.section('With a key');
    const home = join(work, 'keys');
    const create = (scope) => {
      const command = ['--json', 'keys', 'create', `${scope}-key`, '--scope', scope];
      return JSON.parse(execFileSync(mcporch, command, { env: environment(home), encoding: 'utf8' })).key;
    };
    await verdicts.check('keys: they are made', async () => {
      const keys = { viewer: create('viewer'), operator: create('operator') };
      await serve('keys', ours, ['--set', 'http.require_key=always'], (serving) => reading.withKeys(verdicts, browser, serving, keys));
    });
  }
  if (values.screenshots !== undefined) {
    verdicts.section('Pictures');
    await serve('pictures', { ...day.servers(mcporch, work), ...realServers() }, [], (serving) =>
      day.during(serving, () => reading.pictures(verdicts, browser, serving, resolve(values.screenshots))),
    );
  }
} finally {
  await browser.close();
}

const status = verdicts.end();
if (status === 0) rmSync(work, { recursive: true, force: true });
else console.error(`what was written is kept in ${work}`);
process.exit(status);
