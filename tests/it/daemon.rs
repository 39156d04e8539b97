//! The daemon and its thin clients: shared servers, deaths of either side, several starts at once, strangers at the socket.
//! Linux, since processes are looked up in /proc.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use mcporch::local_socket::{Error, request, stream};
use serde_json::{Value, json};

use crate::harness::{
    Client, Home, PATIENCE, descendants, initialize_params, is_running, program, servers, text, wait_for,
    wait_until_gone,
};

const DAY: &str = "2024-02-29";

/// A home whose clients share a daemon; whatever happens, the daemon is gone when this is.
pub(crate) struct Shared {
    pub(crate) home: Home,
}

impl Shared {
    /// With a clock, and a server that never answers a call.
    fn new() -> Self {
        let home = Home::new().with("clock", &["--kind", "clock"]).with("hanging", &["--hang-at", "call"]);
        // Listed already, so that no daemon starts them for that.
        assert_eq!(home.run(&["index", "rebuild"]).code, 0);
        Self::over(home)
    }

    pub(crate) fn over(home: Home) -> Self {
        let run = format!("daemon.run_folder={}", home.file("run").display());
        Self { home: home.set(&run).set("servers.close_grace_ms=200").set("servers.term_grace_ms=200") }
    }

    fn set(mut self, setting: &str) -> Self {
        self.home = std::mem::replace(&mut self.home, Home::new()).set(setting);
        self
    }

    fn client(&self) -> Client {
        Client::start(self.home.shared_command())
    }

    pub(crate) fn connect(&self) -> Client {
        self.client().past_hello()
    }

    fn file_ending(&self, end: &str) -> Option<PathBuf> {
        let files = std::fs::read_dir(self.home.file("run")).ok()?.flatten().map(|file| file.path());
        files.into_iter().find(|path| path.extension().is_some_and(|found| found == end))
    }

    fn socket(&self) -> PathBuf {
        self.file_ending("sock").expect("a socket in the run folder")
    }

    /// The process that took the lock last.
    pub(crate) fn daemon(&self) -> u32 {
        std::fs::read_to_string(self.file_ending("lock").unwrap()).unwrap().parse().unwrap()
    }

    pub(crate) fn ask(&self, method: &str) -> Value {
        request(&self.socket(), method, Value::Null, PATIENCE).unwrap()
    }

    /// Waits until the daemon says this of itself.
    fn wait_for_status(&self, key: &str, expected: u64) {
        wait_for(key, || (self.ask("status")["daemon"][key] == expected).then_some(()));
    }

    pub(crate) fn kill_daemon(&self) {
        let pid = self.daemon();
        signal(pid, rustix::process::Signal::KILL);
        wait_until_gone(&[pid]);
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.file("home/logs/daemon.log")).unwrap_or_default()
    }

    /// How often a daemon has come up.
    fn daemons_started(&self) -> usize {
        self.log().matches("the daemon is ready").count()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Some(lock) = self.file_ending("lock") else { return };
        let Ok(Ok(pid)) = std::fs::read_to_string(lock).map(|text| text.parse::<u32>()) else { return };
        if let Some(socket) = self.file_ending("sock") {
            let _asked = request(&socket, "stop_daemon", Value::Null, Duration::from_secs(5));
        }
        let is_ours =
            |pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("--detached"));
        for _ in 0..1_000 {
            if !is_running(pid) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        if is_ours(pid) {
            signal(pid, rustix::process::Signal::KILL);
        }
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// The clock works.
fn check_clock(client: &mut Client) {
    let result = client.execute("clock.day_of_week", &json!({"date": DAY}));
    assert!(text(&result, 0).contains("Thursday"), "{result}");
}

/// Begins a call that never ends, and waits until it runs.
fn hang(shared: &Shared, client: &mut Client, in_flight: u64) -> u64 {
    let id =
        client.send("tools/call", &json!({"name": "execute", "arguments": {"tool": "hanging.echo_0", "params": {}}}));
    shared.wait_for_status("calls_in_flight", in_flight);
    id
}

/// One question into a mcporch that reads and writes files, to its end.
fn through_files(mut command: Command, folder: &Path) -> (Output, String) {
    let (input, output) = (folder.join("in"), folder.join("out"));
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize_params("2025-11-25")});
    std::fs::write(&input, format!("{ask}\n")).unwrap();
    command.stdin(std::fs::File::open(&input).unwrap()).stdout(std::fs::File::create(&output).unwrap());
    let ended = command.stderr(Stdio::piped()).output().unwrap();
    (ended, std::fs::read_to_string(&output).unwrap())
}

