// One server: what it uses, its tools, its log, its calls.
import { useEffect } from 'preact/hooks';
import { look, part } from '../api';
import { hasServers, listen, servers } from '../live';
import { Link } from '../parts/link';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Orders, Quarantine } from '../parts/orders';
import { Lasting, Plain, StateWord } from '../parts/words';
import { serverAddress } from '../route';
import { count, withoutColours } from '../text';
import type { ServerStatus, ToolInList } from '../types';
import { CallsTable } from './calls';
import { Logs } from './server-logs';
import { Resources } from './server-resources';
import { Tools } from './server-tools';

const VIEWS = { '': 'Resources', tools: 'Tools', logs: 'Log', calls: 'Calls' } as const;
type View = keyof typeof VIEWS;

/** How often what a server is for is asked anew; tools are told by the catalog. */
const ABOUT_MS = 60_000;

export function Server({ name, view }: { name: string; view: string }) {
  const live = servers.value.get(name);
  const detail = useLoad(`server ${name}`, (signal) => look<ServerStatus & { tools: ToolInList[] }>(`/servers/${part(name)}`, signal), ABOUT_MS);
  // Tools of a server come once it was listed, which may be after this page was opened.
  useEffect(() => listen('catalog', detail.again), [detail.again]);
  const server = live ?? detail.data;
  const shown: View = Object.hasOwn(VIEWS, view) ? (view as View) : '';

  if (server === undefined) {
    return (
      <>
        <h1 tabIndex={-1}>
          <Plain text={name} />
        </h1>
        {detail.problem !== undefined ? <ProblemBox problem={detail.problem} again={detail.again} /> : hasServers.value && !detail.isLoading ? <p class="empty">There is no such server.</p> : <Waiting what="the server" />}
      </>
    );
  }
  const tools = detail.data?.tools;
  const about = detail.data?.about ?? server.about ?? '';
  return (
    <>
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/">Overview</Link> <span aria-hidden="true">/</span>
      </nav>
      <header class="page-head">
        <div>
          <h1 tabIndex={-1}>
            <Plain text={server.server} /> <StateWord state={server.state} />
          </h1>
          <p class="quiet">
            {about !== '' && (
              <>
                <Plain text={about} />
                {' · '}
              </>
            )}
            {server.state} <Lasting since={server.since * 1000} />
            {server.pid !== null && ` · process ${server.pid}`}
            {server.is_kept && ' · kept running'}
            {server.is_stateful && ' · keeps state between calls'}
            {server.groups.length > 0 && (
              <>
                {' · groups '}
                <Plain text={server.groups.join(', ')} />
              </>
            )}
            {server.depends_on.length > 0 && (
              <>
                {' · needs '}
                {server.depends_on.map((other, place) => (
                  <>
                    {place > 0 && ', '}
                    <Link to={serverAddress(other)}>
                      <Plain text={other} />
                    </Link>
                  </>
                ))}
              </>
            )}
          </p>
        </div>
        <div class="row">
          <Orders server={server} />
          <Quarantine server={server} />
        </div>
      </header>
      {server.fault !== null && server.fault !== undefined && server.fault !== '' && (
        <p class="problem">
          <strong>{server.state === 'quarantined' ? 'Out of use' : 'Fault'}</strong> <Plain text={withoutColours(server.fault)} />
        </p>
      )}
      {server.warnings.map((warning) => (
        <p class="problem warn">
          <strong>Warning</strong> <Plain text={warning} />
        </p>
      ))}
      <nav class="tabs" aria-label="Views of this server">
        {(Object.keys(VIEWS) as View[]).map((one) => (
          <Link key={one} to={serverAddress(name, one)} isCurrent={one === shown}>
            {VIEWS[one]}
            {one === 'tools' && tools !== undefined && <span class="number"> {count(tools.length)}</span>}
          </Link>
        ))}
      </nav>
      {shown === '' && <Resources server={server} />}
      {shown === 'tools' &&
        (tools !== undefined ? <Tools server={name} tools={tools} /> : detail.problem !== undefined ? <ProblemBox problem={detail.problem} again={detail.again} /> : <Waiting what="the tools" />)}
      {shown === 'logs' && <Logs server={name} key={name} />}
      {shown === 'calls' && <CallsTable fixed={{ server: name }} key={name} />}
    </>
  );
}
