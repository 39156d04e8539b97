// Start, stop, restart: orders to servers and how they ended.
import { useState } from 'preact/hooks';
import { act, part } from '../api';
import { readServers } from '../live';
import type { Acted, ServerState, ServerStatus } from '../types';
import { question, say, sayProblem } from './dialog';
import { Drawn } from './icons';

export type Order = 'start' | 'stop' | 'restart';

const DONE: Record<Order, string> = { start: 'started', stop: 'stopped', restart: 'restarted' };

const RUNS: ReadonlySet<ServerState> = new Set(['starting', 'ready', 'degraded', 'backoff']);

/** Whether an order makes sense for a server in this state. */
function makesSense(order: Order, state: ServerState): boolean {
  switch (order) {
    case 'start':
      return !RUNS.has(state) && state !== 'refused';
    case 'stop':
      return state !== 'stopped' && state !== 'stopping' && state !== 'refused';
    case 'restart':
      return state !== 'refused' && state !== 'stopping';
  }
}

async function give(order: Order, server: ServerStatus): Promise<void> {
  if (order !== 'start' && server.in_flight > 0) {
    const calls = server.in_flight === 1 ? 'one call is' : `${server.in_flight} calls are`;
    const answer = await question({
      title: `${order === 'stop' ? 'Stop' : 'Restart'} ${server.server}?`,
      text: `${calls} in flight there and may fail.`,
      action: order === 'stop' ? 'Stop' : 'Restart',
      isDangerous: true,
    });
    if (answer === null) return;
  }
  try {
    const { servers } = await act<{ servers: Acted[] }>(`/servers/${part(server.server)}/${order}`);
    for (const one of servers) {
      if (one.is_done) say(`${one.server} is ${DONE[order]}`);
      else say(`${one.server} is not ${DONE[order]}: ${one.message ?? `it is ${one.state}`}`, true);
    }
  } catch (error) {
    sayProblem(`${server.server} is not ${DONE[order]}`, error);
  }
  // The stream tells it too, unless it is lost.
  void readServers();
}

export function Orders({ server }: { server: ServerStatus }) {
  const [busy, setBusy] = useState<Order | null>(null);
  const order = (which: Order) => async () => {
    if (busy !== null || !makesSense(which, server.state)) return;
    setBusy(which);
    await give(which, server);
    setBusy(null);
  };
  return (
    <div class="orders" role="group" aria-label={`Orders to ${server.server}`}>
      {(['start', 'stop', 'restart'] as const).map((which) => (
        <button
          type="button"
          key={which}
          // Not `disabled`: a button that goes out while it has the focus loses it, and the keyboard its place.
          aria-disabled={busy !== null || !makesSense(which, server.state)}
          aria-label={`${which[0]?.toUpperCase()}${which.slice(1)} ${server.server}`}
          aria-busy={busy === which}
          onClick={order(which)}
        >
          <Drawn name={busy === which ? 'wait' : which} />
          <span>{`${which[0]?.toUpperCase()}${which.slice(1)}`}</span>
        </button>
      ))}
    </div>
  );
}

/** Takes a server out of use. */
export function Quarantine({ server }: { server: ServerStatus }) {
  const [isBusy, setBusy] = useState(false);
  const isOut = server.state === 'quarantined';
  return (
    <button
      type="button"
      disabled={isBusy || isOut}
      title={isOut ? 'Start it to take it back into use' : 'Take it out of use until somebody starts it'}
      onClick={async () => {
        const why = await question({
          title: `Quarantine ${server.server}?`,
          text: 'It is stopped, and no call starts it until somebody does. Calls in flight fail.',
          action: 'Quarantine',
          isDangerous: true,
          field: 'Why (is shown to callers)',
        });
        if (why === null) return;
        setBusy(true);
        try {
          const acted = await act<Acted>(`/servers/${part(server.server)}/quarantine`, why === '' ? {} : { why });
          if (acted.is_done) say(`${server.server} is out of use`);
          else say(`${server.server} is not out of use: ${acted.message ?? acted.state}`, true);
        } catch (error) {
          sayProblem(`${server.server} is not out of use`, error);
        }
        setBusy(false);
        void readServers();
      }}
    >
      Quarantine
    </button>
  );
}
