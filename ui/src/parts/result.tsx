// What a tool answered: texts, JSON and pictures, as they are and never as a part of the page.
import { useState } from 'preact/hooks';
import { bytes, count, cut, pretty } from '../text';
import { Code, Plain, quiet } from './words';

/** Longer answers are shown in part: the page must stay usable. */
const CHARS_MAX = 200_000;
const BLOCKS_MAX = 100;
/** Kinds that a browser draws without running anything. */
const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif']);

type Block = Record<string, unknown>;

/** A `CallToolResult`. */
export function ResultView({ result }: { result: unknown }) {
  const [isRaw, setRaw] = useState(false);
  const whole = (typeof result === 'object' && result !== null ? result : { content: [{ type: 'text', text: pretty(result) }] }) as Block;
  const content = Array.isArray(whole['content']) ? (whole['content'] as Block[]) : [];
  const structured = whole['structuredContent'];
  const isError = whole['isError'] === true;
  return (
    <div class={isError ? 'result bad' : 'result'}>
      {isError && (
        <p class="problem" role="alert">
          <strong>The tool says that it failed.</strong>
        </p>
      )}
      <div class="switch" role="group" aria-label="How the result is shown">
        <button type="button" aria-pressed={!isRaw} onClick={() => setRaw(false)}>
          Result
        </button>
        <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
          Raw JSON
        </button>
      </div>
      {isRaw ? (
        <Code label="The whole result as JSON" text={cut(pretty(result), CHARS_MAX)} />
      ) : (
        <>
          {content.slice(0, BLOCKS_MAX).map((block, place) => (
            <BlockView key={place} block={block} place={place + 1} />
          ))}
          {content.length > BLOCKS_MAX && <p class="quiet">{count(content.length - BLOCKS_MAX)} more blocks stand in the raw JSON.</p>}
          {structured !== undefined && (
            <>
              <h3>Structured</h3>
              <Code label="Structured result" text={cut(pretty(structured), CHARS_MAX)} />
            </>
          )}
          {content.length === 0 && structured === undefined && <p class="empty">The tool answered with nothing.</p>}
        </>
      )}
    </div>
  );
}

function BlockView({ block, place }: { block: Block; place: number }) {
  const text = (name: string) => (typeof block[name] === 'string' ? (block[name] as string) : '');
  const label = `Block ${place} of the result`;
  switch (block['type']) {
    case 'text':
      return <Code label={label} text={cut(readable(text('text')), CHARS_MAX)} />;
    case 'image': {
      const kind = text('mimeType').toLowerCase();
      const data = text('data');
      const size = bytes(Math.floor(data.length * 0.75));
      if (!PICTURES.has(kind) || !/^[A-Za-z0-9+/=\s]*$/.test(data)) return <Note about={`a picture of the kind ${kind || 'unknown'} (${size}), which is not shown`} />;
      return (
        <figure class="picture">
          <img src={`data:${kind};base64,${data}`} alt={`Picture in block ${place} of the result`} />
          <figcaption class="quiet">
            {kind}, {size}
          </figcaption>
        </figure>
      );
    }
    case 'audio':
      return <Note about={`a sound of the kind ${text('mimeType')} (${bytes(Math.floor(text('data').length * 0.75))}), which is not played`} />;
    case 'resource_link':
      return <Note about={`a link to ${text('name')} ${text('uri')}`} />;
    case 'resource': {
      const resource = (typeof block['resource'] === 'object' && block['resource'] !== null ? block['resource'] : {}) as Block;
      const inside = typeof resource['text'] === 'string' ? resource['text'] : undefined;
      const about = `a resource, ${String(resource['uri'] ?? '')}`;
      return inside === undefined ? <Note about={`${about}, which is no text`} /> : <Code label={quiet(about)} text={cut(inside, CHARS_MAX)} />;
    }
    default:
      return <Code label={label} text={cut(pretty(block), CHARS_MAX)} />;
  }
}

const Note = ({ about }: { about: string }) => (
  <p class="note">
    The result has <Plain text={about} />.
  </p>
);

/** JSON in a text is laid out; other text stays as it is. */
function readable(text: string): string {
  const start = text.trimStart()[0];
  if ((start !== '{' && start !== '[') || text.length > CHARS_MAX) return text;
  try {
    return pretty(JSON.parse(text));
  } catch {
    return text;
  }
}
