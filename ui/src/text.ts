// What other people's programs wrote, made harmless to read, and numbers and times as people read them.

/**
 * Characters that do something instead of showing something: control characters (ANSI sequences begin with one), marks that
 * turn the direction of text, invisible ones. Joiners stay: scripts and emoji need them, and they move nothing.
 */
// eslint-disable-next-line no-control-regex
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const ODD_ONCE = new RegExp(ODD.source, 'u');

/** A piece of text: as it is, or a character that is named in place of being let loose. */
export interface Piece {
  text: string;
  isMark: boolean;
}

/** `U+202E`: the character's number, for people who look it up. */
export function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Text in pieces; nothing in it acts any more. */
export function pieces(text: string): Piece[] {
  if (!ODD_ONCE.test(text)) return [{ text, isMark: false }];
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(ODD)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index), isMark: false });
    found.push({ text: codePoint(match[0]), isMark: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), isMark: false });
  return found;
}

/** The same in one string, for places that take nothing else: titles, labels. */
export function plain(text: string): string {
  return ODD_ONCE.test(text) ? text.replace(ODD, (odd) => `⟨${codePoint(odd)}⟩`) : text;
}

/** Log lines are full of colours: those are dropped, everything else that acts is shown as a mark. */
export function withoutColours(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.includes('\u001b') ? text.replace(/\u001b\[[0-9;:]{0,40}m/g, '') : text;
}

/** The first line of a text in Markdown that says something, without its marks. */
export function firstLine(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^[#>*\s]+/, '').trim());
  return lines.find((line) => line !== '') ?? '';
}

/** At most so many characters, and a word on how many are left out. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${count(text.length - max)} more characters)`;
}

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** 12,345 */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** 12,345 or 1.2 M. */
export function brief(value: number): string {
  return value < 100_000 ? count(value) : value < 1e6 ? `${(value / 1e3).toFixed(0)} k` : `${(value / 1e6).toFixed(1)} M`;
}

function digits(value: number, places: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(Math.min(places, 1)) : value.toFixed(places);
}

/** 48.2 MB; powers of 1000, as tools that show processes do. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let rest = value;
  let unit = 0;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? rest.toFixed(0) : digits(rest, 1)} ${units[unit] ?? ''}`;
}

/** 3.4 % of one core. */
export function percent(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : `${digits(value, 1)} %`;
}

/** A probability: 87 %. */
export function share(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : `${(value * 100).toFixed(0)} %`;
}

/** 4.2 /s */
export function rate(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : `${value === 0 ? '0' : digits(value, 1)} /s`;
}

/** 1.3 ms, 2.4 s, 3 min */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 1000) return `${digits(value, 1)} ms`;
  return value < 60_000 ? `${digits(value / 1000, 1)} s` : span(value / 1000);
}

/** 45 s, 12 min, 3 h 20 min, 5 d 2 h */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** 12 s ago. Clocks differ a little: what is to come within a few seconds is now. */
export function ago(ms: number, now: number): string {
  const seconds = (now - ms) / 1000;
  if (seconds < -5) return `in ${span(-seconds)}`;
  return seconds < 2 ? 'just now' : `${span(seconds)} ago`;
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

/** 09:41:07.123 */
export function clock(ms: number, withMilliseconds = false): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMilliseconds ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}

/** 21 Nov 2026, 09:41:07 */
export function moment(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? `${DAY.format(ms)}, ${clock(ms)}` : 'at no time that there is';
}

/** `needs_choice` → `needs choice` */
export function words(identifier: string): string {
  return identifier.replaceAll('_', ' ');
}

/** JSON for reading; what cannot be written as JSON is named. */
export function pretty(value: unknown): string {
  try {
    return JSON.stringify(value, null, 2) ?? 'nothing';
  } catch {
    return String(value);
  }
}
