//! `mcporch feedback`: was a route right?

use clap::{Args, ValueEnum};

use crate::history::{Teacher, Verdict};
use crate::operations::FeedbackInput;

use super::exit_code::Exit;
use super::output::Out;
use super::{Global, prepare};

#[derive(Debug, Args)]
pub(super) struct FeedbackArgs {
    /// The route's id, as it stands at the end of an answer
    route: String,
    /// Whether its tool was the right one
    verdict: VerdictWord,
    /// The right one, as server.tool
    #[arg(long, value_name = "SERVER.TOOL")]
    tool: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum VerdictWord {
    /// It was
    Right,
    /// It was not
    Wrong,
}

pub(super) async fn feedback(global: &Global, args: &FeedbackArgs) -> anyhow::Result<Exit> {
    let config = prepare::configuration(global)?;
    let app = prepare::app(&config).await?;
    app.reconciler.mark_settled();
    let verdict = match args.verdict {
        VerdictWord::Right => Verdict::Right,
        VerdictWord::Wrong => Verdict::Wrong,
    };
    let input = FeedbackInput { route: args.route.clone(), verdict, tool: args.tool.clone(), teacher: Teacher::Person };
    let noted = app.operations.feedback(&input).await;
    app.stop().await;
    let noted = noted?;
    if global.json {
        Out::stdout().json(&noted);
    } else {
        Out::stdout().line(&noted.message);
    }
    Ok(Exit::Done)
}
