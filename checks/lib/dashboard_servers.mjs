// Steering and watching servers: overview, server detail, kills, a restart of mcporch itself.
import { existsSync } from 'node:fs';
import { bytes, card, fact, hueOf, open, order, settled, stateOf, toolForm, until, view } from './dashboard_steps.mjs';
import { sleep } from './serving.mjs';

const GROWN_MIB = 96;
const FLOOD = { lines: 40_000, per_second: 10_000 };

export async function cases(verdicts, browser, serving, reals) {
  const context = await browser.window(serving.url);
  const page = await context.newPage();
  const check = (name, tried) => verdicts.check(name, tried);
  await check('overview: a card for each server, with its state', () => cards(page, serving));
  await check('overview: the address of a card leads to its server', () => byLink(page, serving));
  await check('overview: find and sort', () => findAndSort(page, serving));
  for (const server of ['bench', ...reals]) {
    await check(`${server}: start, restart, stop by button; state and pid follow`, () => steer(page, serving, server));
  }
  await check('memory of a server is seen to move', () => memory(page, serving));
  await check('a tool is tried by its form', () => tryTool(page, serving));
  await check('a form says what is missing or wrong', () => tryWrong(page, serving, browser));
  await check('a tool that fails is shown as one', () => tryFailing(page, serving));
  await check('the log is live, filters and pauses', () => log(page, serving));
  await check(`${FLOOD.per_second} log lines a second: the page stays quick`, () => logFlood(page, serving));
  await check('quarantine asks why, and start takes it back', () => quarantine(page, serving));
  await check('starts and restarts are told', () => story(page, serving));
  await check('history: graphs for ten minutes and for seven days', () => history(page, serving));
  await check('a killed server turns red, and green again', () => killed(page, serving));
  await check('killed again and again it is crashed and red; started it is green', () => crashed(page, serving));
  await check('mcporch restarts: connection lost, and back without a reload', () => restarted(page, serving, browser));
  await check('mcporch is killed: connection lost, and back', () => restarted(page, serving, browser, 'SIGKILL'));
  await check('eight tabs at once, each live', () => tabs(context, serving));
  await context.close();
}

async function cards(page, serving) {
  await open(page, serving, '/');
  const { servers } = await serving.ask('GET', '/servers');
  for (const one of servers) {
    if ((await card(page, one.server).count()) !== 1) return `${one.server} has ${await card(page, one.server).count()} cards`;
    await until(async () => (await stateOf(page, one.server)) === (await serving.server(one.server)).state, `the state of ${one.server}`);
  }
  return undefined;
}

async function byLink(page, serving) {
  await open(page, serving, '/');
  await card(page, 'bench').getByRole('link', { name: 'bench', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: /^bench/ }).waitFor();
  if (new URL(page.url()).pathname !== '/servers/bench') return page.url();
  await page.goBack();
  await card(page, 'bench').waitFor();
  await page.goto(`${serving.url}/servers/bench/logs`);
  await page.getByRole('heading', { level: 1, name: /^bench/ }).waitFor();
  return undefined;
}

async function findAndSort(page, serving) {
  await open(page, serving, '/');
  await page.getByRole('searchbox', { name: 'Find servers' }).fill('chatt');
  await until(async () => (await page.getByRole('heading', { level: 3 }).count()) < 3, 'fewer cards');
  if ((await card(page, 'chatty').count()) !== 1) return 'chatty is not found';
  await page.getByRole('searchbox', { name: 'Find servers' }).fill('');
  await page.getByRole('combobox', { name: 'Sort by' }).selectOption({ label: 'name' });
  const names = await page.getByRole('main').getByRole('heading', { level: 3 }).allInnerTexts();
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  return names.join() === sorted.join() ? undefined : `not by name: ${names.join()}`;
}

async function steer(page, serving, server) {
  await open(page, serving, '/');
  if (!['dormant', 'stopped', 'ready'].includes(await stateOf(page, server))) return `it begins ${await stateOf(page, server)}`;
  if (await order(page, 'Start', server).isEnabled()) await order(page, 'Start', server).click();
  await until(async () => (await stateOf(page, server)) === 'ready', `${server} to be ready`, 30_000);
  const first = (await serving.untilState(server, ['ready'])).pid;
  await order(page, 'Restart', server).click();
  const another = async () => ((await stateOf(page, server)) === 'ready' ? [first, null].indexOf((await serving.server(server)).pid) < 0 : false);
  await until(another, 'another process', 30_000);
  const second = (await serving.untilState(server, ['ready'])).pid;
  await gone(first);
  await card(page, server).getByRole('link', { name: server, exact: true }).click();
  await until(async () => (await page.getByRole('main').innerText()).includes(`process ${second}`), `process ${second} on its page`);
  await order(page, 'Stop', server).click();
  await until(async () => /stopped/.test(await page.getByRole('heading', { level: 1 }).innerText()), `${server} to be stopped`);
  await gone(second);
  await order(page, 'Start', server).click();
  await until(async () => /ready/.test(await page.getByRole('heading', { level: 1 }).innerText()), `${server} to be ready again`, 30_000);
  return undefined;
}

