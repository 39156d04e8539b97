//! Requests that ask for several things, and those that only look so. All made up.

use super::split_steps;

/// Steps as `text`, `text <- 1,2` with the places of what it needs (from 1), `?` behind what is not certain.
fn shown(request: &str) -> Vec<String> {
    let steps = split_steps(request);
    let shown = steps.iter().map(|step| {
        let needs: Vec<String> = step.needs.iter().map(|place| (place + 1).to_string()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" <- {}", needs.join(",")) };
        format!("{}{needs}{}", step.text, if step.is_certain { "" } else { " ?" })
    });
    shown.collect()
}

fn check(request: &str, expected: &[&str]) {
    assert_eq!(shown(request), expected, "{request}");
}

fn stays_whole(request: &str) {
    let steps = split_steps(request);
    assert!(matches!(steps.as_slice(), [step] if step.text == request.trim()), "{steps:?}");
}

#[test]
fn demands_joined_by_and() {
    check("read the file and put its summary into a note", &["read the file", "put its summary into a note <- 1"]);
    check("Find the newest invoice and email it to Anna.", &["Find the newest invoice", "email it to Anna <- 1"]);
    check(
        "Get the weather in Paris and translate it into French",
        &["Get the weather in Paris", "translate it into French <- 1"],
    );
    check("post 'what a day!', and send it to Jo (at home).", &["post 'what a day!'", "send it to Jo (at home) <- 1"]);
    check("Create a branch and then switch to it", &["Create a branch", "switch to it <- 1"]);
    check("count the words in a.txt and convert 5 km to miles", &["count the words in a.txt", "convert 5 km to miles"]);
    check("can you list my open issues & send them to Bob?", &["list my open issues", "send them to Bob? <- 1"]);
    check("read the text file a.txt and delete the file b.txt", &["read the text file a.txt", "delete the file b.txt"]);
    check("read the summary and translate it", &["read the summary", "translate it <- 1"]);
    // As good as certain is not certain: "log" may be a thing that is shown.
    check("show the error and log the time", &["show the error", "log the time ?"]);
}

#[test]
fn demands_in_sequence() {
    check("get the weather in Paris, then mail it to Anna", &["get the weather in Paris", "mail it to Anna <- 1"]);
    check(
        "First read notes.txt, then summarize it and finally send the summary to Bob.",
        &["read notes.txt", "summarize it <- 1", "send the summary to Bob <- 2"],
    );
    check("Take a screenshot, then save it as a.png", &["Take a screenshot", "save it as a.png <- 1"]);
    check(
        "download the report; after that, upload it to the archive",
        &["download the report", "upload it to the archive <- 1"],
    );
    check("please find the user Jo and afterwards lock the account", &["find the user Jo", "lock the account"]);
    check(
        "I want you to search for flights to Rome and then book the cheapest one",
        &["search for flights to Rome", "book the cheapest one"],
    );
}

#[test]
fn series_and_several_results() {
    check(
        "get the weather in Paris, look up the time in Tokyo, and send both to Anna",
        &["get the weather in Paris", "look up the time in Tokyo", "send both to Anna <- 1,2"],
    );
    check("Read a.txt, read b.txt, then compare them", &["Read a.txt", "read b.txt", "compare them <- 1,2 ?"]);
    check(
        "Read a.txt, read b.txt, then write all results to c.txt",
        &["Read a.txt", "read b.txt", "write all results to c.txt <- 1,2"],
    );
    check(
        "Get the exchange rate, count my invoices, then add it to the report",
        &["Get the exchange rate", "count my invoices ?", "add it to the report <- 2 ?"],
    );
    check(
        "Fetch the weather for Rome, check my calendar, then put the weather into a note",
        &["Fetch the weather for Rome", "check my calendar ?", "put the weather into a note <- 1"],
    );
}

#[test]
fn sentences_and_questions() {
    check(
        "Read the file a.txt. Put its title into a note.",
        &["Read the file a.txt", "Put its title into a note <- 1"],
    );
    check("Open the door! Turn on the light. Thanks.", &["Open the door", "Turn on the light"]);
    check(
        "Sort the table by date. Use ISO dates. Then export it.",
        &["Sort the table by date. Use ISO dates ?", "export it <- 1"],
    );
    check(
        "What is the weather in Paris and what time is it in Tokyo?",
        &["What is the weather in Paris", "what time is it in Tokyo?"],
    );
    check("What's on my calendar? Who is Anna?", &["What's on my calendar?", "Who is Anna?"]);
}

#[test]
fn lists() {
    check(
        "1. read a.txt\n2. summarize it\n3. mail the summary to Jo",
        &["read a.txt", "summarize it <- 1", "mail the summary to Jo <- 2"],
    );
    check(
        "Please do the following:\n- create a folder\n- move all pictures into it",
        &["create a folder", "move all pictures into it <- 1"],
    );
    check("(1) Get the time in Rome.\n(2) Get the time in Oslo.", &["Get the time in Rome", "Get the time in Oslo"]);
    check("* what is the time?\n* list the files", &["what is the time?", "list the files"]);
    // What a language without a list of words leaves out, nobody knows.
    check("1. 天気を調べる\n2. 結果をメモに書く", &["天気を調べる ?", "結果をメモに書く ?"]);
}

