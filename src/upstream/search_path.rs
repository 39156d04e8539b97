//! Where programs are looked for. A desktop client starts us with a bare PATH that knows neither Homebrew nor node nor
//! uv; so the login shell is asked once, and the usual folders are tried.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

/// Folders where installers put programs, below the user's home.
const HOME_FOLDERS: &[&str] = &[
    ".local/bin",
    ".cargo/bin",
    ".volta/bin",
    ".bun/bin",
    ".deno/bin",
    ".pyenv/shims",
    ".asdf/shims",
    ".local/share/mise/shims",
    ".nix-profile/bin",
    "go/bin",
    "bin",
];
/// The same for the whole machine.
const SYSTEM_FOLDERS: &[&str] =
    &["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin", "/snap/bin", "/home/linuxbrew/.linuxbrew/bin"];
/// Marks the shell's answer among whatever its start-up files print.
const MARK: &str = "mcporch-path=";

/// A repaired search path. Made once; cheap to clone.
#[derive(Debug, Clone)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
}

impl SearchPath {
    /// Just this PATH.
    #[must_use]
    pub fn from_path(path: &OsStr) -> Self {
        Self { folders: std::env::split_paths(path).filter(|folder| !folder.as_os_str().is_empty()).collect() }
    }

    /// Adds the usual folders that exist, behind what is there.
    #[must_use]
    pub fn with_usual_folders(mut self, home: Option<&Path>) -> Self {
        let below_home = home.into_iter().flat_map(|home| {
            let newest_node = newest_folder(&home.join(".nvm/versions/node")).map(|folder| folder.join("bin"));
            HOME_FOLDERS.iter().map(|folder| home.join(folder)).chain(newest_node).collect::<Vec<_>>()
        });
        let system = SYSTEM_FOLDERS.iter().map(PathBuf::from);
        for folder in below_home.chain(system).collect::<Vec<_>>() {
            self.add(folder);
        }
        self
    }

    /// Adds what the user's login shell has, behind what is there. A shell that hangs or fails adds nothing.
    ///
    /// Cancel safe: the shell is killed.
    pub async fn with_login_shell(mut self, shell: &str, timeout: Duration) -> Self {
        let mut ask = Command::new(shell);
        ask.args(["-l", "-c", &format!("printf '\\n{MARK}%s\\n' \"$PATH\"")])
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true);
        if let Ok(Ok(said)) = tokio::time::timeout(timeout, ask.output()).await {
            let said = String::from_utf8_lossy(&said.stdout);
            if let Some(path) = said.lines().find_map(|line| line.strip_prefix(MARK)) {
                for folder in std::env::split_paths(path).collect::<Vec<_>>() {
                    self.add(folder);
                }
            }
        }
        self
    }

    fn add(&mut self, folder: PathBuf) {
        if !self.folders.contains(&folder) && folder.is_dir() {
            self.folders.push(folder);
        }
    }

    /// The program's file: as it is when it names a folder, else the first fit. `None` when there is none.
    #[must_use]
    pub fn find(&self, command: &str) -> Option<PathBuf> {
        if command.contains('/') || (cfg!(windows) && command.contains('\\')) {
            let path = PathBuf::from(command);
            return is_program(&path).then_some(path);
        }
        let endings: &[&str] = if cfg!(windows) { &["", ".exe", ".cmd", ".bat"] } else { &[""] };
        let fits = |folder: &PathBuf| {
            endings.iter().map(|ending| folder.join(format!("{command}{ending}"))).find(|path| is_program(path))
        };
        self.folders.iter().find_map(fits)
    }

    /// As the value of PATH. A folder whose name holds the separator is left out.
    #[must_use]
    pub fn value(&self) -> String {
        let usable = self.folders.iter().filter(|folder| std::env::join_paths([folder]).is_ok());
        std::env::join_paths(usable).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// The folder whose name has the highest version number.
fn newest_folder(parent: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Vec<u64> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    let folders = std::fs::read_dir(parent).ok()?;
    folders.filter_map(Result::ok).map(|entry| entry.path()).max_by_key(version)
}
