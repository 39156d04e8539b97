// What is known of the servers right now, fed by one stream of events for the whole page. Everything here has an end.
import { batch, effect, signal } from '@preact/signals';
import { look } from './api';
import { openStream, type Link, type Stream } from './stream';
import type { AuditEntry, CallLine, History, ServerState, ServerStatus, Status, Tick } from './types';

/** Seconds that sparklines show. */
export const TRACE_LEN = 120;
/** Servers that have sparklines from the history at the start: of more the answer is megabytes. */
const SEEDED_MAX = 80;
/** News that is kept. */
const NEWS_MAX = 60;
/** Calls that are kept between two looks; a page that shows calls reads them four times a second. */
const PENDING_MAX = 1_000;
const FLUSH_MS = 250;
/** The totals that no event carries. */
const STATUS_MS = 10_000;

/** The last values of one number, oldest first; `NaN` where there was none. */
export class Trace {
  private readonly ring = new Float64Array(TRACE_LEN).fill(Number.NaN);
  private next = 0;

  push(value: number | null | undefined): void {
    this.ring[this.next] = value ?? Number.NaN;
    this.next = (this.next + 1) % TRACE_LEN;
  }

  values(): number[] {
    return [...this.ring.subarray(this.next), ...this.ring.subarray(0, this.next)];
  }

  last(): number {
    return this.ring[(this.next + TRACE_LEN - 1) % TRACE_LEN] ?? Number.NaN;
  }
}

/** The traces of one server, or of all. */
export class Traces {
  readonly cpu = new Trace();
  readonly memory = new Trace();
  readonly calls = new Trace();
  readonly errors = new Trace();
}

/** Something an operator would have looked up for. */
export interface News {
  id: number;
  at: number;
  kind: 'state' | 'call';
  server: string;
  state?: ServerState;
  text: string;
  call?: CallLine;
}

type Topics = { call: CallLine[]; audit: AuditEntry; tick: Tick; catalog: { generation: number; tools: number } };

export const link = signal<Link>({ kind: 'connecting' });
export const servers = signal<ReadonlyMap<string, ServerStatus>>(new Map());
/** Whether `servers` was ever filled: before that nothing is known, which is not the same as none. */
export const hasServers = signal(false);
export const status = signal<Status | null>(null);
export const tick = signal<Tick | null>(null);
export const news = signal<readonly News[]>([]);
export const isHidden = signal(document.hidden);
/** Rises when something of the traces changed. */
export const beat = signal(0);
/** For relative times; every few seconds is often enough. */
export const now = signal(Date.now());

export const traces = new Map<string, Traces>();
export const total = new Traces();

const listeners: { [T in keyof Topics]: Set<(data: Topics[T]) => void> } = {
  call: new Set(),
  audit: new Set(),
  tick: new Set(),
  catalog: new Set(),
};

/** Calls `listener` for each event of the topic until what it returns is called. */
export function listen<T extends keyof Topics>(topic: T, listener: (data: Topics[T]) => void): () => void {
  listeners[topic].add(listener);
  return () => void listeners[topic].delete(listener);
}

function tell<T extends keyof Topics>(topic: T, data: Topics[T]): void {
  for (const listener of listeners[topic]) listener(data);
}

let stream: Stream | null = null;
let clocks: ReturnType<typeof setInterval>[] = [];
let newsCount = 0;
const counted = new Map<string, { calls: number; errors: number }>();

/** Starts to follow; once for the page, again after a key was given. */
export function follow(): void {
  unfollow();
  // No topic is named: then it is all that the key may hear of.
  stream = openStream('/api/v1/events', onEvent);
  const mine = stream;
  let wasLost = false;
  const endLink = effect(() => {
    const state = mine.link.value;
    link.value = state;
    // What came while it was lost is asked for: events tell what happens, not what is.
    if (state.kind === 'live' && wasLost) void catchUp();
    wasLost = state.kind === 'lost' || state.kind === 'paused' || (wasLost && state.kind === 'connecting');
  });
  ends.push(endLink);
  // A page with old news is better than none, should the stream be long in coming.
  void catchUp();
  clocks = [
    setInterval(() => {
      if (!document.hidden) now.value = Date.now();
    }, 5_000),
    setInterval(() => {
      if (!document.hidden) void readStatus();
    }, STATUS_MS),
  ];
  const onVisibility = () => {
    isHidden.value = document.hidden;
    now.value = Date.now();
  };
  document.addEventListener('visibilitychange', onVisibility);
  ends.push(() => document.removeEventListener('visibilitychange', onVisibility));
}

const ends: (() => void)[] = [];

function unfollow(): void {
  stream?.close();
  stream = null;
  for (const one of clocks) clearInterval(one);
  for (const end of ends.splice(0)) end();
}

async function catchUp(): Promise<void> {
  await Promise.allSettled([readStatus(), readServers(), seed()]);
}

/** Events were left out, since somebody is slow already: what is gets asked for once in a while, and no history with it. */
const LOST_MS = 5_000;
let catching: ReturnType<typeof setTimeout> | undefined;

function catchUpSoon(): void {
  catching ??= setTimeout(() => {
    catching = undefined;
    void readStatus();
    void readServers();
  }, LOST_MS);
}

async function readStatus(): Promise<void> {
  try {
    status.value = await look<Status>('/status');
  } catch {
    // The stream says when the gateway is gone; old totals are better than none.
  }
}

/** The list with what events do not carry: what servers are for and how many tools they have. */
export async function readServers(): Promise<void> {
  try {
    const answer = await look<{ servers: ServerStatus[] }>('/servers');
    takeAll(answer.servers);
  } catch {
    // As above.
  }
}

