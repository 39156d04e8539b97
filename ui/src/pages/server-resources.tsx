// What a server uses, now, in the last minutes and in the last days, and the story of its starts.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { look, part, query } from '../api';
import { listen } from '../live';
import { Chart } from '../parts/chart';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Empty, Panel, Plain, StateWord, Time } from '../parts/words';
import { bytes, count, percent, rate, span, withoutColours } from '../text';
import type { History, LogLine, ServerStatus } from '../types';

type Range = '10m' | '7d';
const VALUES_MAX = 600;
/** The long history has a value for each minute. */
const LONG_MS = 60_000;
const STORY_LINES = 40;

interface Past {
  xs: number[];
  cpu: (number | null)[];
  memory: (number | null)[];
  calls: (number | null)[];
  errors: (number | null)[];
  inFlight: (number | null)[];
}

function past(history: History | undefined, server: string): Past {
  const series = history?.series[server] ?? {};
  const step = history?.step_s ?? 1;
  const from = history?.from ?? 0;
  const length = Math.max(0, ...Object.values(series).map((values) => values?.length ?? 0));
  const take = (values: (number | null)[] | undefined, each = 1) => Array.from({ length }, (_none, place) => {
    const value = values?.[place];
    return value === undefined || value === null ? null : value / each;
  });
  return {
    xs: Array.from({ length }, (_none, place) => from + place * step),
    cpu: take(series.cpu_percent),
    memory: take(series.memory_bytes),
    calls: take(series.calls, step),
    errors: take(series.errors, step),
    inFlight: take(series.in_flight),
  };
}

