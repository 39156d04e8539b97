// A form made of a tool's JSON schema, with raw JSON for whatever a form cannot say.
import { useEffect, useId, useState } from 'preact/hooks';
import type { Fault } from '../api';
import type { Schema } from '../types';
import { pretty } from '../text';
import { Drawn } from './icons';
import { put, resolved, shapeOf, startOf, typeWords, type Members } from './schema';
import { Plain, quiet } from './words';

/** Deeper fields are written as JSON. */
const DEPTH_MAX = 5;
const ITEMS_MAX = 200;

interface FieldProps {
  schema: Schema;
  root: Schema;
  /** As in `errors[].where`: `/list/0/name`. */
  path: string;
  label: string;
  value: unknown;
  isRequired: boolean;
  depth: number;
  faults: readonly Fault[];
  onChange: (value: unknown) => void;
}

interface FormProps {
  schema: Schema;
  value: Record<string, unknown>;
  faults: readonly Fault[];
  /** `null` while what stands there is no JSON object. */
  onChange: (value: Record<string, unknown> | null) => void;
}

/** The parameters of a tool. */
export function ParamsForm({ schema, value, faults, onChange }: FormProps) {
  const shape = shapeOf(schema, schema);
  const canForm = shape.kind === 'object';
  const [isRaw, setRaw] = useState(!canForm && !isEmpty(schema));
  if (!canForm && isEmpty(schema)) {
    return (
      <p class="quiet">
        This tool says of no parameters. <button type="button" class="inline" onClick={() => setRaw(!isRaw)}>{isRaw ? 'Send none' : 'Send some as JSON'}</button>
        {isRaw && <RawJson label="Parameters as JSON" value={value} isObject onChange={(next) => onChange(next as Record<string, unknown> | null)} />}
      </p>
    );
  }
  return (
    <div class="params">
      {canForm && (
        <div class="switch" role="group" aria-label="How parameters are written">
          <button type="button" aria-pressed={!isRaw} onClick={() => setRaw(false)}>
            Form
          </button>
          <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
            JSON
          </button>
        </div>
      )}
      {isRaw || !canForm ? (
        <>
          <RawJson label="Parameters as JSON" value={value} isObject onChange={(next) => onChange(next as Record<string, unknown> | null)} />
          <Faults faults={faults} path={null} />
        </>
      ) : shape.fields.length === 0 ? (
        <p class="quiet">This tool takes no parameters.</p>
      ) : (
        <>
          {shape.fields.map((field) => (
            <Field
              key={field.name}
              schema={field.schema}
              root={schema}
              path={`/${field.name}`}
              label={field.name}
              value={Object.hasOwn(value, field.name) ? value[field.name] : undefined}
              isRequired={field.isRequired}
              depth={1}
              faults={faults}
              onChange={(next) => {
                const all = { ...value };
                put(all, field.name, next);
                onChange(all);
              }}
            />
          ))}
          <Faults faults={faults.filter((fault) => !shape.fields.some((field) => belongs(fault, `/${field.name}`)))} path={null} />
        </>
      )}
    </div>
  );
}

const isEmpty = (schema: Schema): boolean => typeof schema !== 'object' || Object.keys(schema).every((name) => name === 'type' || name === '$schema' || name === 'additionalProperties');

/** Servers spell the place with or without `/params` before it. */
const belongs = (fault: Fault, path: string): boolean => {
  const where = fault.where.replace(/^\/?params(?=\/|$)/, '');
  return where === path || where.startsWith(`${path}/`);
};

function Faults({ faults, path, id }: { faults: readonly Fault[]; path: string | null; id?: string }) {
  const mine = path === null ? faults : faults.filter((fault) => fault.where.replace(/^\/?params(?=\/|$)/, '') === path);
  if (mine.length === 0) return null;
  return (
    <ul class="field-faults" {...(id === undefined ? {} : { id })}>
      {mine.map((fault) => (
        <li>
          {path === null && (
            <code>
              <Plain text={fault.where} />
            </code>
          )}{' '}
          <Plain text={fault.what} />
        </li>
      ))}
    </ul>
  );
}