#[test]
fn clients_share_the_servers_and_the_last_word_is_goodbye() {
    let shared = Shared::new();
    let (mut a, mut b) = (shared.connect(), shared.connect());
    check_clock(&mut a);
    check_clock(&mut b);
    let status = shared.ask("status");
    assert_eq!(status["daemon"]["clients"], 2, "{status}");
    let clock = &status["servers"][0];
    assert_eq!((clock["server"].as_str(), &clock["starts"], &clock["calls"]), (Some("clock"), &json!(1), &json!(2)));
    assert_eq!(servers(shared.daemon()).len(), 1);
    assert_eq!(shared.daemons_started(), 1);
    assert_eq!(a.leave(), 0);
    shared.wait_for_status("clients", 1);
    check_clock(&mut b);
    assert_eq!(b.leave(), 0);
}

#[test]
fn a_daemon_that_dies_leaves_one_error_for_each_open_request_and_the_session_goes_on() {
    let shared = Shared::new();
    let (mut a, mut b) = (shared.connect(), shared.connect());
    check_clock(&mut a);
    check_clock(&mut b);
    let open = [hang(&shared, &mut a, 1), hang(&shared, &mut a, 2)];
    let orphans = descendants(shared.daemon());
    shared.kill_daemon();
    for id in open {
        let answer = a.answer(id);
        assert_eq!(answer["error"]["code"], -32000, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("may or may not"), "{answer}");
    }
    check_clock(&mut a);
    check_clock(&mut b);
    // Whose session goes on may know an older list.
    a.notification("notifications/tools/list_changed");
    assert!(a.others.iter().all(|message| message.get("error").is_none()), "{:?}", a.others);
    assert_eq!((shared.daemons_started(), shared.ask("status")["daemon"]["clients"].clone()), (2, json!(2)));
    wait_until_gone(&orphans);
}

#[test]
fn a_thin_client_that_is_killed_takes_its_calls_along_and_nobody_elses() {
    let shared = Shared::new();
    let (mut a, mut b) = (shared.connect(), shared.connect());
    hang(&shared, &mut a, 1);
    let open = hang(&shared, &mut b, 2);
    a.kill();
    shared.wait_for_status("calls_in_flight", 1);
    shared.wait_for_status("clients", 1);
    check_clock(&mut b);
    b.notify("notifications/cancelled", &json!({"requestId": open}));
    shared.wait_for_status("calls_in_flight", 0);
    assert_eq!(b.leave(), 0);
}

#[test]
fn a_client_that_is_gone_while_a_call_hangs_is_not_waited_for() {
    let shared = Shared::new();
    let mut command = shared.home.shared_command();
    let mut thin = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let call = json!({"name": "execute", "arguments": {"tool": "hanging.echo_0", "params": {}}});
    for (id, method, params) in [(1, "initialize", initialize_params("2025-11-25")), (2, "tools/call", call)] {
        let line = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(thin.stdin.as_ref().unwrap(), "{line}").unwrap();
    }
    wait_for("a socket", || shared.file_ending("sock"));
    shared.wait_for_status("calls_in_flight", 1);
    // Both ends at once, as when a client is killed.
    drop((thin.stdin.take(), thin.stdout.take()));
    wait_for("the thin client to leave", || thin.try_wait().unwrap());
    shared.wait_for_status("calls_in_flight", 0);
}

