// The other pages: routes, calls, audit, settings, keys.
import { link, open, settled, toolForm, until } from './dashboard_steps.mjs';

export async function cases(verdicts, browser, serving) {
  const context = await browser.window(serving.url);
  const page = await context.newPage();
  const check = (name, tried) => verdicts.check(name, tried);
  await check('every page by its link, with a title of its own', () => everyPage(page, serving));
  await check('ten addresses one after another in one tab: none waits for the streams of those before', () => oneTab(page, serving));
  await check('routes: a request is ranked, with confidence and parts', () => inspect(page, serving));
  await check('routes: it is run, and says how it ended', () => run(page, serving));
  await check('routes: what is not sure is asked', () => asks(page, serving));
  await check('routes: the address keeps the request', () => kept(page, serving));
  await check('calls: a call appears without a reload', () => live(page, serving));
  await check('calls: filter by server and outcome', () => filter(page, serving));
  await check('calls: detail, with secrets hidden', () => detail(page, serving));
  await check('calls: latency histogram', () => histogram(page, serving));
  await check('calls: pause', () => pause(page, serving));
  await check('calls: five hundred in two seconds leave the page quick', () => burst(page, serving));
  await check('a tool tried in one window is seen in another', () => twoWindows(context, serving));
  await check('audit: what was done, and news of more', () => audit(page, serving));
  await check('settings: values with their origins, read only', () => settings(page, serving));
  await check('settings: read again', () => reload(page, serving));
  await check('docs: the page of the API', () => docs(page, serving));
  await check('no such page', () => nowhere(page, serving, browser));
  await check('an hour of events in a minute: memory of the page', () => leak(context, serving));
  await context.close();
}

async function everyPage(page, serving) {
  await open(page, serving, '/');
  const titles = new Set();
  for (const name of ['Routes', 'Calls', 'Audit', 'Settings', 'Overview']) {
    await link(page, name).click();
    await settled(page);
    await until(async () => (await link(page, name).getAttribute('aria-current')) === 'page', `${name} to be current`);
    await until(async () => (await page.title()).startsWith(name), `the title of ${name}`);
    titles.add(await page.title());
    if ((await page.getByRole('alert').count()) > 0) return `${name}: ${await page.getByRole('alert').first().innerText()}`;
    const path = new URL(page.url()).pathname;
    await page.reload();
    await settled(page);
    if (new URL(page.url()).pathname !== path) return `${path} does not survive a reload`;
  }
  return titles.size === 5 ? undefined : [...titles].join();
}

/** A browser keeps pages for its way back, and has six connections to one host. */
async function oneTab(page, serving) {
  for (let turn = 0; turn < 10; turn += 1) {
    const path = ['/routes', '/calls', '/audit', '/settings', '/'][turn % 5];
    await page.evaluate((to) => void (location.href = to), path);
    await page.waitForURL(`**${path}`);
    await settled(page);
  }
  return undefined;
}

async function inspect(page, serving, request = 'write one line to the log') {
  await open(page, serving, '/routes');
  await page.getByRole('textbox', { name: 'Request' }).fill(request);
  await page.getByRole('button', { name: 'Inspect' }).click();
  const ranked = page.getByRole('region', { name: 'Ranked tools' });
  await ranked.waitFor();
  const first = await ranked.getByRole('list').last().getByRole('listitem').first().innerText();
  if (!/chatty\.say/.test(first) || !/\d+ %/.test(first)) return `the first is ${first}`;
  await ranked.getByText('The numbers').click();
  const table = await ranked.getByRole('table').innerText();
  return /meaning/i.test(table) && /score/i.test(table) ? undefined : table.slice(0, 200);
}

async function run(page, serving) {
  const wrong = await inspect(page, serving, 'write one line to the log');
  if (wrong) return wrong;
  const part = page.getByRole('region', { name: 'Run it' });
  await part.getByText('Only prepare it').click();
  await until(async () => /dry run|needs|prepared|plan/i.test(await part.innerText()), 'what would be done');
  await page.getByRole('textbox', { name: 'Request' }).fill('give all memory back');
  await page.getByRole('button', { name: 'Inspect' }).click();
  await until(async () => /chatty\.shrink/.test(await page.getByRole('region', { name: 'Ranked tools' }).innerText()), 'chatty.shrink');
  await part.getByRole('button', { name: 'Run this request' }).click();
  await until(async () => /done|needs|choice|confirm/i.test(await part.innerText()), 'an outcome');
  const said = await part.innerText();
  if (/\bdone\b/.test(said)) return /MiB held/.test(said) ? undefined : said.slice(0, 200);
  return undefined;
}

