//! `mcporch logs`: what servers wrote to stderr and what became of them, from their log files. Needs nothing that runs.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::app::now_ms;
use crate::config::Config;
use crate::domain::{Moment, ServerName, did_you_mean};
use crate::server_logs::{self, Follower, LogLine, Source};

use super::exit_code::Exit;
use super::output::{BOLD, DIM, Out, painted};
use super::{Global, prepare};

/// Between two looks at files that are followed. A guess: a person takes it for at once.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// Of this server; repeatable [default: of all]
    #[arg(long, short, value_name = "NAME")]
    server: Vec<String>,
    /// Of the servers of this group; repeatable
    #[arg(long, short, value_name = "GROUP")]
    group: Vec<String>,
    /// Of all servers
    #[arg(long, conflicts_with_all = ["server", "group"])]
    all: bool,
    /// Go on as long as lines come
    #[arg(long, short)]
    follow: bool,
    /// How many lines of each server
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    lines: usize,
    /// No older than that: 30s, 10m, 2h, 1d, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "AGE", value_parser = since)]
    since: Option<Since>,
}

#[derive(Debug, Clone, Copy)]
enum Since {
    AgeMs(i64),
    At(Moment),
}

fn since(text: &str) -> Result<Since, String> {
    if let Some(moment) = Moment::parse(text) {
        return Ok(Since::At(moment));
    }
    let units = [('s', 1000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];
    let age = || {
        let unit = text.chars().last()?;
        let (_, ms) = units.iter().find(|(letter, _)| *letter == unit)?;
        text[..text.len() - 1].parse::<u32>().ok().map(|count| i64::from(count) * ms)
    };
    age()
        .map(Since::AgeMs)
        .ok_or_else(|| "write a number and s, m, h or d, or a time such as 2026-01-31T12:00:00Z".to_owned())
}

pub(super) async fn logs(global: &Global, args: &LogsArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let folder = config.home.server_logs();
    let servers = chosen(&config, args, &folder)?;
    let since = args.since.map(|since| match since {
        Since::At(moment) => moment,
        Since::AgeMs(age) => Moment(now_ms() - age),
    });
    let mut shown = Vec::new();
    for server in &servers {
        let lines = server_logs::tail(&folder, server, args.lines, since)?;
        shown.extend(lines.into_iter().map(|line| (server.clone(), line)));
    }
    let width = servers.iter().map(|server| server.as_str().chars().count()).max().unwrap_or(0);
    let mut view = View { out: Out::stdout(), is_json: global.json, width, names: servers.len() > 1 };
    if shown.is_empty() && !args.follow {
        Out::stderr().line("there are no lines; servers write some once they were started");
    }
    if !view.show(&mut shown) || !args.follow {
        return Ok(Exit::Done);
    }
    follow(&servers, &folder, view, &shown).await
}

/// Until the reader goes away or we are ended.
async fn follow(
    servers: &[ServerName],
    folder: &Path,
    mut view: View,
    shown: &[(ServerName, LogLine)],
) -> anyhow::Result<Exit> {
    let mut followers = Vec::new();
    for server in servers {
        followers.push((server, Follower::from_end(folder, server)?));
    }
    // What was written while the files were read stands behind what was shown, and before where following began.
    let seen: HashSet<(&ServerName, String)> = shown.iter().map(|(server, line)| (server, line.to_text())).collect();
    let newest = shown.iter().map(|(_, line)| line.at).max();
    let mut missed = Vec::new();
    for server in servers {
        let lines = server_logs::tail(folder, server, 1000, newest)?.into_iter();
        let is_new = |line: &LogLine| newest.is_some() && !seen.contains(&(server, line.to_text()));
        missed.extend(lines.filter(is_new).map(|line| (server.clone(), line)));
    }
    let mut is_read = view.show(&mut missed);
    while is_read {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut lines = Vec::new();
        for (server, follower) in &mut followers {
            lines.extend(follower.look()?.into_iter().map(|line| (server.clone(), line)));
        }
        is_read = view.show(&mut lines);
    }
    Ok(Exit::Done)
}

/// The servers that are meant. A server that is in no registry any more still has its log.
fn chosen(config: &Config, args: &LogsArgs, folder: &Path) -> anyhow::Result<Vec<ServerName>> {
    let known = || config.servers.iter().map(|server| server.name.as_str());
    let mut chosen = BTreeSet::new();
    for asked in &args.server {
        let name = ServerName::parse(asked)?;
        let is_known = config.server(&name).is_some() || folder.join(server_logs::file_name(&name)).exists();
        let help =
            || did_you_mean(asked, known()).unwrap_or_else(|| "`mcporch config check` lists the servers".to_owned());
        anyhow::ensure!(is_known, "there is no server {asked:?}; {}", help());
        chosen.insert(name);
    }
    for asked in &args.group {
        let groups = || config.servers.iter().flat_map(|server| server.groups.iter().map(String::as_str));
        let help = || {
            did_you_mean(asked, groups()).unwrap_or_else(|| "`groups` in a server's entry names its groups".to_owned())
        };
        anyhow::ensure!(groups().any(|group| group == asked), "no server is in a group {asked:?}; {}", help());
        let of_group = config.servers.iter().filter(|server| server.groups.contains(asked));
        chosen.extend(of_group.map(|server| server.name.clone()));
    }
    if args.server.is_empty() && args.group.is_empty() {
        chosen.extend(config.servers.iter().map(|server| server.name.clone()));
    }
    Ok(chosen.into_iter().collect())
}

struct View {
    out: Out,
    is_json: bool,
    width: usize,
    /// Does the name stand in front?
    names: bool,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    server: &'a ServerName,
    #[serde(flatten)]
    line: &'a LogLine,
}

impl View {
    /// In the order of their times. False when nobody reads any more.
    fn show(&mut self, lines: &mut [(ServerName, LogLine)]) -> bool {
        lines.sort_by_key(|(_, line)| line.at);
        lines.iter().all(|(server, line)| {
            let text = if self.is_json {
                serde_json::to_string(&JsonLine { server, line }).unwrap_or_default()
            } else {
                self.text(server, line)
            };
            writeln!(self.out, "{text}").is_ok()
        }) && self.out.flush().is_ok()
    }

    fn text(&self, server: &ServerName, line: &LogLine) -> String {
        let name = if self.names {
            format!("{} ", painted(BOLD, &format!("{server:<0$}", self.width)))
        } else {
            String::new()
        };
        let time = painted(DIM, &line.at.to_string());
        match line.source {
            Source::Stderr => format!("{name}{time} {}", line.text),
            Source::Mcporch => format!("{name}{time} {}", painted(DIM, &format!("* {}", line.text))),
        }
    }
}
