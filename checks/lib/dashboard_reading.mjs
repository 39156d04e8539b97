// Reading the dashboard otherwise: axe, keyboard alone, a phone, both colours, a key, pictures.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { card, open, overhang, PAGES, settled, stateOf, toolForm, until } from './dashboard_steps.mjs';

const PHONE = { width: 360, height: 740 };
const VIEWS = ['/servers/chatty', '/servers/chatty/tools', '/servers/chatty/logs', '/servers/chatty/calls', '/servers/nobody'];
const PICTURE_BYTES_MAX = 150_000;

export async function cases(verdicts, browser, serving) {
  const check = (name, tried) => verdicts.check(name, tried);
  browser.isForgiven = (text, address) => /status of 404/.test(text) && /\/(servers\/nobody|nothing)$/.test(address);
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.window(serving.url, { colorScheme });
    const page = await context.newPage();
    for (const path of [...PAGES, ...VIEWS, '/nothing']) {
      await check(`axe: ${path} ${colorScheme}`, () => clean(page, browser, serving, path));
    }
    await check(`axe: an open tool with its form and result, ${colorScheme}`, () => cleanTool(page, browser, serving));
    await check(`axe: ranked routes, ${colorScheme}`, () => cleanRoutes(page, browser, serving));
    await check(`axe: a call's detail, ${colorScheme}`, () => cleanDetail(page, browser, serving));
    await check(`axe: a question, ${colorScheme}`, () => cleanQuestion(page, browser, serving));
    await check(`axe: docs of the API, ${colorScheme}`, () => cleanDocs(page, browser, serving));
    await context.close();
  }
  await check('dark is dark, light is light, and the switch changes it', () => colours(browser, serving));
  const phone = await browser.window(serving.url, { viewport: PHONE, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  const small = await phone.newPage();
  for (const path of [...PAGES, ...VIEWS]) {
    await check(`phone: ${path} is not wider than the window`, () => narrow(small, serving, path));
  }
  await check('phone: an open tool is not wider either', () => narrowTool(small, serving));
  await check('phone: ranked routes are not wider either', () => narrowRoutes(small, serving));
  await check('phone: what is touched is large enough', () => touchable(small, serving));
  await check('phone: axe', () => clean(small, browser, serving, '/'));
  await phone.close();
  await check('a zoom of 200 % loses nothing', () => zoomed(browser, serving));
  await keyboard(verdicts, browser, serving);
  browser.isForgiven = undefined;
}

function said({ serious, minor }) {
  if (minor.length > 0) console.log(`       lesser: ${minor.join('; ').slice(0, 300)}`);
  return serious.length > 0 ? serious.join('; ') : undefined;
}

async function clean(page, browser, serving, path) {
  await open(page, serving, path);
  return said(await browser.axeOf(page));
}

async function cleanTool(page, browser, serving) {
  const form = await toolForm(page, serving, 'chatty', 'fill_in');
  await form.getByLabel(/^name/).fill('x');
  await form.getByRole('button', { name: /^Run/ }).click();
  await form.getByLabel('Block 1 of the result').waitFor();
  await page.getByText('Schemas as the server gave them').click();
  return said(await browser.axeOf(page));
}

async function routes(page, serving) {
  await open(page, serving, `/routes?request=${encodeURIComponent('write one line to the log')}`);
  await page.getByRole('region', { name: 'Ranked tools' }).getByText('The numbers').click();
}

async function cleanRoutes(page, browser, serving) {
  await routes(page, serving);
  await page.getByRole('button', { name: 'Run this request' }).click();
  await until(async () => /done|needs|choice|match/i.test(await page.getByRole('region', { name: 'Run it' }).innerText()), 'an outcome');
  return said(await browser.axeOf(page));
}

async function cleanDetail(page, browser, serving) {
  await serving.call('chatty.say', { text: 'x' });
  await open(page, serving, '/calls');
  await page.getByRole('region', { name: 'Latest calls' }).getByRole('row').nth(1).getByRole('button').click();
  await until(async () => /Parameters/.test(await page.getByRole('dialog').innerText()), 'the detail');
  return said(await browser.axeOf(page));
}

async function cleanQuestion(page, browser, serving) {
  await open(page, serving, '/servers/chatty');
  await page.getByRole('button', { name: 'Quarantine' }).click();
  await page.getByRole('dialog').waitFor();
  return said(await browser.axeOf(page));
}

async function cleanDocs(page, browser, serving) {
  await page.goto(`${serving.url}/api/v1/docs`);
  await until(async () => (await page.locator('body').innerText()).includes('/servers'), 'the API');
  return said(await browser.axeOf(page));
}

async function brightness(page) {
  return page.evaluate(() => {
    const colour = [document.body, document.documentElement].map((one) => getComputedStyle(one).backgroundColor).find((one) => !/, 0\)$|transparent/.test(one));
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.fillStyle = colour ?? 'white';
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).reduce((sum, one) => sum + one, 0) / 3;
  });
}

