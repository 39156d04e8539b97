// The tools of a server: what they do, what they take, and a form to try each.
import { useSignal } from '@preact/signals';
import { useRef, useState } from 'preact/hooks';
import { act, look, part, Problem, type Fault } from '../api';
import { question } from '../parts/dialog';
import { ParamsForm } from '../parts/form';
import { Drawn } from '../parts/icons';
import { ProblemBox, useLoad, Waiting } from '../parts/load';
import { ResultView } from '../parts/result';
import { resolved, shapeOf, startOf, typeWords } from '../parts/schema';
import { Code, EffectWord, Empty, Plain } from '../parts/words';
import { milliseconds, pretty } from '../text';
import type { Effect, Executed, Explained, ToolInList } from '../types';

export function Tools({ server, tools }: { server: string; tools: ToolInList[] }) {
  const words = useSignal('');
  const open = useSignal<string | null>(null);
  const wanted = words.value.trim().toLowerCase();
  const shown = tools.filter((tool) => wanted === '' || `${tool.tool} ${tool.title ?? ''} ${tool.about ?? ''} ${tool.effect}`.toLowerCase().includes(wanted));
  return (
    <>
      <h2 class="sr">Tools</h2>
      <div class="bar">
        <label class="inline-field grow">
          <span class="sr">Find tools</span>
          <input type="search" placeholder="Find tools" value={words.value} onInput={(event) => (words.value = event.currentTarget.value)} />
        </label>
        <span class="quiet">{`${shown.length} of ${tools.length}`}</span>
      </div>
      {shown.length === 0 ? (
        <Empty>{tools.length === 0 ? 'It has no tools, or was never started.' : 'No tool is like that.'}</Empty>
      ) : (
        <ul class="tools">
          {shown.map((tool) => {
            const full = tool.tool.startsWith(`${server}.`) ? tool.tool : `${server}.${tool.tool}`;
            const isOpen = open.value === full;
            return (
              <li key={full} class={isOpen ? 'tool open' : 'tool'}>
                <h3>
                  <button type="button" class="tool-head" aria-expanded={isOpen} onClick={() => (open.value = isOpen ? null : full)}>
                    <Drawn name="more" />
                    <span class="tool-name">
                      <Plain text={full.slice(server.length + 1)} />
                    </span>
                    <EffectWord effect={tool.effect} />
                    <span class="tool-about">
                      <Plain text={tool.about || tool.title || ''} />
                    </span>
                  </button>
                </h3>
                {isOpen && <ToolInside name={full} />}
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

function ToolInside({ name }: { name: string }) {
  const loaded = useLoad(`tool ${name}`, (signal) => look<Explained>(`/tools/${part(name)}`, signal));
  const tool = loaded.data;
  if (tool === undefined) return loaded.problem === undefined ? <Waiting what="the tool" /> : <ProblemBox problem={loaded.problem} again={loaded.again} />;
  const shape = shapeOf(tool.input_schema, tool.input_schema);
  return (
    <div class="tool-inside">
      <div class="tool-facts">
        {tool.title !== undefined && tool.title !== '' && (
          <p>
            <strong>
              <Plain text={tool.title} />
            </strong>
          </p>
        )}
        <p class="prose">
          <Plain text={tool.description || 'Its server says nothing about it.'} />
        </p>
        <p class="quiet">
          <EffectWord effect={tool.effect} /> {`(${tool.effect_source}${tool.replaced_effect === undefined ? '' : `; its server says ${tool.replaced_effect}`})`}
          {tool.is_idempotent && ' · calling twice does no more than calling once'}
          {tool.also !== undefined && tool.also.length > 0 && (
            <>
              {' · also '}
              <Plain text={tool.also.join(', ')} />
            </>
          )}
        </p>
        {tool.server_fault !== undefined && (
          <p class="problem warn">
            <Plain text={tool.server_fault} />
          </p>
        )}
        {shape.kind === 'object' && shape.fields.length > 0 && (
          <div class="scroll" tabIndex={0} role="group" aria-label="Parameters">
            <table>
              <caption class="sr">Parameters</caption>
              <thead>
                <tr>
                  <th scope="col">Parameter</th>
                  <th scope="col">What it is</th>
                </tr>
              </thead>
              <tbody>
                {shape.fields.map((field) => {
                  const about = resolved(field.schema, tool.input_schema)['description'];
                  return (
                    <tr key={field.name}>
                      <th scope="row">
                        <code>
                          <Plain text={field.name} />
                        </code>
                        {field.isRequired && <span class="required"> required</span>}
                      </th>
                      <td>
                        <span class="quiet">
                          <Plain text={typeWords(field.schema, tool.input_schema)} />
                        </span>
                        {typeof about === 'string' && (
                          <>
                            <br />
                            <Plain text={about} />
                          </>
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
        <details>
          <summary>Schemas as the server gave them</summary>
          <h4>Input</h4>
          <Code label="Input schema" text={pretty(tool.input_schema)} />
          {tool.output_schema !== undefined && (
            <>
              <h4>Output</h4>
              <Code label="Output schema" text={pretty(tool.output_schema)} />
            </>
          )}
          {tool.annotations !== undefined && (
            <>
              <h4>Annotations</h4>
              <Code label="Annotations" text={pretty(tool.annotations)} />
            </>
          )}
        </details>
      </div>
      <TryTool name={tool.tool} effect={tool.effect} schema={tool.input_schema} />
    </div>
  );
}

const LABEL: Record<Effect, string> = { read: 'Run', write: 'Run (changes something)', destructive: 'Run (may destroy something)' };

/** A form for one tool, and what it answered. */
export function TryTool({ name, effect, schema, start }: { name: string; effect: Effect; schema: Explained['input_schema']; start?: Record<string, unknown> }) {
  const [params, setParams] = useState<Record<string, unknown> | null>(() => ({ ...((startOf(schema, schema, true) ?? {}) as Record<string, unknown>), ...start }));
  const [last, setLast] = useState<Record<string, unknown>>(params ?? {});
  const [isBusy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<{ result?: unknown; problem?: Problem; ms: number } | null>(null);
  const leave = useRef<AbortController | null>(null);
  const faults: readonly Fault[] = answer?.problem?.faults ?? [];
  const run = async () => {
    if (params === null) return;
    if (effect === 'destructive') {
      const yes = await question({ title: `Run ${name}?`, text: 'It may destroy what it touches.', action: 'Run it', isDangerous: true });
      if (yes === null) return;
    }
    const mine = new AbortController();
    leave.current = mine;
    setBusy(true);
    const began = performance.now();
    try {
      const done = await act<Executed>('/call', { tool: name, params }, mine.signal);
      setAnswer({ result: done.result, ms: done.route?.duration_ms ?? performance.now() - began });
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(0, 'broken', 'broken', String(error));
      setAnswer(mine.signal.aborted ? null : { problem, ms: performance.now() - began });
    }
    setBusy(false);
  };
  return (
    <form
      class="try"
      aria-label={`Try ${name}`}
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <h4>Try it</h4>
      <ParamsForm
        schema={schema}
        value={params ?? last}
        faults={faults}
        onChange={(next) => {
          setParams(next);
          if (next !== null) setLast(next);
        }}
      />
      <div class="row">
        <button type="submit" class={effect === 'destructive' ? 'danger' : 'primary'} disabled={isBusy || params === null}>
          {isBusy ? 'Running …' : LABEL[effect] ?? LABEL.write}
        </button>
        {isBusy && (
          <button type="button" onClick={() => leave.current?.abort()}>
            Cancel
          </button>
        )}
        {answer !== null && !isBusy && <span class="quiet">{`took ${milliseconds(answer.ms)}`}</span>}
      </div>
      <div aria-live="polite">
        {answer?.problem !== undefined && <ProblemBox problem={answer.problem} />}
        {answer !== null && answer.problem === undefined && <ResultView result={answer.result} />}
      </div>
    </form>
  );
}
