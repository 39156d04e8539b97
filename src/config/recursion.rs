//! Finds the entry that would start mcporch itself: users copy their client's configuration, in which mcporch stands too.

use std::path::Path;

use super::Env;

/// The hidden subcommand of our own program that is a server like any other.
const DEMO_SERVER: &str = "demo-server";

/// Programs that start the program their first plain argument names.
const STARTERS: &[&str] =
    &["npx", "bunx", "pnpx", "uvx", "pipx", "env", "nohup", "nice", "setsid", "sudo", "exec", "time", "start"];
/// Words between a package manager and the program it starts.
const STARTER_WORDS: &[&str] = &["exec", "x", "dlx", "run", "tool", "--"];
/// Package managers, which start a program only after one of [`STARTER_WORDS`].
const MANAGERS: &[&str] = &["npm", "pnpm", "yarn", "bun", "uv", "cargo"];
/// Options whose value may be a folder named mcporch.
const OPTIONS_WITH_FOLDER: &[&str] = &["--directory", "--project", "--prefix", "--cwd", "--chdir", "-C", "-D"];
/// Programs one argument of which is a command line.
const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "fish", "ksh", "cmd", "powershell", "pwsh"];

/// Would this command start mcporch as a router? Never true for our own demo server. This is a first guard against
/// plain mistakes; another one at run time stops what hides behind a script.
pub(super) fn starts_mcporch(command: &str, args: &[String], env: &dyn Env) -> bool {
    if args.iter().any(|arg| arg.split_whitespace().any(|word| word == DEMO_SERVER)) {
        return false;
    }
    let own = env.current_exe().and_then(|exe| exe.canonicalize().ok());
    let is_own = |text: &str| {
        (is_named_mcporch(text) && !is_folder(text)) || own.as_deref().is_some_and(|own| is_same(text, own))
    };
    // An argument that is merely named mcporch may be a folder to work in; one that is our own program file cannot be.
    if is_own(command) || args.iter().any(|arg| own.as_deref().is_some_and(|own| is_same(arg, own))) {
        return true;
    }
    let program = program_name(command);
    if SHELLS.contains(&program.as_str()) {
        return args.iter().any(|line| {
            line.split(['&', '|', ';', '\n', '(']).filter_map(|part| first_word(part.split_whitespace())).any(is_own)
                || (program == "cmd" && is_named_mcporch(line))
        });
    }
    let mut words = args.iter().map(String::as_str);
    if MANAGERS.contains(&program.as_str()) {
        // What stands before the word that starts something belongs to the manager.
        return words.any(|word| STARTER_WORDS.contains(&word)) && first_word(words).is_some_and(is_own);
    }
    STARTERS.contains(&program.as_str()) && first_word(words).is_some_and(is_own)
}

/// The first word that is neither an option, nor a `NAME=value`, nor a word that introduces the program.
fn first_word<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut is_value = false;
    let mut words = words.map(|word| word.trim_matches(['"', '\'']));
    words.find(|word| {
        let is_option = word.starts_with('-');
        let is_free = !is_option && !std::mem::replace(&mut is_value, false);
        is_value |= OPTIONS_WITH_FOLDER.contains(word);
        is_free
            && !word.contains('=')
            && !STARTER_WORDS.contains(word)
            && !STARTERS.contains(&program_name(word).as_str())
    })
}

fn is_named_mcporch(text: &str) -> bool {
    program_name(text) == "mcporch"
}

/// The last part of the path, in small letters, without an ending of Windows and without a package's version.
fn program_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    let last = last.split('@').find(|part| !part.is_empty()).unwrap_or_default();
    [".exe", ".cmd", ".bat"].iter().find_map(|end| last.strip_suffix(end)).unwrap_or(last).to_owned()
}

fn is_same(text: &str, own: &Path) -> bool {
    let path = Path::new(text);
    path.is_absolute() && path.canonicalize().is_ok_and(|path| path == own)
}

/// Only of a path: a plain `mcporch` is looked up in PATH, whatever lies in the working folder.
fn is_folder(text: &str) -> bool {
    text.contains(['/', '\\']) && Path::new(text).is_dir()
}
