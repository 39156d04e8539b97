// Reads JSON schemas that others wrote, as far as a form can be made of them.
import type { Schema } from '../types';

/** What kind of field a schema asks for. */
export type Shape =
  | { kind: 'text'; schema: Members }
  | { kind: 'number'; isWhole: boolean; schema: Members }
  | { kind: 'boolean'; schema: Members }
  | { kind: 'choice'; options: unknown[]; schema: Members }
  | { kind: 'list'; items: Schema; schema: Members }
  | { kind: 'object'; fields: { name: string; schema: Schema; isRequired: boolean }[]; schema: Members }
  | { kind: 'variants'; variants: Schema[]; schema: Members }
  /** Whatever it is, it is written as JSON. */
  | { kind: 'json'; schema: Members };

export type Members = { readonly [name: string]: unknown };

/** References are followed so far; a schema may refer to itself. */
const REFERENCES_MAX = 16;
const FIELDS_MAX = 200;
const OPTIONS_MAX = 500;
const VARIANTS_MAX = 12;

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where `#/$defs/Name` leads to. */
function target(root: Schema, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  let value: unknown = root;
  for (const step of reference.slice(1).split('/').filter((step) => step !== '')) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) value = value[Number(name)];
    else if (isMembers(value) && Object.hasOwn(value, name)) value = value[name];
    else return undefined;
  }
  return value;
}

/** The schema itself, with references followed and all parts of it together. */
export function resolved(schema: unknown, root: Schema): Members {
  let value: unknown = schema;
  for (let turn = 0; turn < REFERENCES_MAX; turn += 1) {
    if (!isMembers(value)) return {};
    const members: Members = value;
    const reference = members['$ref'];
    if (typeof reference === 'string') {
      const { $ref: _reference, ...rest } = members;
      let found: unknown;
      try {
        found = target(root, reference);
      } catch {
        found = undefined;
      }
      value = isMembers(found) ? { ...found, ...rest } : rest;
      continue;
    }
    const all = members['allOf'];
    if (Array.isArray(all) && all.length > 0) {
      const { allOf: _all, ...rest } = members;
      value = all.slice(0, REFERENCES_MAX).reduce<Members>((sum, one) => together(sum, isMembers(one) ? one : {}, root), rest);
      continue;
    }
    return members;
  }
  return {};
}

function together(a: Members, b: Members, root: Schema): Members {
  const other = typeof b['$ref'] === 'string' ? resolved(b, root) : b;
  const properties = { ...(isMembers(a['properties']) ? a['properties'] : {}), ...(isMembers(other['properties']) ? other['properties'] : {}) };
  const required = [...(Array.isArray(a['required']) ? a['required'] : []), ...(Array.isArray(other['required']) ? other['required'] : [])];
  return { ...other, ...a, ...(Object.keys(properties).length > 0 ? { properties } : {}), ...(required.length > 0 ? { required } : {}) };
}

const isNull = (schema: unknown): boolean => isMembers(schema) && (schema['type'] === 'null' || schema['const'] === null);

