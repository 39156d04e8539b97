//! The room through its door, as far as no second process of ours is needed; tests/it/isolation.rs has the rest.

#[cfg(target_os = "linux")]
mod linux {
    use crate::isolation::processes::Stat;
    use std::io::{Read, Write};
    use std::path::PathBuf;
    use std::process::Stdio;

    use crate::isolation::order::{Order, Rules};
    use crate::isolation::{Demand, Program, cgroup, container, plan, tree_usage};

    fn demand() -> Demand {
        Demand {
            memory_bytes_max: Some(64 << 20),
            cpu_cores_max: Some(0.5),
            processes_max: 32,
            read_folders: vec![PathBuf::from("/srv/books")],
            write_folders: vec![PathBuf::from("/srv/notes")],
            ..Demand::default()
        }
    }

    fn program() -> Program {
        Program {
            server: "my server".to_owned(),
            file: PathBuf::from("/usr/bin/notes"),
            args: vec!["--all".to_owned()],
            env: vec![("NOTES_KEY".to_owned(), "hunter2".to_owned())],
            declared_env: vec!["NOTES_KEY".to_owned()],
            cwd: None,
        }
    }

    #[test]
    fn a_container_gets_its_bounds_and_no_values_of_variables() {
        let args = container::arguments(&program(), &["NOTES_KEY".to_owned()], &demand(), "notes:1").join(" ");
        assert_eq!(
            args,
            "run --rm -i --init --security-opt no-new-privileges --pull never --cpus 0.5 --memory 67108864b \
             --pids-limit 32 --ulimit nofile=65536 --mount type=bind,source=/srv/books,target=/srv/books,readonly \
             --mount type=bind,source=/srv/notes,target=/srv/notes --env NOTES_KEY notes:1 notes --all"
        );
        let offline = Demand { network: Some(false), ..Demand::default() };
        let args = container::arguments(&program(), &[], &offline, "notes:1").join(" ");
        assert!(args.contains("--cpus 1 --memory 2147483648b") && args.contains("--network none"), "{args}");
    }

    #[test]
    fn bubblewrap_binds_the_root_read_only_and_the_folders_over_it() {
        let program = program();
        let order = Order {
            program: program.file,
            args: program.args,
            env: program.env,
            cwd: Some(PathBuf::from("/srv/notes")),
            rules: Rules::default(),
        };
        let order = plan::confined(order, &demand(), crate::isolation::Level::Strict);
        let wrapped = plan::wrapped(order, &demand(), PathBuf::from("/usr/bin/bwrap"));
        assert_eq!(wrapped.program, PathBuf::from("/usr/bin/bwrap"));
        assert_eq!(
            wrapped.args.join(" "),
            "--unshare-all --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp \
             --tmpfs /var/tmp --tmpfs /dev/shm --bind-try /srv/notes /srv/notes --bind-try /srv/notes /srv/notes \
             --ro-bind-try /usr/bin/notes /usr/bin/notes --chdir /srv/notes -- /usr/bin/notes --all"
        );
    }

    #[test]
    fn a_cgroup_is_filled_before_anything_runs_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let found = || cgroup::Parent::at(folder.path());
        assert!(found().unwrap_err().contains("cgroup.controllers"));
        std::fs::write(folder.path().join("cgroup.controllers"), "cpuset memory\n").unwrap();
        assert!(found().unwrap_err().contains("lacks the controllers cpu, pids"));
        std::fs::write(folder.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        assert!(found().unwrap_err().contains("was not delegated"));
        std::fs::write(folder.path().join("cgroup.procs"), "").unwrap();
        let mark = rustix::fs::setxattr(folder.path(), "user.delegate", b"1", rustix::fs::XattrFlags::empty());
        if mark.is_err() && rustix::process::geteuid().is_root() {
            println!("skipped: this file system keeps no attributes, and root needs one");
            return;
        }
        let group = found().unwrap().make("my server", &demand()).unwrap();
        group.take(77).unwrap();
        assert_eq!(file("mcporch/cgroup.procs"), std::process::id().to_string());
        assert_eq!(file("cgroup.subtree_control"), "+memory +cpu +pids");
        let name = format!("server-my-server-{}-1", std::process::id());
        let bound = |of: &str| file(&format!("{name}/{of}"));
        assert_eq!(bound("memory.max"), "67108864");
        assert_eq!(bound("memory.swap.max"), "0");
        assert_eq!(bound("cpu.max"), "50000 100000");
        assert_eq!(bound("pids.max"), "32");
        assert_eq!(bound("cgroup.procs"), "77");
        group.kill();
        assert_eq!(bound("cgroup.kill"), "1");
    }

    #[test]
    fn a_tree_is_counted_with_its_children() {
        let alone = tree_usage(std::process::id()).expect("this process lives");
        let mut child = std::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // What it has answered it has been started for: before that its memory may be no one's.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let own = tree_usage(child.id()).expect("the child lives");
        let both = tree_usage(std::process::id()).expect("this process lives");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((own.processes, own.threads), (1, 1));
        assert!(own.memory_bytes > 100_000 && own.memory_bytes < 100_000_000, "{own:?}");
        assert!(both.processes > 1 && alone.processes >= 1, "{alone:?} {both:?}");
        assert!(both.fds > 0 && both.threads > 1, "{both:?}");
    }

    #[test]
    fn a_process_that_is_gone_uses_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(tree_usage(child.id()), None);
    }

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let line = "77 (a) R 5 (b c) S 1 77 77 0 -1 4194560 100 0 0 0 3 4 5 6 20 0 9 0 1000 5000000 250 184467";
        let stat = Stat::parse(line).unwrap();
        let found = (stat.state, stat.parent, stat.cpu_ticks, stat.threads, stat.resident_pages);
        assert_eq!(found, ('S', 1, 18, 9, 250));
        assert!(Stat::parse("77 (cut) S 1").is_none());
    }
}
