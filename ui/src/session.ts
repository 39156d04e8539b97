// The key of this tab, and what the gateway said of it.
import { signal } from '@preact/signals';

/** The tab alone has the key, and forgets it when it is closed. */
const PLACE = 'mcporch.key';

function stored(): string | null {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null;
  }
}

/** What is sent as `Authorization: Bearer`; `null` when none was given. */
export const key = signal<string | null>(stored());

/** Why the gateway lets nobody in without a (better) key; `null` when it does. */
export const keyWanted = signal<string | null>(null);

/** Keeps the key, or forgets it. */
export function setKey(value: string | null): void {
  key.value = value;
  try {
    if (value === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, value);
  } catch {
    // Without storage the key lasts until the page is loaded again.
  }
}
