// An ordinary day of a few servers, so that the pictures of the dashboard have something to show.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { demo, sleep } from './serving.mjs';

const KINDS = ['clock', 'design', 'maths', 'notes', 'tables', 'text', 'units'];
const WARM_MS = 40_000;
const CSV = 'item,kilos\ncloudberries,12\nlingonberries,30';

export function servers(mcporch, work) {
  const folder = join(work, 'drawings');
  mkdirSync(folder, { recursive: true });
  const demos = KINDS.map((kind) => [kind, demo(mcporch, kind, ...(['design', 'notes'].includes(kind) ? ['--folder', folder] : []))]);
  const failing = 'echo "billing: the licence server does not answer" >&2; exit 3';
  return { ...Object.fromEntries(demos), billing: { command: '/bin/sh', args: ['-c', failing] } };
}

const DEEDS = [
  (to) => to.ask('POST', '/execute', { request: 'what time is it in Tokyo', params: { place: 'Tokyo' } }),
  (to) => to.call('notes.search_notes', { query: 'tea' }),
  (to) => to.ask('POST', '/execute', { request: 'convert 26 miles to kilometres', params: { value: 26, from: 'miles', to: 'km' } }),
  (to) => to.call('maths.evaluate_expression', { expression: '(3 + 4) * 2^5' }),
  (to) => to.call('tables.sum_column', { csv: CSV, column: 'kilos' }),
  (to) => to.call('notes.add_note', { text: 'Anna likes tea', tags: ['people'] }),
  (to) => to.ask('POST', '/execute', { request: 'count the words of this text', params: { text: 'ripe cloudberries' } }),
  (to) => to.call('design.generate_logo', { text: 'Acme Coffee', style: 'hexagon', colour: 'teal' }),
  (to) => to.call('text.make_slug', { text: 'Crème brûlée: how to' }),
  (to) => to.ask('POST', '/find', { query: 'draw a bar chart' }),
  (to) => to.call('units.convert_temperature', { value: 21, from: 'celsius', to: 'fahrenheit' }),
  (to) => to.call('clock.day_of_week', { date: '1969-07-20' }),
  (to) => to.call('notes.delete_note', { id: 4711 }),
  (to) => to.ask('POST', '/execute', { request: 'make it nicer' }),
];

/** Does `what` while a day goes on. */
export async function during(serving, what) {
  for (const name of ['clock', 'maths', 'notes', 'text', 'units', 'filesystem', 'memory']) await serving.order(name, 'start').catch(() => undefined);
  void serving.order('billing', 'start').catch(() => undefined);
  let isOver = false;
  const living = (async () => {
    for (let turn = 0; !isOver; turn += 1) {
      await DEEDS[(turn * 5) % DEEDS.length](serving).catch(() => undefined);
      await sleep(120 + 380 * Math.abs(Math.sin(turn / 7)));
    }
  })();
  await sleep(WARM_MS);
  await what();
  isOver = true;
  await living;
}
