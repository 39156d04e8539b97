// Calls as they come, how long they took, and what was in them without what is nobody's business.
import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { look, part, query } from '../api';
import { listen, servers } from '../live';
import { Dialog, sayProblem } from '../parts/dialog';
import { Link } from '../parts/link';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Code, Empty, OutcomeWord, Panel, Plain, quiet, Time } from '../parts/words';
import { keepInAddress, place, serverAddress } from '../route';
import { clock, count, milliseconds, moment, pretty, share, words } from '../text';
import type { CallDetail, CallLine, Latency } from '../types';

/** Rows that are kept; older ones are a button away. */
const ROWS_MAX = 1_000;
const LIVE_ROWS_MAX = 200;
const PAGE = 100;
const LATENCY_MS = 5_000;

type Filter = Record<'server' | 'tool' | 'outcome' | 'verb', string>;

const OUTCOMES = ['done', 'tool_error', 'failed', 'needs_choice', 'needs_params', 'needs_confirmation', 'needs_steps', 'no_match', 'dry_run', 'refused', 'cancelled'];
const VERBS = ['execute', 'call', 'find', 'forward', 'relay'];

const fits = (call: CallLine, filter: Filter): boolean =>
  (['server', 'tool', 'outcome', 'verb'] as const).every((name) => filter[name] === '' || (call[name] ?? '') === filter[name]);

export function Calls() {
  return (
    <>
      <h1 tabIndex={-1}>Calls</h1>
      <CallsTable fixed={{}} />
    </>
  );
}

