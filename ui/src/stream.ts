// Reads events from the gateway for as long as anybody looks. `fetch` and not `EventSource`: the key travels as a header.
import { signal, type ReadonlySignal } from '@preact/signals';
import { headers, problemOf } from './api';

/** How a stream stands. */
export type Link =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'paused' }
  | { kind: 'lost'; since: number; why: string; retryAt: number };

/** The gateway says something at least every 15 s; three times that is silence. */
const SILENCE_MS_MAX = 45_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;
/** A stream that lasted so long was a good one: the next attempt comes soon. */
const GOOD_MS = 10_000;
/** An event that is longer is not one of ours. */
const EVENT_CHARS_MAX = 16_000_000;
/** Hidden for so long, a page lets go of its streams: a browser has six connections to one host for all its tabs. */
const HIDDEN_MS_MAX = 15_000;

export interface Stream {
  readonly link: ReadonlySignal<Link>;
  close(): void;
}

/** Opens a stream and keeps it open, over losses and while the page can be seen. */
export function openStream(path: string, onEvent: (name: string, data: unknown) => void): Stream {
  const link = signal<Link>({ kind: 'connecting' });
  let current: AbortController | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let hide: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let lostSince = 0;
  let isClosed = false;

  const stop = () => {
    clearTimeout(retry);
    retry = undefined;
    current?.abort();
    current = null;
  };

  const start = () => {
    stop();
    const mine = new AbortController();
    current = mine;
    if (link.peek().kind !== 'lost') link.value = { kind: 'connecting' };
    const opened = performance.now();
    let hadLife = false;
    void readEvents(path, mine, onEvent, () => {
      hadLife = true;
      lostSince = 0;
      link.value = { kind: 'live' };
    }).then((why) => {
      if (current !== mine || isClosed) return;
      current = null;
      if (hadLife && performance.now() - opened > GOOD_MS) failures = 0;
      const wait = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures) * (0.75 + Math.random() / 2);
      failures = Math.min(failures + 1, 10);
      lostSince ||= Date.now();
      link.value = { kind: 'lost', since: lostSince, why, retryAt: Date.now() + wait };
      retry = setTimeout(start, wait);
    });
  };

  const onVisibility = () => {
    clearTimeout(hide);
    if (document.hidden) {
      hide = setTimeout(() => {
        stop();
        link.value = { kind: 'paused' };
      }, HIDDEN_MS_MAX);
    } else if (current === null) {
      failures = 0;
      start();
    }
  };
  const onOnline = () => {
    if (!document.hidden && current === null) start();
  };

  // A page that the browser keeps for its way back would keep its connection, too.
  const onHide = () => {
    stop();
    link.value = { kind: 'paused' };
  };
  const onShow = (event: PageTransitionEvent) => {
    if (event.persisted && !document.hidden && current === null) start();
  };

  document.addEventListener('visibilitychange', onVisibility);
  window.addEventListener('online', onOnline);
  window.addEventListener('pagehide', onHide);
  window.addEventListener('pageshow', onShow);
  if (document.hidden) onVisibility();
  start();

  return {
    link,
    close() {
      isClosed = true;
      clearTimeout(hide);
      stop();
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onOnline);
      window.removeEventListener('pagehide', onHide);
      window.removeEventListener('pageshow', onShow);
    },
  };
}

/** Reads until it ends; says why it did. */
async function readEvents(
  path: string,
  mine: AbortController,
  onEvent: (name: string, data: unknown) => void,
  onLife: () => void,
): Promise<string> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => mine.abort(), SILENCE_MS_MAX);
  };
  heard();
  try {
    const response = await fetch(path, {
      headers: headers('text/event-stream'),
      signal: mine.signal,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    if (!response.ok || response.body === null) return (await problemOf(response)).message;
    onLife();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parse = eventParser(onEvent);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'mcporch ended the connection';
      heard();
      if (!parse(decoder.decode(value, { stream: true }))) {
        mine.abort();
        return 'an event was too long';
      }
    }
  } catch {
    return mine.signal.aborted ? 'mcporch fell silent' : 'mcporch cannot be reached';
  } finally {
    clearTimeout(silence);
  }
}

/** Takes text as it comes and gives whole events; `false` when one grows beyond measure. */
export function eventParser(onEvent: (name: string, data: unknown) => void): (text: string) => boolean {
  let rest = '';
  let name = '';
  let data: string[] = [];
  let chars = 0;
  const line = (text: string) => {
    if (text === '') {
      if (data.length > 0) deliver(name || 'message', data.join('\n'), onEvent);
      name = '';
      data = [];
      chars = 0;
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') name = value;
    if (field === 'data') {
      data.push(value);
      chars += value.length;
    }
  };
  return (text) => {
    let start = 0;
    const all = rest === '' ? text : rest + text;
    for (;;) {
      const end = all.indexOf('\n', start);
      if (end < 0) break;
      line(all.slice(start, all[end - 1] === '\r' && end > start ? end - 1 : end));
      start = end + 1;
    }
    rest = all.slice(start);
    return rest.length + chars <= EVENT_CHARS_MAX;
  };
}

function deliver(name: string, text: string, onEvent: (name: string, data: unknown) => void): void {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return;
  }
  onEvent(name, data);
}
