// The route inspector: what mcporch would do with a request, and why; and a way to let it do it.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { act, look, part, Problem } from '../api';
import { say, sayProblem } from '../parts/dialog';
import { RawJson } from '../parts/form';
import { Drawn, type IconName } from '../parts/icons';
import { Link } from '../parts/link';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { ResultView } from '../parts/result';
import { Code, EffectWord, Empty, OutcomeWord, Panel, Plain } from '../parts/words';
import { keepInAddress, place, serverAddress } from '../route';
import { cut, milliseconds, pretty, share, words } from '../text';
import type { Effect, Executed, Explained, Inspected, Ranked } from '../types';
import { TryTool } from './server-tools';

const REQUEST_CHARS_MAX = 4_000;
/** Places for colours of parts; further ones share the last. */
const COLOURS = 10;
/** Parts in the order in which people think of them; others follow as they come. */
const USUAL = ['meaning', 'words', 'coverage', 'server', 'verb', 'params', 'required', 'examples', 'fitted', 'learned'];

export function Routes() {
  const [request, setRequest] = useState(() => place.peek().query.get('request') ?? '');
  const [params, setParams] = useState<Record<string, unknown> | null | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const [found, setFound] = useState<Inspected | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);

  const inspect = async () => {
    const text = request.trim();
    if (text === '' || params === null) return;
    setBusy(true);
    keepInAddress({ request: text });
    try {
      setFound(await act<Inspected>('/routes/inspect', { request: text, ...(params === undefined ? {} : { params }) }));
      setProblem(null);
      setTurn((old) => old + 1);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, 'broken', 'broken', String(error)));
    }
    setBusy(false);
  };
  useEffect(() => {
    if (request !== '') void inspect();
  }, []);

  return (
    <>
      <h1 tabIndex={-1}>Route inspector</h1>
      <p class="quiet lead">Type what somebody might ask for. Nothing runs until you say so.</p>
      <form
        class="panel ask"
        onSubmit={(event) => {
          event.preventDefault();
          void inspect();
        }}
      >
        <div class="field">
          <label for="request">Request</label>
          <textarea
            id="request"
            rows={2}
            maxLength={REQUEST_CHARS_MAX}
            placeholder="what time is it in Tokyo"
            value={request}
            onInput={(event) => setRequest(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                void inspect();
              }
            }}
          />
        </div>
        <details>
          <summary>Parameters that come with it</summary>
          <RawJson label="Parameters as JSON" value={params ?? undefined} isObject onChange={(next) => setParams(next as Record<string, unknown> | null)} />
        </details>
        <div class="row">
          <button type="submit" class="primary" disabled={isBusy || request.trim() === '' || params === null}>
            <Drawn name="search" /> {isBusy ? 'Looking …' : 'Inspect'}
          </button>
          {found?.latency_ms !== undefined && (
            <span class="quiet">
              {Object.entries(found.latency_ms)
                .map(([stage, ms]) => `${words(stage)} ${milliseconds(ms)}`)
                .join(', ')}
            </span>
          )}
        </div>
      </form>
      <div aria-live="polite" aria-busy={isBusy}>
        {problem !== null && <ProblemBox problem={problem} />}
        {found !== null && problem === null && (
          <>
            <DecisionPanel found={found} />
            <RankedPanel found={found} />
          </>
        )}
      </div>
      {found !== null && problem === null && <RunPanel key={turn} found={found} params={params ?? undefined} />}
    </>
  );
}

const SAID: Record<Inspected['decision'], { icon: IconName; tone: string; title: string }> = {
  run: { icon: 'good', tone: 'good', title: 'It would run' },
  confirm: { icon: 'ask', tone: 'ask', title: 'It would ask for a confirmation' },
  choose: { icon: 'ask', tone: 'ask', title: 'It would offer a choice' },
  none: { icon: 'none', tone: 'none', title: 'It would say that no tool fits' },
};