#[test]
fn several_that_start_at_once_start_one_daemon() {
    let shared = Shared::new();
    let clients: Vec<Client> = (0..8).map(|_| shared.client()).collect();
    let mut clients: Vec<Client> = clients.into_iter().map(Client::past_hello).collect();
    assert_eq!((shared.daemons_started(), shared.ask("status")["daemon"]["clients"].clone()), (1, json!(8)));
    clients.iter_mut().for_each(check_clock);
}

#[test]
fn a_thin_client_killed_while_it_starts_the_daemon_leaves_a_good_one() {
    let shared = Shared::new();
    let mut first = shared.client();
    wait_for("a lock", || shared.file_ending("lock"));
    first.kill();
    check_clock(&mut shared.connect());
    assert_eq!(shared.daemons_started(), 1);
}

#[test]
fn a_stale_socket_and_a_stale_lock_are_taken_over() {
    let shared = Shared::new();
    assert_eq!(shared.connect().leave(), 0);
    shared.kill_daemon();
    assert!(shared.socket().exists());
    // The last of its threads may still hold the socket for a moment.
    let is_nobody = || matches!(request(&shared.socket(), "ping", Value::Null, PATIENCE), Err(Error::NoDaemon { .. }));
    wait_for("the socket to be stale", || is_nobody().then_some(()));
    check_clock(&mut shared.connect());
    assert_eq!(shared.daemons_started(), 2);
}

#[test]
fn without_a_place_for_the_socket_the_client_is_served_all_the_same() {
    let check = |home: Home, run: &Path, expected: &str| {
        let home = home.set(&format!("daemon.run_folder={}", run.display()));
        let (ended, output) = through_files(home.shared_command(), home.path());
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(stderr.contains(expected) && stderr.contains("for this client alone"), "{stderr}");
        assert!(output.contains("\"protocolVersion\"") && ended.status.success(), "{output}");
    };
    let home = Home::new().with("clock", &["--kind", "clock"]);
    let long = home.file(&"x".repeat(120));
    check(home, &long, "daemon.run_folder");
    let home = Home::new().with("clock", &["--kind", "clock"]);
    let open = home.file("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    check(home, &open, "mode 777");
}

#[test]
fn a_daemon_that_cannot_start_says_why_and_the_client_goes_on_alone() {
    // The daemon's own start finds the lock file in the way; the client itself needs none.
    let shared = Shared::new();
    assert_eq!(shared.connect().leave(), 0);
    let mut stop = shared.home.shared_command();
    assert!(stop.args(["daemon", "--stop"]).stdout(Stdio::null()).status().unwrap().success());
    wait_until_gone(&[shared.daemon()]);
    let lock = shared.file_ending("lock").unwrap();
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let (ended, output) = through_files(shared.home.shared_command(), shared.home.path());
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.contains("could not start") && stderr.contains("lock file"), "{stderr}");
    assert!(output.contains("\"protocolVersion\""), "{output}");
    std::fs::remove_dir(&lock).unwrap();
}

#[test]
fn a_daemon_without_clients_leaves_with_its_servers() {
    let shared = Shared::new().set("daemon.idle_exit_s=1");
    let mut client = shared.connect();
    check_clock(&mut client);
    let daemon = shared.daemon();
    let servers = servers(daemon);
    assert_eq!((client.leave(), servers.len()), (0, 1));
    wait_until_gone(&[daemon]);
    wait_until_gone(&servers);
    assert!(shared.file_ending("sock").is_none());
}

#[test]
fn a_pin_keeps_the_daemon_and_a_second_one_in_the_foreground_is_refused() {
    let shared = Shared::new();
    assert_eq!(shared.connect().leave(), 0);
    assert_eq!(shared.ask("pin")["pins"], 1);
    let mut second = shared.home.shared_command();
    let ended = second.args(["daemon", "--stay"]).stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.contains("runs already") && stderr.contains(&shared.daemon().to_string()), "{stderr}");
    assert_eq!(shared.ask("unpin")["pins"], 0);
}

