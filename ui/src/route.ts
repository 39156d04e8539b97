// Which page is shown: the address says so, and changes with it.
import { signal } from '@preact/signals';

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

export const place = signal<Place>(here());

addEventListener('popstate', () => {
  place.value = here();
});

/** Goes to another page. */
export function go(address: string): void {
  if (address === location.pathname + location.search) return;
  history.pushState(null, '', address);
  place.value = here();
  scrollTo(0, 0);
}

/** Keeps what a page is set to in its address, so that it can be kept and sent; no step of the way back. */
export function keepInAddress(values: Record<string, string>): void {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== '') all.set(name, value);
  const text = all.toString();
  const address = location.pathname + (text === '' ? '' : `?${text}`);
  if (address !== location.pathname + location.search) history.replaceState(null, '', address);
}

/** A plain click on a link within the page stays in the page. */
export function follows(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;
}

/** The address of a server's page. */
export const serverAddress = (server: string, view = ''): string =>
  `/servers/${encodeURIComponent(server)}${view === '' ? '' : `/${view}`}`;