/** A process that mcporch says has ended. */
const gone = (pid) => until(() => !existsSync(`/proc/${pid}`), `process ${pid} to be gone`, 3000);

async function memory(page, serving) {
  await serving.order('chatty', 'start');
  await open(page, serving, '/servers/chatty');
  const shown = async () => bytes(await fact(page, 'Memory'));
  const before = await until(shown, 'a figure of its memory');
  await serving.call('chatty.grow', { mib: GROWN_MIB });
  const after = await until(async () => ((await shown()) > before + GROWN_MIB * 0.9 * 1048576 ? shown() : false), `${GROWN_MIB} MiB more`, 15_000);
  await serving.call('chatty.shrink');
  await until(async () => (await shown()) < after - GROWN_MIB * 0.5 * 1048576, 'the memory to be given back', 15_000);
  await open(page, serving, '/');
  const onCard = bytes((await card(page, 'chatty').innerText()).match(/Memory\s+([\d.]+ \w+)/)?.[1] ?? '');
  return onCard > 0 ? undefined : 'no memory on its card';
}

async function tryTool(page, serving) {
  const form = await toolForm(page, serving, 'chatty', 'fill_in');
  await form.getByLabel(/^name/).fill('Anna & <b>Bob</b>');
  await form.getByLabel(/^size/).selectOption({ label: 'large' });
  await form.getByLabel(/^count/).fill('7');
  await form.getByLabel(/^weight/).fill('1.5');
  await form.getByLabel(/^fresh/).selectOption({ label: 'yes' });
  await form.getByRole('group', { name: /^labels/ }).getByRole('button', { name: 'Add' }).click();
  await form.getByRole('group', { name: /^labels/ }).getByLabel(/^1/).fill('ripe');
  await form.getByRole('button', { name: /^Run/ }).click();
  const told = await form.getByLabel('Block 1 of the result').innerText();
  const wanted = { count: 7, fresh: true, labels: ['ripe'], name: 'Anna & <b>Bob</b>', size: 'large', weight: 1.5 };
  const found = JSON.parse(told);
  return JSON.stringify(found) === JSON.stringify(wanted) ? undefined : `sent ${told}`;
}

async function tryWrong(page, serving, browser) {
  browser.isForgiven = (text) => /status of 400/.test(text);
  const form = await toolForm(page, serving, 'chatty', 'fill_in');
  await form.getByLabel(/^name/).fill('x');
  await form.getByLabel(/^count/).fill('12');
  await form.getByRole('button', { name: /^Run/ }).click();
  await until(
    async () =>
      (await form.getByRole('alert').count()) > 0 ||
      (await form.getByLabel(/^count/).evaluate((field) => !field.checkValidity())) ||
      (await form.getByLabel(/^count/).getAttribute('aria-invalid')) === 'true',
    'a word about count',
  );
  await form.getByRole('button', { name: 'JSON', exact: true }).click();
  await form.getByRole('textbox').first().fill('{"name": ');
  if (await form.getByRole('button', { name: /^Run/ }).isEnabled()) return 'broken JSON can be sent';
  browser.isForgiven = undefined;
  return undefined;
}

async function tryFailing(page, serving) {
  const form = await toolForm(page, serving, 'misbehave', 'fail');
  await form.getByRole('button', { name: /^Run/ }).click();
  await form.getByText('The tool says that it failed').waitFor();
}