async function colours(browser, serving) {
  for (const [colorScheme, isDark] of [['light', false], ['dark', true]]) {
    const context = await browser.window(serving.url, { colorScheme });
    const page = await context.newPage();
    await open(page, serving, '/');
    const first = await brightness(page);
    if (first < 128 !== isDark) return `${colorScheme} has a brightness of ${first}`;
    const button = page.getByRole('button', { name: /^Colours/ });
    const seen = [];
    for (let turn = 0; turn < 3; turn += 1) {
      await button.click();
      seen.push((await brightness(page)) < 128 ? 'dark' : 'light');
    }
    await page.reload();
    await context.close();
    if (!seen.includes('dark') || !seen.includes('light')) return `the switch gives ${seen.join()}`;
  }
  return undefined;
}

async function narrow(page, serving, path) {
  await open(page, serving, path);
  return overhang(page);
}

async function narrowTool(page, serving) {
  const form = await toolForm(page, serving, 'chatty', 'fill_in');
  await form.getByLabel(/^name/).fill('a_long_word_without_any_break_'.repeat(8));
  await form.getByRole('button', { name: /^Run/ }).click();
  await form.getByLabel('Block 1 of the result').waitFor();
  return overhang(page);
}

async function narrowRoutes(page, serving) {
  await routes(page, serving);
  return overhang(page);
}

async function touchable(page, serving) {
  await open(page, serving, '/');
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, select, input, nav a')]
      .map((one) => [one.textContent.trim() || one.getAttribute('aria-label'), one.getBoundingClientRect()])
      .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24))
      .map(([name, box]) => `${name} ${box.width.toFixed(0)}×${box.height.toFixed(0)}`),
  );
  return small.length > 0 ? small.slice(0, 5).join(', ') : undefined;
}

async function zoomed(browser, serving) {
  const context = await browser.window(serving.url, { viewport: { width: 640, height: 400 } });
  const page = await context.newPage();
  for (const path of PAGES) {
    await open(page, serving, path);
    const wrong = await overhang(page);
    if (wrong) return `${path}: ${wrong}`;
  }
  await context.close();
  return undefined;
}

// --- Without a mouse --------------------------------------------------------------------------------------------------

async function keyboard(verdicts, browser, serving) {
  const context = await browser.window(serving.url);
  const page = await context.newPage();
  for (const path of [...PAGES, '/servers/chatty', '/servers/chatty/tools', '/servers/chatty/logs']) {
    await verdicts.check(`keyboard: every stop of ${path} has a name and can be seen, and there is an end`, () => stops(page, serving, path));
  }
  await verdicts.check('keyboard: skip to the page', () => skip(page, serving));
  await verdicts.check('keyboard: from the overview to a restart, and back', () => walk(page, serving));
  await verdicts.check('keyboard: a request is inspected and run', () => request(page, serving));
  await verdicts.check('keyboard: a question keeps the focus, Escape gives it back', () => question(page, serving));
  await context.close();
}

