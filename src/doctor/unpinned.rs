//! Servers whose program is fetched anew under a name that may mean something else tomorrow.

/// How a launcher names what it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Launcher {
    /// `npx`, `bunx`, `pnpm dlx`: `package@1.2.3`.
    Node,
    /// `uvx`, `pipx run`: `package==1.2.3` or `package@1.2.3`.
    Python,
    /// `docker run`: `image:tag` or `image@sha256:…`.
    Container,
}

/// Programs that launch by themselves, and those that do after a word.
const LAUNCHERS: &[(&str, &str, Launcher)] = &[
    ("npx", "", Launcher::Node),
    ("bunx", "", Launcher::Node),
    ("pnpx", "", Launcher::Node),
    ("npm", "exec", Launcher::Node),
    ("npm", "x", Launcher::Node),
    ("pnpm", "dlx", Launcher::Node),
    ("yarn", "dlx", Launcher::Node),
    ("bun", "x", Launcher::Node),
    ("uvx", "", Launcher::Python),
    ("uv", "run", Launcher::Python),
    ("pipx", "run", Launcher::Python),
    ("docker", "run", Launcher::Container),
    ("podman", "run", Launcher::Container),
];
/// Options whose value is the package.
const NAMES_PACKAGE: &[(&str, Launcher)] = &[
    ("--package", Launcher::Node),
    ("-p", Launcher::Node),
    ("--from", Launcher::Python),
    ("--spec", Launcher::Python),
];
/// Other options with a value of their own; those of containers are nearly all.
const WITH_VALUE: &[&str] =
    &["--with", "--python", "-p", "--registry", "--cache", "--index-url", "--directory", "--project"];
/// Options of containers without a value.
const CONTAINER_FLAGS: &[&str] = &[
    "-i",
    "-t",
    "-it",
    "-ti",
    "-d",
    "--rm",
    "--init",
    "--interactive",
    "--tty",
    "--detach",
    "--read-only",
    "--privileged",
];

/// The package or image that the command fetches without naming a version; `None` when it names one or fetches nothing.
#[must_use]
pub fn unpinned_package(command: &str, args: &[String]) -> Option<String> {
    let program = command.rsplit(['/', '\\']).next().unwrap_or(command).to_lowercase();
    let program = [".exe", ".cmd", ".bat"].iter().find_map(|end| program.strip_suffix(end)).unwrap_or(&program);
    let mut kinds = LAUNCHERS.iter().filter(|(name, _, _)| *name == program);
    let first = args.iter().find(|arg| !arg.starts_with('-')).map(String::as_str);
    let (_, word, launcher) = kinds.find(|(_, word, _)| word.is_empty() || first == Some(*word))?;
    let after = if word.is_empty() { 0 } else { args.iter().position(|arg| arg == word)? + 1 };
    let package = package(&args[after..], *launcher)?;
    // A path or an address is not looked up by name.
    let is_elsewhere = package.starts_with(['.', '/', '~']) || package.contains("://") || package.ends_with(".py");
    (!is_elsewhere && !is_pinned(package, *launcher)).then(|| package.to_owned())
}

fn package(args: &[String], launcher: Launcher) -> Option<&str> {
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        let (name, value) = arg.split_once('=').map_or((arg, None), |(name, value)| (name, Some(value)));
        if NAMES_PACKAGE.contains(&(name, launcher)) {
            return value.or_else(|| args.next());
        }
        if !arg.starts_with('-') {
            return Some(arg);
        }
        let has_value = match launcher {
            Launcher::Container => !CONTAINER_FLAGS.contains(&name),
            Launcher::Node | Launcher::Python => WITH_VALUE.contains(&name),
        };
        if has_value && value.is_none() {
            args.next();
        }
    }
    None
}

fn is_pinned(package: &str, launcher: Launcher) -> bool {
    // `1.2.3`, and not `latest`, `1` or `^1.2`.
    let is_version = |version: &str| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.contains('.')
            && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
    };
    let at = || package.get(1..).and_then(|rest| rest.rsplit_once('@')).is_some_and(|(_, version)| is_version(version));
    match launcher {
        Launcher::Node => at(),
        Launcher::Python => at() || package.contains("=="),
        Launcher::Container => {
            let tag = package.rsplit('/').next().and_then(|image| image.split_once(':')).map(|(_, tag)| tag);
            package.contains("@sha256:") || tag.is_some_and(|tag| tag != "latest")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let mut words = line.split(' ');
        let command = words.next().unwrap();
        let args: Vec<String> = words.map(str::to_owned).collect();
        assert_eq!(unpinned_package(command, &args).as_deref(), expected, "{line}");
    }

    #[test]
    fn packages_without_a_version_are_named() {
        check("npx -y @org/server /tmp", Some("@org/server"));
        check("/usr/bin/npx --package=server@latest run", Some("server@latest"));
        check("npx.cmd -y server@^1.2", Some("server@^1.2"));
        check("pnpm dlx server", Some("server"));
        check("uvx --from server[x] run", Some("server[x]"));
        check("uvx --python 3.12 server", Some("server"));
        check("docker run -i --rm -e KEY mcp/server", Some("mcp/server"));
        check("docker run --rm -v /a:/b reg:5000/server:latest x", Some("reg:5000/server:latest"));
    }

    #[test]
    fn packages_with_a_version_and_other_programs_are_not() {
        for line in [
            "npx -y @org/server@1.2.3 /tmp",
            "npx ./server.js",
            "npm run start",
            "uvx server==1.2",
            "uvx server@1.2.0",
            "uv run server.py",
            "docker run -i mcp/server:1.2",
            "docker run mcp/server@sha256:12",
            "docker compose up",
            "python -m server",
            "npx",
        ] {
            check(line, None);
        }
    }
}