function Field(props: FieldProps) {
  const { schema, root, path, label, value, isRequired, depth, faults, onChange } = props;
  const id = useId();
  const shape = shapeOf(schema, root);
  const about = describe(shape.schema);
  const hint = typeWords(schema, root);
  const hasFault = faults.some((fault) => fault.where.replace(/^\/?params(?=\/|$)/, '') === path);
  const described = { 'aria-describedby': `${id}-hint ${id}-faults`, ...(hasFault ? { 'aria-invalid': true } : {}) };
  const name = (
    <>
      <Plain text={label} />
      {isRequired && (
        <span class="required" title="must be given">
          {' '}
          required
        </span>
      )}
    </>
  );
  const tail = (
    <>
      <span class="hint" id={`${id}-hint`}>
        {hint}
        {about !== '' && (
          <>
            {' – '}
            <Plain text={about} />
          </>
        )}
      </span>
      <Faults faults={faults} path={path} id={`${id}-faults`} />
    </>
  );

  if (depth < DEPTH_MAX && (shape.kind === 'object' || shape.kind === 'list' || shape.kind === 'variants')) {
    return (
      <fieldset class="field group">
        <legend>{name}</legend>
        {tail}
        {shape.kind === 'object' && <ObjectFields {...props} />}
        {shape.kind === 'list' && <ListFields {...props} />}
        {shape.kind === 'variants' && <Variants {...props} variants={shape.variants} />}
      </fieldset>
    );
  }
  return (
    <div class="field">
      <label for={id}>{name}</label>
      {shape.kind === 'text' && <TextField id={id} schema={shape.schema} value={value} described={described} onChange={onChange} isRequired={isRequired} />}
      {shape.kind === 'number' && (
        <NumberField id={id} isWhole={shape.isWhole} schema={shape.schema} value={value} described={described} onChange={onChange} />
      )}
      {shape.kind === 'boolean' && (
        <select
          id={id}
          {...described}
          value={value === true ? 'yes' : value === false ? 'no' : ''}
          onChange={(event) => onChange({ yes: true, no: false }[event.currentTarget.value])}
        >
          <option value="">not set</option>
          <option value="yes">yes</option>
          <option value="no">no</option>
        </select>
      )}
      {shape.kind === 'choice' && (
        <select
          id={id}
          {...described}
          value={String(shape.options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value)))}
          onChange={(event) => onChange(shape.options[Number(event.currentTarget.value)])}
        >
          <option value="-1">not set</option>
          {shape.options.map((option, place) => (
            <option value={String(place)}>{quiet(typeof option === 'string' ? option : JSON.stringify(option))}</option>
          ))}
        </select>
      )}
      {!['text', 'number', 'boolean', 'choice'].includes(shape.kind) && <RawJson id={id} label={label} value={value} onChange={onChange} described={described} />}
      {tail}
    </div>
  );
}

const describe = (schema: Members): string => {
  const text = typeof schema['description'] === 'string' ? schema['description'] : typeof schema['title'] === 'string' ? schema['title'] : '';
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
};

type Described = Record<string, string | boolean>;

function TextField(props: { id: string; schema: Members; value: unknown; described: Described; isRequired: boolean; onChange: (value: unknown) => void }) {
  const { id, schema, value, described, isRequired, onChange } = props;
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  const example = Array.isArray(schema['examples']) && typeof schema['examples'][0] === 'string' ? quiet(schema['examples'][0].slice(0, 80)) : '';
  // An empty field that need not be given is not given.
  const take = (typed: string) => onChange(typed === '' && !isRequired ? undefined : typed);
  if (schema['format'] === 'date') return <input id={id} type="date" {...described} value={text} onInput={(event) => take(event.currentTarget.value)} />;
  return (
    <textarea
      id={id}
      {...described}
      rows={Math.min(12, Math.max(1, text.split('\n').length))}
      class={text.includes('\n') ? '' : 'one-line'}
      placeholder={example}
      value={text}
      spellcheck={false}
      onInput={(event) => take(event.currentTarget.value)}
    />
  );
}

function NumberField(props: { id: string; isWhole: boolean; schema: Members; value: unknown; described: Described; onChange: (value: unknown) => void }) {
  const { id, isWhole, schema, value, described, onChange } = props;
  const number = (name: string) => (typeof schema[name] === 'number' ? { [name === 'minimum' ? 'min' : 'max']: schema[name] as number } : {});
  return (
    <input
      id={id}
      type="number"
      inputMode={isWhole ? 'numeric' : 'decimal'}
      step={isWhole ? '1' : 'any'}
      {...number('minimum')}
      {...number('maximum')}
      {...described}
      value={typeof value === 'number' ? String(value) : ''}
      onInput={(event) => {
        const typed = event.currentTarget.valueAsNumber;
        onChange(Number.isNaN(typed) ? undefined : typed);
      }}
    />
  );
}

function ObjectFields({ schema, root, path, value, depth, faults, isRequired, onChange }: FieldProps) {
  const shape = shapeOf(schema, root);
  const isThere = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isThere) {
    return (
      <button type="button" class="small" onClick={() => onChange(startOf(schema, root, true) ?? {})}>
        <Drawn name="plus" /> Set
      </button>
    );
  }
  const members = value as Record<string, unknown>;
  if (shape.kind !== 'object') return null;
  return (
    <>
      {shape.fields.map((field) => (
        <Field
          key={field.name}
          schema={field.schema}
          root={root}
          path={`${path}/${field.name}`}
          label={field.name}
          value={Object.hasOwn(members, field.name) ? members[field.name] : undefined}
          isRequired={field.isRequired}
          depth={depth + 1}
          faults={faults}
          onChange={(next) => {
            const all = { ...members };
            put(all, field.name, next);
            onChange(all);
          }}
        />
      ))}
      {!isRequired && (
        <button type="button" class="small" onClick={() => onChange(undefined)}>
          <Drawn name="close" /> Leave out
        </button>
      )}
    </>
  );
}

