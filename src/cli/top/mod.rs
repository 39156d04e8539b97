//! `mcporch top`: the picture of [`crate::top`] on the terminal, kept up to date from the daemon and the logs. One loop owns the
//! model; whatever waits does so on blocking threads, a bounded number of them, so that no key ever waits.

mod jobs;
mod screen;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{self, Env, ProcessEnv};
use crate::top::{Event, Model, Sight, Theme, Wish, draw};

use super::exit_code::Exit;
use super::output::Out;
use super::{Global, servers, thin};
use jobs::{Done, LogReader, World};
use screen::{Input, Screen};

/// Between two looks at the clock. A guess: ages and messages change soon enough.
const TICK_EVERY: Duration = Duration::from_millis(250);
/// How long the thread that reads keys may take to notice that nobody reads on; it looks ten times a second.
const LAST_KEY_WITHIN: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct TopArgs {}

pub(super) async fn top(global: &Global, _args: &TopArgs) -> anyhow::Result<Exit> {
    if let Some(why) = unfit(global) {
        Out::stderr().failure(why);
        return Ok(Exit::Usage);
    }
    let config = config::load(&global.request(), &ProcessEnv)?;
    let world =
        World { global: global.clone(), socket: thin::place_of(global)?.socket(), logs: config.home.server_logs() };
    let theme = Theme { is_coloured: ProcessEnv.var("NO_COLOR").is_none_or(|asked| asked.is_empty()) };
    let mut ends = Ends::follow()?;
    let mut screen = Screen::enter()?;
    let (reading, keys) = screen::read_keys();
    let shown = show(&world, theme, &mut screen, keys, &mut ends).await;
    drop(screen);
    let _left_to_the_end = tokio::time::timeout(LAST_KEY_WITHIN, reading).await;
    shown.map(|()| Exit::Done)
}

/// Why there can be no picture.
fn unfit(global: &Global) -> Option<&'static str> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if global.json {
        Some("`mcporch top` is for people; `mcporch status --json` and `mcporch monitor --json` say the same")
    } else if !is_terminal {
        Some("`mcporch top` needs a terminal; `mcporch status` and `mcporch monitor` do without")
    } else if ProcessEnv.var("TERM").is_some_and(|term| term == "dumb") {
        Some("`mcporch top` needs a terminal that can move its cursor (TERM is dumb); `mcporch monitor` does without")
    } else {
        None
    }
}

/// Until a key or the system says that it is enough.
async fn show(
    world: &World,
    theme: Theme,
    screen: &mut Screen,
    mut keys: Receiver<Input>,
    ends: &mut Ends,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut model = Model::new();
    let mut sight = Sight::default();
    // Dropped at the end: orders that are under way are the daemon's by then.
    let mut jobs: JoinSet<Done> = JoinSet::new();
    let mut log: Option<LogReader> = None;
    let mut tick = tokio::time::interval(TICK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        screen.draw(|frame| draw(frame, &model, theme, &mut sight))?;
        let event = tokio::select! {
            input = keys.recv() => match input {
                Some(Input::Key(key)) => Some(Event::Key(key)),
                Some(Input::Resized) => None,
                Some(Input::Failed(fault)) => return Err(anyhow::Error::new(fault).context("the terminal cannot be read")),
                None => return Ok(()),
            },
            Some(ended) = jobs.join_next() => {
                let done = ended.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
                Some(done.into_event(&mut log))
            }
            _ = tick.tick() => None,
            () = ends.come() => return Ok(()),
        };
        let clock = Event::Tick { now: began.elapsed(), unix_s: servers::now() };
        let wishes: Vec<Wish> =
            [Some(clock), event].into_iter().flatten().flat_map(|event| model.step(event)).collect();
        for wish in wishes {
            match wish {
                Wish::Quit => return Ok(()),
                Wish::Suspend => screen.suspend()?,
                Wish::Look => world.look(&mut jobs),
                Wish::ReadLog { server, is_anew } => world.read_log(&mut jobs, server, is_anew, log.take()),
                Wish::Order(order) => world.order(&mut jobs, order),
                Wish::StartDaemon => world.start_daemon(&mut jobs),
            }
        }
    }
}

/// What the system tells us when we shall go.
struct Ends {
    signals: [Signal; 3],
}

impl Ends {
    fn follow() -> std::io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        Ok(Self { signals: [terminate?, interrupt?, hangup?] })
    }

    /// Cancel safe.
    async fn come(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