/** What has the focus: its name, and whether it looks otherwise than without. */
async function focused(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    if (one === null || one === document.body) return null;
    const look = () => {
      const style = getComputedStyle(one);
      return [style.outlineStyle === 'none' ? '' : `${style.outlineWidth} ${style.outlineColor}`, style.boxShadow, style.borderColor, style.backgroundColor].join();
    };
    const label = one.labels?.[0]?.textContent ?? '';
    const name = one.getAttribute('aria-label') ?? (label || one.textContent || one.getAttribute('title') || one.getAttribute('placeholder') || '');
    const labelled = one.getAttribute('aria-labelledby');
    const named = labelled === null ? name.trim() : labelled.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
    const box = one.getBoundingClientRect();
    one.dataset.checksStop ??= String((window.checksStops = (window.checksStops ?? 0) + 1));
    const style = getComputedStyle(one);
    const hasRing = (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    return {
      id: one.dataset.checksStop,
      tag: one.tagName.toLowerCase(),
      name: named.slice(0, 60),
      hasRing,
      isSeen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
      look: look(),
    };
  });
}

async function stops(page, serving, path) {
  await open(page, serving, path);
  await page.evaluate(() => {
    document.activeElement?.blur?.();
    window.checksStops = 0;
  });
  const seen = new Map();
  for (let turn = 0; turn < 400; turn += 1) {
    await page.keyboard.press('Tab');
    const one = await focused(page);
    if (one === null || seen.has(one.id)) {
      const wrong = [...seen.values()].filter((stop) => stop.name === '' || !stop.hasRing || !stop.isSeen);
      if (seen.size < 6) return `only ${seen.size} stops`;
      return wrong.length > 0
        ? wrong.slice(0, 4).map((stop) => `${stop.tag} “${stop.name}”${stop.name === '' ? ' has no name' : ''}${stop.hasRing ? '' : ' has no ring'}${stop.isSeen ? '' : ' is out of sight'}`).join('; ')
        : undefined;
    }
    seen.set(one.id, one);
  }
  return `no end after ${seen.size} stops`;
}

async function skip(page, serving) {
  await open(page, serving, '/');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  const isInside = await page.evaluate(() => document.querySelector('main').contains(document.activeElement));
  return isInside ? undefined : 'the next stop is not in the page';
}

/** Tabs until what has the focus has this name. */
async function tabTo(page, name, max = 300) {
  for (let turn = 0; turn < max; turn += 1) {
    await page.keyboard.press('Tab');
    if (name.test((await focused(page))?.name ?? '')) return;
  }
  throw new Error(`${name} is not reached by Tab`);
}

async function walk(page, serving) {
  await serving.order('chatty', 'start');
  const { pid } = await serving.untilState('chatty', ['ready']);
  await open(page, serving, '/');
  await tabTo(page, /^chatty$/);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: /^chatty/ }).waitFor();
  await tabTo(page, /^Restart chatty$/);
  await page.keyboard.press('Enter');
  await until(async () => ![pid, null].includes((await serving.server('chatty')).pid), 'another process', 20_000);
  await page.getByRole('heading', { level: 1, name: /ready/ }).waitFor({ timeout: 20_000 });
  await page.goBack();
  await card(page, 'chatty').waitFor();
  await until(async () => (await stateOf(page, 'chatty')) === 'ready', 'ready on the overview');
  return undefined;
}

async function request(page, serving) {
  await open(page, serving, '/routes');
  await tabTo(page, /^Request$/);
  await page.keyboard.type('write one line to the log');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Ranked tools' }).waitFor();
  await tabTo(page, /^Run this request$/);
  await page.keyboard.press('Space');
  await until(async () => /done|needs|choice|match/i.test(await page.getByRole('region', { name: 'Run it' }).innerText()), 'an outcome');
}

async function question(page, serving) {
  await open(page, serving, '/servers/chatty');
  await tabTo(page, /^Quarantine$/);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let turn = 0; turn < 8; turn += 1) {
    await page.keyboard.press('Tab');
    const isInside = await page.evaluate(() => document.activeElement === document.body || document.querySelector('dialog[open]').contains(document.activeElement));
    if (!isInside) return 'Tab leaves the question';
  }
  await page.keyboard.press('Escape');
  await until(async () => (await page.getByRole('dialog').count()) === 0, 'Escape to close it');
  return (await focused(page))?.name === 'Quarantine' ? undefined : `the focus is at ${(await focused(page))?.name ?? 'nothing'}`;
}

