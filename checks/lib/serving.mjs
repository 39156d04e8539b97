// mcporch as the checks in JavaScript start it, what is installed to talk to it, and counting and printing. As gateway.py and verdicts.py.
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 15_000;
export const HERE = dirname(fileURLToPath(import.meta.url));
export const CHATTY = join(HERE, '../servers/chatty.py');
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function defaultCache() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mcporch-checks');
}

/** What units.sh installed, as {name: path}. */
export function installed(cache, what) {
  const said = execFileSync(join(HERE, 'units.sh'), [cache, what], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return Object.fromEntries(said.split('\n').filter(Boolean).map((line) => line.split('\t')));
}

export function binary(path) {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    console.error(`no mcporch binary at ${path}: run 'cargo build --release' and give target/release/mcporch`);
    process.exit(2);
  }
  return resolve(path);
}

export const demo = (mcporch, kind, ...args) => ({ command: mcporch, args: ['demo-server', '--kind', kind, ...args] });
export const chatty = (...args) => ({ command: 'python3', args: [CHATTY, ...args] });

/** Ours, without what would lead to the home of whoever runs this. */
export function environment(home) {
  const own = { HOME: join(home, 'home'), MCPORCH_HOME: join(home, 'mcporch'), XDG_RUNTIME_DIR: join(home, 'run') };
  for (const name of ['HOME', 'XDG_RUNTIME_DIR']) mkdirSync(own[name], { recursive: true, mode: 0o700 });
  return { ...process.env, ...own };
}

/** `mcporch serve --http` in front of a registry. `url` is its address without a path; started again it keeps its port. */
export class Serving {
  constructor(mcporch, home, servers, options = []) {
    mkdirSync(home, { recursive: true });
    const registry = join(home, 'registry.json');
    writeFileSync(registry, JSON.stringify({ mcpServers: servers }, null, 2));
    Object.assign(this, { mcporch, home, options, registry, address: '127.0.0.1:0', url: null, process: null });
    this.errors = join(home, 'serve.stderr');
  }

  async start() {
    const args = ['--registry', this.registry, ...this.options, '--json', 'serve', '--http', this.address];
    const stderr = openSync(this.errors, 'a');
    this.process = spawn(this.mcporch, args, { env: environment(this.home), stdio: ['ignore', 'pipe', stderr] });
    let said = '';
    this.process.stdout.on('data', (data) => (said += data));
    for (const end = Date.now() + START_MS_MAX; Date.now() < end && this.process.exitCode === null; await sleep(30)) {
      const found = said.match(/https?:\/\/[\w.-]+:\d+/);
      if (found) {
        this.url = found[0];
        this.address = this.url.replace('http://', '');
        return this;
      }
    }
    throw new Error(`${this.mcporch} ${args.join(' ')}: ${said} ${this.stderr().slice(-600)}`);
  }

  /** Ends it: kindly, or as a fault would. */
  async stop(signal = 'SIGTERM') {
    if (this.process === null || this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill(signal);
    const late = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
  }

  stderr() {
    return readFileSync(this.errors, 'utf8');
  }

  async ask(method, path, body) {
    const headers = { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...this.headers };
    const reply = await fetch(`${this.url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  server(name) {
    return this.ask('GET', `/servers/${encodeURIComponent(name)}`);
  }

  order(name, order) {
    return this.ask('POST', `/servers/${encodeURIComponent(name)}/${order}`);
  }

  call(tool, params = {}) {
    return this.ask('POST', '/call', { tool, params });
  }

  /** Waits until the server is in one of these states. */
  async untilState(name, states, ms = 20_000) {
    let found;
    for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
      found = await this.server(name);
      if (states.includes(found.state)) return found;
    }
    throw new Error(`${name} is ${found?.state}, not ${states.join(' or ')}`);
  }
}

/** What the checks find, one line each, printed as they come. */
export class Verdicts {
  passed = 0;
  failed = 0;
  skipped = 0;
  constructor(only = '') {
    this.only = only.toLowerCase();
  }

  section(title) {
    console.log(`\n== ${title}`);
  }

  /** `tried()` throws, or gives what is wrong; nothing when all is well. */
  async check(name, tried, isAlways = false) {
    if (!isAlways && !name.toLowerCase().includes(this.only)) return;
    let wrong;
    try {
      wrong = await tried();
    } catch (error) {
      wrong = `${error.name}: ${error.message}`;
    }
    if (wrong) {
      this.failed += 1;
      console.log(`  FAIL ${name}  (${inOneLine(wrong)})`);
      await this.onFailure?.(name);
    } else {
      this.passed += 1;
      console.log(`  ok   ${name}`);
    }
  }

  skip(what) {
    this.skipped += 1;
    console.log(`skipped: ${what}`);
  }

  end() {
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
    return this.failed > 0 ? 1 : 0;
  }
}

const inOneLine = (what) =>
  (typeof what === 'string' ? what : JSON.stringify(what))
    // eslint-disable-next-line no-control-regex
    .replace(/\u001b\[\d+m/g, '')
    .replace(/\s+/g, ' ')
    .slice(0, 700);