#[test]
fn what_is_left_out_denied_or_bound_to_a_condition_is_never_certain() {
    check(
        "1. list the files in /data\n2. delete everything except a.txt",
        &["list the files in /data", "delete everything except a.txt ?"],
    );
    check("- read a.txt\n- delete b.txt if it is empty", &["read a.txt", "delete b.txt if it is empty <- 1 ?"]);
    check("Do these steps unless it is Sunday:\n- read a.txt\n- read b.txt", &["read a.txt ?", "read b.txt ?"]);
    check("1. read 'all but one'\n2. read b.txt", &["read 'all but one'", "read b.txt"]);
    check(
        "List the files. Stop the server, then start it, but not today.",
        &["List the files", "Stop the server ?", "start it, but not today <- 2 ?"],
    );
    for limit in [
        "everything but a.txt",
        "everything without a.txt",
        "everything other than a.txt",
        "everything besides a.txt",
        "everything, not a.txt",
        "everything when a.txt is there",
        "what isn't in a.txt",
        "what isn’t in a.txt",
        "everything excluding a.txt",
    ] {
        let steps = split_steps(&format!("list the files, then delete {limit}"));
        assert!(steps.len() == 2 && !steps[1].is_certain, "{limit}: {steps:?}");
        assert!(!split_steps(&format!("delete {limit}"))[0].is_certain, "{limit}");
    }
    assert!(!split_steps("if the build fails, send a mail and open an issue")[0].is_certain);
    assert!(split_steps("delete a.txt")[0].is_certain);
}

#[test]
fn one_demand_stays_whole() {
    for request in [
        "",
        "read",
        "search and replace foo in bar",
        "find and list all files over 5 MB",
        "copy a and b to c",
        "What time is it in Tokyo and Berlin?",
        "send a mail to Anna and Bob",
        "cut and paste the paragraph",
        "drag and drop the file to the bin",
        "commit my changes and push",
        "list tools that create and delete files",
        "show the name and email of all users",
        "get title and author of the book",
        "compare the price and order count",
        "give me permission to read and write files",
        "review and merge pull request 5",
        "create or update the record",
        "between two and three o'clock",
        "fetch, parse and store",
    ] {
        stays_whole(request);
    }
}

#[test]
fn what_belongs_to_the_demand_before_stays_with_it() {
    for request in [
        "take a screenshot and save it to a.png",
        "find foo and replace it with bar in x.txt",
        "get the list of users and show me",
        "read the log and tell me what went wrong",
        "create a note and name it shopping",
        "download the file and store it as x.zip",
    ] {
        stays_whole(request);
    }
}

#[test]
fn what_is_told_is_not_asked_for() {
    for request in [
        "write 'read the file and then delete it' into note.txt",
        "add a task: buy milk and cook dinner",
        "remind me to buy milk and call Anna",
        "create an issue titled fix login and add tests",
        "send Bob a message saying hi and send me the report",
        "ask Bob to read the draft and send the invoice",
        "search for how to install rust and write a parser",
        "create a note with the text \"get up, then run\"",
        "schedule a job to fetch the data and send a mail",
    ] {
        stays_whole(request);
    }
}

#[test]
fn conditions_stories_and_things_stay_whole() {
    for request in [
        "if the build fails, send a mail and open an issue",
        "read the file unless it is empty, then delete it",
        "before you delete it, read the file",
        "after reading the file, write a summary",
        "My server is slow. Check the logs. Then restart it.",
        "The door is open and the light is on",
        "Add these to my list:\n- milk\n- eggs",
        "- milk\n- eggs",
        "買い物リスト:\n1. 牛乳\n2. 卵",
        "lies die Datei und schreibe eine Notiz",
        "lis le fichier, puis envoie-le à Anna",
        "读取文件，然后发送给安娜",
        "I have two files and a folder",
        "I want to buy a gift. Can you find one for me?",
        "Cancel my booking. How can I do that?",
        "Translate this into French. \"Read the file and delete it.\"",
        "pay Bob 31 euros and make sure that it is private",
    ] {
        stays_whole(request);
    }
}

#[test]
fn only_a_whole_result_can_be_handed_on() {
    let takes = |request: &str| split_steps(request).last().unwrap().takes_result;
    assert!(takes("read a.txt, then count the words of it"));
    assert!(takes("read a.txt, then translate the result"));
    assert!(!takes("read a.txt and put its summary into a note"));
    assert!(!takes("read a.txt, then write the first line of the result into it"));
    assert!(!takes("read a.txt, then read b.txt"));
}

#[test]
fn length_and_count_are_bounded() {
    let many = |count: usize| (0..count).map(|at| format!("read {at}.txt")).collect::<Vec<_>>().join(", then ");
    assert_eq!(split_steps(&many(8)).len(), 8);
    assert_eq!(split_steps(&many(9)).len(), 1);
    let long = format!("read a.txt, then write {}", "x".repeat(5_000));
    assert_eq!(split_steps(&long).len(), 1);
    for odd in
        ["“", "'", "“ “ “ then", ", then , and", "then then then", "1.", "1. \n2. ", "and", "\u{0}", "…and then…"]
    {
        assert_eq!(split_steps(odd).len(), 1, "{odd}");
    }
}
