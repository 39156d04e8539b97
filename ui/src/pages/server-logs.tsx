// The log of a server, as it is written. Only the lines in sight are drawn, so that ten thousand a second hurt nobody.
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { look, part, query } from '../api';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Plain } from '../parts/words';
import { openStream } from '../stream';
import { clock, count, moment, withoutColours } from '../text';
import type { LogLine } from '../types';

const LINES_MAX = 5_000;
const LINE_CHARS_MAX = 2_000;
/** Height of a line in the style sheet. */
const LINE_PX = 20;
const FLUSH_MS = 200;
/** Drawn above and below what is in sight. */
const MARGIN = 12;

interface Numbered extends LogLine {
  id: number;
}

type Source = 'all' | 'stderr' | 'mcporch';

export function Logs({ server }: { server: string }) {
  const words = useSignal('');
  const source = useSignal<Source>('all');
  const [isPaused, setPaused] = useState(false);
  const [lines, setLines] = useState<Numbered[]>([]);
  const [missed, setMissed] = useState(0);
  const [isAtEnd, setAtEnd] = useState(true);
  const paused = useRef(false);
  const next = useRef(0);
  const resume = useRef<() => void>(() => undefined);
  // Read anew whenever the stream has begun: what was written in between is in neither else.
  const [begun, setBegun] = useState(0);
  const [isRead, setRead] = useState(false);
  const isNew = useRef<((line: LogLine) => boolean) | undefined>(undefined);
  const loaded = useLoad(`log ${server} ${begun}`, (signal) => look<{ lines: LogLine[] }>(`/servers/${part(server)}/logs${query({ lines: 1000 })}`, signal));

  const number = (all: LogLine[]): Numbered[] =>
    all.map((line) => {
      next.current += 1;
      const text = withoutColours(line.text);
      return { ...line, text: text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX)}… (${count(text.length - LINE_CHARS_MAX)} more)` : text, id: next.current };
    });

  // What was read takes the place of what was there: the stream may have missed lines.
  useEffect(() => {
    isNew.current = undefined;
    if (loaded.data === undefined) return;
    setLines(number(loaded.data.lines).slice(-LINES_MAX));
    setRead(true);
    const newest = loaded.data.lines.at(-1)?.at ?? 0;
    // Of the very last millisecond some lines were read and some were not.
    const last = loaded.data.lines.filter((line) => line.at === newest).map((line) => line.text);
    isNew.current = (line) => {
      if (line.at !== newest) return line.at > newest;
      const known = last.indexOf(line.text);
      if (known >= 0) last.splice(known, 1);
      return known < 0;
    };
  }, [loaded.data]);

  useEffect(() => {
    let waiting: LogLine[] = [];
    let held: LogLine[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      if (paused.current) {
        setMissed((old) => Math.min(LINES_MAX, old + waiting.length));
        held = [...held, ...waiting].slice(-LINES_MAX);
        waiting = [];
        return;
      }
      if (isNew.current === undefined) {
        timer = setTimeout(flush, FLUSH_MS);
        return;
      }
      const fresh = number([...held, ...waiting].filter(isNew.current).slice(-LINES_MAX));
      held = [];
      waiting = [];
      setMissed(0);
      setLines((old) => [...old, ...fresh].slice(-LINES_MAX));
    };
    const stream = openStream(`/api/v1/events${query({ topics: `log:${server}` })}`, (name, data) => {
      if (name !== 'log') return;
      const fresh = (data as { lines?: LogLine[] }).lines ?? [];
      waiting.push(...fresh);
      if (waiting.length > LINES_MAX) waiting = waiting.slice(-LINES_MAX);
      timer ??= setTimeout(flush, FLUSH_MS);
    });
    const leave = stream.link.subscribe((link) => {
      if (link.kind === 'live') setBegun((old) => old + 1);
    });
    resume.current = flush;
    return () => {
      leave();
      setRead(false);
      clearTimeout(timer);
      resume.current = () => undefined;
      stream.close();
    };
  }, [server]);

  const wanted = words.value.trim().toLowerCase();
  const from = source.value;
  const shown = useMemo(
    () =>
      lines.filter(
        (line) => (from === 'all' || (from === 'stderr') === (line.source === 'stderr')) && (wanted === '' || line.text.toLowerCase().includes(wanted)),
      ),
    [lines, wanted, from],
  );

  return (
    <section class="panel" aria-label="Log">
      <div class="bar">
        <label class="inline-field grow">
          <span class="sr">Show lines with</span>
          <input type="search" placeholder="Show lines with …" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        </label>
        <label class="inline-field">
          <span>From</span>
          <select value={from} onChange={(event) => (source.value = event.currentTarget.value as Source)}>
            <option value="all">all</option>
            <option value="stderr">the server</option>
            <option value="mcporch">mcporch</option>
          </select>
        </label>
        <button
          type="button"
          aria-pressed={isPaused}
          onClick={() => {
            paused.current = !isPaused;
            setPaused(!isPaused);
            if (isPaused) resume.current();
          }}
        >
          {isPaused ? 'Go on' : 'Pause'}
        </button>
        <button type="button" disabled={isAtEnd} onClick={() => setAtEnd(true)}>
          To the newest
        </button>
      </div>
      {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
      {!isRead ? (
        loaded.problem === undefined ? <Waiting what="the log" /> : null
      ) : (
        <Lines lines={shown} isAtEnd={isAtEnd} setAtEnd={setAtEnd} />
      )}
      <p class="quiet under" role="status">
        {`${count(shown.length)} of the last ${count(lines.length)} lines`}
        {isPaused && `, paused: ${count(missed)} new`}
      </p>
    </section>
  );
}

function Lines({ lines, isAtEnd, setAtEnd }: { lines: Numbered[]; isAtEnd: boolean; setAtEnd: (value: boolean) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });

  useLayoutEffect(() => {
    const holder = box.current;
    if (holder === null) return;
    if (isAtEnd) holder.scrollTop = holder.scrollHeight;
    setView((old) => (old.top === holder.scrollTop && old.height === holder.clientHeight ? old : { top: holder.scrollTop, height: holder.clientHeight }));
  }, [lines, isAtEnd]);

  const first = Math.max(0, Math.floor(view.top / LINE_PX) - MARGIN);
  const last = Math.min(lines.length, Math.ceil((view.top + view.height) / LINE_PX) + MARGIN);
  return (
    <div
      class="log"
      ref={box}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Lines of the log, oldest first"
      onScroll={(event) => {
        const holder = event.currentTarget;
        setView({ top: holder.scrollTop, height: holder.clientHeight });
        setAtEnd(holder.scrollTop + holder.clientHeight >= holder.scrollHeight - LINE_PX);
      }}
    >
      <div class="log-all" style={{ height: `${lines.length * LINE_PX}px` }}>
        <div class="log-part" style={{ transform: `translateY(${first * LINE_PX}px)` }}>
          {lines.slice(first, last).map((line) => (
            <div key={line.id} class={line.source === 'stderr' ? 'log-line' : 'log-line ours'}>
              <span class="log-time" title={moment(line.at)}>
                {clock(line.at, true)}
              </span>
              {line.source !== 'stderr' && <span class="log-source">{line.source}</span>}
              <span>
                <Plain text={line.text} />
              </span>
            </div>
          ))}
        </div>
      </div>
      {lines.length === 0 && <p class="empty">No line is like that.</p>}
    </div>
  );
}
