// Text of others, times, badges: the words of every page.
import type { JSX } from 'preact';
import { now } from '../live';
import { ago, moment, pieces, plain, span, words } from '../text';
import { isFailure } from '../live';
import type { Effect, ServerState } from '../types';
import { Drawn, StateIcon, type IconName } from './icons';

const MEANING: Record<ServerState, string> = {
  stopped: 'Stopped by the operator, or only ever started by the operator',
  dormant: 'Not running, and nothing is wrong with that: a call starts it',
  starting: 'On its way up',
  ready: 'Takes calls',
  degraded: 'Takes calls, but something is wrong',
  stopping: 'On its way down',
  backoff: 'It died or did not start; the next attempt waits',
  crashed: 'It failed too often; nothing is tried for a while',
  quarantined: 'Taken out of use until the operator says otherwise',
  refused: 'Its configuration keeps it from starting',
};

/** Text that a server wrote: shown as text, and what would act in it as a mark. */
export function Plain({ text }: { text: string | null | undefined }) {
  const all = pieces(text ?? '');
  if (all.length === 1 && all[0]?.isMark === false) return <bdi>{all[0].text}</bdi>;
  return (
    <bdi>
      {all.map((piece) => (piece.isMark ? <span class="mark" title="a character that is not shown as it is">{piece.text}</span> : piece.text))}
    </bdi>
  );
}

/** How long ago; the moment itself on hover. */
export function Time({ ms }: { ms: number }) {
  const isReal = Number.isFinite(ms) && Math.abs(ms) < 8.64e15;
  return (
    <time {...(isReal ? { dateTime: new Date(ms).toISOString() } : {})} title={moment(ms)}>
      {ago(ms, now.value)}
    </time>
  );
}

/** For how long it has been so; since when on hover. */
export function Lasting({ since }: { since: number }) {
  return <time title={`since ${moment(since)}`}>{`for ${span((now.value - since) / 1000)}`}</time>;
}

/** What a server does, in a word, a shape and a colour. */
export function StateWord({ state }: { state: ServerState }) {
  return (
    <span class={`state state-${state}`} title={MEANING[state] ?? ''}>
      <StateIcon state={state} />
      {state}
    </span>
  );
}

const EFFECTS: Record<Effect, string> = {
  read: 'Changes nothing',
  write: 'Changes something, or may',
  destructive: 'May destroy what it touches',
};

export function EffectWord({ effect }: { effect: Effect }) {
  const known: Effect = effect in EFFECTS ? effect : 'write';
  return (
    <span class={`effect effect-${known}`} title={EFFECTS[known]}>
      <Drawn name={known} />
      {known}
    </span>
  );
}

export function OutcomeWord({ outcome }: { outcome: string }) {
  const tone = isFailure(outcome) ? 'bad' : outcome === 'done' ? 'good' : outcome.startsWith('needs_') ? 'ask' : 'none';
  const icon: IconName = tone;
  return (
    <span class={`outcome outcome-${tone}`}>
      <Drawn name={icon} />
      <Plain text={words(outcome)} />
    </span>
  );
}

/** JSON, or any longer text, in a box that scrolls. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <pre class="code" tabIndex={0} role="group" aria-label={label}>
      <Plain text={text} />
    </pre>
  );
}

/** For attributes. */
export const quiet = (text: string | null | undefined): string => plain(text ?? '');

/** A part of a page with a heading of its own. */
export function Panel(props: { title: JSX.Element | string; id: string; side?: JSX.Element | null | false; children: JSX.Element | (JSX.Element | null | false | undefined)[] }) {
  return (
    <section class="panel" aria-labelledby={props.id}>
      <header class="panel-head">
        <h2 id={props.id}>{props.title}</h2>
        {props.side}
      </header>
      {props.children}
    </section>
  );
}

/** Nothing to show, and why. */
export const Empty = ({ children }: { children: JSX.Element | string | (JSX.Element | string)[] }) => <p class="empty">{children}</p>;
