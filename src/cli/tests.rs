//! What is typed, and what it means.

use clap::{CommandFactory, Parser};

use super::*;

fn typed(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn config_goes_before_or_after_the_command() {
    for line in ["pivotal-sync --config a.toml plan", "pivotal-sync plan --config a.toml"] {
        assert_eq!(typed(line).unwrap().config.unwrap().to_str(), Some("a.toml"));
    }
}

#[test]
fn bad_usage_exits_with_2() {
    for line in [
        "pivotal-sync",
        "pivotal-sync polish",
        "pivotal-sync plan --source salesforce",
        "pivotal-sync why acme",
        "pivotal-sync why",
        "pivotal-sync sync --apply p.json --full",
        "pivotal-sync sandbox --rate-limit 0",
        "pivotal-sync sandbox --port-base 65534",
        "pivotal-sync runs -n -1",
        "pivotal-sync history",
        "pivotal-sync undo",
        "pivotal-sync undo last",
        "pivotal-sync undo 0",
        "pivotal-sync history acme.com -n 0",
        "pivotal-sync approve",
        "pivotal-sync approve --all acme.com",
        "pivotal-sync retry",
        "pivotal-sync link hubspot:company:1",
        "pivotal-sync link hubspot:company:1 pivotal:customer:1 --undo",
        "pivotal-sync unlink",
        "pivotal-sync export customers-of-mine",
    ] {
        assert_eq!(typed(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn later_commands_are_not_promised() {
    let names: Vec<_> = Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
    assert_eq!(
        names,
        [
            "demo",
            "init",
            "check",
            "plan",
            "sync",
            "backfill",
            "run",
            "status",
            "runs",
            "why",
            "history",
            "audit",
            "approve",
            "retry",
            "link",
            "unlink",
            "ignore",
            "undo",
            "export",
            "import",
            "backup",
            "sandbox",
            "completions",
            "man"
        ]
    );
}

#[test]
fn the_words_of_each_command_are_understood() {
    let Command::Plan(plan) =
        typed("pivotal-sync plan --out p.json --source stripe --exit-code --json").unwrap().command
    else {
        panic!("plan")
    };
    assert_eq!(plan.source, Some(crate::domain::SourceName::Stripe));
    assert!(plan.exit_code && plan.json && plan.out.is_some());
    let Command::Sandbox(sandbox) =
        typed("pivotal-sync sandbox --seed 7 --size 100 --rate-limit none --port-base 0 --config-out s.toml")
            .unwrap()
            .command
    else {
        panic!("sandbox")
    };
    assert_eq!((sandbox.seed, sandbox.size, sandbox.rate_limit, sandbox.port_base), (7, 100, RateLimit(None), 0));
    assert!(typed("pivotal-sync why acme.com --json").unwrap().command.json());
    assert!(!typed("pivotal-sync sync").unwrap().command.json());
}
