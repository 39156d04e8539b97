//! The texts, and that odd paths stay one word in them.

use std::path::PathBuf;
use std::process::Command;

use insta::assert_snapshot;

use super::*;

fn program(path: &str, args: &[&str]) -> Program {
    Program {
        path: PathBuf::from(path),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        log: PathBuf::from("/srv/ann/logs/service.log"),
    }
}

/// A path with everything that one of the formats takes for something else.
const ODD: &str = r#"/opt/my "odd" $HOME %h & <b>'s\/mcporch"#;

fn lines_with(text: &str, part: &str) -> String {
    text.lines().filter(|line| line.contains(part)).map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_systemd_unit() {
    assert_snapshot!(Platform::Systemd.text(&program("/usr/bin/mcporch", &["daemon", "--stay"])).unwrap(), @r#"
    [Unit]
    Description=mcporch, one MCP entry in front of all MCP servers
    StartLimitIntervalSec=60
    StartLimitBurst=5

    [Service]
    Type=exec
    ExecStart="/usr/bin/mcporch" "daemon" "--stay"
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
    "#);
    let odd = Platform::Systemd.text(&program(ODD, &["--home", ODD, ""])).unwrap();
    assert_snapshot!(lines_with(&odd, "ExecStart"), @r#"ExecStart="/bin/sh" "-c" "exec \"$$0\" \"$$@\"" "/opt/my \"odd\" $$HOME %%h & <b>'s\\/mcporch" "--home" "/opt/my \"odd\" $$HOME %%h & <b>'s\\/mcporch" """#);
}

#[test]
fn the_launchd_agent() {
    assert_snapshot!(Platform::Launchd.text(&program("/usr/local/bin/mcporch", &["daemon", "--stay"])).unwrap(), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
    <plist version="1.0">
    <dict>
      <key>Label</key>
      <string>mcporch</string>
      <key>ProgramArguments</key>
      <array>
        <string>/usr/local/bin/mcporch</string>
        <string>daemon</string>
        <string>--stay</string>
      </array>
      <key>RunAtLoad</key>
      <true/>
      <key>KeepAlive</key>
      <dict>
        <key>SuccessfulExit</key>
        <false/>
      </dict>
      <key>ThrottleInterval</key>
      <integer>5</integer>
      <key>ProcessType</key>
      <string>Background</string>
      <key>SoftResourceLimits</key>
      <dict>
        <key>NumberOfFiles</key>
        <integer>65536</integer>
      </dict>
      <key>StandardErrorPath</key>
      <string>/srv/ann/logs/service.log</string>
    </dict>
    </plist>
    "#);
    let odd = Platform::Launchd.text(&program(ODD, &["daemon"])).unwrap();
    assert_snapshot!(lines_with(&odd, "/opt"), @r#"<string>/opt/my &quot;odd&quot; $HOME %h &amp; &lt;b&gt;&apos;s\/mcporch</string>"#);
}

#[test]
fn the_windows_task() {
    assert_snapshot!(Platform::Windows.text(&program(r"C:\Program Files\mcporch\mcporch.exe", &["daemon", "--stay"])).unwrap(), @r#"
    <?xml version="1.0" encoding="UTF-16"?>
    <Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
      <RegistrationInfo>
        <Description>mcporch, one MCP entry in front of all MCP servers</Description>
      </RegistrationInfo>
      <Triggers>
        <LogonTrigger>
          <Enabled>true</Enabled>
        </LogonTrigger>
      </Triggers>
      <Principals>
        <Principal id="Author">
          <LogonType>InteractiveToken</LogonType>
          <RunLevel>LeastPrivilege</RunLevel>
        </Principal>
      </Principals>
      <Settings>
        <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
        <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
        <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
        <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
        <RestartOnFailure>
          <Interval>PT1M</Interval>
          <Count>5</Count>
        </RestartOnFailure>
      </Settings>
      <Actions Context="Author">
        <Exec>
          <Command>C:\Program Files\mcporch\mcporch.exe</Command>
          <Arguments>daemon --stay</Arguments>
        </Exec>
      </Actions>
    </Task>
    "#);
    let odd = Platform::Windows
        .text(&program("mcporch.exe", &["--home", r"C:\my homes\", r#"a "b\" & c"#, "", r"C:\x\"]))
        .unwrap();
    assert_snapshot!(lines_with(&odd, "<Arguments>"), @r#"<Arguments>--home &quot;C:\my homes\\&quot; &quot;a \&quot;b\\\&quot; &amp; c&quot; &quot;&quot; C:\x\</Arguments>"#);
}

#[test]
fn what_would_begin_a_line_of_its_own_is_refused() {
    let check = |path: &str, arg: &str| {
        for platform in [Platform::Systemd, Platform::Launchd, Platform::Windows] {
            let told = platform.text(&program(path, &[arg]));
            assert!(matches!(told, Err(Error::ControlCharacter { .. })), "{told:?}");
        }
    };
    check("/opt/a\nExecStartPre=/bin/evil", "daemon");
    check("/opt/a", "daemon\r\n");
}

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    // The program must be there, or it is what is found fault with.
    let odd = folder.path().join("my \"odd\" $HOME %h & <b>'s");
    std::fs::create_dir(&odd).unwrap();
    let there = odd.join("mcporch");
    std::fs::write(&there, "#!/bin/sh\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&there, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let unit = folder.path().join(Platform::Systemd.file_name());
    std::fs::write(
        &unit,
        Platform::Systemd.text(&program(there.to_str().unwrap(), &["daemon", "100 %", "$x"])).unwrap(),
    )
    .unwrap();
    let Ok(ran) = Command::new("systemd-analyze")
        .args(["--user", "verify"])
        .arg(&unit)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
    else {
        println!("skipped: systemd-analyze is not here");
        return;
    };
    let told = String::from_utf8_lossy(&ran.stderr);
    let of_ours: Vec<&str> = told.lines().filter(|line| line.contains("mcporch")).collect();
    assert!(of_ours.is_empty(), "{told}");
}
