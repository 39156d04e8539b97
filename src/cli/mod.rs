//! The command line: one more thin adapter. Flags in, text or JSON out, an exit code. What a person reads goes to
//! stdout, progress and warnings to stderr.

mod alerts;
mod audit;
mod auth;
mod backup;
mod call;
mod config;
#[cfg(unix)]
mod daemon;
mod dashboard;
mod demo;
mod doctor;
mod doctor_routes;
mod doctor_sandbox;
mod doctor_secrets;
mod eval;
mod exit_code;
mod feedback;
mod index;
mod keys;
mod learned;
mod logs;
mod output;
mod prepare;
mod progress;
mod query;
mod replay;
mod secrets;
mod serve;
#[cfg(unix)]
mod serve_daemon;
mod serve_http;
#[cfg(unix)]
mod servers;
mod service;
mod test;
mod test_report;
#[cfg(unix)]
mod thin;
mod tools;
#[cfg(unix)]
mod top;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Env, Home, ProcessEnv, Request};
use crate::demo_server;
use crate::domain::Surface;
use crate::operations::OpContext;
use crate::secrets::redactor;

use exit_code::Exit;
use output::Out;

/// Threads for work that blocks: embedding, SQLite, files. Few, since each costs memory once it has run.
const BLOCKING_THREADS_MAX: usize = 8;

/// Everything that can be said on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "mcporch",
    version,
    about = "One MCP entry in front of all your MCP servers",
    long_about = "One MCP entry in front of all your MCP servers: a request in words goes to the right tool of the right \
                  server.\n\nWithout a command mcporch is an MCP server on stdin and stdout; that is what a client's \
                  configuration starts.",
    after_help = "Exit codes: 0 done; 1 it failed; 2 the command line is wrong; 3 nothing ran, because a choice, \
                  parameters or a confirmation is needed, or no tool fits; 4 the configuration is wrong.",
    disable_help_subcommand = true
)]
struct CommandLine {
    #[command(flatten)]
    global: Global,
    /// Serve this one client (or those of `serve`) without a daemon, everything in one process [env: MCPORCH_STANDALONE]
    #[arg(long)]
    standalone: bool,
    /// What this client sees: direct (all tools by their own names), p/NAME (a profile of the settings) or s/SERVER (one server
    /// as it is) [default: the four tools]
    #[arg(long, value_name = "PROFILE", default_value = "", hide_default_value = true)]
    profile: String,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Args)]
struct Global {
    /// Registry file with the MCP servers; repeatable [default: the home's config folder, then ~/.mcp.json]
    #[arg(long, global = true, value_name = "FILE")]
    registry: Vec<PathBuf>,
    /// Settings file [default: config/mcporch.toml of the home]; a file ending in .json is taken as a registry
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for everything mcporch writes [env: MCPORCH_HOME]
    #[arg(long, global = true, value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// One setting, as section.key=value; repeatable
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Log what happens, to stderr
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show which tools a request would be routed to, and why
    Query(query::QueryArgs),
    /// Do what a request says with the best fitting tool
    Execute(call::ExecuteArgs),
    /// Call exactly one tool
    Call(call::CallArgs),
    /// List the tools of all servers, or of one
    Tools(tools::ToolsArgs),
    /// Show one tool in full
    Explain(tools::ExplainArgs),
    /// The index of tools
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// The configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Secrets that the registry refers to, and the keyring
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Log in at remote servers, and out
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// API keys: who may come over the network, and what he may do
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Show who did what through mcporch, and check that the log of it is whole
    Audit(audit::AuditArgs),
    /// Say what is wrong with the set-up, and what to do
    Doctor(doctor::DoctorArgs),
    /// Say whether a route was right, so that routing learns from it
    Feedback(feedback::FeedbackArgs),
    /// Show what routing has learned, or forget it
    Learned(learned::LearnedArgs),
    /// Measure the routing on folders of requests with known answers
    Eval(eval::EvalArgs),
    /// Check that requests go to the tools that routes files expect
    Test(test::TestArgs),
    /// Serve clients over HTTP (and all others of this home), in the foreground
    Serve(serve_http::ServeArgs),
    /// Open the dashboard in a browser
    Dashboard(dashboard::DashboardArgs),
    /// Run the daemon that serves all clients, in the foreground
    #[cfg(unix)]
    Daemon(daemon::DaemonArgs),
    /// Start servers and keep them running, in the daemon
    #[cfg(unix)]
    Start(servers::Selection),
    /// Stop servers; calls do not start them again
    #[cfg(unix)]
    Stop(servers::Selection),
    /// Stop and start servers
    #[cfg(unix)]
    Restart(servers::Selection),
    /// Show how the servers are
    #[cfg(unix)]
    Status(servers::StatusArgs),
    /// Start servers and follow how they are
    #[cfg(unix)]
    Monitor(servers::MonitorArgs),
    /// Follow and steer the servers on the whole terminal
    #[cfg(unix)]
    Top(top::TopArgs),
    /// Take a server out of use until it is started again
    #[cfg(unix)]
    Quarantine(servers::QuarantineArgs),
    /// Take the registry and the settings as they are now
    #[cfg(unix)]
    Reload,
    /// Start demo servers and route real requests to them
    Demo(demo::DemoArgs),
    /// Show what servers wrote to stderr and what became of them
    Logs(logs::LogsArgs),
    /// Who is told when a server crashes or comes back
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    /// Keep all that cannot be had again in one file
    Backup(backup::BackupArgs),
    /// Put everything back as a backup has it
    Restore(backup::RestoreArgs),
    /// Let the system start mcporch's daemon at log-in
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A scriptable MCP server, for the demo and the tests
    #[command(hide = true)]
    DemoServer(Box<demo_server::Flags>),
}

