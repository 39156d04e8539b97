// Asks for a key where the gateway wants one.
import { useState } from 'preact/hooks';
import { look, Problem } from '../api';
import { Brand } from '../parts/brand';
import { Plain } from '../parts/words';
import { key, keyWanted, setKey } from '../session';
import type { Status } from '../types';

export function Login({ onDone }: { onDone: () => void }) {
  const [typed, setTyped] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState(key.peek() === null ? '' : (keyWanted.peek() ?? ''));
  const enter = async () => {
    setBusy(true);
    setFault('');
    setKey(typed.trim());
    try {
      await look<Status>('/status');
      keyWanted.value = null;
      onDone();
    } catch (error) {
      if (error instanceof Problem && error.status === 403) {
        keyWanted.value = null;
        onDone();
      } else {
        setKey(null);
        setFault(error instanceof Error ? error.message : String(error));
      }
    }
    setBusy(false);
  };
  return (
    <main class="login" id="main">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <Brand />
        <h1>This mcporch wants a key</h1>
        <p class="quiet">
          <code>mcporch keys create NAME --scope viewer</code> makes one on the machine where it runs. This tab keeps it until it is closed.
        </p>
        <div class="field">
          <label for="key">Key</label>
          <input
            id="key"
            type="password"
            autocomplete="off"
            spellcheck={false}
            autofocus
            value={typed}
            aria-describedby="key-fault"
            aria-invalid={fault !== ''}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <p id="key-fault" class="field-faults" role="alert">
            <Plain text={fault} />
          </p>
        </div>
        <button type="submit" class="primary" disabled={isBusy || typed.trim() === ''}>
          {isBusy ? 'Trying …' : 'Enter'}
        </button>
      </form>
    </main>
  );
}
