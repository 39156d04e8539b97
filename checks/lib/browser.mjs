// A Chromium of Debian's, driven without a window, that notices what a page must not do.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Debian's wrapper adds options of the desktop; the program itself needs none of them.
const PROGRAM = '/usr/lib/chromium/chromium';

export class Browser {
  static async start(units) {
    const require = createRequire(join(units.node_modules, 'x'));
    const { chromium } = require('playwright-core');
    const mine = new Browser();
    mine.axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
    mine.images = require('upng-js');
    mine.browser = await chromium.launch({
      executablePath: existsSync(PROGRAM) ? PROGRAM : units.chromium,
      chromiumSandbox: process.getuid?.() !== 0,
      // As people see it: with the bars that the pages leave room for.
      ignoreDefaultArgs: ['--hide-scrollbars'],
      args: ['--disable-gpu', '--disable-dev-shm-usage', '--js-flags=--expose-gc'],
    });
    mine.sins = [];
    return mine;
  }

  /** A window of its own, with its own storage. What its pages do wrong is added to `sins`. */
  async window(origin, options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(10_000);
    const sin = (page, what) => this.sins.push(`${new URL(page.url()).pathname}: ${what}`);
    await context.exposeBinding('checksViolation', ({ page }, what) => sin(page, `CSP: ${what}`));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => window.checksViolation(`${event.violatedDirective} ${event.blockedURI}`));
      window.addEventListener('unhandledrejection', (event) => window.checksViolation(`unhandled rejection ${event.reason}`));
    });
    context.on('request', (request) => {
      const url = new URL(request.url());
      if (url.origin !== origin && !['data:', 'blob:'].includes(url.protocol)) this.sins.push(`a request to ${request.url()}`);
    });
    context.on('page', (page) => {
      page.on('pageerror', (error) => sin(page, `exception: ${error.message}`));
      page.on('dialog', (dialog) => {
        sin(page, `a dialog says ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('console', (message) => {
        // A refusal or a lost connection that the page expects is logged by the browser itself.
        if (message.type() === 'error' && !this.isForgiven?.(message.text(), message.location().url)) sin(page, `console: ${message.text()} ${message.location().url}`);
      });
    });
    return context;
  }

  /** Takes what was done wrong so far. */
  takeSins() {
    return [...new Set(this.sins.splice(0))];
  }

  /** What axe finds in a page, of the impacts that matter; the others are counted. */
  async axeOf(page) {
    await page.evaluate(this.axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    const of = (impacts) => found.violations.filter((one) => impacts.includes(one.impact));
    const told = (one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary?.split('\n')[1]?.trim() ?? ''}`).join(' | ')}`;
    return { serious: of(['serious', 'critical']).map(told), minor: of(['moderate', 'minor']).map(told) };
  }

  /** A picture of a page with at most so many bytes: fewer colours where it needs them. */
  async picture(page, bytesMax) {
    let png = await page.screenshot({ animations: 'disabled' });
    for (const colours of [256, 128, 64]) {
      const image = this.images.decode(png);
      const smaller = Buffer.from(this.images.encode(this.images.toRGBA8(image), image.width, image.height, colours));
      if (smaller.length < png.length) png = smaller;
      if (png.length <= bytesMax) break;
    }
    return png;
  }

  /** Pictures of all pages that are open, for who wants to know what was there when a check failed. */
  async evidence(folder, name) {
    const pages = this.browser.contexts().flatMap((context) => context.pages());
    for (const [number, page] of pages.entries()) {
      const path = join(folder, `failed-${name.replace(/[^\w]+/g, '_').slice(0, 60)}-${number}.png`);
      await page.screenshot({ path, timeout: 5000 }).catch(() => undefined);
    }
  }

  async close() {
    await this.browser.close();
  }
}
