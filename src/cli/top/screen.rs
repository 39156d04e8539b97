//! The terminal: taken over whole, and put back as it was whatever happens.

use std::io::{self, Stdout, stdout};
use std::mem::ManuallyDrop;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

use crate::top::Key;

/// Keys that wait to be read, at most; then reading them waits, and the terminal keeps the rest.
const KEYS_MAX: usize = 64;
/// Between two looks whether somebody still wants keys.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The terminal while it is ours. It is put back when this is dropped, and also when any thread panics.
pub(super) struct Screen {
    /// Never dropped: what it would do then, [`give_back`] does, and it panics when the terminal is gone together with stderr.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // First the screen, so that what is said of the panic is seen.
            give_back();
            before(panic);
        }));
        take()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| give_back())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal) })
    }

    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Lets the shell have the terminal until it is given back to us.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // The whole group, as the terminal itself does it: whoever started us may wait for us in it.
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        take()?;
        // Draws all of it anew. To clear it would ask the terminal where its cursor is, and the answer comes as keys do.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen).inspect_err(|_| give_back())
}

/// There is nobody to tell when it fails: the terminal is gone then.
fn give_back() {
    let _gone = execute!(stdout(), LeaveAlternateScreen, Show);
    let _gone = disable_raw_mode();
}

/// What the terminal says.
pub(super) enum Input {
    Key(Key),
    Resized,
    Failed(io::Error),
}

/// Reads keys on a blocking thread, until nobody wants them.
pub(super) fn read_keys() -> (JoinHandle<()>, Receiver<Input>) {
    let (sender, receiver) = channel(KEYS_MAX);
    let reading = tokio::task::spawn_blocking(move || {
        while !sender.is_closed() {
            let input = match event::poll(LOOK_EVERY).and_then(|is_there| is_there.then(event::read).transpose()) {
                Ok(None) => continue,
                Ok(Some(event)) => input_of(&event),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => Some(Input::Failed(fault)),
            };
            let is_last = matches!(input, Some(Input::Failed(_)));
            if input.is_some_and(|input| sender.blocking_send(input).is_err()) || is_last {
                return;
            }
        }
    });
    (reading, receiver)
}

fn input_of(event: &Event) -> Option<Input> {
    match event {
        Event::Key(key) => key_of(key).map(Input::Key),
        Event::Resize(..) => Some(Input::Resized),
        // Pasted text comes as keys, since the terminal is not asked to mark it.
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
    }
}

/// What a key means to us, if anything.
pub(super) fn key_of(key: &KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        let known = [('c', Key::Interrupt), ('z', Key::Suspend)];
        return known.into_iter().find(|(c, _)| key.code == KeyCode::Char(*c)).map(|(_, key)| key);
    }
    if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META | KeyModifiers::SUPER) {
        return None;
    }
    let known = [
        (KeyCode::Up, Key::Up),
        (KeyCode::Down, Key::Down),
        (KeyCode::PageUp, Key::PageUp),
        (KeyCode::PageDown, Key::PageDown),
        (KeyCode::Home, Key::Home),
        (KeyCode::End, Key::End),
        (KeyCode::Enter, Key::Enter),
        (KeyCode::Esc, Key::Escape),
        (KeyCode::Tab, Key::Tab),
        (KeyCode::BackTab, Key::BackTab),
        (KeyCode::Backspace, Key::Backspace),
    ];
    if let KeyCode::Char(c) = key.code {
        return Some(Key::Char(c));
    }
    known.into_iter().find(|(code, _)| *code == key.code).map(|(_, key)| key)
}
