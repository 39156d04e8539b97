//! `mcporch` alone, as clients start it: connects to the user's daemon, starts it if there is none, and hands it its own
//! input and output. Then it only waits: for its client to leave, or for the daemon to say goodbye. When the daemon dies it
//! answers what is open with an error and goes on with a new one. Without a runtime, and small: one for each client.

mod identity;
mod pump;
mod wait;

use std::fs::File;
use std::process::{Child, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{self, DaemonSettings, Env, Home, ProcessEnv};
use crate::domain::error_chain;
use crate::isolation;
use crate::local_socket;
use crate::local_socket::{
    Accepted, Build, Connection, Environment, Error, Hello, Owed, PROTOCOL, Place, Purpose, RefusalKind, Resume, Start,
    start,
};
use crate::operations::{Operations, Relayed};

use super::Global;
use super::exit_code::Exit;
use super::output::Out;
use pump::Ends;
use wait::{Ended, answer_owed, wait};

pub(super) use identity::Identity;

/// The daemon's log, in the home's `logs/`.
pub(super) const DAEMON_LOG: &str = "daemon.log";
/// Daemons that may die under one client, within [`REVIVALS_WITHIN`], before it goes on alone. A guess: whatever kills a
/// daemon that often would kill the next one too.
const REVIVALS_MAX: usize = 3;
const REVIVALS_WITHIN: Duration = Duration::from_secs(60);
/// Tries to reach a daemon that is just leaving whenever it is asked.
const TRIES_MAX: usize = 5;
/// For a daemon to say that it is there. A guess: it answers in a millisecond.
const PING_PATIENCE: Duration = Duration::from_secs(2);

/// How it came out.
pub(super) enum End {
    /// It is done.
    Exit(ExitCode),
    /// There is no daemon to be had: this process must do it all.
    Alone {
        /// The client has been through `initialize`.
        is_resumed: bool,
    },
}

/// What stays the same from daemon to daemon.
struct Thin {
    start: Start,
    settings: DaemonSettings,
    build: Build,
    environment: Environment,
    ends: Ends,
    journal: File,
    resume: Option<Resume>,
    profile: String,
    said: Option<String>,
    /// The daemon, if this process started it: the system leaves its end to us.
    daemon: Option<Child>,
}

/// Serves the client of this process through the daemon.
pub(super) fn run(global: &Global, profile: &str) -> End {
    let alone = End::Alone { is_resumed: false };
    // What is wrong with the settings is told by whoever reads all of them.
    let Ok((home, settings)) = config::load_daemon(&global.request(), &ProcessEnv) else { return alone };
    if !settings.enabled {
        return alone;
    }
    let mut thin = match Thin::prepare(global, &home, settings, profile) {
        Ok(thin) => thin,
        Err(fault) => {
            tell_alone(&fault);
            return alone;
        }
    };
    let mut deaths: Vec<Instant> = Vec::new();
    loop {
        let served = match thin.connect() {
            Ok((connection, accepted)) => thin.follow(connection, &accepted),
            Err(fault) => Err(fault),
        };
        match served {
            Ok(Ended::Done(code)) => {
                thin.ends.finish();
                return End::Exit(ExitCode::from(code));
            }
            Ok(Ended::Died(owed)) => thin.note_death(&owed),
            Err(Error::Refused { kind: RefusalKind::Recursion | RefusalKind::Profile, why }) => {
                Out::stderr().failure(&why);
                return End::Exit(Exit::Failed.into());
            }
            Err(fault) => return thin.go_alone(&fault),
        }
        let now = Instant::now();
        deaths.retain(|death| now.duration_since(*death) < REVIVALS_WITHIN);
        deaths.push(now);
        if deaths.len() > REVIVALS_MAX {
            let why = format!("it ended {} times within {} s", deaths.len(), REVIVALS_WITHIN.as_secs());
            return thin.go_alone(&Error::NotStarted { why });
        }
    }
}

/// Where the daemon of this command line listens, be there one or not.
pub(super) fn place_of(global: &Global) -> anyhow::Result<Place> {
    let (home, settings) = config::load_daemon(&global.request(), &ProcessEnv)?;
    Ok(Identity::of(global, &home, &ProcessEnv).place(&settings, &ProcessEnv)?)
}

/// The same, once a daemon listens there: it is started if there is none.
pub(super) fn reach(global: &Global) -> anyhow::Result<Place> {
    let (home, settings) = config::load_daemon(&global.request(), &ProcessEnv)?;
    let identity = Identity::of(global, &home, &ProcessEnv);
    let place = identity.place(&settings, &ProcessEnv)?;
    place.prepare()?;
    let deadline = Instant::now() + settings.start_timeout;
    // The connection says nothing and is closed again: it only showed that somebody listens.
    let (_connection, daemon) = start(&starting(global, &home, &identity, place)?, deadline)?;
    drop(daemon);
    place_of(global)
}

/// Lets a running daemon carry out what this command calls: it has the servers up, and knows which of them the operator has
/// stopped. Without one this command starts what it needs by itself.
pub(super) fn call_through_daemon(global: &Global, config: &config::Config, operations: &Operations) {
    let Ok(place) = Identity::of(global, &config.home, &ProcessEnv).place(&config.settings.daemon, &ProcessEnv) else {
        return;
    };
    if local_socket::request(&place.socket(), "ping", serde_json::Value::Null, PING_PATIENCE).is_err() {
        return;
    }
    // The daemon keeps the time of each call; this is for one that fell silent.
    let patience = config.settings.servers.call_ceiling + PING_PATIENCE;
    operations.relay_through(Arc::new(move |call: Relayed| {
        let socket = place.socket();
        let params = serde_json::json!(call);
        Box::pin(async move {
            let asked =
                tokio::task::spawn_blocking(move || local_socket::request(&socket, "call", params, patience)).await;
            match asked {
                Ok(Ok(answer)) => Ok(answer["result"].as_str().unwrap_or_default().to_owned()),
                Ok(Err(Error::Request { message, .. })) => Err(message),
                Ok(Err(fault)) => Err(error_chain(&fault)),
                Err(_) => Err("asking the daemon broke off".to_owned()),
            }
        })
    }));
}

fn tell_alone(fault: &Error) {
    Out::stderr()
        .warning(&format!("{}; this mcporch does everything itself, for this client alone", error_chain(fault)));
}

impl Thin {
    fn prepare(global: &Global, home: &Home, settings: DaemonSettings, profile: &str) -> Result<Self, Error> {
        let identity = Identity::of(global, home, &ProcessEnv);
        let place = identity.place(&settings, &ProcessEnv)?;
        place.prepare()?;
        let journal = place.journal()?;
        let ends = Ends::of_process(settings.pass_descriptors)
            .map_err(|source| Error::Io { doing: "taking stdin", source })?;
        Ok(Self {
            start: starting(global, home, &identity, place)?,
            settings,
            build: Build::own(),
            environment: Environment(ProcessEnv.all().into_iter().collect()),
            ends,
            journal,
            resume: None,
            profile: profile.to_owned(),
            said: None,
            daemon: None,
        })
    }

    /// A daemon that has taken this client on.
    fn connect(&mut self) -> Result<(Connection, Accepted), Error> {
        let deadline = Instant::now() + self.settings.start_timeout;
        let mut tries = 0;
        loop {
            tries += 1;
            if let Some(daemon) = &mut self.daemon {
                let _reaped_if_dead = daemon.try_wait();
            }
            let outcome = start(&self.start, deadline).and_then(|(mut connection, daemon)| {
                self.daemon = daemon.or(self.daemon.take());
                let accepted = self.greet(&mut connection, deadline)?;
                Ok((connection, accepted))
            });
            match outcome {
                Err(fault) if fault.is_absence() && tries < TRIES_MAX && Instant::now() < deadline => {}
                other => return other,
            }
        }
    }

    fn greet(&self, connection: &mut Connection, deadline: Instant) -> Result<Accepted, Error> {
        use std::os::fd::AsFd;
        let hello = Hello {
            protocol: PROTOCOL,
            build: self.build.clone(),
            pid: std::process::id(),
            purpose: Purpose::Client,
            environment: self.environment.clone(),
            resume: self.resume.clone(),
            profile: self.profile.clone(),
        };
        let descriptors = [self.ends.input(), self.ends.output(), self.journal.as_fd()];
        connection.greet(&hello, &descriptors, deadline)
    }

    fn follow(&mut self, connection: Connection, accepted: &Accepted) -> Result<Ended, Error> {
        if let Some(notice) = &accepted.notice
            && self.said.as_ref() != Some(notice)
        {
            Out::stderr().line(&format!("mcporch: {notice}"));
            self.said = Some(notice.clone());
        }
        self.ends.begin();
        isolation::give_pages_back();
        wait(connection, &self.ends, &self.journal)
    }

    /// Answers what the dead daemon left open, and remembers how far the session was.
    fn note_death(&mut self, owed: &Owed) {
        Out::stderr().warning(&format!(
            "the mcporch daemon ended unexpectedly; {} open requests are answered with an error, and a new daemon is started. \
             Its log is {}",
            owed.ids.len(),
            self.start.log.display()
        ));
        answer_owed(
            &self.ends,
            owed,
            "the mcporch daemon ended unexpectedly; this request may or may not have been carried out. Send it again if \
             that is safe",
        );
        let resume = self.resume.get_or_insert_with(Resume::default);
        resume.is_initialized |= owed.is_initialized;
    }

    fn go_alone(self, fault: &Error) -> End {
        if self.ends.has_begun_to_move() {
            // Bytes may be on their way through our own pipes; another reader would lose them.
            Out::stderr().failure(&error_chain(fault));
            return End::Exit(Exit::Failed.into());
        }
        tell_alone(fault);
        End::Alone { is_resumed: self.resume.is_some_and(|resume| resume.is_initialized) }
    }
}

/// How a daemon of this configuration is started: with whole paths, since it runs in another folder than we do.
fn starting(global: &Global, home: &Home, identity: &Identity, place: Place) -> Result<Start, Error> {
    let program = std::env::current_exe().map_err(|source| Error::Io { doing: "looking for this program", source })?;
    let mut args: Vec<std::ffi::OsString> = ["daemon", "--detached", "--home"].map(Into::into).to_vec();
    args.push(home.root().into());
    for registry in &identity.registries {
        args.extend(["--registry".into(), registry.into()]);
    }
    if let Some(settings) = &identity.settings_file {
        args.extend(["--config".into(), settings.into()]);
    }
    for set in &global.set {
        args.extend(["--set".into(), set.into()]);
    }
    if global.verbose {
        args.push("--verbose".into());
    }
    let folder = identity.user_folder.clone().unwrap_or_else(|| "/".into());
    Ok(Start { place, program, args, folder, log: home.logs().join(DAEMON_LOG) })
}