// --- With a key -------------------------------------------------------------------------------------------------------

/** `keys` are {viewer, operator}; `serving` asks for one. */
export async function withKeys(verdicts, browser, serving, keys) {
  const context = await browser.window(serving.url);
  const page = await context.newPage();
  browser.isForgiven = (text) => /status of 40[13]/.test(text);
  await verdicts.check('keys: the page asks for one', async () => {
    await page.goto(serving.url);
    await page.getByRole('heading', { name: /wants a key/ }).waitFor();
    return said(await browser.axeOf(page));
  });
  const enter = async (key) => {
    await page.getByLabel(/key/i).first().fill(key);
    await page.keyboard.press('Enter');
  };
  await verdicts.check('keys: a wrong one is told', async () => {
    await enter('mo_wrong_wrong');
    await page.getByRole('alert').or(page.getByText(/unknown|wrong|not known|no such/i)).first().waitFor();
  });
  await verdicts.check('keys: a viewer sees, and is told what he may not', async () => {
    await enter(keys.viewer);
    await settled(page);
    await card(page, 'chatty').waitFor();
    const button = page.getByRole('button', { name: 'Restart chatty', exact: true });
    if (!(await button.isEnabled())) return undefined;
    await button.click();
    await page.getByText(/not allowed/i).first().waitFor();
    return undefined;
  });
  await verdicts.check('keys: every page of a viewer says it kindly', async () => {
    for (const path of PAGES) {
      await page.goto(`${serving.url}${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      const alerts = await page.getByRole('alert').allInnerTexts();
      const odd = alerts.filter((text) => !/not allowed/i.test(text));
      if (odd.length > 0) return `${path}: ${odd.join()}`;
    }
    return undefined;
  });
  await verdicts.check('keys: the key is in no address, cookie or lasting storage', async () => {
    const left = await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), location.href].join(' '));
    return left.includes(keys.viewer) ? left : undefined;
  });
  await verdicts.check('keys: it is forgotten', async () => {
    await page.getByRole('button', { name: 'Forget the key' }).click();
    await page.getByRole('heading', { name: /wants a key/ }).waitFor();
    await enter(keys.operator);
    await settled(page);
  });
  browser.isForgiven = undefined;
  await context.close();
}

// --- Pictures ---------------------------------------------------------------------------------------------------------

/** Pictures for docs/images: light, dark and a phone. */
export async function pictures(verdicts, browser, serving, folder) {
  mkdirSync(folder, { recursive: true });
  const wide = { viewport: { width: 1280, height: 800 } };
  const phone = { viewport: { width: 390, height: 780 }, isMobile: true, deviceScaleFactor: 1.5 };
  const request = `/routes?request=${encodeURIComponent('what time is it in Tokyo')}`;
  for (const [name, path, options] of [
    ['overview-light', '/', { ...wide, colorScheme: 'light' }],
    ['overview-dark', '/', { ...wide, colorScheme: 'dark' }],
    ['overview-phone', '/', { ...phone, colorScheme: 'light' }],
    ['server-light', '/servers/notes', { ...wide, colorScheme: 'light' }],
    ['routes-light', request, { ...wide, colorScheme: 'light' }],
    ['routes-dark', request, { ...wide, colorScheme: 'dark' }],
    ['calls-dark', '/calls', { ...wide, colorScheme: 'dark' }],
    ['calls-phone', '/calls', { ...phone, colorScheme: 'dark' }],
  ]) {
    await verdicts.check(`picture ${name}`, async () => {
      const context = await browser.window(serving.url, options);
      const page = await context.newPage();
      await open(page, serving, path);
      await page.waitForTimeout(2500); // For the lines of the sparklines to have grown by a few points.
      const png = await browser.picture(page, PICTURE_BYTES_MAX);
      writeFileSync(join(folder, `dashboard-${name}.png`), png);
      await context.close();
      return png.length > PICTURE_BYTES_MAX ? `${png.length} bytes` : undefined;
    });
  }
}
