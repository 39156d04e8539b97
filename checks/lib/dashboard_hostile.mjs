// Servers whose names, descriptions, results and logs are what a page must not believe.
import { card, open, settled, toolForm, until, view } from './dashboard_steps.mjs';

const MARKUP = 'onerror="window.owned=1"';
const TOOL = 'show_picture';

export async function cases(verdicts, browser, serving, oddName) {
  const context = await browser.window(serving.url);
  const page = await context.newPage();
  const check = (name, tried) =>
    verdicts.check(name, async () => (await tried()) ?? (await trusting(page)) ?? browser.takeSins().map((sin) => sin)[0]);
  browser.takeSins();
  await serving.order('hostile', 'start');
  await serving.call(`hostile.${TOOL}`, { text: '<script>window.owned=1</script>' });
  await check('hostile: overview', () => seen(page, serving, '/', false));
  await check('hostile: its page', () => seen(page, serving, '/servers/hostile', false));
  await check('hostile: its tools, their texts and schemas', () => tools(page, serving));
  await check('hostile: its log', () => log(page, serving));
  await check('hostile: what a tool answers', () => result(page, serving));
  await check('hostile: routes', () => routes(page, serving));
  await check('hostile: calls and their detail', () => calls(page, serving));
  await check('hostile: audit', () => seen(page, serving, '/audit', false));
  await check('hostile: settings', () => seen(page, serving, '/settings', false));
  await check(`a server that is called ${oddName}`, () => odd(page, serving, oddName));
  await check('hostile: words in the address', () => address(page, serving, browser));
  await context.close();
}

/** Whether something of the server was taken for more than text. */
async function trusting(page) {
  return page.evaluate(() => {
    if (window.owned) return 'its script ran';
    const bad = document.querySelector('img[src="x"], svg[onload], a[href^="javascript:"], main script, b > i, [onerror], [onload]');
    if (bad) return `its markup became ${bad.outerHTML.slice(0, 200)}`;
    // eslint-disable-next-line no-control-regex
    const raw = document.body.innerText.match(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
    if (raw) return `a character that acts is in the text: U+${raw[0].charCodeAt(0).toString(16)}`;
    for (const one of document.querySelectorAll('[title], [aria-label], option')) {
      const text = `${one.getAttribute('title') ?? ''}${one.getAttribute('aria-label') ?? ''}${one.tagName === 'OPTION' ? one.textContent : ''}`;
      if (/[\u202a-\u202e\u2066-\u2069\u001b]/.test(text)) return `a character that acts is in an attribute: ${one.outerHTML.slice(0, 200)}`;
    }
    return /[\u202a-\u202e\u001b]/.test(document.title) ? 'it writes into the title' : null;
  });
}

async function seen(page, serving, path, wantsMarkup = true) {
  await open(page, serving, path);
  if (!wantsMarkup) return undefined;
  await until(async () => (await page.getByRole('main').innerText()).includes(MARKUP), 'its markup as text');
  return undefined;
}

async function tools(page, serving) {
  const form = await toolForm(page, serving, 'hostile', TOOL);
  await until(async () => (await page.getByRole('main').innerText()).includes(MARKUP), 'its markup as text');
  await page.getByText('Schemas as the server gave them').click();
  const raw = await page.getByLabel('Input schema').innerText();
  if (!raw.includes('onerror')) return 'its schema is not shown';
  return (await form.getByRole('textbox').count()) > 0 ? undefined : 'no form';
}

async function log(page, serving) {
  await open(page, serving, '/servers/hostile');
  await view(page, 'Log').click();
  await until(async () => (await page.getByRole('log').innerText()).includes(MARKUP), 'its markup as text');
  const text = await page.getByRole('log').innerText();
  return /\[31m/.test(text) ? 'an escape sequence is shown as letters' : undefined;
}

async function result(page, serving) {
  const form = await toolForm(page, serving, 'hostile', TOOL);
  await form.getByRole('button', { name: /^Run/ }).click();
  await until(async () => (await form.getByLabel('Block 1 of the result').innerText()).includes(MARKUP), 'its markup as text');
  await form.getByRole('button', { name: 'Raw JSON' }).click();
  await form.getByLabel(/whole result/).waitFor();
  return undefined;
}

async function routes(page, serving) {
  await open(page, serving, `/routes?request=${encodeURIComponent('show a picture <img src=x onerror=window.owned=1>')}`);
  await until(async () => (await page.getByRole('region', { name: 'Ranked tools' }).innerText()).includes(TOOL), 'the tool');
  await page.getByRole('button', { name: 'Run this request' }).click();
  await until(async () => /done|needs|choice|params/i.test(await page.getByRole('region', { name: 'Run it' }).innerText()), 'an outcome');
  return undefined;
}

async function calls(page, serving) {
  await serving.call(`hostile.${TOOL}`, { text: '<img src=x onerror="window.owned=1"> \u202egnp.exe' });
  await open(page, serving, '/calls');
  await page.getByRole('region', { name: 'Latest calls' }).getByRole('row').nth(1).getByRole('button').click();
  await until(async () => /onerror/.test(await page.getByRole('dialog').innerText()), 'its parameters');
  const told = await trusting(page);
  await page.keyboard.press('Escape');
  return told ?? undefined;
}

async function odd(page, serving, name) {
  await open(page, serving, '/');
  await card(page, name).getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1 }).filter({ hasText: name }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1 }).filter({ hasText: name }).waitFor();
  for (const one of ['Tools', 'Log', 'Calls', 'Resources']) {
    await view(page, one).click();
    await settled(page);
    if ((await page.getByRole('alert').count()) > 0) return `${one}: ${await page.getByRole('alert').first().innerText()}`;
  }
  await page.getByRole('button', { name: `Start ${name}`, exact: true }).click();
  await until(async () => /ready/.test(await page.getByRole('heading', { level: 1 }).innerText()), 'ready');
  return undefined;
}

async function address(page, serving, browser) {
  // There is no server of that name, which the browser says too.
  browser.isForgiven = (text, asked) => /status of 404/.test(text) && asked.includes('/servers/');
  for (const path of ['/servers/%3Cimg%20src=x%20onerror=window.owned=1%3E', '/routes?request=%3Cscript%3Ewindow.owned=1%3C/script%3E', '/calls?tool=%22%3E%3Cimg%20src=x%20onerror=window.owned=1%3E', '/servers/%E2%80%AEexe', '/servers/%ff']) {
    await page.goto(`${serving.url}${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const wrong = await trusting(page);
    if (wrong) return `${path}: ${wrong}`;
  }
  await settled(page);
  browser.isForgiven = undefined;
  return undefined;
}
