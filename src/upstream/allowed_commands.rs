//! Which programs may be started: the operator's rules, held against what would really run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::domain::ServerName;

use super::Error;

/// The operator's rules. `Default` allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRules {
    /// Only these may be started; empty is everything.
    pub allow: Vec<CommandRule>,
    /// These may not, whatever `allow` says.
    pub deny: Vec<CommandRule>,
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandRule {
    /// Whole path of the program; `*` stands for anything but a slash, `**` for anything.
    pub command: String,
    /// One pattern for each argument, `**` at the end for any further ones; `None` is any arguments.
    pub args: Option<Vec<String>>,
    /// Sha256 of the program's file, in small hex digits.
    pub sha256: Option<String>,
}

impl CommandRules {
    /// May this program be started with these arguments? Follows links, so `program` is what PATH gave. Blocking, and reads
    /// the whole program where a rule pins it.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], with the program that would run and the setting that stops it.
    pub fn check(&self, server: &ServerName, program: &Path, args: &[String]) -> Result<(), Error> {
        if self.allow.is_empty() && self.deny.is_empty() {
            return Ok(());
        }
        let program = Program::of(program);
        let refused = |setting, why: String| Error::NotAllowed {
            server: server.clone(),
            program: program.real.clone(),
            setting,
            why,
        };
        if let Some(rule) = self.deny.iter().find(|rule| rule.denies(&program, args)) {
            return Err(refused("commands.deny", format!("{} is denied", rule.shown())));
        }
        if self.allow.is_empty() || self.allow.iter().any(|rule| rule.allows(&program, args)) {
            return Ok(());
        }
        let near = self.allow.iter().find(|rule| rule.is_of(&program));
        let why = match near {
            None => "no rule names it".to_owned(),
            Some(rule) if !rule.fits_args(args) => format!("{} wants other arguments", rule.shown()),
            Some(rule) => format!("{} wants a file with another sha256", rule.shown()),
        };
        Err(refused("commands.allow", why))
    }
}

/// The program that would run.
struct Program {
    /// With every link resolved.
    real: PathBuf,
    /// The file that was named, in its real folder: the last link is not followed.
    place: PathBuf,
}

impl Program {
    fn of(path: &Path) -> Self {
        Self { real: path.canonicalize().unwrap_or_else(|_| path.to_owned()), place: place(path) }
    }
}

fn place(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
}

impl CommandRule {
    /// The rule's path fits the real one; or it names the very link that was found. One link in the place of another that
    /// leads to the same file does not do: a program may do something else under each of its names.
    fn is_of(&self, program: &Program) -> bool {
        let is_plain = !self.command.contains('*');
        fits(&self.command, &program.real) || (is_plain && place(Path::new(&self.command)) == program.place)
    }

    fn allows(&self, program: &Program, args: &[String]) -> bool {
        self.is_of(program) && self.fits_args(args) && self.fits_hash(program)
    }

    /// Wider than [`CommandRule::allows`]: whatever leads to the same file is denied too.
    fn denies(&self, program: &Program, args: &[String]) -> bool {
        let leads_there = || Path::new(&self.command).canonicalize().is_ok_and(|real| real == program.real);
        (self.is_of(program) || fits(&self.command, &program.place) || leads_there())
            && self.fits_args(args)
            && self.fits_hash(program)
    }

    fn fits_args(&self, args: &[String]) -> bool {
        let Some(patterns) = &self.args else { return true };
        let (patterns, has_more) = match patterns.split_last() {
            Some((last, first)) if last == "**" => (first, true),
            _ => (&patterns[..], false),
        };
        let is_count_right = if has_more { args.len() >= patterns.len() } else { args.len() == patterns.len() };
        is_count_right && patterns.iter().zip(args).all(|(pattern, arg)| is_like(pattern.as_bytes(), arg.as_bytes()))
    }

    fn fits_hash(&self, program: &Program) -> bool {
        self.sha256.as_ref().is_none_or(|wanted| sha256(&program.real).is_some_and(|found| found == *wanted))
    }

    fn shown(&self) -> String {
        match &self.args {
            Some(args) => format!("{:?} with the arguments {args:?}", self.command),
            None => format!("{:?}", self.command),
        }
    }
}

fn fits(pattern: &str, path: &Path) -> bool {
    let path = path.to_string_lossy();
    if cfg!(windows) {
        let plain = |text: &str| text.trim_start_matches(r"\\?\").replace('\\', "/").to_lowercase();
        return is_like(plain(pattern).as_bytes(), plain(&path).as_bytes());
    }
    is_like(pattern.as_bytes(), path.as_bytes())
}

/// `*` stands for any bytes but a slash, `**` for any. Takes time in proportion to both lengths multiplied, so no pattern hangs.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    // `reached[at]`: the pattern so far fits the first `at` bytes.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut rest = pattern;
    while let Some(&byte) = rest.first() {
        let mut next = vec![false; text.len() + 1];
        if byte == b'*' {
            let stars = rest.iter().take_while(|byte| **byte == b'*').count();
            rest = &rest[stars..];
            for at in 0..=text.len() {
                let is_passable = at > 0 && (stars > 1 || text[at - 1] != b'/');
                next[at] = reached[at] || (is_passable && next[at - 1]);
            }
        } else {
            rest = &rest[1..];
            for at in 1..=text.len() {
                next[at] = reached[at - 1] && text[at - 1] == byte;
            }
        }
        reached = next;
    }
    reached[text.len()]
}

