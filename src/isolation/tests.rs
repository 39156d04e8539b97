//! The room through its door, as far as no second process of ours is needed; tests/it/isolation.rs has the rest.

#[cfg(target_os = "linux")]
mod linux {
    use crate::isolation::processes::Stat;
    use crate::isolation::tree_usage;

    #[test]
    fn a_tree_is_counted_with_its_children() {
        let alone = tree_usage(std::process::id()).expect("this process lives");
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
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