/** Why that decision follows from the numbers. */
function why(found: Inspected): string {
  const { bars, confidence, any_confidence: any, effect, decision } = found;
  const bar = effect === undefined || effect === null ? undefined : bars[effect];
  if (found.is_named === true) {
    return `The request names the tool${decision === 'run' ? '' : ', but what it does to the world wants to be asked for first'}.`;
  }
  if (any < bars.any) {
    return `The chance that any tool fits is ${share(any)}, below the ${share(bars.any)} that it takes.`;
  }
  if (bar === undefined) return `The chance that the first tool is right is ${share(confidence)}.`;
  if (decision === 'run') return `The chance that the first tool is right is ${share(confidence)}; a tool with the effect “${effect}” needs ${share(bar)}.`;
  const below = confidence < bar ? `below the ${share(bar)} that a tool with the effect “${effect}” needs` : `which reaches the ${share(bar)} for the effect “${effect}”, but something else speaks against running it unasked`;
  return `The chance that the first tool is right is ${share(confidence)}, ${below}.`;
}

function DecisionPanel({ found }: { found: Inspected }) {
  const said = SAID[found.decision] ?? SAID.none;
  return (
    <section class={`panel decision decision-${said.tone}`} aria-labelledby="decision-title">
      <h2 id="decision-title">
        <Drawn name={said.icon} /> {said.title}
        {found.tool !== null && found.tool !== undefined && (
          <>
            {': '}
            <code>
              <Plain text={found.tool} />
            </code>
          </>
        )}{' '}
        {found.effect !== null && found.effect !== undefined && <EffectWord effect={found.effect} />}
      </h2>
      <p>{why(found)}</p>
      <Meter name="The first is right" value={found.confidence} marks={[['read', found.bars.read], ['write', found.bars.write], ['destructive', found.bars.destructive]]} current={found.effect ?? null} />
      <Meter name="Any tool fits" value={found.any_confidence} marks={[['any', found.bars.any]]} current="any" />
    </section>
  );
}

function Meter({ name, value, marks, current }: { name: string; value: number; marks: [string, number][]; current: string | null }) {
  const place = (share: number) => `${Math.min(100, Math.max(0, share * 100)).toFixed(2)}%`;
  return (
    <div class="meter">
      <span class="meter-name">{name}</span>
      <div class="meter-bar" role="img" aria-label={`${name}: ${share(value)}. Bars: ${marks.map(([mark, at]) => `${mark} ${exact(at)}`).join(', ')}`}>
        <div class="meter-fill" style={{ width: place(value) }} />
        {marks.map(([mark, at]) => (
          <div key={mark} class={mark === current ? 'meter-mark current' : 'meter-mark'} style={{ left: place(at) }} />
        ))}
      </div>
      <span class="meter-value">{share(value)}</span>
      <span class="meter-marks" aria-hidden="true">
        {marks.map(([mark, at]) => (
          <span key={mark} class={mark === current ? 'current' : ''}>{`${mark} ${exact(at)}`}</span>
        ))}
      </span>
    </div>
  );
}

/** Bars lie close to each other at the end: 98.5 %. */
const exact = (value: number): string => `${Number((value * 100).toFixed(1))} %`;

/** The names of all parts that are not nothing everywhere, in a steady order. */
function partNames(ranked: Ranked[]): string[] {
  const all = new Set<string>();
  for (const one of ranked) for (const [name, value] of Object.entries(one.parts)) if (Math.abs(value) > 1e-6) all.add(name);
  return [...USUAL.filter((name) => all.has(name)), ...[...all].filter((name) => !USUAL.includes(name)).sort()];
}