/** Fills the sparklines with what was before this page. */
async function seed(): Promise<void> {
  const history = await look<History>('/history?range=10m');
  const names = Object.keys(history.series);
  if (names.length > SEEDED_MAX) return;
  for (const name of names) {
    const series = history.series[name] ?? {};
    const one = new Traces();
    const put = (trace: Trace, values: (number | null)[] = [], each = 1) => {
      // The running second has no figures yet; the next tick brings them.
      const over = values.at(-1) === null ? values.slice(0, -1) : values;
      for (const value of over.slice(-TRACE_LEN)) trace.push(value === null ? null : value / each);
    };
    put(one.cpu, series.cpu_percent);
    put(one.memory, series.memory_bytes);
    put(one.calls, series.calls, history.step_s);
    put(one.errors, series.errors, history.step_s);
    if (name === '*') Object.assign(total, one);
    else traces.set(name, one);
  }
  beat.value += 1;
}

function onEvent(name: string, data: unknown): void {
  switch (name) {
    case 'tick':
      return takeTick(data as Tick);
    case 'servers': {
      const list = Array.isArray(data) ? data : (data as { servers?: unknown }).servers;
      return Array.isArray(list) ? takeAll(list as ServerStatus[]) : undefined;
    }
    case 'server':
      return takeOne(data as ServerStatus);
    case 'call':
      return takeCall(data as CallLine);
    case 'audit':
      return tell('audit', data as AuditEntry);
    case 'catalog':
      void readServers();
      return tell('catalog', data as Topics['catalog']);
    case 'lost':
      return catchUpSoon();
    default:
      return undefined;
  }
}

/** What is known of a server, with what was known that the news does not tell. */
function merged(old: ServerStatus | undefined, fresh: ServerStatus): ServerStatus {
  return old === undefined ? fresh : { ...old, ...fresh };
}

function takeAll(list: ServerStatus[]): void {
  const before = servers.peek();
  const isFirst = !hasServers.peek();
  const next = new Map<string, ServerStatus>();
  for (const one of list) {
    const old = before.get(one.server);
    if (!isFirst && old !== undefined && old.state !== one.state) noteState(one);
    next.set(one.server, merged(old, one));
  }
  for (const name of traces.keys()) if (!next.has(name)) traces.delete(name);
  for (const name of counted.keys()) if (!next.has(name)) counted.delete(name);
  batch(() => {
    servers.value = next;
    hasServers.value = true;
  });
}

/** One server changed, or an order was carried out. */
export function takeOne(fresh: ServerStatus): void {
  const old = servers.peek().get(fresh.server);
  const next = new Map(servers.peek());
  next.set(fresh.server, merged(old, fresh));
  if (old?.state !== fresh.state) noteState(fresh);
  servers.value = next;
}

/** States that pass within moments are no news. */
const PASSING: ReadonlySet<ServerState> = new Set(['starting', 'stopping']);

function noteState(fresh: ServerStatus): void {
  if (PASSING.has(fresh.state)) return;
  note({ at: Date.now(), kind: 'state', server: fresh.server, state: fresh.state, text: fresh.fault ?? '' });
}

function note(one: Omit<News, 'id'>): void {
  newsCount += 1;
  news.value = [{ ...one, id: newsCount }, ...news.peek()].slice(0, NEWS_MAX);
}

function takeTick(data: Tick): void {
  const before = servers.peek();
  const next = new Map(before);
  const sum = { cpu: 0, memory: 0 };
  for (const [name, one] of Object.entries(data.servers)) {
    const old = before.get(name);
    if (old !== undefined) next.set(name, { ...old, ...one });
    if (old !== undefined && old.state !== one.state) noteState({ ...old, ...one });
    let mine = traces.get(name);
    if (mine === undefined) {
      mine = new Traces();
      traces.set(name, mine);
    }
    const last = counted.get(name) ?? one;
    counted.set(name, { calls: one.calls, errors: one.errors });
    mine.cpu.push(one.cpu_percent);
    mine.memory.push(one.memory_bytes);
    // The counts begin anew when mcporch does.
    mine.calls.push(Math.max(0, one.calls - last.calls));
    mine.errors.push(Math.max(0, one.errors - last.errors));
    sum.cpu += one.cpu_percent ?? 0;
    sum.memory += one.memory_bytes ?? 0;
  }
  total.cpu.push(sum.cpu);
  total.memory.push(sum.memory);
  total.calls.push(data.calls_per_s);
  total.errors.push(data.errors_per_s);
  batch(() => {
    servers.value = next;
    tick.value = data;
    beat.value += 1;
  });
  tell('tick', data);
}

let pending: CallLine[] = [];
let flush: ReturnType<typeof setTimeout> | undefined;

/** Outcomes in which something went wrong; whoever asks for a choice or gives up has no fault. */
const FAULTY: ReadonlySet<string> = new Set(['failed', 'tool_error', 'refused', 'denied', 'error']);

export const isFailure = (outcome: string): boolean => FAULTY.has(outcome);

function takeCall(one: CallLine): void {
  pending.push(one);
  if (pending.length > PENDING_MAX) pending = pending.slice(-PENDING_MAX / 2);
  flush ??= setTimeout(() => {
    const calls = pending;
    pending = [];
    flush = undefined;
    batch(() => {
      for (const call of calls.filter((call) => isFailure(call.outcome)).slice(-NEWS_MAX)) {
        note({ at: call.at, kind: 'call', server: call.server ?? '', text: call.tool ?? call.verb, call });
      }
      tell('call', calls);
    });
  }, FLUSH_MS);
}
