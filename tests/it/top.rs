//! `mcporch top` on a terminal of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::{Home, wait_for};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

/// A terminal with `mcporch top` on it.
struct Top {
    child: Child,
    keyboard: File,
    /// The program's end, kept open to see what became of it.
    terminal: OwnedFd,
    before: String,
    shown: Arc<Mutex<String>>,
    reading: JoinHandle<()>,
}

impl Top {
    fn start(home: &Home) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let before = modes(&terminal);
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = home.client_command();
        let child = command.arg("top").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let seen = shown.clone();
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Where nobody has the other end open any more, some systems say so by an error.
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                seen.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { child, keyboard, terminal, before, shown, reading }
    }

    fn wait_for(&self, text: &str) {
        wait_for(text, || self.shown.lock().unwrap().contains(text).then_some(()));
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end; the terminal must be as it was.
    fn ended(mut self, code: i32) {
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        assert_eq!(modes(&self.terminal), self.before);
        drop(self.terminal);
        drop(self.keyboard);
        self.reading.join().unwrap();
        let shown = self.shown.lock().unwrap();
        assert_eq!(status.code(), Some(code), "{shown}");
        assert!(shown.rfind(LEAVE) > shown.rfind(ENTER) && shown.contains(ENTER), "{shown}");
    }
}

fn modes(terminal: &OwnedFd) -> String {
    let Termios { input_modes, output_modes, control_modes, local_modes, .. } = tcgetattr(terminal).unwrap();
    format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}")
}

#[test]
fn top_starts_a_daemon_misses_it_and_leaves_the_terminal_as_it_was() {
    // The daemon leaves by itself soon, since nobody is its client.
    let home = Home::new().with("clock", &["--kind", "clock"]).set("daemon.idle_exit_s=2");
    let mut top = Top::start(&home);
    top.wait_for("no daemon runs");
    top.wait_for("clock");
    top.press("S");
    top.wait_for("mcporch 0.");
    top.wait_for("the daemon is");
    top.press("q");
    top.ended(0);
}

#[test]
fn top_leaves_the_terminal_as_it_was_when_it_is_told_to_end() {
    let home = Home::new();
    let top = Top::start(&home);
    top.wait_for("no daemon runs");
    let pid = rustix::process::Pid::from_child(&top.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    top.ended(0);
    let mut top = Top::start(&home);
    top.wait_for("no daemon runs");
    top.press("\u{3}");
    top.ended(0);
}

#[test]
fn top_needs_a_terminal() {
    let ended = Home::new().run(&["top"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("mcporch monitor"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}
