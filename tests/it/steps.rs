//! Requests of several steps, at the door of the verbs, over two demo servers.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mcporch::app::App;
use mcporch::config::{self, MapEnv, Request};
use mcporch::operations::{OpContext, StepState, StepsInput, StepsOutcome, StepsOutput};
use serde_json::json;

use crate::harness::program;

/// What came of each request, one after the other; `notes.txt` holds three words, `todo.txt` one.
async fn execute_all(folder: &Path, requests: &[&str]) -> Vec<StepsOutput> {
    let files = folder.join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("notes.txt"), "one two three").unwrap();
    std::fs::write(files.join("todo.txt"), "milk").unwrap();
    let server = |kind: &str| json!({"command": program(), "args": ["demo-server", "--kind", kind, "--folder", files.to_str().unwrap()]});
    let registry = folder.join("registry.json");
    let servers = json!({"mcpServers": {"files": server("files"), "text": server("text"), "clock": server("clock")}});
    std::fs::write(&registry, servers.to_string()).unwrap();
    // A shim is this very program started again, and a test is no mcporch.
    let overrides = vec!["sandbox.default_level=none".to_owned()];
    let home = Some(folder.join("home"));
    let request = Request { registries: vec![registry], home, overrides, ..Request::default() };
    let env = MapEnv::default();
    let config = config::load(&request, &env).unwrap();
    let app = App::build(&config, &env).unwrap();
    app.reconciler.load().await.unwrap();
    let names: BTreeSet<_> = config.servers.iter().map(|server| server.name.clone()).collect();
    app.reconciler.refresh(&names, false, Arc::new(|_| ())).await.unwrap();
    app.reconciler.mark_settled();
    let mut outputs = Vec::new();
    for request in requests {
        let input = StepsInput { request: (*request).to_owned(), dry_run: false };
        outputs.push(app.operations.execute_steps(&OpContext::default(), input).await.unwrap());
    }
    app.stop().await;
    outputs
}

fn states(output: &StepsOutput) -> Vec<(Option<&str>, StepState)> {
    output.steps.iter().map(|step| (step.plan.tool.as_deref(), step.state)).collect()
}

#[tokio::test]
async fn steps_beyond_doubt_run_and_the_others_are_handed_back() {
    let folder = tempfile::tempdir().unwrap();
    let requests = [
        "read the text file notes.txt, then count the words of it",
        "read the text file 'notes.txt', then count the words of the text \"a b\"",
        "read the text file notes.txt, then delete the file todo.txt and write a summary",
        "read the text file absent.txt, then count the words of it",
        "read the text file notes.txt, then delete the file that is not notes.txt",
        "1. read the text file notes.txt\n2. delete the file except notes.txt",
    ];
    let outputs = execute_all(folder.path(), &requests).await;
    let [chain, side_by_side, change, failing, list_but, list_except] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };

    let read = (Some("files.read_text_file"), StepState::Done);
    let count = (Some("text.count_words"), StepState::Done);
    assert_eq!(states(chain), [read, count], "{chain:?}");
    assert_eq!(chain.outcome, StepsOutcome::Done);
    assert_eq!(chain.steps[0].result.as_deref(), Some("one two three"));
    assert!(chain.steps[1].result.as_ref().unwrap().starts_with("3 words"), "{chain:?}");

    assert_eq!(states(side_by_side), [read, count], "{side_by_side:?}");
    assert!(side_by_side.steps[1].result.as_ref().unwrap().starts_with("2 words"), "{side_by_side:?}");

    // What is to be deleted is proposed; that it may be is not ours to say.
    assert_eq!(change.outcome, StepsOutcome::NeedsSteps, "{change:?}");
    let [first, delete, last] = states(change)[..] else { panic!("{change:?}") };
    assert_eq!((first, delete), (read, (Some("files.delete_file"), StepState::Open)), "{change:?}");
    assert_eq!(last.1, StepState::Open, "{change:?}");
    assert_eq!(change.steps[1].plan.params, json!({"path": "todo.txt"}));
    assert_eq!(std::fs::read_to_string(folder.path().join("files/todo.txt")).unwrap(), "milk");

    for limited in [list_but, list_except] {
        let step = &limited.steps[1];
        assert_eq!((step.state, step.plan.params.clone()), (StepState::Open, json!({})), "{limited:?}");
        assert_eq!(limited.outcome, StepsOutcome::NeedsSteps, "{limited:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("files/notes.txt")).unwrap(), "one two three");

    assert_eq!(failing.outcome, StepsOutcome::Failed, "{failing:?}");
    assert_eq!(failing.steps.iter().map(|step| step.state).collect::<Vec<_>>(), [StepState::Failed, StepState::Open]);
}
