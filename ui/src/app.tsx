// The frame of all pages.
import { useEffect, useRef } from 'preact/hooks';
import { follow, isHidden, link, now, servers, status } from './live';
import { Brand } from './parts/brand';
import { Messages, Questions } from './parts/dialog';
import { Drawn, type IconName } from './parts/icons';
import { Link } from './parts/link';
import { Plain } from './parts/words';
import { Audit } from './pages/audit';
import { Calls } from './pages/calls';
import { Login } from './pages/login';
import { Overview } from './pages/overview';
import { Routes } from './pages/routes';
import { Server } from './pages/server';
import { Settings } from './pages/settings';
import { place } from './route';
import { key, keyWanted, setKey } from './session';
import { setTheme, theme, type Theme } from './theme';
import { plain, span } from './text';

interface Page {
  to: string;
  name: string;
  icon: IconName;
}

const PAGES: Page[] = [
  { to: '/', name: 'Overview', icon: 'overview' },
  { to: '/routes', name: 'Routes', icon: 'routes' },
  { to: '/calls', name: 'Calls', icon: 'calls' },
  { to: '/audit', name: 'Audit', icon: 'audit' },
  { to: '/settings', name: 'Settings', icon: 'settings' },
];

/** Which page an address means, and what it is called. */
function find(path: string): { page: string; title: string; server?: string; view?: string } {
  const parts = path.split('/').filter((one) => one !== '');
  if (parts.length === 0 || (parts[0] === 'servers' && parts.length === 1)) return { page: '/', title: 'Overview' };
  if (parts[0] === 'servers') {
    let server = parts[1] ?? '';
    try {
      server = decodeURIComponent(server);
    } catch {
      // As it stands there, then.
    }
    return { page: '/', title: server, server, view: parts[2] ?? '' };
  }
  const page = PAGES.find((one) => one.to === `/${parts[0]}`);
  return page === undefined ? { page: '', title: 'Not found' } : { page: page.to, title: page.name };
}

export function App() {
  if (keyWanted.value !== null) {
    return (
      <>
        <Login onDone={follow} />
        <Messages />
      </>
    );
  }
  return <Frame />;
}

function Frame() {
  const { page, title, server, view } = find(place.value.path);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const at = `${page} ${server ?? ''}`;

  // Whoever goes to another page by keyboard or screen reader is taken there.
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
  }, [at]);

  const bad = [...servers.value.values()].filter((one) => ['crashed', 'refused', 'backoff', 'degraded'].includes(one.state)).length;
  const lost = link.value.kind === 'lost';
  useEffect(() => {
    document.title = `${lost ? '(connection lost) ' : bad > 0 ? `(${bad} in trouble) ` : ''}${plain(title)} · mcporch`;
  }, [title, bad, lost]);

  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <div class="frame">
        <header class="top">
          <Link to="/" class="home" label="mcporch, overview">
            <Brand />
          </Link>
          <nav class="pages" aria-label="Pages">
            {PAGES.map((one) => (
              <Link key={one.to} to={one.to} isCurrent={one.to === page}>
                <Drawn name={one.icon} />
                <span>{one.name}</span>
              </Link>
            ))}
          </nav>
          <div class="top-end">
            <LinkState />
            <ThemeSwitch />
            {key.value !== null && (
              <button
                type="button"
                class="bare"
                title="Forget the key"
                aria-label="Forget the key"
                onClick={() => {
                  setKey(null);
                  location.reload();
                }}
              >
                <Drawn name="leave" />
              </button>
            )}
          </div>
        </header>
        <LostBanner />
        <main id="main" ref={main} tabIndex={-1}>
          {server !== undefined ? (
            <Server key={server} name={server} view={view ?? ''} />
          ) : page === '/' ? (
            <Overview />
          ) : page === '/routes' ? (
            <Routes key={place.value.query.get('request') ?? ''} />
          ) : page === '/calls' ? (
            <Calls key={place.value.query.toString()} />
          ) : page === '/audit' ? (
            <Audit />
          ) : page === '/settings' ? (
            <Settings />
          ) : (
            <>
              <h1 tabIndex={-1}>There is no such page</h1>
              <p>
                <Link to="/">To the overview</Link>
              </p>
            </>
          )}
        </main>
        <footer class="foot quiet">
          {status.value !== null && <Plain text={`mcporch ${status.value.version}`} />}
          <a href="/assets/LICENSES.txt">Licences</a>
        </footer>
      </div>
      <Questions />
      <Messages />
    </>
  );
}

function LinkState() {
  const state = link.value;
  const words = { connecting: 'connecting', live: 'live', paused: 'paused', lost: 'connection lost' }[state.kind];
  return (
    <span class={`link link-${state.kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      <span class="link-word">{words}</span>
    </span>
  );
}

function LostBanner() {
  const state = link.value;
  if (state.kind !== 'lost' || isHidden.value) return null;
  // Read, so that the time moves on.
  void now.value;
  return (
    <div class="banner" role="alert">
      <Drawn name="bad" />
      <span>
        <strong>Connection lost</strong> {`since ${span((Date.now() - state.since) / 1000)}: `}
        <Plain text={state.why} />. What is shown is old. Trying again by itself.
      </span>
    </div>
  );
}

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

function ThemeSwitch() {
  const icon: IconName = theme.value === 'system' ? 'half' : theme.value === 'light' ? 'sun' : 'moon';
  const words = { system: 'as the system', light: 'light', dark: 'dark' };
  return (
    <button type="button" class="bare" title={`Colours: ${words[theme.value]}`} aria-label={`Colours: ${words[theme.value]}. Change to ${words[NEXT[theme.value]]}`} onClick={() => setTheme(NEXT[theme.value])}>
      <Drawn name={icon} />
    </button>
  );
}