async function log(page, serving) {
  await open(page, serving, '/servers/chatty');
  await view(page, 'Log').click();
  const lines = page.getByRole('log');
  await lines.waitFor();
  await serving.call('chatty.say', { text: 'cloudberry one' });
  await lines.getByText('said: cloudberry one').waitFor({ timeout: 3000 });
  await serving.call('chatty.say', { text: 'rowanberry two' });
  await lines.getByText('said: rowanberry two').waitFor({ timeout: 3000 });
  await page.getByRole('searchbox', { name: 'Show lines with' }).fill('ROWAN');
  await until(async () => (await lines.getByText('cloudberry one').count()) === 0, 'the filter');
  if ((await lines.getByText('rowanberry two').count()) === 0) return 'the filter hides what it should show';
  await serving.call('chatty.say', { text: 'rowanberry three' });
  await lines.getByText('rowanberry three').waitFor({ timeout: 3000 });
  await page.getByRole('button', { name: 'Pause' }).click();
  await serving.call('chatty.say', { text: 'rowanberry four' });
  await page.getByText(/paused: \d+ new/).waitFor({ timeout: 3000 });
  if ((await lines.getByText('rowanberry four').count()) > 0) return 'pause does not hold it back';
  await page.getByRole('button', { name: 'Go on' }).click();
  await lines.getByText('rowanberry four').waitFor({ timeout: 3000 });
  await page.getByRole('combobox', { name: 'From' }).selectOption({ label: 'mcporch' });
  await until(async () => (await lines.getByText('rowanberry').count()) === 0, 'only lines of mcporch');
  return undefined;
}

async function logFlood(page, serving) {
  await open(page, serving, '/servers/chatty/logs');
  const shouting = serving.call('chatty.shout', FLOOD);
  let slowest = 0;
  let seen = false;
  let isOver = false;
  void shouting.then(() => (isOver = true));
  while (!isOver) {
    const began = performance.now();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
    slowest = Math.max(slowest, performance.now() - began);
    seen ||= (await page.getByRole('log').getByText(/^shout \d+ of/).count()) > 0;
    await sleep(50);
  }
  console.log(`       the slowest frame took ${slowest.toFixed(0)} ms`);
  if (!seen) return 'no line was seen while they came';
  // So many are not kept; what comes afterwards is there again, and that some are missing is told.
  await sleep(1500);
  await serving.call('chatty.say', { text: 'after the storm' });
  await page.getByRole('log').getByText('said: after the storm').waitFor({ timeout: 4000 });
  const told = await page.getByRole('region', { name: 'Log' }).innerText();
  if (!/left out|missing|not shown|lost|dropped/i.test(told)) return 'nothing says that lines are missing';
  return slowest > 1500 ? `a frame took ${slowest.toFixed(0)} ms` : undefined;
}

async function quarantine(page, serving) {
  await serving.order('misbehave', 'start');
  await open(page, serving, '/servers/misbehave');
  await page.getByRole('button', { name: 'Quarantine' }).click();
  const dialog = page.getByRole('dialog', { name: /Quarantine misbehave/ });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await until(async () => (await dialog.count()) === 0, 'Escape to close the question');
  if ((await serving.server('misbehave')).state === 'quarantined') return 'Escape did it';
  await page.getByRole('button', { name: 'Quarantine' }).click();
  await dialog.getByLabel(/^Why/).fill('it <i>misbehaves</i>');
  await dialog.getByRole('button', { name: 'Quarantine' }).click();
  await until(async () => /quarantined/.test(await page.getByRole('heading', { level: 1 }).innerText()), 'quarantined');
  await page.getByRole('main').getByText('it <i>misbehaves</i>').first().waitFor();
  await order(page, 'Start', 'misbehave').click();
  await until(async () => /ready/.test(await page.getByRole('heading', { level: 1 }).innerText()), 'ready');
  return undefined;
}

async function story(page, serving) {
  await serving.order('misbehave', 'start');
  await serving.order('misbehave', 'restart');
  await open(page, serving, '/servers/misbehave');
  const part = page.getByRole('region', { name: 'Starts and restarts' });
  const told = async () => (await part.getByRole('listitem').allInnerTexts()).join(' ');
  await until(async () => /ready, pid \d+/.test(await told()) && /stopped|ended/.test(await told()), 'an end and a start in its story');
}

async function history(page, serving) {
  await open(page, serving, '/servers/chatty');
  const part = page.getByRole('region', { name: 'History' });
  await until(async () => (await part.locator('canvas').count()) >= 3, 'graphs');
  await part.getByRole('button', { name: '7 days' }).click();
  await settled(page);
  await until(async () => (await part.getByRole('button', { name: '7 days' }).getAttribute('aria-pressed')) === 'true', 'seven days');
  if ((await part.getByRole('alert').count()) > 0) return part.getByRole('alert').innerText();
  return undefined;
}