#[test]
fn standalone_and_the_setting_and_the_variable_leave_the_daemon_out() {
    let check = |shared: Shared, change: &dyn Fn(&mut Command)| {
        let mut command = shared.home.shared_command();
        change(&mut command);
        check_clock(&mut Client::start(command).past_hello());
        assert!(shared.file_ending("lock").is_none());
    };
    check(Shared::new(), &|command| {
        command.arg("--standalone");
    });
    check(Shared::new(), &|command| {
        command.env("MCPORCH_STANDALONE", "1");
    });
    check(Shared::new().set("daemon.enabled=false"), &|_| {});
}

#[test]
fn files_and_forbidden_descriptors_are_relayed() {
    let shared = Shared::new();
    let (ended, output) = through_files(shared.home.shared_command(), shared.home.path());
    assert!(output.contains("\"protocolVersion\"") && ended.status.success(), "{output}");
    assert_eq!(shared.daemons_started(), 1);

    let shared = Shared::new().set("daemon.pass_descriptors=false");
    let mut client = shared.connect();
    check_clock(&mut client);
    let open = hang(&shared, &mut client, 1);
    shared.kill_daemon();
    assert_eq!(client.answer(open)["error"]["code"], -32000);
    check_clock(&mut client);
    assert_eq!(client.leave(), 0);
}