/** What a field of this schema looks like. */
export function shapeOf(given: unknown, root: Schema): Shape {
  const schema = resolved(given, root);
  if (Array.isArray(schema['enum'])) {
    const options = schema['enum'].filter((option) => option !== null);
    return options.length > 0 && options.length <= OPTIONS_MAX ? { kind: 'choice', options, schema } : { kind: 'json', schema };
  }
  if (Object.hasOwn(schema, 'const')) return { kind: 'choice', options: [schema['const']], schema };
  const variants = [schema['oneOf'], schema['anyOf']].find(Array.isArray) as unknown[] | undefined;
  if (variants !== undefined && variants.length > 0) {
    const real = variants.filter((one) => !isNull(one));
    const { oneOf: _one, anyOf: _any, ...rest } = schema;
    if (real.length === 1) return shapeOf(together(rest, resolved(real[0], root), root), root);
    const titled = real.map((one) => resolved(one, root));
    if (titled.length > 0 && titled.every((one) => Object.hasOwn(one, 'const'))) return { kind: 'choice', options: titled.map((one) => one['const']), schema };
    if (real.length <= VARIANTS_MAX && real.every(isMembers) && !isMembers(schema['properties'])) return { kind: 'variants', variants: real as Schema[], schema };
    if (!isMembers(schema['properties'])) return { kind: 'json', schema };
  }
  const type = schema['type'];
  const types = (Array.isArray(type) ? type : [type]).filter((one) => one !== 'null');
  const only = types.length === 1 ? types[0] : undefined;
  if (only === 'string') return { kind: 'text', schema };
  if (only === 'number' || only === 'integer') return { kind: 'number', isWhole: only === 'integer', schema };
  if (only === 'boolean') return { kind: 'boolean', schema };
  if (only === 'array' && (isMembers(schema['items']) || schema['items'] === undefined) && !Array.isArray(schema['prefixItems'])) {
    return { kind: 'list', items: (schema['items'] as Schema | undefined) ?? true, schema };
  }
  if ((only === 'object' || type === undefined) && isMembers(schema['properties'])) {
    const required = Array.isArray(schema['required']) ? schema['required'] : [];
    const entries = Object.entries(schema['properties']);
    if (entries.length > FIELDS_MAX) return { kind: 'json', schema };
    const fields = entries.map(([name, one]) => ({ name, schema: one as Schema, isRequired: required.includes(name) }));
    // What must be given stands first.
    return { kind: 'object', fields: [...fields.filter((one) => one.isRequired), ...fields.filter((one) => !one.isRequired)], schema };
  }
  return { kind: 'json', schema };
}

/** What a field starts with: what the schema says, else nothing; what must be there as a whole begins empty. */
export function startOf(given: unknown, root: Schema, isRequired: boolean, depth = 0): unknown {
  const shape = shapeOf(given, root);
  if (Object.hasOwn(shape.schema, 'default') && shape.schema['default'] !== null) return structuredClone(shape.schema['default']);
  if (!isRequired || depth > 6) return undefined;
  switch (shape.kind) {
    case 'object': {
      const value: Record<string, unknown> = {};
      for (const field of shape.fields) put(value, field.name, startOf(field.schema, root, field.isRequired, depth + 1));
      return value;
    }
    case 'list':
      return [];
    case 'boolean':
      return false;
    case 'choice':
      return shape.options.length === 1 ? shape.options[0] : undefined;
    case 'text':
    case 'number':
    case 'variants':
    case 'json':
      return undefined;
  }
}

/** Sets a member, also one with a name like `__proto__`. */
export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (value === undefined) delete object[name];
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A line about a schema: `integer, 1 to 100`. */
export function typeWords(given: unknown, root: Schema): string {
  const shape = shapeOf(given, root);
  const { schema } = shape;
  const limits: string[] = [];
  const limit = (name: string, said: (value: number) => string) => {
    const value = schema[name];
    if (typeof value === 'number') limits.push(said(value));
  };
  limit('minimum', (value) => `at least ${value}`);
  limit('exclusiveMinimum', (value) => `more than ${value}`);
  limit('maximum', (value) => `at most ${value}`);
  limit('exclusiveMaximum', (value) => `less than ${value}`);
  limit('minLength', (value) => `at least ${value} characters`);
  limit('maxLength', (value) => `at most ${value} characters`);
  limit('minItems', (value) => `at least ${value} items`);
  limit('maxItems', (value) => `at most ${value} items`);
  if (typeof schema['pattern'] === 'string') limits.push(`like ${schema['pattern'].slice(0, 80)}`);
  if (typeof schema['format'] === 'string') limits.push(schema['format'].slice(0, 40));
  const kind = {
    text: 'text',
    number: shape.kind === 'number' && shape.isWhole ? 'whole number' : 'number',
    boolean: 'yes or no',
    choice: 'one of a list',
    list: 'list',
    object: 'object',
    variants: 'one of several kinds',
    json: typeof schema['type'] === 'string' ? schema['type'] : 'any JSON',
  }[shape.kind];
  return [kind, ...limits].join(', ');
}
