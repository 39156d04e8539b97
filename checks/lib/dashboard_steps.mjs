// Words for what a person does in the dashboard. Everything is found by role and name, as a screen reader finds it.
import { sleep } from './serving.mjs';

export const PAGES = ['/', '/routes', '/calls', '/audit', '/settings'];
const WAIT_MS = 10_000;

/** The card of a server on the overview. */
export const card = (page, server) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { level: 3, name: server, exact: true }) });

export const order = (page, what, server) => page.getByRole('button', { name: `${what} ${server}`, exact: true }).first();

/** The word for the state of a server, on its card. */
export async function stateOf(page, server) {
  const words = await card(page, server).innerText();
  return words.match(/\b(stopped|dormant|starting|ready|degraded|stopping|backoff|crashed|quarantined|refused)\b/)?.[1] ?? words;
}

/** Opens a page and waits until it shows what it has. */
export async function open(page, serving, path) {
  await page.goto(`${serving.url}${path}`);
  await settled(page);
}

/** Nothing is being read any more, and the page is live. */
export async function settled(page) {
  await page.getByRole('banner').getByText('live', { exact: true }).waitFor({ timeout: WAIT_MS });
  await until(async () => (await page.getByText(/^Reading .* …$/).count()) === 0, 'the page to be filled');
}

/** Waits for something to be true; says what it waited for. */
export async function until(what, name, ms = WAIT_MS, step = 40) {
  let last;
  for (const end = Date.now() + ms; Date.now() < end; await sleep(step)) {
    try {
      last = await what();
      if (last) return last;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`waited ${ms / 1000} s for ${name}; at last: ${last instanceof Error ? last.message : JSON.stringify(last)}`);
}

export const link = (page, name) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true });
export const view = (page, name) => page.getByRole('navigation', { name: 'Views of this server' }).getByRole('link', { name });

/** A number with its unit, as bytes. */
export function bytes(text) {
  const found = text.match(/([\d.,]+)\s*(B|kB|MB|GB)/);
  return found === null ? Number.NaN : Number(found[1].replaceAll(',', '')) * { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[found[2]];
}

/** What stands beside a term in a list of facts. */
export async function fact(page, name) {
  return page.evaluate((wanted) => {
    for (const term of document.querySelectorAll('dt')) if (term.textContent === wanted) return term.nextElementSibling?.textContent ?? null;
    return null;
  }, name);
}

/** Red, green, or whatever else the eye sees where this word stands. */
export async function hueOf(locator) {
  const rgb = await locator.evaluate((element) => {
    const canvas = document.createElement('canvas').getContext('2d');
    const seen = [];
    for (const one of [element, ...element.querySelectorAll('*')]) {
      const style = getComputedStyle(one);
      for (const colour of [style.color, style.fill, style.stroke, style.backgroundColor]) {
        if (colour === 'none' || colour === '') continue;
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        if (alpha > 100) seen.push([red, green, blue]);
      }
    }
    const spread = ([red, green, blue]) => Math.max(red, green, blue) - Math.min(red, green, blue);
    return seen.sort((a, b) => spread(b) - spread(a))[0];
  });
  const [red, green, blue] = rgb ?? [0, 0, 0];
  if (Math.max(red, green, blue) - Math.min(red, green, blue) < 30) return 'grey';
  if (red > green * 1.3 && red > blue * 1.3) return 'red';
  if (green > red * 1.15 && green >= blue * 0.9) return 'green';
  return red > blue * 1.3 ? 'amber' : 'blue';
}

/** Opens a tool of a server and gives its form. */
export async function toolForm(page, serving, server, tool) {
  await open(page, serving, `/servers/${encodeURIComponent(server)}/tools`);
  await page.getByRole('main').getByRole('button', { name: new RegExp(`^\\W*${tool}\\b`) }).click();
  const form = page.getByRole('form', { name: `Try ${server}.${tool}`, exact: true });
  await form.waitFor();
  return form;
}

/** How far the page is wider than its window, and what sticks out. */
export async function overhang(page) {
  return page.evaluate(() => {
    const wide = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
    if (wide <= 0) return null;
    const limit = document.documentElement.clientWidth + 1;
    const outside = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > limit).slice(-3);
    return `${wide} px too wide: ${outside.map((one) => `${one.tagName.toLowerCase()}.${one.className}`).join(', ')}`;
  });
}
