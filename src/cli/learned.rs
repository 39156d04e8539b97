//! `mcporch learned`: what routing has learned, and forgetting it.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::App;
use crate::operations::{LearnedOutput, LessonLine};

use super::exit_code::Exit;
use super::output::{DIM, Out, counted, painted};
use super::{Global, prepare};

#[derive(Debug, Args)]
pub(super) struct LearnedArgs {
    #[command(subcommand)]
    command: Option<LearnedCommand>,
}

#[derive(Debug, Subcommand)]
enum LearnedCommand {
    /// Forget one lesson
    Forget {
        /// Its number
        id: i64,
    },
    /// Forget all: routing is then what it was before it learned anything
    Reset {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn learned(global: &Global, args: &LearnedArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app(&config).await?;
    app.reconciler.mark_settled();
    let done = match &args.command {
        None => list(global, &app).await,
        Some(LearnedCommand::Forget { id }) => forget(global, &app, Some(*id)).await,
        Some(LearnedCommand::Reset { yes }) if *yes || is_meant()? => forget(global, &app, None).await,
        Some(LearnedCommand::Reset { .. }) => Ok(Exit::NothingRan),
    };
    app.stop().await;
    done
}

fn is_meant() -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    anyhow::ensure!(stdin.is_terminal(), "this forgets all that was learned; say --yes if it is meant");
    Out::stderr().line("Forget all that was learned? Type yes:");
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("the answer could not be read")?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

async fn forget(global: &Global, app: &App, lesson: Option<i64>) -> anyhow::Result<Exit> {
    let forgotten = app.operations.forget_learned(lesson).await?;
    if global.json {
        Out::stdout().json(&json!({"forgotten": forgotten}));
    } else {
        Out::stdout().line(&format!("forgot {}", counted(forgotten, "lesson")));
    }
    Ok(Exit::Done)
}

async fn list(global: &Global, app: &App) -> anyhow::Result<Exit> {
    let learned = app.operations.learned().await?;
    if global.json {
        Out::stdout().json(&learned);
    } else {
        show(&learned);
    }
    Ok(Exit::Done)
}

fn show(learned: &LearnedOutput) {
    let mut out = Out::stdout();
    if learned.lessons.is_empty() {
        out.line("nothing was learned yet; `mcporch feedback ROUTE right|wrong` teaches, and so do choices");
        return;
    }
    let row = |lesson: &LessonLine| {
        vec![
            lesson.id.to_string(),
            format!("{:+.2}", lesson.weight),
            lesson.tool.clone(),
            lesson.request.clone(),
            lesson.source.to_owned(),
            age(lesson.age_s),
            lesson.standing.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = learned.lessons.iter().map(row).collect();
    out.table(&["id", "by", "tool", "request", "from", "age", "today"], &rows);
    let off = if learned.is_enabled { "" } else { "; learning is off (learning.enabled), so none is used" };
    out.line(&painted(DIM, &format!("{}{off}", counted(learned.lessons.len(), "lesson"))));
}

/// In the largest unit that has at least one of it.
fn age(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let found = units.iter().find(|(length, _)| seconds >= *length);
    found.map_or_else(|| format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}
