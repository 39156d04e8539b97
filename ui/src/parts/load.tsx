// Asks the gateway for what a page shows, again when it has to, and not while nobody looks.
import { signal } from '@preact/signals';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Problem } from '../api';
import { isHidden, link } from '../live';
import { Plain } from './words';

export interface Loaded<T> {
  data: T | undefined;
  problem: Problem | undefined;
  isLoading: boolean;
  /** Asks once more. */
  again: () => void;
}

/** Rises when a lost connection is back. */
const returns = signal(0);
let wasLost = false;
link.subscribe((value) => {
  if (value.kind === 'live' && wasLost) returns.value += 1;
  wasLost = value.kind === 'lost' || (wasLost && value.kind !== 'live');
});

/**
 * Loads when `about` changes (a text that says what is asked for; `null` asks nothing), when the connection comes back, and
 * every so many milliseconds.
 */
export function useLoad<T>(about: string | null, load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ about: string | null; data?: T; problem?: Problem; isLoading: boolean }>({ about: null, isLoading: true });
  const [turn, setTurn] = useState(0);
  const back = returns.value;
  const hidden = isHidden.value;

  useEffect(() => {
    if (about === null || hidden) return undefined;
    const leave = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      setState((old) => (old.about === about ? { ...old, isLoading: true } : { about, isLoading: true }));
      try {
        const data = await load(leave.signal);
        if (!leave.signal.aborted) setState({ about, data, isLoading: false });
      } catch (error) {
        if (leave.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(0, 'broken', 'broken', String(error));
        setState((old) => ({ about, ...(old.data === undefined ? {} : { data: old.data }), problem, isLoading: false }));
      }
      if (everyMs !== undefined && !leave.signal.aborted) timer = setTimeout(() => void run(), everyMs);
    };
    void run();
    return () => {
      leave.abort();
      clearTimeout(timer);
    };
  }, [about, turn, back, hidden, everyMs]);

  const again = useCallback(() => setTurn((value) => value + 1), []);
  const isMine = state.about === about;
  return {
    data: isMine ? state.data : undefined,
    problem: isMine ? state.problem : undefined,
    isLoading: state.isLoading || !isMine,
    again,
  };
}

/** What went wrong, and what can be done about it. */
export function ProblemBox({ problem, again }: { problem: Problem; again?: (() => void) | undefined }) {
  const isRight = problem.status === 403;
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{isRight ? 'Not allowed' : problem.status === 0 ? 'No answer' : <Plain text={problem.title} />}</strong>{' '}
        <Plain text={problem.detail || problem.title} />
        {isRight && problem.slug === 'scope-too-small' ? ' The key of this page may not do that; log in with one that has the scope.' : ''}
      </p>
      {problem.faults.length > 0 && (
        <ul>
          {problem.faults.map((fault) => (
            <li>
              <code>
                <Plain text={fault.where || '/'} />
              </code>{' '}
              <Plain text={fault.what} />
            </li>
          ))}
        </ul>
      )}
      {problem.requestId !== null && (
        <p class="quiet">
          Request <code>{<Plain text={problem.requestId} />}</code>
        </p>
      )}
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** While nothing is there yet. */
export const Waiting = ({ what }: { what: string }) => <p class="empty" role="status">{`Reading ${what} …`}</p>;
