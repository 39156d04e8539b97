// Requests to mcporch, and what it answers when it does not do them.
import { key, keyWanted } from './session';

const BASE = '/api/v1';
/** Looking takes milliseconds; a tool may take minutes and has deadlines of its own. */
const LOOK_MS_MAX = 30_000;
const ACT_MS_MAX = 600_000;

/** One thing that was wrong with a request. */
export interface Fault {
  where: string;
  what: string;
}

/** Why something was not done: what the gateway said, or that it could not be asked. */
export class Problem extends Error {
  constructor(
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The last part of the problem's type. */
    readonly slug: string,
    readonly title: string,
    readonly detail: string,
    readonly faults: readonly Fault[] = [],
    readonly requestId: string | null = null,
  ) {
    super(detail || title);
  }
}

/** The headers that every request carries. */
export function headers(accept = 'application/json'): Headers {
  const all = new Headers({ Accept: accept });
  if (key.peek() !== null) {
    try {
      all.set('Authorization', `Bearer ${key.peek()}`);
    } catch {
      // A key with characters that no header takes is no key; the gateway will say so.
    }
  }
  return all;
}

/** Reads what was wrong from an answer, and notes when a key is needed. */
export async function problemOf(response: Response): Promise<Problem> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // No problem document: the status has to do.
  }
  const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : '');
  const slug = text('type').split('/').pop() ?? '';
  const faults = (Array.isArray(body['errors']) ? body['errors'] : [])
    .slice(0, 50)
    .map((one: unknown) => {
      const fault = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown>;
      return { where: String(fault['where'] ?? ''), what: String(fault['what'] ?? '') };
    });
  const title = text('title') || `status ${response.status}`;
  const requestId = text('request_id') || response.headers.get('x-request-id');
  const problem = new Problem(response.status, slug, title, text('detail'), faults, requestId);
  if (response.status === 401) keyWanted.value = problem.message;
  return problem;
}

async function ask<T>(method: string, path: string, body: unknown, ms: number, outer?: AbortSignal): Promise<T> {
  const all = headers();
  if (body !== undefined) all.set('Content-Type', 'application/json');
  const signals = [AbortSignal.timeout(ms), ...(outer === undefined ? [] : [outer])];
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: all,
      signal: anyOf(signals),
      credentials: 'omit',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw unreachable(error, outer);
  }
  if (!response.ok) throw await problemOf(response);
  try {
    return (response.status === 204 ? undefined : await response.json()) as T;
  } catch (error) {
    throw unreachable(error, outer);
  }
}

function unreachable(error: unknown, outer?: AbortSignal): Problem {
  if (outer?.aborted === true) return new Problem(0, 'left', 'left', 'nobody waits for this any more');
  const isLate = error instanceof DOMException && error.name === 'TimeoutError';
  const detail = isLate ? 'mcporch did not answer in time' : 'mcporch cannot be reached; is it running?';
  return new Problem(0, 'unreachable', 'no answer', detail);
}

/** `AbortSignal.any` is younger than the oldest browser that we name. */
function anyOf(signals: AbortSignal[]): AbortSignal {
  if ('any' in AbortSignal) return AbortSignal.any(signals);
  const both = new AbortController();
  for (const one of signals) one.addEventListener('abort', () => both.abort(one.reason), { once: true });
  return both.signal;
}

/** `?a=1&b=2` of what is given and not empty. */
export function query(values: Record<string, string | number | null | undefined>): string {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') all.set(name, String(value));
  }
  const text = all.toString();
  return text === '' ? '' : `?${text}`;
}

/** One part of a path. */
export const part = (text: string): string => encodeURIComponent(text);

export const look = <T>(path: string, signal?: AbortSignal): Promise<T> => ask('GET', path, undefined, LOOK_MS_MAX, signal);

export const act = <T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> => ask('POST', path, body, ACT_MS_MAX, signal);
