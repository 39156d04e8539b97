//! The files that make an operating system start the daemon with the user's session: a systemd unit, a launchd agent, a
//! Windows task. Texts alone, the same on every platform; writing them and speaking with the system is the command line's.

mod error;
mod launchd;
mod systemd;
#[cfg(test)]
mod tests;
mod windows;

use std::path::PathBuf;

pub use error::Error;

/// The name of the service: the unit, the agent and the task are called so.
pub const NAME: &str = "mcporch";

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Our own program, absolute.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it may write what goes wrong at its start, absolute.
    pub log: PathBuf,
}

/// Whose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
    /// Windows.
    Windows,
}

impl Platform {
    /// That of the system we run on; on a system that is none of the three, the first.
    #[must_use]
    pub fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::Launchd
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Systemd
        }
    }

    /// The name of the file.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Systemd => "mcporch.service",
            Self::Launchd => "mcporch.plist",
            Self::Windows => "mcporch-task.xml",
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    /// [`Error`], when the path or an argument cannot be written there.
    pub fn text(self, program: &Program) -> Result<String, Error> {
        let path = plain(program.path.to_str())?;
        let log = plain(program.log.to_str())?;
        for arg in &program.args {
            plain(Some(arg))?;
        }
        Ok(match self {
            Self::Systemd => systemd::unit(path, &program.args),
            Self::Launchd => launchd::agent(path, &program.args, log),
            Self::Windows => windows::task(path, &program.args),
        })
    }
}

/// A line break would begin a line of its own, whatever stands around it.
fn plain(text: Option<&str>) -> Result<&str, Error> {
    let text = text.ok_or(Error::NoText)?;
    if text.chars().any(char::is_control) { Err(Error::ControlCharacter { text: text.to_owned() }) } else { Ok(text) }
}

/// As it stands between tags and in quotes.
fn xml(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
