//! The person's browser.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use url::Url;

/// Whoever opens pages and finds no browser says so within that time. A guess: it is a script that looks through a list.
const ENDS_WITHIN: Duration = Duration::from_millis(400);

/// Opens the address in the person's browser, without a shell. False when there is nothing to open it with; then he is to
/// open it himself. Waits for some tenths of a second, not for the browser.
#[must_use]
pub fn open_browser(url: &Url) -> bool {
    // Whoever made the address, it is no option, no file and no other program's.
    if !matches!(url.scheme(), "https" | "http") {
        return false;
    }
    let (program, args): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(args).arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    // One that finds no browser says so at once; one that found it may stay as long as that is open, and must not be left a zombie.
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || said.send(child.wait()));
    heard.recv_timeout(ENDS_WITHIN).map_or(true, |ended| ended.is_ok_and(|status| status.success()))
}
