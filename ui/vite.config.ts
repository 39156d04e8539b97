// How the dashboard is built: one script and one style sheet with names that follow from their contents, packed, and the
// licences of what is in them.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** What is bundled and by whom. `check` holds it against what the bundle was really made of. */
const BUNDLED = ['@preact/signals', '@preact/signals-core', 'preact', 'uplot'];

/** Writes the licences of bundled packages beside the assets, as the packages give them. */
function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle(_options, bundle) {
      const used = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const id of chunk.moduleIds) {
          const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll('\\', '/'))?.[1];
          if (name !== undefined) used.add(name);
        }
      }
      const unknown = [...used].filter((name) => !BUNDLED.includes(name));
      if (unknown.length > 0) this.error(`bundled without being named in vite.config.ts: ${unknown.join(', ')}`);
      const texts = BUNDLED.map((name) => {
        const folder = join(import.meta.dirname, 'node_modules', name);
        const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
        const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
        if (file === undefined || !existsSync(join(folder, file))) this.error(`${name} comes without its licence`);
        const text = readFileSync(join(folder, file as string), 'utf8').replaceAll('\r\n', '\n').trim();
        return `${name} ${about['version']} (${about['license']})\n\n${text}\n`;
      });
      const head = 'The dashboard of mcporch contains these works of others.\n';
      const line = `\n${'-'.repeat(80)}\n\n`;
      this.emitFile({ type: 'asset', fileName: 'assets/LICENSES.txt', source: [head, ...texts].join(line) });
    },
  };
}

/** Puts `NAME.gz` in the place of each script and style sheet: they are served packed, and kept so. */
function packed(): Plugin {
  return {
    name: 'packed',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const [name, file] of Object.entries(bundle)) {
          if (!/\.(js|css)$/.test(name)) continue;
          const text = file.type === 'chunk' ? file.code : file.source;
          this.emitFile({ type: 'asset', fileName: `${name}.gz`, source: gzipSync(text, { level: 9 }) });
          delete bundle[name];
        }
      },
    },
  };
}

/** The assets come from where the page comes from: no need to ask for them as from elsewhere. */
function plainTags(): Plugin {
  return { name: 'plain-tags', transformIndexHtml: { order: 'post', handler: (html) => html.replaceAll(' crossorigin', '') } };
}

export default defineConfig({
  plugins: [licences(), plainTags(), packed()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome111', 'firefox114', 'safari16.4'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
  server: { proxy: { '/api': process.env['MCPORCH'] ?? 'http://127.0.0.1:8080' } },
});