/** The list with its filters; `fixed` ones are not offered. */
export function CallsTable({ fixed }: { fixed: Partial<Filter> }) {
  const filter = useSignal<Filter>({ server: '', tool: '', outcome: '', verb: '', ...fromAddress(), ...fixed });
  const [rows, setRows] = useState<CallLine[]>([]);
  const [older, setOlder] = useState<string | undefined>(undefined);
  const [isPaused, setPaused] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [missed, setMissed] = useState(0);
  const [open, setOpen] = useState<string | null>(() => place.peek().query.get('call'));
  const paused = useRef(false);
  const wanted = filter.value;
  const about = JSON.stringify(wanted);
  const loaded = useLoad(`calls ${about}`, (signal) => look<{ calls: CallLine[]; next_cursor?: string }>(`/calls${query({ ...wanted, limit: PAGE })}`, signal));

  useEffect(() => {
    if (Object.keys(fixed).length === 0) keepInAddress({ ...wanted, call: open ?? '' });
  }, [about, open]);

  useEffect(() => {
    if (loaded.data === undefined) return;
    setRows(loaded.data.calls);
    setOlder(loaded.data.next_cursor);
    setMissed(0);
  }, [loaded.data]);

  useEffect(() => {
    if (loaded.data === undefined) return undefined;
    return listen('call', (calls) => {
      const fresh = calls.filter((call) => fits(call, wanted));
      if (fresh.length === 0) return;
      if (paused.current) {
        setMissed((old) => old + fresh.length);
        return;
      }
      setRows((old) => {
        const known = new Set(old.slice(0, ROWS_MAX).map((call) => call.id));
        const isNew = fresh.filter((call) => !known.has(call.id)).reverse();
        const next = [...isNew, ...old];
        // Whoever read on into the past keeps it; a list that only grows at its head ends early.
        return next.slice(0, old.length > LIVE_ROWS_MAX + PAGE ? ROWS_MAX : Math.max(LIVE_ROWS_MAX, old.length));
      });
    });
  }, [loaded.data, about]);

  const set = (name: keyof Filter) => (event: { currentTarget: { value: string } }) => {
    filter.value = { ...filter.value, [name]: event.currentTarget.value };
  };
  const readOlder = async () => {
    setBusy(true);
    try {
      const page = await look<{ calls: CallLine[]; next_cursor?: string }>(`/calls${query({ ...wanted, limit: PAGE, cursor: older })}`);
      setRows((old) => {
        const known = new Set(old.map((call) => call.id));
        return [...old, ...page.calls.filter((call) => !known.has(call.id))].slice(0, ROWS_MAX);
      });
      setOlder(page.next_cursor);
    } catch (error) {
      sayProblem('older calls cannot be read', error);
    }
    setBusy(false);
  };

  return (
    <>
      <div class="bar filters">
        {fixed.server === undefined && (
          <label class="inline-field">
            <span>Server</span>
            <select value={wanted.server} onChange={set('server')}>
              <option value="">all</option>
              {[...new Set([...servers.value.keys(), ...(wanted.server === '' ? [] : [wanted.server])])].sort().map((name) => (
                <option key={name} value={name}>
                  {quiet(name)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="inline-field">
          <span>Tool</span>
          <input type="search" placeholder="any" value={wanted.tool} onChange={set('tool')} />
        </label>
        <label class="inline-field">
          <span>Outcome</span>
          <select value={wanted.outcome} onChange={set('outcome')}>
            <option value="">all</option>
            {OUTCOMES.map((one) => (
              <option key={one} value={one}>
                {words(one)}
              </option>
            ))}
          </select>
        </label>
        <label class="inline-field">
          <span>Verb</span>
          <select value={wanted.verb} onChange={set('verb')}>
            <option value="">all</option>
            {VERBS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <span class="grow" />
        <button
          type="button"
          aria-pressed={isPaused}
          onClick={() => {
            paused.current = !isPaused;
            setPaused(!isPaused);
            if (isPaused && missed > 0) loaded.again();
          }}
        >
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      </div>
      <LatencyPanel server={wanted.server} tool={wanted.tool} />
      <Panel title="Latest calls" id="calls-title" side={<span class="quiet" role="status">{isPaused ? `paused, ${count(missed)} new` : `${count(rows.length)} shown`}</span>}>
        {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
        {loaded.data === undefined ? (
          loaded.problem === undefined ? <Waiting what="the calls" /> : null
        ) : rows.length === 0 ? (
          <Empty>No call is like that, or none was made yet.</Empty>
        ) : (
          <div class="scroll" tabIndex={0} role="group" aria-labelledby="calls-title">
            <table class="calls wide">
              <thead>
                <tr>
                  <th scope="col">Ended</th>
                  <th scope="col">What</th>
                  <th scope="col">Outcome</th>
                  <th scope="col" class="num">Took</th>
                  <th scope="col" class="num">Sure</th>
                  <th scope="col">Who</th>
                  <th scope="col">Through</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((call) => (
                  <Row key={call.id} call={call} open={setOpen} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        {older !== undefined && rows.length < ROWS_MAX && (
          <p class="row center">
            <button type="button" disabled={isBusy} onClick={() => void readOlder()}>
              {isBusy ? 'Reading …' : 'Older calls'}
            </button>
          </p>
        )}
      </Panel>
      {open !== null && <CallDrawer id={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function fromAddress(): Partial<Filter> {
  const given: Partial<Filter> = {};
  for (const name of ['server', 'tool', 'outcome', 'verb'] as const) {
    const value = place.peek().query.get(name);
    if (value !== null) given[name] = value;
  }
  return given;
}

function Row({ call, open }: { call: CallLine; open: (id: string) => void }) {
  const what = call.tool === undefined || call.tool === null ? call.verb : call.server ? `${call.server}.${bare(call)}` : call.tool;
  return (
    <tr onClick={() => open(call.id)} class="clickable">
      <td title={moment(call.at)}>
        <span class="mono">{clock(call.at, true)}</span>
      </td>
      <td>
        <button
          type="button"
          class="as-link"
          onClick={(event) => {
            event.stopPropagation();
            open(call.id);
          }}
        >
          <Plain text={what} />
        </button>{' '}
        {what !== call.verb && <span class="quiet">{call.verb}</span>}
      </td>
      <td>
        <OutcomeWord outcome={call.outcome} />
      </td>
      <td class="num">{milliseconds(call.duration_ms)}</td>
      <td class="num">{call.confidence === null || call.confidence === undefined ? '–' : share(call.confidence)}</td>
      <td>
        <Plain text={call.who} />
      </td>
      <td>
        <Plain text={call.surface} />
        {call.attempts !== null && call.attempts !== undefined && call.attempts > 1 && <span class="quiet">{`, ${call.attempts} attempts`}</span>}
      </td>
    </tr>
  );
}

/** The tool without its server's name before it. */
const bare = (call: CallLine): string => {
  const tool = call.tool ?? '';
  return call.server && tool.startsWith(`${call.server}.`) ? tool.slice(call.server.length + 1) : tool;
};

function CallDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const loaded = useLoad(`call ${id}`, (signal) => look<CallDetail>(`/calls/${part(id)}`, signal));
  const call = loaded.data;
  return (
    <Dialog isDrawer onClose={onClose} title={<>Call <Plain text={id} /></>}>
      {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
      {call === undefined ? (
        loaded.problem === undefined ? <Waiting what="the call" /> : null
      ) : (
        <>
          <dl class="pairs">
            <dt>Outcome</dt>
            <dd>
              <OutcomeWord outcome={call.outcome} />
            </dd>
            <dt>Ended</dt>
            <dd>
              {moment(call.at)} (<Time ms={call.at} />)
            </dd>
            <dt>Took</dt>
            <dd>{milliseconds(call.duration_ms)}</dd>
            <dt>Verb</dt>
            <dd>{call.verb}</dd>
            {call.server !== undefined && call.server !== null && call.server !== '' && (
              <>
                <dt>Server</dt>
                <dd>
                  <Link to={serverAddress(call.server)}>
                    <Plain text={call.server} />
                  </Link>
                </dd>
              </>
            )}
            {call.tool !== undefined && call.tool !== null && (
              <>
                <dt>Tool</dt>
                <dd>
                  <Plain text={bare(call)} />
                </dd>
              </>
            )}
            {call.confidence !== undefined && call.confidence !== null && (
              <>
                <dt>Sure</dt>
                <dd>{share(call.confidence)}</dd>
              </>
            )}
            {call.attempts !== undefined && call.attempts !== null && (
              <>
                <dt>Attempts</dt>
                <dd>{call.attempts}</dd>
              </>
            )}
            {call.decision !== undefined && (
              <>
                <dt>Decision</dt>
                <dd>
                  <Plain text={words(call.decision)} />
                </dd>
              </>
            )}
            <dt>Who</dt>
            <dd>
              <Plain text={call.who} />
            </dd>
            <dt>Through</dt>
            <dd>
              <Plain text={call.surface} />
            </dd>
          </dl>
          {call.request !== undefined && call.request !== null && (
            <>
              <h3>Request</h3>
              <Code label="Request in words" text={call.request} />
              <p>
                <Link to={`/routes?request=${encodeURIComponent(call.request)}`}>Look at it in the route inspector</Link>
              </p>
            </>
          )}
          {call.error !== undefined && call.error !== null && (
            <>
              <h3>Error</h3>
              <Code label="Error" text={typeof call.error === 'string' ? call.error : pretty(call.error)} />
            </>
          )}
          <h3>Parameters</h3>
          {call.params === null || call.params === undefined ? (
            <Empty>None were kept.</Empty>
          ) : (
            <>
              <Code label="Parameters, secrets taken out" text={laidOut(call.params)} />
              <p class="quiet">What looks like a secret was taken out.{call.params_truncated === true ? ' The rest is too long to be kept.' : ''}</p>
            </>
          )}
          {call.candidates !== undefined && call.candidates !== null && (
            <>
              <h3>Candidates</h3>
              <Code label="Candidates" text={pretty(call.candidates)} />
            </>
          )}
        </>
      )}
    </Dialog>
  );
}

function laidOut(params: unknown): string {
  if (typeof params !== 'string') return pretty(params);
  try {
    return pretty(JSON.parse(params));
  } catch {
    return params;
  }
}

/** How long calls took: a bar for each range, and the figures that matter. */
function LatencyPanel({ server, tool }: { server: string; tool: string }) {
  const loaded = useLoad(`latency ${server} ${tool}`, (signal) => look<Latency>(`/calls/latency${query({ server, tool })}`, signal), LATENCY_MS);
  const latency = loaded.data;
  return (
    <Panel
      title="How long they took"
      id="latency-title"
      side={
        latency === undefined ? null : (
          <span class="figures">
            <span title="half of all calls were faster">
              p50 <b>{milliseconds(latency.p50_ms)}</b>
            </span>
            <span title="nine of ten calls were faster">
              p90 <b>{milliseconds(latency.p90_ms)}</b>
            </span>
            <span title="99 of 100 calls were faster">
              p99 <b>{milliseconds(latency.p99_ms)}</b>
            </span>
          </span>
        )
      }
    >
      {loaded.problem !== undefined ? <ProblemBox problem={loaded.problem} again={loaded.again} /> : latency === undefined ? <Waiting what="the latencies" /> : <Histogram latency={latency} />}
    </Panel>
  );
}

function Histogram({ latency }: { latency: Latency }) {
  const most = Math.max(1, ...latency.counts);
  const all = latency.counts.reduce((sum, value) => sum + value, 0);
  const name = (place: number) => {
    const bound = latency.bounds_ms[place];
    return bound === undefined ? `> ${short(latency.bounds_ms.at(-1) ?? 0)}` : `≤ ${short(bound)}`;
  };
  return (
    <div class="histogram-box" role="img" aria-label={`${count(all)} calls. ${latency.counts.map((value, place) => (value === 0 ? '' : `${name(place)}: ${count(value)}. `)).join('')}`}>
      <ol class="histogram" aria-hidden="true">
        {latency.counts.map((value, place) => (
          <li key={place} title={`${name(place)}: ${count(value)}`}>
            <span class="histogram-count">{value === 0 ? '' : count(value)}</span>
            <span class="histogram-bar" style={{ height: `${((value / most) * 64).toFixed(1)}px` }} />
            <span class="histogram-name">{latency.bounds_ms[place] === undefined ? 'more' : short(latency.bounds_ms[place])}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const short = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);
