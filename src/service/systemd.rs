//! A unit for systemd's user manager.

/// The unit. It is killed as a whole control group, which is the last guard against servers that outlive us; and it may make
/// groups of its own below, for limits.
pub(super) fn unit(path: &str, args: &[String]) -> String {
    let args: String = args.iter().map(|arg| format!(" {}", quoted(arg, true))).collect();
    // systemd takes no program with quotes or backslashes in its path, however they are written; as an argument it does.
    let program = if path.contains(['"', '\'', '\\']) {
        format!(r#""/bin/sh" "-c" "exec \"$$0\" \"$$@\"" {}"#, quoted(path, true))
    } else {
        quoted(path, false)
    };
    format!(
        "[Unit]
Description=mcporch, one MCP entry in front of all MCP servers
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={program}{args}
Restart=on-failure
RestartSec=1
KillMode=control-group
TimeoutStopSec=30
Delegate=yes
NoNewPrivileges=yes
LimitNOFILE=65536
OOMPolicy=continue

[Install]
WantedBy=default.target
"
    )
}

/// In quotes, with what systemd would take for a specifier, an escape or, behind the program, a variable written twice.
fn quoted(text: &str, is_argument: bool) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '%' => quoted.push_str("%%"),
            '$' if is_argument => quoted.push_str("$$"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