function ListFields({ schema, root, path, value, depth, faults, onChange, isRequired }: FieldProps) {
  const shape = shapeOf(schema, root);
  if (shape.kind !== 'list') return null;
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const set = (next: unknown[]) => onChange(next.length === 0 && !isRequired ? undefined : next);
  return (
    <>
      {items.map((item, place) => (
        <div class="item" key={`${path}/${place}`}>
          <Field
            schema={shape.items}
            root={root}
            path={`${path}/${place}`}
            label={`${place + 1}`}
            value={item}
            isRequired
            depth={depth + 1}
            faults={faults}
            onChange={(next) => set(items.map((old, other) => (other === place ? (next ?? null) : old)))}
          />
          <button type="button" class="bare" aria-label={`Remove ${place + 1}`} onClick={() => set(items.filter((_old, other) => other !== place))}>
            <Drawn name="close" />
          </button>
        </div>
      ))}
      {items.length < ITEMS_MAX && (
        <button type="button" class="small" onClick={() => set([...items, startOf(shape.items, root, true) ?? blank(shape.items, root)])}>
          <Drawn name="plus" /> Add
        </button>
      )}
    </>
  );
}

/** What a new item of a list is until something is typed. */
function blank(schema: Schema, root: Schema): unknown {
  const shape = shapeOf(schema, root);
  return shape.kind === 'number' ? 0 : shape.kind === 'choice' ? shape.options[0] : shape.kind === 'text' ? '' : null;
}

function Variants(props: FieldProps & { variants: Schema[] }) {
  const [place, setPlace] = useState(0);
  const { variants, root, path, value, depth, faults, onChange, isRequired } = props;
  const id = useId();
  const names = variants.map((variant, index) => {
    const schema = resolved(variant, root);
    return typeof schema['title'] === 'string' ? schema['title'] : `${index + 1}: ${typeWords(variant, root)}`;
  });
  return (
    <>
      <div class="field">
        <label for={id}>Kind</label>
        <select
          id={id}
          value={String(place)}
          onChange={(event) => {
            const next = Number(event.currentTarget.value);
            setPlace(next);
            onChange(startOf(variants[next], root, isRequired));
          }}
        >
          {names.map((name, index) => (
            <option value={String(index)}>{quiet(name)}</option>
          ))}
        </select>
      </div>
      <Field schema={variants[place] ?? true} root={root} path={path} label="Value" value={value} isRequired={isRequired} depth={depth + 1} faults={faults} onChange={onChange} />
    </>
  );
}

interface RawProps {
  id?: string;
  label: string;
  value: unknown;
  /** Nothing but an object will do; anything else is told as `null`. */
  isObject?: boolean;
  described?: Described;
  onChange: (value: unknown) => void;
}

/** JSON as text; what is no JSON stays as it was typed and counts for nothing. */
export function RawJson({ id, label, value, isObject = false, described = {}, onChange }: RawProps) {
  const own = useId();
  const written = value === undefined || value === null ? (isObject ? '{}' : '') : pretty(value);
  const [text, setText] = useState(written);
  const [fault, setFault] = useState('');
  // What was changed from elsewhere is shown, unless it is what stands here in other words.
  useEffect(() => {
    if (fault !== '') return;
    try {
      if (text.trim() !== '' && JSON.stringify(JSON.parse(text)) === JSON.stringify(value)) return;
    } catch {
      return;
    }
    if (value !== undefined && value !== null) setText(written);
  }, [written]);
  return (
    <div class="raw">
      <textarea
        id={id ?? own}
        {...(id === undefined ? { 'aria-label': label } : {})}
        {...described}
        class="mono"
        rows={Math.min(20, Math.max(3, text.split('\n').length))}
        spellcheck={false}
        value={text}
        aria-invalid={fault !== ''}
        onInput={(event) => {
          const typed = event.currentTarget.value;
          setText(typed);
          if (typed.trim() === '') {
            setFault('');
            return onChange(isObject ? {} : undefined);
          }
          try {
            const parsed: unknown = JSON.parse(typed);
            if (isObject && (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))) throw new Error('it must be a JSON object: { … }');
            setFault('');
            onChange(parsed);
          } catch (error) {
            setFault(error instanceof Error ? error.message : String(error));
            if (isObject) onChange(null);
          }
        }}
      />
      {fault !== '' && (
        <p class="field-faults" role="status">
          <Plain text={fault} />
        </p>
      )}
    </div>
  );
}