/** Writes down every state that the card of a server shows, also those of moments. */
async function watch(page, server) {
  await page.evaluate((wanted) => {
    window.checksSeen = [];
    const look = () => {
      for (const title of document.querySelectorAll('h3')) {
        if (title.textContent !== wanted) continue;
        const state = title.closest('li').textContent.match(/(stopped|dormant|starting|ready|degraded|stopping|backoff|crashed|quarantined|refused)/)?.[1];
        if (state !== window.checksSeen.at(-1)) window.checksSeen.push(state);
      }
    };
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  }, server);
  return () => page.evaluate(() => window.checksSeen);
}

async function killed(page, serving) {
  await serving.order('chatty', 'start');
  const { pid } = await serving.untilState('chatty', ['ready']);
  await open(page, serving, '/');
  await until(async () => (await stateOf(page, 'chatty')) === 'ready', 'ready');
  const green = await hueOf(card(page, 'chatty').getByText('ready', { exact: true }));
  const seen = await watch(page, 'chatty');
  process.kill(pid, 'SIGKILL');
  await until(async () => (await serving.server('chatty')).pid !== pid, 'another process', 30_000);
  // It may be back before the page draws once: then what happened tells of it.
  const happened = page.getByRole('region', { name: 'What happened' }).getByRole('listitem').filter({ hasText: 'chatty' });
  const told = async () => (await happened.allInnerTexts()).map((text) => text.match(/backoff|crashed/)?.[0]).filter(Boolean);
  await until(async () => (await stateOf(page, 'chatty')) === 'ready' && (await told()).length > 0, 'ready again, and that it was down', 30_000);
  const states = [...(await seen()), ...(await told())];
  console.log(`       it went ${states.join(', ')}; ready is ${green}`);
  if (!states.some((state) => ['backoff', 'crashed'].includes(state))) return `it was never seen down: ${states.join()}`;
  return green === 'green' ? undefined : `ready is ${green}`;
}

async function crashed(page, serving) {
  await serving.order('bench', 'start');
  await open(page, serving, '/');
  let last = null;
  for (const end = Date.now() + 60_000; Date.now() < end && (await serving.server('bench')).state !== 'crashed'; await sleep(20)) {
    const { pid } = await serving.server('bench');
    if (pid && pid !== last) {
      last = pid;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It was gone already.
      }
    }
  }
  await until(async () => (await stateOf(page, 'bench')) === 'crashed', 'crashed');
  const red = await hueOf(card(page, 'bench').getByText('crashed', { exact: true }));
  await until(async () => /trouble/.test(await page.title()), 'trouble in the title of the window');
  await order(page, 'Start', 'bench').click();
  await until(async () => (await stateOf(page, 'bench')) === 'ready', 'ready');
  return red === 'red' ? undefined : `crashed is ${red}`;
}

async function restarted(page, serving, browser, signal = 'SIGTERM') {
  browser.isForgiven = (text) => /ERR_|Failed to load|network/i.test(text);
  await open(page, serving, '/');
  await page.evaluate(() => (window.checksSamePage = true));
  await serving.stop(signal);
  await page.getByText(/Connection lost/).first().waitFor({ timeout: 15_000 });
  await serving.start();
  await page.getByRole('banner').getByText('live', { exact: true }).waitFor({ timeout: 30_000 });
  await until(async () => (await stateOf(page, 'chatty')) === (await serving.server('chatty')).state, 'the states of now');
  await order(page, 'Start', 'chatty').click();
  await until(async () => (await stateOf(page, 'chatty')) === 'ready', 'orders to be taken again', 20_000);
  browser.isForgiven = undefined;
  return (await page.evaluate(() => window.checksSamePage)) ? undefined : 'the page was loaded again';
}

async function tabs(context, serving) {
  const pages = [];
  for (let number = 0; number < 8; number += 1) {
    const page = await context.newPage();
    pages.push(page);
    await page.goto(`${serving.url}/calls`);
  }
  try {
    // Tabs in the back let go of their streams; without a window all of them believe to be seen.
    const live = await Promise.all(
      pages.map((page) => page.getByRole('banner').getByText('live', { exact: true }).waitFor({ timeout: 8000 }).then(() => 1, () => 0)),
    );
    const count = live.reduce((sum, one) => sum + one, 0);
    console.log(`       ${count} of 8 are live (a browser has six connections for all tabs of one host)`);
    return count >= 4 ? undefined : `${count} of 8 are live`;
  } finally {
    for (const page of pages) await page.close();
  }
}
