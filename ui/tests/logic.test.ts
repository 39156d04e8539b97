// What needs no browser: text of others, events, schemas.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolved, shapeOf, startOf } from '../src/parts/schema';
import { eventParser } from '../src/stream';
import { ago, bytes, cut, milliseconds, pieces, plain, span, withoutColours } from '../src/text';
import type { Schema } from '../src/types';

test('what acts in a text becomes a mark, what speaks stays', () => {
  const check = (text: string, expected: string) => assert.equal(plain(text), expected);
  check('plain <b>text</b> & "more"', 'plain <b>text</b> & "more"');
  check('a\u202egnp.exe', 'a⟨U+202E⟩gnp.exe');
  check('\u001b[31mred', '⟨U+001B⟩[31mred');
  check('bell\u0007 zero\u200bwidth tag\u{e0041}', 'bell⟨U+0007⟩ zero⟨U+200B⟩width tag⟨U+E0041⟩');
  check('line\nand\ttab', 'line\nand\ttab');
  check('👩‍👩‍👧 می‌خواهم', '👩‍👩‍👧 می‌خواهم');
  assert.deepEqual(pieces('x\u2066y'), [
    { text: 'x', isMark: false },
    { text: 'U+2066', isMark: true },
    { text: 'y', isMark: false },
  ]);
});

test('colours go, other sequences stay to be marked', () => {
  assert.equal(withoutColours('\u001b[1;31mred\u001b[0m \u001b[2J'), 'red \u001b[2J');
});

test('numbers have units', () => {
  assert.equal(bytes(0), '0 B');
  assert.equal(bytes(48_200_000), '48.2 MB');
  assert.equal(bytes(null), '–');
  assert.equal(milliseconds(0.213), '0.21 ms');
  assert.equal(milliseconds(1_530), '1.5 s');
  assert.equal(span(93_784), '1 d 2 h');
  assert.equal(ago(10_000, 75_000), '1 min ago');
  assert.equal(cut('abcdef', 4), 'abcd… (2 more characters)');
});

test('events come whole, however they are cut', () => {
  const wire = ': \n\nid: 1\nevent: tick\ndata: {"at":1}\n\nevent: call\r\ndata: {"a":\r\ndata: 2}\r\n\r\ndata: no json\n\n';
  for (let size = 1; size <= wire.length; size += 1) {
    const seen: unknown[] = [];
    const parse = eventParser((name, data) => seen.push([name, data]));
    for (let at = 0; at < wire.length; at += size) assert.ok(parse(wire.slice(at, at + size)));
    assert.deepEqual(seen, [['tick', { at: 1 }], ['call', { a: 2 }]], `in pieces of ${size}`);
  }
});

test('an event without an end is given up', () => {
  const parse = eventParser(() => undefined);
  assert.equal(parse(`data: ${'x'.repeat(17_000_000)}`), false);
});

test('schemas become fields', () => {
  const root: Schema = {
    type: 'object',
    required: ['b'],
    properties: { a: { type: ['integer', 'null'] }, b: { $ref: '#/$defs/Kind' }, c: { anyOf: [{ type: 'string' }, { type: 'null' }] } },
    $defs: { Kind: { enum: ['x', 'y'], description: 'kind' }, Loop: { $ref: '#/$defs/Loop' } },
  };
  const shape = shapeOf(root, root);
  assert.ok(shape.kind === 'object');
  assert.deepEqual(shape.fields.map((field) => [field.name, field.isRequired]), [['b', true], ['a', false], ['c', false]]);
  const kinds = shape.fields.map((field) => shapeOf(field.schema, root).kind);
  assert.deepEqual(kinds, ['choice', 'number', 'text']);
});

test('a schema that leads to itself or nowhere is no trap', () => {
  const root: Schema = { $defs: { A: { $ref: '#/$defs/A' } } };
  assert.equal(shapeOf({ $ref: '#/$defs/A' }, root).kind, 'json');
  assert.equal(shapeOf({ $ref: 'https://example.com/x' }, root).kind, 'json');
  assert.deepEqual(resolved({ $ref: '#/%zz' }, root), {});
  assert.equal(shapeOf({ $ref: '#/__proto__' }, root).kind, 'json');
});

test('a form starts with what the schema says', () => {
  const schema: Schema = {
    type: 'object',
    required: ['on', 'list', 'inner', 'name'],
    properties: {
      on: { type: 'boolean' },
      list: { type: 'array', items: { type: 'string' } },
      inner: { type: 'object', required: ['n'], properties: { n: { type: 'number', default: 3 }, m: { type: 'string' } } },
      name: { type: 'string' },
      more: { type: 'object', properties: { x: { type: 'string' } } },
    },
  };
  assert.deepEqual(startOf(schema, schema, true), { on: false, list: [], inner: { n: 3 } });
});
