// What is set, and where that comes from. Nothing is changed here but by reading the files again.
import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { act, look } from '../api';
import { status } from '../live';
import { sayProblem, say } from '../parts/dialog';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { Code, Empty, Panel, Plain, Time } from '../parts/words';
import { count, pretty } from '../text';
import type { Setting } from '../types';

interface IndexStatus {
  generation: number;
  model: string;
  dimensions: number;
  kind: string;
  tools: number;
  tools_without_vector: number;
  servers: Record<string, { tools: number; listed_at?: number; protocol_version?: string; implementation?: string; fault?: string }>;
}

export function Settings() {
  const loaded = useLoad('config', (signal) => look<{ settings: Setting[]; files?: unknown[] }>('/config', signal));
  const words = useSignal('');
  const isChanged = useSignal(false);
  const wanted = words.value.trim().toLowerCase();
  const shown = (loaded.data?.settings ?? [])
    .filter((one) => !isChanged.value || one.origin !== 'default')
    .filter((one) => wanted === '' || `${one.key} ${one.origin} ${one.about ?? ''} ${written(one.value)}`.toLowerCase().includes(wanted));
  const sections = [...new Set(shown.map((one) => one.key.split('.')[0] ?? ''))];
  const listens = status.value?.listens ?? [];
  return (
    <>
      <h1 tabIndex={-1}>Settings</h1>
      <p class="quiet lead">They are read from files, variables and the command line, and changed there. Secrets are not shown.</p>
      <div class="bar filters">
        <label class="inline-field grow">
          <span class="sr">Find settings</span>
          <input type="search" placeholder="Find settings" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        </label>
        <label class="inline-field">
          <input type="checkbox" checked={isChanged.value} onChange={(event) => (isChanged.value = event.currentTarget.checked)} />
          <span>only what is not the default</span>
        </label>
        <Reload onDone={loaded.again} />
      </div>
      {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
      {loaded.data === undefined ? (
        loaded.problem === undefined ? <Waiting what="the settings" /> : null
      ) : shown.length === 0 ? (
        <Empty>No setting is like that.</Empty>
      ) : (
        sections.map((section) => (
          <Panel key={section} title={<Plain text={section} />} id={`section-${section}`}>
            <dl class="settings">
              {shown
                .filter((one) => one.key.split('.')[0] === section)
                .map((one) => (
                  <div key={one.key} class={one.origin === 'default' ? 'setting' : 'setting changed'}>
                    <dt>
                      <code>
                        <Plain text={one.key} />
                      </code>
                    </dt>
                    <dd class="setting-value">
                      <code>
                        <Plain text={written(one.value)} />
                      </code>
                    </dd>
                    <dd class="setting-origin">
                      <Plain text={one.origin} />
                    </dd>
                    {one.about !== undefined && one.about !== '' && (
                      <dd class="setting-about">
                        <Plain text={one.about} />
                      </dd>
                    )}
                  </div>
                ))}
            </dl>
          </Panel>
        ))
      )}
      {(loaded.data?.files ?? []).length > 0 && (
        <Panel title="Files" id="files-title">
          <ul class="plain-list">
            {(loaded.data?.files ?? []).map((file) => (
              <li>
                <code>
                  <Plain text={typeof file === 'string' ? file : written(file)} />
                </code>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <IndexPanel />
      <Panel title="Other surfaces" id="surfaces-title">
        <ul class="plain-list">
          <li>
            <a href="/api/v1/docs">The network API</a> <span class="quiet">and its description as</span> <a href="/api/v1/openapi.json">OpenAPI</a>
          </li>
          <li>
            <a href="/metrics">Metrics for Prometheus</a>
          </li>
          {listens.map((address) => (
            <li key={address}>
              <span class="quiet">listens on</span> <code><Plain text={address} /></code>
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}

const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value) ?? 'not set');

/** Reads the files again. */
function Reload({ onDone }: { onDone: () => void }) {
  const [isBusy, setBusy] = useState(false);
  return (
    <button
      type="button"
      disabled={isBusy}
      onClick={async () => {
        setBusy(true);
        try {
          const done = await act<{ needs_restart?: string[]; warnings?: string[] }>('/reload');
          say('the configuration was read again');
          for (const warning of done.warnings ?? []) say(warning, true);
          if ((done.needs_restart ?? []).length > 0) say(`count only after a new start of mcporch: ${(done.needs_restart ?? []).join(', ')}`, true);
          onDone();
        } catch (error) {
          sayProblem('the old configuration stays in force', error);
        }
        setBusy(false);
      }}
    >
      {isBusy ? 'Reading …' : 'Read again'}
    </button>
  );
}

function IndexPanel() {
  const loaded = useLoad('index', (signal) => look<IndexStatus>('/index', signal));
  const [isBusy, setBusy] = useState(false);
  const [report, setReport] = useState<unknown>(null);
  const index = loaded.data;
  const rebuild = async () => {
    setBusy(true);
    try {
      setReport(await act('/index/rebuild'));
      loaded.again();
    } catch (error) {
      sayProblem('the index was not built', error);
    }
    setBusy(false);
  };
  return (
    <Panel
      title="Index of tools"
      id="index-title"
      side={
        <button type="button" disabled={isBusy} onClick={() => void rebuild()} title="starts every server and lists its tools">
          {isBusy ? 'Building …' : 'Build anew'}
        </button>
      }
    >
      {loaded.problem !== undefined && <ProblemBox problem={loaded.problem} again={loaded.again} />}
      {index === undefined ? (
        loaded.problem === undefined ? <Waiting what="the index" /> : null
      ) : (
        <>
          <p>
            {`${count(index.tools)} tools, ${count(index.tools_without_vector)} without a vector; `}
            <Plain text={`${index.kind}, ${index.model}, ${index.dimensions} numbers each, generation ${index.generation}`} />
          </p>
          <div class="scroll" tabIndex={0} role="group" aria-labelledby="index-title">
            <table>
              <thead>
                <tr>
                  <th scope="col">Server</th>
                  <th scope="col" class="num">Tools</th>
                  <th scope="col">Listed</th>
                  <th scope="col">Protocol</th>
                  <th scope="col">Implementation</th>
                  <th scope="col">Fault</th>
                </tr>
              </thead>
              <tbody>
                {Object.entries(index.servers).map(([name, one]) => (
                  <tr key={name}>
                    <th scope="row"><Plain text={name} /></th>
                    <td class="num">{count(one.tools)}</td>
                    <td>{one.listed_at === undefined ? 'never' : <Time ms={one.listed_at * 1000} />}</td>
                    <td><Plain text={one.protocol_version ?? '–'} /></td>
                    <td><Plain text={one.implementation ?? '–'} /></td>
                    <td><Plain text={one.fault ?? '–'} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
      {report !== null && <Code label="What building the index came to" text={pretty(report)} />}
    </Panel>
  );
}