export function Resources({ server }: { server: ServerStatus }) {
  const range = useSignal<Range>('10m');
  const name = server.server;
  const loaded = useLoad(
    `history ${range.value} ${name}`,
    (signal) => look<History>(`/history${query({ range: range.value, server: name })}`, signal),
    range.value === '7d' ? LONG_MS : undefined,
  );
  const [graph, setGraph] = useState<Past | null>(null);
  const asked = useMemo(() => (loaded.data === undefined ? null : past(loaded.data, name)), [loaded.data, name]);

  useEffect(() => setGraph(asked), [asked]);
  // The short history goes on by itself; what it had before is asked for once.
  useEffect(() => {
    if (range.value !== '10m' || asked === null) return undefined;
    let counted: { calls: number; errors: number } | undefined;
    return listen('tick', (tick) => {
      const one = tick.servers[name];
      if (one === undefined) return;
      const last = counted ?? one;
      counted = { calls: one.calls, errors: one.errors };
      setGraph((old) => {
        if (old === null || Math.floor(tick.at / 1000) <= (old.xs.at(-1) ?? 0)) return old;
        const add = <T,>(values: T[], value: T) => [...values.slice(values.length >= VALUES_MAX ? 1 : 0), value];
        return {
          xs: add(old.xs, Math.floor(tick.at / 1000)),
          cpu: add(old.cpu, one.cpu_percent),
          memory: add(old.memory, one.memory_bytes),
          calls: add(old.calls, Math.max(0, one.calls - last.calls)),
          errors: add(old.errors, Math.max(0, one.errors - last.errors)),
          inFlight: add(old.inFlight, one.in_flight),
        };
      });
    });
  }, [asked, name, range.value]);

  return (
    <>
      <dl class="facts">
        <Fact name="CPU" value={percent(server.cpu_percent)} about="of one core" />
        <Fact name="Memory" value={bytes(server.memory_bytes)} />
        <Fact name="Calls" value={count(server.calls)} />
        <Fact name="Errors" value={count(server.errors)} />
        <Fact name="In flight" value={count(server.in_flight)} />
        <Fact name="Waiting" value={count(server.waiting)} />
        <Fact name="Starts" value={count(server.starts)} />
        <Fact name="Restarts" value={count(server.restarts)} />
      </dl>
      <Panel
        title="History"
        id="history-title"
        side={
          <div class="switch" role="group" aria-label="How far back">
            <button type="button" aria-pressed={range.value === '10m'} onClick={() => (range.value = '10m')}>
              10 minutes
            </button>
            <button type="button" aria-pressed={range.value === '7d'} onClick={() => (range.value = '7d')}>
              7 days
            </button>
          </div>
        }
      >
        {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
        {graph === null ? (
          loaded.problem === undefined ? <Waiting what="the history" /> : null
        ) : graph.xs.length === 0 ? (
          <Empty>Nothing was measured in this time.</Empty>
        ) : (
          <div class="charts">
            <Chart title="CPU" xs={graph.xs} curves={[{ label: 'CPU', tone: 'cpu', values: graph.cpu }]} format={percent} least={5} />
            <Chart title="Memory" xs={graph.xs} curves={[{ label: 'Memory', tone: 'memory', values: graph.memory }]} format={bytes} least={1e6} />
            <Chart
              title="Calls"
              xs={graph.xs}
              curves={[
                { label: 'Calls', tone: 'calls', values: graph.calls },
                { label: 'Errors', tone: 'errors', values: graph.errors },
              ]}
              format={rate}
              least={1}
            />
            <Chart title="In flight" xs={graph.xs} curves={[{ label: 'In flight', tone: 'other', values: graph.inFlight }]} format={(value) => value.toFixed(value < 10 && value % 1 !== 0 ? 1 : 0)} least={2} />
          </div>
        )}
      </Panel>
      <Instances server={server} />
      <Story server={server} />
    </>
  );
}

function Fact({ name, value, about }: { name: string; value: string; about?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {about !== undefined && <span class="quiet"> {about}</span>}
      </dd>
    </div>
  );
}

function Instances({ server }: { server: ServerStatus }) {
  return (
    <Panel title="Instances" id="instances-title">
      {server.instances.length === 0 ? (
        <Empty>None runs.</Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-labelledby="instances-title">
          <table>
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Since</th>
                <th scope="col" class="num">Process</th>
                <th scope="col" class="num">CPU</th>
                <th scope="col" class="num">Memory</th>
                <th scope="col" class="num">Processes</th>
                <th scope="col" class="num">Threads</th>
                <th scope="col" class="num">Open files</th>
                <th scope="col" class="num">Calls</th>
                <th scope="col" class="num">In flight</th>
                <th scope="col">Next attempt</th>
              </tr>
            </thead>
            <tbody>
              {server.instances.map((one, place) => (
                <tr key={place}>
                  <td><StateWord state={one.state} /></td>
                  <td><Time ms={one.since * 1000} /></td>
                  <td class="num">{one.pid ?? '–'}</td>
                  <td class="num">{percent(one.cpu_percent)}</td>
                  <td class="num">{bytes(one.memory_bytes)}</td>
                  <td class="num">{one.processes ?? '–'}</td>
                  <td class="num">{one.threads ?? '–'}</td>
                  <td class="num">{one.fds ?? '–'}</td>
                  <td class="num">{count(one.calls)}</td>
                  <td class="num">{count(one.in_flight)}</td>
                  <td>{one.retry_in_s === null ? '–' : `in ${span(one.retry_in_s)}`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

const many = (value: number, what: string): string => `${count(value)} ${what}${value === 1 ? '' : 's'}`;

/** Starts, ends and restarts, as mcporch noted them in the server's log. */
function Story({ server }: { server: ServerStatus }) {
  // A new state is a new chapter.
  const loaded = useLoad(`story ${server.server} ${server.state} ${server.restarts}`, (signal) =>
    look<{ lines: LogLine[] }>(`/servers/${part(server.server)}/logs${query({ lines: 2000 })}`, signal),
  );
  const lines = (loaded.data?.lines ?? []).filter((line) => line.source !== 'stderr').slice(-STORY_LINES).reverse();
  return (
    <Panel title="Starts and restarts" id="story-title" side={<span class="quiet">{`${many(server.starts, 'start')}, ${many(server.restarts, 'restart')}`}</span>}>
      {loaded.problem !== undefined ? (
        <ProblemBox problem={loaded.problem} again={loaded.again} />
      ) : loaded.data === undefined ? (
        <Waiting what="the story" />
      ) : lines.length === 0 ? (
        <Empty>Nothing is noted in its log.</Empty>
      ) : (
        <ol class="story">
          {lines.map((line, place) => (
            <li key={`${line.at} ${place}`}>
              <Time ms={line.at} />
              <span>
                <Plain text={withoutColours(line.text)} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