async function asks(page, serving) {
  await inspect(page, serving, 'do something with it');
  const part = page.getByRole('region', { name: 'Run it' });
  await part.getByRole('button', { name: 'Run this request' }).click();
  await until(async () => /needs|choice|no match|fits/i.test(await part.innerText()), 'to be asked');
  const buttons = await part.getByRole('button').count();
  return buttons >= 2 ? undefined : `${buttons} buttons`;
}

async function kept(page, serving) {
  await open(page, serving, `/routes?request=${encodeURIComponent('hold more memory')}`);
  await page.getByRole('region', { name: 'Ranked tools' }).waitFor();
  const value = await page.getByRole('textbox', { name: 'Request' }).inputValue();
  return value === 'hold more memory' ? undefined : value;
}

const rows = (page) => page.getByRole('region', { name: 'Latest calls' }).first().getByRole('row');

async function live(page, serving) {
  await open(page, serving, '/calls');
  await page.evaluate(() => (window.checksSamePage = true));
  const began = Date.now();
  await serving.call('misbehave.echo', { text: 'live' });
  await until(async () => /misbehave\.echo/.test(await rows(page).nth(1).innerText()), 'the call at the top', 5000);
  const took = Date.now() - began;
  if (took > 2000) return `after ${took} ms`;
  return (await page.evaluate(() => window.checksSamePage)) ? undefined : 'the page was loaded again';
}

async function filter(page, serving) {
  await serving.call('misbehave.fail');
  await serving.call('chatty.say', { text: 'x' });
  await open(page, serving, '/calls');
  await page.getByRole('combobox', { name: 'Server' }).selectOption('misbehave');
  await settled(page);
  const of = async () => (await rows(page).allInnerTexts()).slice(1);
  await until(async () => (await of()).length > 0 && (await of()).every((row) => row.includes('misbehave')), 'only misbehave');
  await page.getByRole('combobox', { name: 'Outcome' }).selectOption('tool_error');
  await until(async () => (await of()).length > 0 && (await of()).every((row) => row.includes('tool error')), 'only tool errors');
  const before = (await of()).length;
  await serving.call('chatty.say', { text: 'hidden' });
  await serving.call('misbehave.fail');
  await until(async () => (await of()).length === before + 1, 'one more, live');
  return (await of()).some((row) => row.includes('chatty')) ? 'the filter lets others in' : undefined;
}

async function detail(page, serving) {
  const secret = 'sk-proj-Zx9mQ2rT7vB4nL6kJ8hG1fD3sA5pO0iU';
  await serving.call('chatty.fill_in', { name: 'detailed', password: 'hunter2hunter2', labels: [secret] });
  await open(page, serving, '/calls');
  await rows(page).nth(1).getByRole('button').click();
  const drawer = page.getByRole('dialog');
  await drawer.getByText('Parameters').first().waitFor();
  await until(async () => /detailed/.test(await drawer.innerText()), 'its parameters');
  const text = await drawer.innerText();
  if (text.includes(secret) || text.includes('hunter2')) return `a secret is shown: ${text}`;
  await page.keyboard.press('Escape');
  await until(async () => (await drawer.count()) === 0, 'Escape to close it');
  return undefined;
}

async function histogram(page, serving) {
  await open(page, serving, '/calls');
  const part = page.getByRole('region', { name: 'How long they took' });
  const words = await part.getByRole('img').getAttribute('aria-label');
  if (!/^[1-9][\d,]* calls/.test(words ?? '')) return words;
  return /p50\s*[\d.]+/.test(await part.innerText()) ? undefined : part.innerText();
}

async function pause(page, serving) {
  await open(page, serving, '/calls');
  await page.getByRole('button', { name: 'Pause' }).click();
  const before = await rows(page).nth(1).innerText();
  await serving.call('misbehave.echo', { text: 'paused' });
  await page.getByText(/paused, \d+ new/).waitFor({ timeout: 4000 });
  if ((await rows(page).nth(1).innerText()) !== before) return 'it went on';
  await page.getByRole('button', { name: 'Go on' }).click();
  await until(async () => (await rows(page).nth(1).innerText()) !== before, 'the new ones');
  return undefined;
}

async function burst(page, serving) {
  await open(page, serving, '/calls');
  let slowest = 0;
  let isOver = false;
  const calls = (async () => {
    for (let first = 0; first < 500; first += 25) {
      await Promise.all(Array.from({ length: 25 }, () => serving.call('bench.echo_0', { text: 'x' })));
    }
    isOver = true;
  })();
  while (!isOver) {
    const began = performance.now();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
    slowest = Math.max(slowest, performance.now() - began);
  }
  await calls;
  await until(async () => /bench\.echo_0/.test(await rows(page).nth(1).innerText()), 'the last of them');
  const shown = await rows(page).count();
  console.log(`       the slowest frame took ${slowest.toFixed(0)} ms, ${shown} rows`);
  return slowest > 1500 || shown > 1100 ? `a frame took ${slowest.toFixed(0)} ms, ${shown} rows` : undefined;
}

