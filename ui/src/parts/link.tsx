// A link within the dashboard.
import type { ComponentChildren } from 'preact';
import { follows, go } from '../route';

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  isCurrent?: boolean;
  label?: string;
}

export function Link({ to, children, class: name, isCurrent, label }: LinkProps) {
  return (
    <a
      href={to}
      class={name ?? ''}
      {...(isCurrent === true ? { 'aria-current': 'page' as const } : {})}
      {...(label === undefined ? {} : { 'aria-label': label })}
      onClick={(event) => {
        if (!follows(event)) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