#[test]
fn strangers_at_the_socket_disturb_nobody() {
    let shared = Shared::new().set("daemon.hello_timeout_ms=200");
    let mut client = shared.connect();
    let answer_to = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(shared.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // The other side may have closed it before all is written.
        let _closed = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    assert!(answer_to(b"garbage\n").contains("malformed"));
    assert!(answer_to(b"\xff\x00\n").contains("malformed"));
    assert!(answer_to(b"{\"protocol\": 1}\n").contains("malformed"));
    assert_eq!(answer_to(b""), "");
    assert_eq!(answer_to(b"{\"protocol\""), "");
    // May be cut off before the refusal is read.
    answer_to(&vec![b'x'; 6 << 20]);
    let hello = |purpose: &str, protocol: u32| {
        let build = json!({"version": "0", "size": 1, "modified_ns": 0});
        format!("{}\n", json!({"protocol": protocol, "build": build, "pid": 1, "purpose": purpose}))
    };
    // A client without its descriptors, and one of another protocol.
    assert!(answer_to(hello("client", 1).as_bytes()).contains("malformed"));
    assert!(answer_to(hello("client", 99).as_bytes()).contains("protocol"));
    let asked = answer_to(format!("{}nonsense\n", hello("control", 1)).as_bytes());
    assert!(asked.contains("accepted") && asked.contains("-32600"), "{asked}");
    let fault = request(&shared.socket(), "no_such", Value::Null, PATIENCE).unwrap_err();
    assert!(matches!(&fault, Error::Request { code: -32601, .. }), "{fault}");
    check_clock(&mut client);
    assert_eq!(shared.ask("status")["daemon"]["clients"], 1);
}

#[test]
fn a_client_too_many_goes_on_alone() {
    let shared = Shared::new().set("daemon.clients_max=1");
    let (mut first, mut second) = (shared.connect(), shared.connect());
    check_clock(&mut first);
    check_clock(&mut second);
    assert_eq!(shared.ask("status")["daemon"]["clients"], 1);
    assert_eq!(servers(second.pid()).len(), 1);
}

#[test]
fn a_newer_build_takes_over_at_once_or_when_the_last_client_has_left() {
    let shared = Shared::new();
    let newer = shared.home.file("mcporch-newer");
    std::fs::copy(program(), &newer).unwrap();
    let with_newer = || {
        let command = shared.home.shared_command();
        let mut other = Command::new(&newer);
        other.args(command.get_args()).env_clear();
        other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Client::start(other).past_hello()
    };
    let mut old = shared.connect();
    let old_daemon = shared.daemon();
    // Busy: the old one serves, and leaves by itself once nobody is left.
    let mut new = with_newer();
    check_clock(&mut new);
    assert_eq!(shared.daemon(), old_daemon);
    assert_eq!(new.leave(), 0);
    check_clock(&mut old);
    assert_eq!(old.leave(), 0);
    wait_until_gone(&[old_daemon]);
    // Idle: a new one at once.
    assert_eq!(shared.connect().leave(), 0);
    let old_daemon = shared.daemon();
    shared.wait_for_status("clients", 0);
    let mut new = with_newer();
    assert_ne!(shared.daemon(), old_daemon);
    check_clock(&mut new);
    wait_until_gone(&[old_daemon]);
    // The older program is served by the newer one.
    check_clock(&mut shared.connect());
    assert_eq!(shared.daemons_started(), 3);
}

#[test]
fn a_daemon_told_to_stop_finishes_and_answers_what_it_could_not() {
    let shared = Shared::new().set("daemon.stop_grace_s=1");
    let mut client = shared.connect();
    let open = hang(&shared, &mut client, 1);
    let daemon = shared.daemon();
    let (socket, (heard, hear)) = (shared.socket(), channel());
    let follower =
        std::thread::spawn(move || stream(&socket, "follow", Value::Null, PATIENCE, |news| heard.send(news).unwrap()));
    assert_eq!(hear.recv_timeout(PATIENCE).unwrap().params["clients"], 1);
    signal(daemon, rustix::process::Signal::TERM);
    assert_eq!(follower.join().unwrap().unwrap()["pid"], daemon);
    let answer = client.answer(open);
    assert!(answer["error"]["message"].as_str().unwrap().contains("was stopped"), "{answer}");
    wait_until_gone(&[daemon]);
    assert_eq!(client.leave(), 0);
}

#[test]
fn a_variable_that_a_later_client_brings_is_noted_by_name_only() {
    let entry = json!({"command": "no-such-program", "env": {"K": "${ADOPTED_KEY}"}});
    let shared = Shared::over(Home::new().with("clock", &["--kind", "clock"]).with_entry("keyed", entry));
    let mut first = shared.connect();
    let mut command = shared.home.shared_command();
    command.env("ADOPTED_KEY", "hunter2hunter2").env("NOT_WANTED", "x");
    let mut second = Client::start(command).past_hello();
    check_clock(&mut first);
    check_clock(&mut second);
    let log = shared.log();
    assert!(log.contains("ADOPTED_KEY") && !log.contains("hunter2") && !log.contains("NOT_WANTED"), "{log}");
}

#[test]
fn the_log_of_a_daemon_that_stays_does_not_grow_without_end() {
    let shared = Shared::new().set("daemon.log_bytes_max=65536").set("log.files_max=2").set("log.level=debug");
    let mut client = shared.connect();
    let logs = shared.home.file("home/logs");
    wait_for("the first file to be full", || {
        client.execute("clock.day_of_week", &json!({"date": DAY}));
        logs.join("daemon.log.1").exists().then_some(())
    });
    let first = std::fs::read(logs.join("daemon.log.1")).unwrap();
    assert!(first.len() <= 65_536 && first.ends_with(b"\n"));
    wait_for("the second file to be full", || {
        client.execute("clock.day_of_week", &json!({"date": DAY}));
        (std::fs::read(logs.join("daemon.log.1")).unwrap() != first).then_some(())
    });
    assert!(!logs.join("daemon.log.2").exists());
    // What others write to its stderr, such as the last words of a panic, goes on in the new file.
    let stderr = std::fs::read_link(format!("/proc/{}/fd/2", shared.daemon())).unwrap();
    assert_eq!(stderr, std::fs::canonicalize(logs.join("daemon.log")).unwrap());
}