async function twoWindows(context, serving) {
  const [one, two] = [await context.newPage(), await context.newPage()];
  try {
    await open(two, serving, '/calls');
    const form = await toolForm(one, serving, 'chatty', 'say');
    await form.getByLabel(/^text/).fill('from the form');
    await form.getByRole('button', { name: /^Run/ }).click();
    await form.getByText('from the form').last().waitFor();
    await until(async () => /chatty\.say/.test(await rows(two).nth(1).innerText()), 'the call in the other window', 5000);
  } finally {
    await one.close();
    await two.close();
  }
}

async function audit(page, serving) {
  await serving.order('chatty', 'restart');
  await open(page, serving, '/audit');
  const table = page.getByRole('table');
  await until(async () => /restart/.test(await table.innerText()), 'the restart');
  await serving.ask('POST', '/reload');
  await page.getByRole('button', { name: /Show \d+ new/ }).click({ timeout: 5000 });
  await until(async () => /reload/.test(await table.getByRole('row').nth(1).innerText()), 'the reload at the top');
  await page.getByRole('searchbox', { name: 'Action' }).fill(
    (await table.getByRole('row').nth(1).getByRole('cell').nth(4).innerText()).trim(),
  );
  await page.keyboard.press('Enter');
  await settled(page);
  await until(async () => (await table.getByRole('row').allInnerTexts()).slice(1).every((row) => row.includes('reload')), 'only reloads');
  return undefined;
}

async function settings(page, serving) {
  await open(page, serving, '/settings');
  await page.getByRole('searchbox', { name: 'Find settings' }).fill('http.listen');
  const found = page.getByRole('region', { name: 'http', exact: true });
  await found.waitFor();
  const text = await found.innerText();
  if (!/http\.listen/.test(text) || !/default|--http|MCPORCH_|toml/.test(text)) return text;
  await page.getByRole('searchbox', { name: 'Find settings' }).fill('');
  await page.getByRole('checkbox', { name: /not the default/ }).check();
  const fields = await page.getByRole('main').getByRole('textbox').count();
  return fields === 0 ? undefined : `${fields} fields could be written to`;
}

async function reload(page, serving) {
  await open(page, serving, '/settings');
  await page.getByRole('button', { name: 'Read again' }).click();
  await page.getByText('the configuration was read again').waitFor();
}

async function docs(page, serving) {
  await page.goto(`${serving.url}/api/v1/docs`);
  await until(async () => /\/servers\/\{server\}\/start/.test(await page.locator('body').innerText()), 'the paths of the API');
}

async function nowhere(page, serving, browser) {
  browser.isForgiven = (text, address) => /status of 404/.test(text) && address.endsWith('/nothing/here');
  await page.goto(`${serving.url}/nothing/here`);
  await page.getByRole('heading', { level: 1, name: /no such page/i }).waitFor();
  browser.isForgiven = undefined;
}

/** A browser that is left open: what many events leave behind in it. */
async function leak(context, serving) {
  const page = await context.newPage();
  await open(page, serving, '/calls');
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  const look = async () => {
    await page.evaluate(() => window.gc?.());
    const { metrics } = await session.send('Performance.getMetrics');
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const some = async (count) => {
    for (let first = 0; first < count; first += 50) {
      await Promise.all(Array.from({ length: 50 }, () => serving.call('bench.echo_0', { text: 'x' })));
    }
  };
  await some(1500);
  await until(async () => (await rows(page).count()) > 50, 'rows');
  const before = await look();
  await some(6000);
  for (const name of ['Overview', 'Calls', 'Routes', 'Calls', 'Audit', 'Settings', 'Overview', 'Calls']) {
    await link(page, name).click();
    await settled(page);
  }
  const after = await look();
  const grown = (after.JSHeapUsedSize - before.JSHeapUsedSize) / 1e6;
  const nodes = after.Nodes - before.Nodes;
  console.log(`       heap ${(before.JSHeapUsedSize / 1e6).toFixed(1)} MB and ${grown.toFixed(1)} MB more, ${before.Nodes} nodes and ${nodes} more`);
  await page.close();
  return grown > 10 || nodes > 20_000 ? `${grown.toFixed(1)} MB and ${nodes} nodes more` : undefined;
}
