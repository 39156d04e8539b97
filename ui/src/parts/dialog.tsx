// Windows over the page, questions, and short messages. The browser keeps the focus inside and closes them with Escape.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Problem } from '../api';
import { Drawn } from './icons';
import { Plain } from './words';

interface DialogProps {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
  /** A drawer comes from the side and is as high as the window. */
  isDrawer?: boolean;
}

export function Dialog({ title, onClose, children, isDrawer = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const mine = dialog.current;
    mine?.showModal();
    return () => mine?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isDrawer ? 'drawer' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="bare" onClick={onClose} aria-label="Close">
            <Drawn name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: string;
  action: string;
  isDangerous?: boolean;
  /** Asks for a sentence as well. */
  field?: string;
}

const asked = signal<(Question & { answer: (value: string | null) => void }) | null>(null);

/** Asks; gives `null` when the answer is no, else the sentence that was asked for (or an empty one). */
export function question(what: Question): Promise<string | null> {
  asked.peek()?.answer(null);
  return new Promise((resolve) => {
    asked.value = {
      ...what,
      answer: (value) => {
        asked.value = null;
        resolve(value);
      },
    };
  });
}

/** Where questions are asked. */
export function Questions() {
  const one = asked.value;
  return one === null ? null : <Asked key={one.title} one={one} />;
}

function Asked({ one }: { one: NonNullable<typeof asked.value> }) {
  const [text, setText] = useState('');
  const id = useId();
  return (
    <Dialog title={<Plain text={one.title} />} onClose={() => one.answer(null)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          one.answer(text.trim());
        }}
      >
        <p>
          <Plain text={one.text} />
        </p>
        {one.field !== undefined && (
          <div class="field">
            <label for={id}>{one.field}</label>
            <input id={id} value={text} maxLength={200} onInput={(event) => setText(event.currentTarget.value)} autofocus />
          </div>
        )}
        <div class="row end">
          <button type="button" onClick={() => one.answer(null)}>
            Cancel
          </button>
          <button type="submit" class={one.isDangerous === true ? 'danger' : 'primary'}>
            {one.action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface Message {
  id: number;
  text: string;
  isBad: boolean;
}

const MESSAGES_MAX = 4;
const MESSAGE_MS = 6_000;
const BAD_MESSAGE_MS = 15_000;
const messages = signal<readonly Message[]>([]);
let messageCount = 0;

/** Tells something in passing. */
export function say(text: string, isBad = false): void {
  messageCount += 1;
  const id = messageCount;
  messages.value = [...messages.value, { id, text, isBad }].slice(-MESSAGES_MAX);
  setTimeout(() => dismiss(id), isBad ? BAD_MESSAGE_MS : MESSAGE_MS);
}

const dismiss = (id: number) => {
  messages.value = messages.value.filter((one) => one.id !== id);
};

/** Tells that something was not done, and why. */
export function sayProblem(what: string, error: unknown): void {
  const why = error instanceof Problem ? (error.status === 403 ? `not allowed: ${error.message}` : error.message) : String(error);
  say(`${what}: ${why}`, true);
}

export function Messages() {
  return (
    <div class="messages" role="status" aria-live="polite">
      {messages.value.map((one) => (
        <div key={one.id} class={one.isBad ? 'message bad' : 'message'}>
          <Drawn name={one.isBad ? 'bad' : 'good'} />
          <span>
            <Plain text={one.text} />
          </span>
          <button type="button" class="bare" aria-label="Dismiss" onClick={() => dismiss(one.id)}>
            <Drawn name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
