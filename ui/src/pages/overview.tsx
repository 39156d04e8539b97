// All servers at a glance: what runs, what does not, and what that costs.
import { useComputed, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { beat, hasServers, link, news, servers, status, tick, total, traces, Traces, type News } from '../live';
import { Link } from '../parts/link';
import { Orders } from '../parts/orders';
import { Spark } from '../parts/spark';
import { Waiting } from '../parts/load';
import { Empty, Lasting, OutcomeWord, Panel, Plain, StateWord, Time } from '../parts/words';
import { serverAddress } from '../route';
import { brief, bytes, count, firstLine, percent, rate, span, withoutColours } from '../text';
import type { ServerState, ServerStatus } from '../types';

/** Cards that are drawn at once; more are a button away. */
const CARDS_MAX = 120;

/** What needs an operator first. */
const RANK: Record<ServerState, number> = {
  crashed: 0, refused: 1, quarantined: 2, backoff: 3, degraded: 4, starting: 5, stopping: 6, ready: 7, dormant: 8, stopped: 9,
};

const TROUBLE: ReadonlySet<ServerState> = new Set(['crashed', 'refused', 'quarantined', 'backoff', 'degraded']);

type Group = 'all' | 'trouble' | 'running' | 'resting';
type SortBy = 'state' | 'name' | 'cpu' | 'memory' | 'calls';

const inGroup = (one: ServerStatus, group: Group): boolean => {
  const runs = ['ready', 'degraded', 'starting', 'stopping'].includes(one.state);
  switch (group) {
    case 'all':
      return true;
    case 'trouble':
      return TROUBLE.has(one.state) || one.warnings.length > 0;
    case 'running':
      return runs;
    case 'resting':
      return one.state === 'dormant' || one.state === 'stopped';
  }
};

const ORDER: Record<SortBy, (a: ServerStatus, b: ServerStatus) => number> = {
  state: (a, b) => RANK[a.state] - RANK[b.state],
  name: () => 0,
  cpu: (a, b) => (b.cpu_percent ?? -1) - (a.cpu_percent ?? -1),
  memory: (a, b) => (b.memory_bytes ?? -1) - (a.memory_bytes ?? -1),
  calls: (a, b) => b.calls - a.calls,
};

export function Overview() {
  const words = useSignal('');
  const group = useSignal<Group>('all');
  const sortBy = useSignal<SortBy>('state');
  const isWhole = useSignal(false);
  const shown = useComputed(() => {
    const wanted = words.value.trim().toLowerCase();
    return [...servers.value.values()]
      .filter((one) => inGroup(one, group.value))
      .filter((one) => wanted === '' || `${one.server} ${one.about ?? ''} ${one.groups.join(' ')} ${one.state}`.toLowerCase().includes(wanted))
      .sort((a, b) => ORDER[sortBy.value](a, b) || a.server.localeCompare(b.server));
  });
  const all = [...servers.value.values()];
  const cards = isWhole.value ? shown.value : shown.value.slice(0, CARDS_MAX);
  const counts: Record<Group, number> = { all: 0, trouble: 0, running: 0, resting: 0 };
  for (const one of all) for (const name of Object.keys(counts) as Group[]) if (inGroup(one, name)) counts[name] += 1;

  return (
    <>
      <h1 tabIndex={-1} class="sr">
        Overview
      </h1>
      <Totals all={all} />
      <div class="with-aside">
        <section aria-labelledby="servers-title">
          <div class="bar">
            <h2 id="servers-title">Servers</h2>
            <div class="switch" role="group" aria-label="Which servers are shown">
              {(Object.keys(counts) as Group[]).map((name) => (
                <button type="button" key={name} aria-pressed={group.value === name} onClick={() => (group.value = name)}>
                  {name} <span class="number">{counts[name]}</span>
                </button>
              ))}
            </div>
            <span class="grow" />
            <label class="inline-field">
              <span class="sr">Find servers</span>
              <input type="search" placeholder="Find servers" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
            </label>
            <label class="inline-field">
              <span>Sort by</span>
              <select value={sortBy.value} onChange={(event) => (sortBy.value = event.currentTarget.value as SortBy)}>
                <option value="state">need</option>
                <option value="name">name</option>
                <option value="cpu">CPU</option>
                <option value="memory">memory</option>
                <option value="calls">calls</option>
              </select>
            </label>
          </div>
          {!hasServers.value ? (
            <Waiting what="the servers" />
          ) : all.length === 0 ? (
            <Empty>There are no servers yet. Add some to the registry, and they appear here.</Empty>
          ) : cards.length === 0 ? (
            <Empty>No server is like that.</Empty>
          ) : (
            <ul class="cards">
              {cards.map((one) => (
                <Card key={one.server} server={one} />
              ))}
            </ul>
          )}
          {shown.value.length > cards.length && (
            <p class="row center">
              <button type="button" onClick={() => (isWhole.value = true)}>{`Show ${count(shown.value.length - cards.length)} more`}</button>
            </p>
          )}
        </section>
        <NewsPanel />
      </div>
    </>
  );
}

function Tile({ name, value, about, tone, children }: { name: string; value: string; about?: ComponentChildren; tone?: 'bad' | undefined; children?: ComponentChildren }) {
  return (
    <div class={tone === undefined ? 'tile' : `tile tile-${tone}`}>
      <dt>{name}</dt>
      <dd>
        <span class="tile-value">{value}</span>
        {about !== undefined && <span class="tile-about">{about}</span>}
        {children}
      </dd>
    </div>
  );
}

function Totals({ all }: { all: ServerStatus[] }) {
  // Read, so that the tiles follow the traces.
  void beat.value;
  const now = tick.value;
  const known = status.value;
  const running = all.filter((one) => one.state === 'ready' || one.state === 'degraded').length;
  const bad = all.filter((one) => inGroup(one, 'trouble')).length;
  const memory = total.memory.last();
  return (
    <dl class="tiles" aria-label="Totals">
      <Tile name="Servers running" value={hasServers.value ? `${running} of ${all.length}` : '–'} about={bad === 0 ? 'none in trouble' : `${bad} in trouble`} tone={bad > 0 ? 'bad' : undefined} />
      <Tile name="Calls" value={rate(now?.calls_per_s ?? known?.calls.per_s)} about={known === null ? '' : `${brief(known.calls.total)} so far`}>
        <Spark values={total.calls.values()} label="Calls per second" format={rate} tone="calls" least={1} />
      </Tile>
      <Tile name="Errors" value={rate(now?.errors_per_s)} about={known === null ? '' : `${brief(known.calls.errors)} so far`} tone={(now?.errors_per_s ?? 0) > 0 ? 'bad' : undefined}>
        <Spark values={total.errors.values()} label="Errors per second" format={rate} tone="errors" least={1} />
      </Tile>
      <Tile name="CPU of servers" value={percent(total.cpu.last())} about="of one core">
        <Spark values={total.cpu.values()} label="CPU of all servers" format={percent} tone="cpu" least={10} />
      </Tile>
      <Tile name="Memory of servers" value={bytes(memory)} about={known?.memory_bytes == null ? '' : `mcporch itself ${bytes(known.memory_bytes)}`}>
        <Spark values={total.memory.values()} label="Memory of all servers" format={bytes} tone="memory" least={1e6} />
      </Tile>
      <Tile name="In flight" value={count(now?.in_flight ?? known?.calls.in_flight ?? 0)} about={known === null ? '' : `${count(known.tools)} tools, ${count(known.clients)} clients`} />
      <Tile name="Up for" value={known === null ? '–' : span(known.uptime_s)} about={known === null ? '' : `version ${known.version}, process ${known.pid}`} />
    </dl>
  );
}

function Card({ server }: { server: ServerStatus }) {
  void beat.value;
  const mine = traces.get(server.server) ?? EMPTY;
  const isStale = link.value.kind !== 'live';
  return (
    <li class={`card card-${server.state}${isStale ? ' stale' : ''}`}>
      <div class="card-head">
        <h3>
          <Link to={serverAddress(server.server)}>
            <Plain text={server.server} />
          </Link>
        </h3>
        <StateWord state={server.state} />
      </div>
      <p class="card-about">{server.about === undefined || server.about === '' ? <span class="quiet">{toolsOf(server)}</span> : <Plain text={firstLine(server.about)} />}</p>
      <div class="card-numbers">
        <div>
          <span class="quiet">CPU</span>
          <b>{percent(server.cpu_percent)}</b>
          <Spark values={mine.cpu.values()} label={`CPU of ${server.server}`} format={percent} tone="cpu" least={5} />
        </div>
        <div>
          <span class="quiet">Memory</span>
          <b>{bytes(server.memory_bytes)}</b>
          <Spark values={mine.memory.values()} label={`Memory of ${server.server}`} format={bytes} tone="memory" least={1e6} />
        </div>
      </div>
      <p class="card-facts">
        <span>
          <b>{rate(lastOf(mine))}</b> calls
        </span>
        <span title={`${count(server.calls)} calls, ${count(server.errors)} errors`} class={server.errors > 0 ? 'has-errors' : ''}>
          <b>{brief(server.errors)}</b> {server.errors === 1 ? 'error' : 'errors'} of <b>{brief(server.calls)}</b>
        </span>
        {server.in_flight > 0 && (
          <span>
            <b>{count(server.in_flight)}</b> in flight
          </span>
        )}
        {server.restarts > 0 && (
          <span>
            <b>{count(server.restarts)}</b> {server.restarts === 1 ? 'restart' : 'restarts'}
          </span>
        )}
        <span>
          <Lasting since={server.since * 1000} />
        </span>
      </p>
      {server.fault !== null && server.fault !== undefined && server.fault !== '' && (
        <p class="card-fault" title="why it is as it is">
          <Plain text={withoutColours(server.fault)} />
        </p>
      )}
      {server.warnings.map((warning) => (
        <p class="card-fault warn">
          <Plain text={warning} />
        </p>
      ))}
      <Orders server={server} />
    </li>
  );
}

const EMPTY = new Traces();
const lastOf = (mine: Traces): number => {
  const last = mine.calls.last();
  return Number.isFinite(last) ? last : 0;
};
const toolsOf = (server: ServerStatus): string => {
  const tools = Array.isArray(server.tools) ? server.tools.length : server.tools;
  return tools === undefined ? '' : `${count(tools)} ${tools === 1 ? 'tool' : 'tools'}`;
};

/** What happened lately. */
function NewsPanel() {
  const all: readonly News[] = news.value;
  return (
    <aside class="aside">
      <Panel title="What happened" id="news-title">
        {all.length === 0 ? (
          <Empty>Changes of state and failed calls appear here while this page is open.</Empty>
        ) : (
          <ol class="news">
            {all.map((one) => (
              <li key={one.id}>
                <div class="news-head">
                  {one.server === '' ? (
                    <Plain text={one.text} />
                  ) : (
                    <Link to={serverAddress(one.server)}>
                      <Plain text={one.server} />
                    </Link>
                  )}
                  {one.kind === 'state' && one.state !== undefined ? <StateWord state={one.state} /> : <OutcomeWord outcome={one.call?.outcome ?? 'failed'} />}
                </div>
                <div class="news-tail">
                  {one.kind === 'call' && one.call !== undefined ? (
                    <Link to={`/calls?call=${encodeURIComponent(one.call.id)}`}>
                      <Plain text={one.text} />
                    </Link>
                  ) : (
                    <span class="clip">
                      <Plain text={one.text} />
                    </span>
                  )}
                  <Time ms={one.at} />
                </div>
              </li>
            ))}
          </ol>
        )}
      </Panel>
    </aside>
  );
}
