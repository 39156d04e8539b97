// Our own small icons; they stand beside words and are silent for screen readers.
import type { ComponentChildren } from 'preact';
import type { ServerState } from '../types';

function Icon({ children, name }: { children: ComponentChildren; name: string }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const STATES: Record<ServerState, ComponentChildren> = {
  ready: (
    <>
      <circle cx="8" cy="8" r="7" class="fill" />
      <path d="M4.6 8.3 7 10.7 11.4 5.8" class="cut" />
    </>
  ),
  degraded: (
    <>
      <path d="M8 1.4 15.2 14.2H.8Z" class="fill" />
      <path d="M8 6v3.6M8 11.6v.6" class="cut" />
    </>
  ),
  starting: (
    <>
      <circle cx="8" cy="8" r="6" class="line faint" />
      <path d="M8 2a6 6 0 0 1 6 6" class="line turn" />
    </>
  ),
  stopping: (
    <>
      <circle cx="8" cy="8" r="6" class="line faint" />
      <path d="M8 14a6 6 0 0 1-6-6" class="line turn" />
    </>
  ),
  dormant: <path d="M13.4 10.2A6.2 6.2 0 0 1 5.8 2.6a6.2 6.2 0 1 0 7.6 7.6Z" class="line" />,
  stopped: <rect x="2.5" y="2.5" width="11" height="11" rx="1.5" class="line" />,
  backoff: (
    <>
      <circle cx="8" cy="8" r="6.2" class="line" />
      <path d="M8 4.4V8l2.6 1.8" class="line" />
    </>
  ),
  crashed: (
    <>
      <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5Z" class="fill" />
      <path d="m5.4 5.4 5.2 5.2M10.6 5.4l-5.2 5.2" class="cut" />
    </>
  ),
  quarantined: (
    <>
      <path d="M8 1 14 3.2v4.4c0 3.6-2.6 6-6 7.4-3.4-1.4-6-3.8-6-7.4V3.2Z" class="fill" />
      <path d="M5.6 7.6h4.8v3H5.6ZM6.4 7.6V6.4a1.6 1.6 0 0 1 3.2 0v1.2" class="cut thin" />
    </>
  ),
  refused: (
    <>
      <circle cx="8" cy="8" r="6.2" class="line" />
      <path d="M3.8 12.2 12.2 3.8" class="line" />
    </>
  ),
};

export const StateIcon = ({ state }: { state: ServerState }) => <Icon name={state}>{STATES[state] ?? STATES.stopped}</Icon>;

const DRAWN = {
  overview: <path d="M2 2h5v5H2ZM9 2h5v5H9ZM2 9h5v5H2ZM9 9h5v5H9Z" class="line" />,
  routes: <path d="M1.5 8h4M5.5 8c4 0 3-5 8-5M5.5 8h8M5.5 8c4 0 3 5 8 5" class="line" />,
  calls: <path d="M2 4h8M7.5 1.5 10 4 7.5 6.5M14 11.5H6M8.5 9 6 11.5 8.5 14" class="line" />,
  audit: <path d="M3.5 1.5h9v13h-9ZM6 5h4M6 8h4M6 11h2.5" class="line" />,
  settings: <path d="M2 4.5h5M11 4.5h3M2 11.5h3M9 11.5h5M9 2.5v4M7 9.5v4" class="line" />,
  start: <path d="M4.5 2.5v11l9-5.5Z" class="fill" />,
  stop: <rect x="3.5" y="3.5" width="9" height="9" rx="1" class="fill" />,
  restart: <path d="M13.2 8a5.2 5.2 0 1 1-1.6-3.8M13.5 1.6v3.2h-3.2" class="line" />,
  pause: <path d="M5 3v10M11 3v10" class="line wide" />,
  close: <path d="m3.5 3.5 9 9M12.5 3.5l-9 9" class="line" />,
  more: <path d="m4 6 4 4 4-4" class="line" />,
  sun: <path d="M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13" class="line" />,
  moon: <path d="M13.4 10.2A6.2 6.2 0 0 1 5.8 2.6a6.2 6.2 0 1 0 7.6 7.6Z" class="line" />,
  half: (
    <>
      <circle cx="8" cy="8" r="6" class="line" />
      <path d="M8 2a6 6 0 0 1 0 12Z" class="fill" />
    </>
  ),
  read: <path d="M1.2 8S3.8 3.6 8 3.6 14.8 8 14.8 8 12.2 12.4 8 12.4 1.2 8 1.2 8ZM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Z" class="line" />,
  write: <path d="M2.5 13.5 3.2 10.4 10.8 2.8a1.2 1.2 0 0 1 1.7 0l.7.7a1.2 1.2 0 0 1 0 1.7L5.6 12.8Z" class="line" />,
  destructive: <path d="M8 1.4 15 14H1ZM8 6v3.8M8 11.8v.4" class="line" />,
  good: <path d="m2.5 8.5 3.6 3.6 7.4-8" class="line wide" />,
  bad: <path d="m3.5 3.5 9 9M12.5 3.5l-9 9" class="line wide" />,
  ask: <path d="M5 5.6A3 3 0 1 1 8 9v1.4M8 12.8v.6" class="line wide" />,
  none: <path d="M3 8h10" class="line wide" />,
  leave: <path d="M9 2.5H3v11h6M7 8h7.5M11.5 5l3 3-3 3" class="line" />,
  search: <path d="M7 2.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6ZM10.6 10.6 14 14" class="line" />,
  wait: <path d="M3.5 1.5h9M3.5 14.5h9M4.5 1.5c0 4 7 5 7 13M11.5 1.5c0 4-7 5-7 13" class="line" />,
  plus: <path d="M8 3v10M3 8h10" class="line" />,
} as const;

export type IconName = keyof typeof DRAWN;

export const Drawn = ({ name }: { name: IconName }) => <Icon name={name}>{DRAWN[name]}</Icon>;
