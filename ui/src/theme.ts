// Light, dark, or as the system has it.
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';
const PLACE = 'mcporch.theme';

function stored(): Theme {
  try {
    const value = localStorage.getItem(PLACE);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

export const theme = signal<Theme>(stored());

const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', () => {
  systemIsDark.value = system.matches;
});

/** What is shown now; charts are drawn again when it changes. */
export const shown = signal<'light' | 'dark'>('light');

effect(() => {
  const value = theme.value === 'system' ? (systemIsDark.value ? 'dark' : 'light') : theme.value;
  document.documentElement.dataset['theme'] = value;
  shown.value = value;
});

export function setTheme(value: Theme): void {
  theme.value = value;
  try {
    if (value === 'system') localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, value);
  } catch {
    // It lasts until the page is loaded again.
  }
}
