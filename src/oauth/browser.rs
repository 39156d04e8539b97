//! The person's browser.

use std::process::Stdio;

use tokio::process::Command;
use url::Url;

/// Opens the address in the person's browser, without a shell. False when there is nothing to open it with; then he is to
/// open it himself. Does not wait for the browser.
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
    command.spawn().is_ok()
}