function RankedPanel({ found }: { found: Inspected }) {
  const names = partNames(found.ranked);
  const side = (one: Ranked, sign: 1 | -1) => Object.values(one.parts).reduce((sum, value) => sum + Math.max(0, value * sign), 0);
  const most = Math.max(1e-9, ...found.ranked.map((one) => side(one, 1)));
  const least = Math.max(0, ...found.ranked.map((one) => side(one, -1)));
  const zero = least / (most + least);
  return (
    <Panel title="Ranked tools" id="ranked-title">
      {found.ranked.length === 0 ? (
        <Empty>No tool was ranked: no server offers one.</Empty>
      ) : (
        <>
          <ul class="legend" aria-label="Parts of the score">
            {names.map((name, place) => (
              <li key={name}>
                <span class={`swatch part-${Math.min(place, COLOURS - 1)}`} aria-hidden="true" />
                <Plain text={words(name)} />
              </li>
            ))}
          </ul>
          <ol class="ranked">
            {found.ranked.map((one, rank) => (
              <li key={one.tool}>
                <div class="ranked-head">
                  <span class="rank">{rank + 1}</span>
                  <Link to={serverAddress(one.server, 'tools')}>
                    <Plain text={one.tool} />
                  </Link>
                  <EffectWord effect={one.effect} />
                  <span class="ranked-numbers">
                    <span class="quiet" title="the score">{one.score.toFixed(3)}</span>
                    <strong title="the chance that it is the right one">{share(one.confidence)}</strong>
                  </span>
                </div>
                <ScoreBar one={one} names={names} zero={zero} width={1 / (most + least)} />
                <p class="quiet clip">
                  {(one.why ?? []).length > 0 && (
                    <b>
                      <Plain text={(one.why ?? []).join('; ')} />
                      {' – '}
                    </b>
                  )}
                  <Plain text={one.about ?? ''} />
                </p>
              </li>
            ))}
          </ol>
          <details>
            <summary>The numbers</summary>
            <div class="scroll" tabIndex={0} role="group" aria-label="Parts of the scores as numbers">
              <table>
                <caption class="sr">Parts of the scores as numbers</caption>
                <thead>
                  <tr>
                    <th scope="col">Tool</th>
                    {names.map((name) => (
                      <th scope="col" class="num" key={name}>
                        <Plain text={words(name)} />
                      </th>
                    ))}
                    <th scope="col" class="num">score</th>
                    <th scope="col" class="num">confidence</th>
                  </tr>
                </thead>
                <tbody>
                  {found.ranked.map((one) => (
                    <tr key={one.tool}>
                      <th scope="row">
                        <Plain text={one.tool} />
                      </th>
                      {names.map((name) => (
                        <td class="num" key={name}>
                          {(one.parts[name] ?? 0).toFixed(3)}
                        </td>
                      ))}
                      <td class="num">{one.score.toFixed(3)}</td>
                      <td class="num">{share(one.confidence)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </Panel>
  );
}

/** What lifts a tool to the right of the line, what lowers it to the left. */
function ScoreBar({ one, names, zero, width }: { one: Ranked; names: string[]; zero: number; width: number }) {
  let right = zero;
  let left = zero;
  const parts = names.flatMap((name, place) => {
    const value = one.parts[name] ?? 0;
    const wide = Math.abs(value) * width;
    if (wide < 0.0005) return [];
    const at = value > 0 ? right : left - wide;
    if (value > 0) right += wide;
    else left -= wide;
    return [
      <rect key={name} class={`part-${Math.min(place, COLOURS - 1)}${value < 0 ? ' minus' : ''}`} x={(at * 1000).toFixed(1)} y="0" width={Math.max(1, wide * 1000 - 1.5).toFixed(1)} height="14">
        <title>{`${words(name)} ${value > 0 ? '+' : ''}${value.toFixed(3)}`}</title>
      </rect>,
    ];
  });
  const told = names.map((name) => `${words(name)} ${(one.parts[name] ?? 0).toFixed(3)}`).join(', ');
  return (
    <svg class="score" viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label={`Score ${one.score.toFixed(3)}: ${told}`}>
      {parts}
      {zero > 0 && <line x1={zero * 1000} x2={zero * 1000} y1="0" y2="14" class="zero" />}
    </svg>
  );
}

interface RunProps {
  found: Inspected;
  params: Record<string, unknown> | undefined;
}

function RunPanel({ found, params }: RunProps) {
  const [isBusy, setBusy] = useState(false);
  const [done, setDone] = useState<Executed | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async (body: Record<string, unknown>) => {
    setBusy(true);
    try {
      setDone(await act<Executed>('/execute', body));
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, 'broken', 'broken', String(error)));
    }
    setBusy(false);
  };
  const withParams = params === undefined ? {} : { params };
  return (
    <Panel title="Run it" id="run-title">
      <div class="row">
        <button type="button" class="primary" disabled={isBusy} onClick={() => void run({ request: found.request, ...withParams })}>
          <Drawn name="start" /> {isBusy ? 'Running …' : 'Run this request'}
        </button>
        <button type="button" disabled={isBusy} onClick={() => void run({ request: found.request, ...withParams, dry_run: true })}>
          Only prepare it
        </button>
        <span class="quiet">As a client would: what is not sure enough is asked first.</span>
      </div>
      <div aria-live="polite" aria-busy={isBusy}>
        {problem !== null && <ProblemBox problem={problem} />}
        {done !== null && problem === null && <Outcome done={done} isBusy={isBusy} run={run} withParams={withParams} />}
      </div>
    </Panel>
  );
}

function Outcome({ done, isBusy, run, withParams }: { done: Executed; isBusy: boolean; run: (body: Record<string, unknown>) => Promise<void>; withParams: object }) {
  const routeId = done.route?.route_id ?? done.route_id;
  // Results that are kept, and several steps, have a shape of their own.
  const isOther = done.handle !== undefined || (done.result === undefined && done.message === undefined);
  return (
    <div class="outcome-box">
      <p>
        <OutcomeWord outcome={done.outcome} />{' '}
        {done.route !== undefined && (
          <>
            <code>
              <Plain text={`${done.route.server}.${done.route.tool}`} />
            </code>{' '}
            <span class="quiet">{`${share(done.route.confidence)} sure, took ${milliseconds(done.route.duration_ms)}${done.route.attempts > 1 ? `, ${done.route.attempts} attempts` : ''}`}</span>
          </>
        )}
        {done.message !== undefined && <Plain text={done.message} />}
      </p>
      {[...(done.lessons ?? []), ...(done.route?.lessons ?? [])].map((lesson) => (
        <p class="quiet">
          <Plain text={lesson} />
        </p>
      ))}
      {(done.problems ?? []).length > 0 && (
        <ul>
          {(done.problems ?? []).map((one) => (
            <li>
              <Plain text={one} />
            </li>
          ))}
        </ul>
      )}
      {done.result !== undefined && done.result !== null && <ResultView result={done.result} />}
      {isOther && <Code label="The whole answer as JSON" text={cut(pretty(done), 100_000)} />}
      {done.plan !== undefined && (
        <button type="button" class="primary" disabled={isBusy} onClick={() => void run({ plan: done.plan })}>
          Run exactly that
        </button>
      )}
      {done.result === undefined && (done.candidates ?? []).length > 0 && (
        <ul class="choices">
          {(done.candidates ?? []).map((one) => (
            <li key={one.tool}>
              <button type="button" disabled={isBusy} onClick={() => void run(one.plan === undefined ? { tool: one.tool, ...withParams } : { plan: one.plan })}>
                <Plain text={one.tool} />
              </button>
              {one.effect !== undefined && <EffectWord effect={one.effect} />}
              {one.confidence !== undefined && <span>{share(one.confidence)}</span>}
              <span class="quiet clip">
                <Plain text={one.about ?? one.signature ?? ''} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {done.outcome === 'needs_params' && done.tool !== undefined && <Missing name={done.tool} start={done.params} />}
      {routeId !== undefined && done.route !== undefined && <Feedback route={routeId} />}
    </div>
  );
}

/** A form for a tool that was chosen, but lacks parameters. */
function Missing({ name, start }: { name: string; start: unknown }) {
  const loaded = useLoad(`tool ${name}`, (signal) => look<Explained>(`/tools/${part(name)}`, signal));
  if (loaded.data === undefined) return loaded.problem === undefined ? <Waiting what="what it takes" /> : <ProblemBox problem={loaded.problem} />;
  const effect: Effect = loaded.data.effect;
  const given = typeof start === 'object' && start !== null && !Array.isArray(start) ? (start as Record<string, unknown>) : {};
  return <TryTool name={name} effect={effect} schema={loaded.data.input_schema} start={given} />;
}

function Feedback({ route }: { route: string }) {
  const said = useSignal<string | null>(null);
  const give = (verdict: 'right' | 'wrong') => async () => {
    said.value = verdict;
    try {
      const { message } = await act<{ message: string }>(`/routes/${part(route)}/feedback`, { verdict });
      say(message);
    } catch (error) {
      said.value = null;
      sayProblem('the feedback was not kept', error);
    }
  };
  return (
    <p class="row">
      <span class="quiet">Was that the right tool?</span>
      <button type="button" class="small" aria-pressed={said.value === 'right'} disabled={said.value !== null} onClick={give('right')}>
        <Drawn name="good" /> Right
      </button>
      <button type="button" class="small" aria-pressed={said.value === 'wrong'} disabled={said.value !== null} onClick={give('wrong')}>
        <Drawn name="bad" /> Wrong
      </button>
    </p>
  );
}