/// Who uses the command line, for what is noted of it.
fn by_command_line() -> OpContext {
    OpContext { surface: Surface::Cli, who: Some("cli".into()), ..OpContext::default() }
}

impl Global {
    fn request(&self) -> Request {
        // Supervisors whose commands we took over are given their list of servers as --config; ours is TOML and can be told
        // from it by its name.
        let is_registry = |file: &&PathBuf| {
            file.extension()
                .is_some_and(|ending| ["json", "jsonc"].iter().any(|json| ending.eq_ignore_ascii_case(json)))
        };
        let registry = self.config.iter().filter(is_registry);
        Request {
            registries: self.registry.iter().chain(registry).cloned().collect(),
            settings_file: self.config.clone().filter(|file| !is_registry(&file)),
            home: self.home.clone(),
            overrides: self.set.clone(),
        }
    }
}

/// Runs the program: parses the command line, does it, gives the exit code.
#[must_use]
pub fn run() -> ExitCode {
    // Between us and each server stands this very program again; it must start in a millisecond, on one thread.
    #[cfg(unix)]
    if let Some(exit) = crate::isolation::run_shim() {
        return exit;
    }
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(fault) => {
            // clap sorts help to stdout and faults to stderr by itself.
            let _closed = fault.print();
            return if fault.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    // The demo server must start in a millisecond: before any runtime.
    if let Some(Command::DemoServer(flags)) = &line.command {
        return match demo_server::run(flags) {
            Ok(()) => Exit::Done.into(),
            Err(fault) => {
                Out::stderr().line(&format!("mcporch demo-server: {fault}"));
                ExitCode::from(fault.exit_code())
            }
        };
    }
    let mut is_resumed = false;
    if line.command.is_none() {
        serve::tell_people();
        match before_runtime(&line) {
            Before::Exit(code) => return code,
            Before::Alone { resumed } => is_resumed = resumed,
        }
    }
    // Before anything else, so that no log line and no error ever shows a key that we were started with.
    let variables = ProcessEnv.all();
    redactor().learn_variables(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // One thread: a proxied call is a handful of microseconds of work, and waking another core costs more than that.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(fault) => {
            Out::stderr().line(&format!("mcporch: the runtime could not be started: {fault}"));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(dispatch(line, is_resumed));
    // A blocking read of a terminal cannot be interrupted; nothing else is left by now.
    runtime.shutdown_background();
    crate::telemetry::finish();
    match outcome {
        Ok(exit) => exit.into(),
        Err(fault) => {
            Out::stderr().failure(&format!("{fault:#}"));
            exit_code::of(&fault).into()
        }
    }
}

/// What came of trying to do without a runtime.
enum Before {
    #[cfg_attr(not(unix), expect(dead_code, reason = "only a thin client ends without a runtime"))]
    Exit(ExitCode),
    Alone {
        resumed: bool,
    },
}

/// Serves a client through the daemon, unless this process is to do it all.
fn before_runtime(line: &CommandLine) -> Before {
    #[cfg(unix)]
    {
        let is_asked = std::env::var_os("MCPORCH_STANDALONE").is_some_and(|asked| !asked.is_empty() && asked != "0");
        if !line.standalone && !is_asked {
            return match thin::run(&line.global, &line.profile) {
                thin::End::Exit(code) => Before::Exit(code),
                thin::End::Alone { is_resumed } => Before::Alone { resumed: is_resumed },
            };
        }
    }
    // Elsewhere there is no daemon yet: named pipes would need a relay of every byte.
    #[cfg(not(unix))]
    let _one_process = line.standalone;
    Before::Alone { resumed: false }
}

async fn dispatch(line: CommandLine, is_resumed: bool) -> anyhow::Result<Exit> {
    let global = line.global;
    // A restore that was interrupted is finished before anything of the home is read.
    if let Ok(home) = Home::find(global.home.as_deref(), &ProcessEnv)
        && crate::backup::finish_interrupted(home.root())?
    {
        Out::stderr().warning("a restore that was interrupted is finished now");
    }
    match line.command {
        None => serve::serve(&global, &line.profile, is_resumed).await,
        Some(Command::Serve(args)) => serve_http::serve(&global, &args, line.standalone).await,
        Some(Command::Dashboard(args)) => dashboard::dashboard(&global, args, line.standalone).await,
        #[cfg(unix)]
        Some(Command::Daemon(args)) => daemon::daemon(&global, &args).await,
        #[cfg(unix)]
        Some(Command::Start(selection)) => servers::order(&global, "start", &selection),
        #[cfg(unix)]
        Some(Command::Stop(selection)) => servers::order(&global, "stop", &selection),
        #[cfg(unix)]
        Some(Command::Restart(selection)) => servers::order(&global, "restart", &selection),
        #[cfg(unix)]
        Some(Command::Status(args)) => servers::status(&global, &args),
        #[cfg(unix)]
        Some(Command::Monitor(args)) => servers::monitor(&global, &args).await,
        #[cfg(unix)]
        Some(Command::Top(args)) => top::top(&global, &args).await,
        #[cfg(unix)]
        Some(Command::Quarantine(args)) => servers::quarantine(&global, &args),
        #[cfg(unix)]
        Some(Command::Reload) => servers::reload(&global),
        Some(Command::Query(args)) => query::query(&global, &args).await,
        Some(Command::Execute(args)) => call::execute(&global, &args).await,
        Some(Command::Call(args)) => call::call(&global, &args).await,
        Some(Command::Tools(args)) => tools::tools(&global, &args).await,
        Some(Command::Explain(args)) => tools::explain(&global, &args).await,
        Some(Command::Index(command)) => index::index(&global, &command).await,
        Some(Command::Config(command)) => config::config(&global, &command).await,
        Some(Command::Secrets(command)) => secrets::secrets(&global, command).await,
        Some(Command::Auth(command)) => auth::auth(&global, command).await,
        Some(Command::Audit(args)) => audit::audit(&global, args).await,
        Some(Command::Keys(command)) => keys::keys(&global, command).await,
        Some(Command::Doctor(args)) => doctor::doctor(&global, &args).await,
        Some(Command::Feedback(args)) => feedback::feedback(&global, &args).await,
        Some(Command::Learned(args)) => learned::learned(&global, &args).await,
        Some(Command::Eval(args)) if args.history => replay::replay(&global).await,
        Some(Command::Eval(args)) => eval::eval(&global, &args),
        Some(Command::Test(args)) => test::test(&global, &args).await,
        Some(Command::Demo(args)) => demo::demo(&global, &args).await,
        Some(Command::Logs(args)) => logs::logs(&global, &args).await,
        Some(Command::Alerts(command)) => alerts::alerts(&global, &command).await,
        Some(Command::Backup(args)) => backup::backup(&global, &args).await,
        Some(Command::Restore(args)) => backup::restore(&global, &args).await,
        Some(Command::Service(command)) => service::service(&global, &command).await,
        Some(Command::Completions { shell }) => {
            // Into memory first: the generator panics when a pipe is closed.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "mcporch", &mut script);
            Out::stdout().line(String::from_utf8_lossy(&script).trim_end());
            Ok(Exit::Done)
        }
        Some(Command::DemoServer(_)) => Ok(Exit::Done),
    }
}
