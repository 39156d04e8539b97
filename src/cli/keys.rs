//! `mcporch keys`: who may come over the network, and what he may do. A key is shown once, on stdout, and nowhere again.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::app::{audit_options, now_ms};
use crate::audit;
use crate::domain::{Moment, Scope, Surface, error_chain};
use crate::keys::{KeyFile, NewKey, StoredKey};

use super::exit_code::Exit;
use super::output::{DIM, Out, WARN, counted, painted};
use super::{Global, prepare};

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key and print it; it cannot be shown again
    Create(CreateArgs),
    /// List the keys: who, what he may do, until when, and when he came last
    List,
    /// Take a key back; running daemons refuse it within a second
    Revoke {
        /// Its id or its name
        #[arg(value_name = "ID|NAME")]
        key: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Whose it is: a person or a program
    name: String,
    /// What he may do, each including the ones before: viewer (look), caller (run tools), operator (start and stop servers, read
    /// the audit log), admin
    #[arg(long, value_name = "SCOPE", value_parser = ["viewer", "caller", "operator", "admin"])]
    scope: String,
    /// When it ends: 12h, 30d, or a time such as 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = end)]
    expires: Option<End>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    AfterMs(i64),
    At(Moment),
}

fn end(text: &str) -> Result<End, String> {
    if let Some(moment) = Moment::parse(text) {
        return Ok(End::At(moment));
    }
    let units = [('m', 60_000), ('h', 3_600_000), ('d', DAY_MS)];
    let after = || {
        let unit = text.chars().last()?;
        let (_, ms) = units.iter().find(|(letter, _)| *letter == unit)?;
        let count = text[..text.len() - 1].parse::<u32>().ok().filter(|count| *count > 0)?;
        Some(i64::from(count) * ms)
    };
    after()
        .map(End::AfterMs)
        .ok_or_else(|| "write a number and m, h or d, or a time such as 2027-01-31T12:00:00Z".to_owned())
}

/// A key as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    name: String,
    scope: Scope,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    is_expired: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    /// Of one that was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Listed {
    fn of(key: StoredKey, now: Moment) -> Self {
        Self {
            is_expired: key.expires.is_some_and(|end| end <= now),
            id: key.id,
            name: key.name,
            scope: key.scope,
            created: key.created.to_string(),
            expires: key.expires.map(|moment| moment.to_string()),
            last_used: key.last_used.map(|moment| moment.to_string()),
            key: None,
        }
    }
}

pub(super) async fn keys(global: &Global, command: KeysCommand) -> anyhow::Result<Exit> {
    let config = prepare::settings(global)?;
    let file = KeyFile::at(config.home.keys());
    let is_json = global.json;
    let audit = config.settings.audit.enabled.then(|| audit_options(&config));
    tokio::task::spawn_blocking(move || run(&file, command, &Noted { audit }, is_json)).await?
}

/// Where it is noted that keys were made and revoked.
struct Noted {
    audit: Option<audit::Options>,
}

impl Noted {
    fn note(&self, action: &'static str, key: &StoredKey, now: Moment) {
        let Some(options) = &self.audit else { return };
        let (at, who, surface) = (now.0, Some("cli".into()), Some(Surface::Cli.word()));
        let details = vec![("name", key.name.clone().into()), ("scope", key.scope.word().into())];
        let target = key.id.clone();
        let event =
            audit::Event { at, who, surface, action, target, outcome: "done", details, ..audit::Event::default() };
        if let Err(fault) = audit::append(options, &event) {
            Out::stderr().warning(&error_chain(&fault));
        }
    }
}

fn run(file: &KeyFile, command: KeysCommand, noted: &Noted, is_json: bool) -> anyhow::Result<Exit> {
    let now = Moment(now_ms());
    match command {
        KeysCommand::Create(args) => create(file, args, (noted, now), is_json),
        KeysCommand::List => {
            let listed: Vec<Listed> = file.list()?.into_iter().map(|key| Listed::of(key, now)).collect();
            if is_json {
                Out::stdout().json(&listed)
            } else {
                show(&listed)
            }
            Ok(Exit::Done)
        }
        KeysCommand::Revoke { key } => {
            let gone = file.revoke(&key)?;
            noted.note("keys.revoke", &gone, now);
            if is_json {
                Out::stdout().json(&Listed::of(gone, now));
            } else {
                Out::stdout().line(&format!("the key of {} ({}) is revoked", gone.name, gone.id));
            }
            Ok(Exit::Done)
        }
    }
}

fn create(file: &KeyFile, args: CreateArgs, (noted, now): (&Noted, Moment), is_json: bool) -> anyhow::Result<Exit> {
    let scope: Scope = args.scope.parse().map_err(anyhow::Error::msg)?;
    let expires = args.expires.map(|end| match end {
        End::AfterMs(ms) => Moment(now.0.saturating_add(ms)),
        End::At(moment) => moment,
    });
    anyhow::ensure!(expires.is_none_or(|end| end > now), "that time is over already; a key has to end later than now");
    let made = file.create(NewKey { name: args.name, scope, expires }, now)?;
    noted.note("keys.create", &made.stored, now);
    if is_json {
        let key = Some(made.key);
        Out::stdout().json(&Listed { key, ..Listed::of(made.stored, now) });
        return Ok(Exit::Done);
    }
    Out::stdout().line(&made.key);
    let until = expires.map_or_else(String::new, |end| format!(" until {end}"));
    let (name, id) = (&made.stored.name, &made.stored.id);
    Out::stderr().line(&painted(
        DIM,
        &format!(
            "{name} is {scope}{until}; this key is not shown again. Clients send it as `Authorization: Bearer KEY`; `mcporch keys \
             revoke {id}` takes it back"
        ),
    ));
    Ok(Exit::Done)
}

fn show(listed: &[Listed]) {
    let mut out = Out::stdout();
    if listed.is_empty() {
        return out.line("there is no key; `mcporch keys create NAME --scope caller` makes one");
    }
    let rows: Vec<Vec<String>> = listed.iter().map(row).collect();
    out.table(&["id", "name", "scope", "created", "expires", "last used"], &rows);
    out.line(&painted(DIM, &counted(listed.len(), "key")));
}

fn row(key: &Listed) -> Vec<String> {
    let end = match (&key.expires, key.is_expired) {
        (Some(end), true) => painted(WARN, &format!("{end} (over)")),
        (Some(end), false) => end.clone(),
        (None, _) => "never".to_owned(),
    };
    let used = key.last_used.clone().unwrap_or_else(|| "never".to_owned());
    vec![key.id.clone(), key.name.clone(), key.scope.to_string(), key.created.clone(), end, used]
}

#[cfg(test)]
mod tests {
    use super::end;

    #[test]
    fn an_end_is_an_age_or_a_time() {
        let check = |text: &str, expected: bool| assert_eq!(end(text).is_ok(), expected, "{text}");
        check("30d", true);
        check("12h", true);
        check("2027-01-31T12:00:00Z", true);
        check("0d", false);
        check("30", false);
        check("d", false);
        check("-1d", false);
        check("ä", false);
    }
}
