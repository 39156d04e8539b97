// Who did what, as the audit log has it.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { look, query } from '../api';
import { listen } from '../live';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Code, Empty, OutcomeWord, Panel, Plain } from '../parts/words';
import { keepInAddress, place } from '../route';
import { clock, count, milliseconds, moment, pretty } from '../text';
import type { AuditEntry } from '../types';

const PAGE = 100;

export function Audit() {
  const filter = useSignal({ action: place.peek().query.get('action') ?? '', who: place.peek().query.get('who') ?? '' });
  /** Cursors of the pages before this one and of this one. */
  const [trail, setTrail] = useState<string[]>([]);
  const [fresh, setFresh] = useState(0);
  const cursor = trail.at(-1);
  const wanted = filter.value;
  const loaded = useLoad(`audit ${JSON.stringify(wanted)} ${cursor ?? ''}`, (signal) =>
    look<{ entries: AuditEntry[]; next_cursor?: string }>(`/audit${query({ ...wanted, limit: PAGE, cursor })}`, signal),
  );
  useEffect(() => keepInAddress(wanted), [wanted]);
  useEffect(() => setFresh(0), [loaded.data]);
  useEffect(
    () =>
      listen('audit', (entry) => {
        const isWanted = (wanted.action === '' || entry.action === wanted.action) && (wanted.who === '' || entry.who === wanted.who);
        // Of those that were left out before it nobody knows whether they are wanted.
        const others = wanted.action === '' && wanted.who === '' ? (entry.left_out ?? 0) : 0;
        if (isWanted) setFresh((old) => old + 1 + others);
      }),
    [wanted],
  );
  const set = (name: 'action' | 'who') => (event: { currentTarget: { value: string } }) => {
    setTrail([]);
    filter.value = { ...filter.value, [name]: event.currentTarget.value.trim() };
  };
  const next = loaded.data?.next_cursor;
  return (
    <>
      <h1 tabIndex={-1}>Audit</h1>
      <p class="quiet lead">
        Each entry holds the hash of the one before: <code>mcporch audit verify</code> says whether all are still there and unchanged.
      </p>
      <div class="bar filters">
        <label class="inline-field">
          <span>Action</span>
          <input type="search" placeholder="any" value={wanted.action} onChange={set('action')} />
        </label>
        <label class="inline-field">
          <span>Who</span>
          <input type="search" placeholder="anybody" value={wanted.who} onChange={set('who')} />
        </label>
        <span class="grow" />
        {fresh > 0 && (
          <button
            type="button"
            class="primary"
            onClick={() => {
              setTrail([]);
              loaded.again();
            }}
          >
            {`Show ${count(fresh)} new`}
          </button>
        )}
      </div>
      <Panel title={trail.length === 0 ? 'Newest entries' : `Page ${trail.length + 1}`} id="audit-title">
        {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
        {loaded.data === undefined ? (
          loaded.problem === undefined ? <Waiting what="the audit log" /> : null
        ) : loaded.data.entries.length === 0 ? (
          <Empty>No entry is like that.</Empty>
        ) : (
          <div class="scroll" tabIndex={0} role="group" aria-labelledby="audit-title">
            <table class="wide">
              <thead>
                <tr>
                  <th scope="col" class="num">Number</th>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">From</th>
                  <th scope="col">Action</th>
                  <th scope="col">What</th>
                  <th scope="col">Outcome</th>
                  <th scope="col" class="num">Took</th>
                </tr>
              </thead>
              <tbody>
                {loaded.data.entries.map((entry) => (
                  <Entry key={entry.seq} entry={entry} />
                ))}
              </tbody>
            </table>
          </div>
        )}
        <div class="row center">
          <button type="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
            Newer
          </button>
          <button type="button" disabled={next === undefined} onClick={() => next !== undefined && setTrail([...trail, next])}>
            Older
          </button>
        </div>
      </Panel>
    </>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const hasDetails = entry.details !== undefined && entry.details !== null;
  return (
    <tr>
      <td class="num">{count(entry.seq)}</td>
      <td title={moment(entry.at)}>
        <span class="mono">{`${new Date(entry.at).toLocaleDateString('en-GB', { day: '2-digit', month: 'short' })} ${clock(entry.at)}`}</span>
      </td>
      <td>
        <Plain text={entry.who} />
      </td>
      <td>
        <Plain text={entry.from ?? '–'} />
      </td>
      <td>
        <code>
          <Plain text={entry.action} />
        </code>
      </td>
      <td>
        <Plain text={entry.target ?? '–'} />
        {hasDetails && (
          <details>
            <summary>Details</summary>
            <Code label={`Details of entry ${entry.seq}`} text={pretty(entry.details)} />
          </details>
        )}
      </td>
      <td>
        <OutcomeWord outcome={entry.outcome} />
      </td>
      <td class="num">{milliseconds(entry.ms)}</td>
    </tr>
  );
}