fn sha256(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            len => hash.update(&buffer[..len]),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with a program, a link to it, and another link.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        std::fs::write(folder.path().join("lib/npx-cli.js"), "program").unwrap();
        symlink("lib/npx-cli.js", folder.path().join("npx")).unwrap();
        symlink("lib/npx-cli.js", folder.path().join("evil")).unwrap();
        folder
    }

    fn rule(folder: &Path, command: &str, args: Option<&[&str]>) -> CommandRule {
        let args = args.map(|args| args.iter().map(|arg| (*arg).to_owned()).collect());
        let command = command.replace("HERE", folder.canonicalize().unwrap().to_str().unwrap());
        CommandRule { command, args, sha256: None }
    }

    #[track_caller]
    fn check(allow: &[(&str, Option<&[&str]>)], deny: &[&str], program: &str, args: &[&str], expected: &str) {
        let folder = folder();
        let rules = CommandRules {
            allow: allow.iter().map(|(command, args)| rule(folder.path(), command, *args)).collect(),
            deny: deny.iter().map(|command| rule(folder.path(), command, None)).collect(),
        };
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let said = rules.check(&ServerName::parse("s").unwrap(), &folder.path().join(program), &args);
        let said = said.err().map_or_else(String::new, |error| error.to_string());
        let real = folder.path().canonicalize().unwrap();
        assert_eq!(said.replace(real.to_str().unwrap(), "HERE"), expected);
    }

    const NO_RULE: &str = "server s: HERE/lib/npx-cli.js may not be started: no rule names it (commands.allow); change that \
                           setting or the entry";

    #[test]
    fn without_rules_everything_may_be_started() {
        check(&[], &[], "npx", &[], "");
    }

    #[test]
    fn rules_are_held_against_the_program_behind_the_link() {
        check(&[("HERE/lib/npx-cli.js", None)], &[], "npx", &["x"], "");
        check(&[("HERE/lib/*", None)], &[], "npx", &[], "");
        check(&[("HERE/*", None)], &[], "npx", &[], NO_RULE);
        check(&[("HERE/**", None)], &[], "npx", &[], "");
        check(&[("HERE/npx", None)], &[], "npx", &[], "");
        check(&[("HERE/npx", None)], &[], "evil", &[], NO_RULE);
        check(&[("npx", None)], &[], "npx", &[], NO_RULE);
    }

    #[test]
    fn a_denied_program_is_denied_under_every_name() {
        let denied = |rule: &str| {
            format!(
                "server s: HERE/lib/npx-cli.js may not be started: {rule:?} is denied (commands.deny); change that setting or \
                 the entry"
            )
        };
        check(&[], &["HERE/npx"], "evil", &[], &denied("HERE/npx"));
        check(&[("HERE/**", None)], &["**/npx"], "npx", &[], &denied("**/npx"));
        check(&[], &["**/sudo"], "npx", &[], "");
    }

    #[test]
    fn arguments_are_matched_one_by_one() {
        let only: &[&str] = &["-y", "@org/*"];
        let more: &[&str] = &["-y", "@org/*", "**"];
        check(&[("HERE/npx", Some(only))], &[], "npx", &["-y", "@org/server@1.2"], "");
        check(&[("HERE/npx", Some(more))], &[], "npx", &["-y", "@org/server", "/tmp", "x"], "");
        let other = "server s: HERE/lib/npx-cli.js may not be started: \"HERE/npx\" with the arguments [\"-y\", \"@org/*\"] wants \
                     other arguments (commands.allow); change that setting or the entry";
        for args in [&["-y", "evil"][..], &["-y", "@org/../evil"], &["-y"], &["-y", "@org/server", "/tmp"]] {
            check(&[("HERE/npx", Some(only))], &[], "npx", args, other);
        }
    }

    #[test]
    fn a_pinned_program_must_be_the_very_file() {
        let folder = folder();
        let program = folder.path().join("npx");
        let with = |sha256: String| {
            let rule = CommandRule { sha256: Some(sha256), ..rule(folder.path(), "HERE/npx", None) };
            CommandRules { allow: vec![rule], deny: Vec::new() }
        };
        let rules = with(sha256(&program).unwrap());
        let server = ServerName::parse("s").unwrap();
        assert!(rules.check(&server, &program, &[]).is_ok());
        std::fs::write(folder.path().join("lib/npx-cli.js"), "another").unwrap();
        let said = rules.check(&server, &program, &[]).unwrap_err().to_string();
        assert!(said.contains("wants a file with another sha256"), "{said}");
    }
}
