//! The house rules that fail the build. Each rule is a function from files to complaints, with a proof that it can complain.

pub mod scan;

use std::collections::BTreeMap;

use scan::{SourceFile, house, line, paths_from_root, words};

/// Room to floor, as the table in the documentation of `lib.rs` has it.
fn floors() -> BTreeMap<String, u32> {
    let lib = include_str!("../../src/lib.rs");
    lib.lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter_map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let floor = cells.next()?.parse().ok()?;
            let room = cells.next()?.trim_matches(['[', ']', '`']).to_owned();
            Some((room, floor))
        })
        .collect()
}

/// Pairs of one floor where the first may use the second: what wires takes settings, and what sends counts.
const NEIGHBOURS: &[(&str, &str)] = &[("http", "ports"), ("app", "config"), ("daemon", "app"), ("daemon", "config")];

/// A room uses rooms below it only.
fn looks_up_or_across(files: &[SourceFile]) -> Vec<String> {
    let floors = floors();
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path != "src/lib.rs" && file.path != "src/main.rs") {
        let room = file.room();
        let Some(floor) = floors.get(room) else {
            complaints.push(format!("{}: room {room} is not in the table of lib.rs", file.path));
            continue;
        };
        for (line, path) in paths_from_root(file) {
            let used = path[0].as_str();
            let Some(below) = floors.get(used) else { continue };
            if used != room && below >= floor && !NEIGHBOURS.contains(&(room, used)) {
                complaints.push(format!("{}:{line}: {room} (floor {floor}) uses {used} (floor {below})", file.path));
            }
        }
    }
    complaints
}

/// The sources are deaf to each other.
fn sources_overhear(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let module = file.module();
        let ["sources", own, ..] = module[..] else { continue };
        for (line, path) in paths_from_root(file) {
            if path.len() > 1
                && path[0] == "sources"
                && path[1] != own
                && ["hubspot", "stripe"].contains(&path[1].as_str())
            {
                complaints.push(format!("{}:{line}: {own} uses {}", file.path, path[1]));
            }
        }
    }
    complaints
}

/// Words that stand in the code of some files where they may not.
fn finds(files: &[SourceFile], may: impl Fn(&SourceFile) -> bool, forbidden: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !may(file)) {
        let code = file.code();
        for word in forbidden {
            complaints.extend(words(&code, word).map(|at| format!("{}:{}: {word}", file.path, line(&code, at))));
        }
    }
    complaints
}

/// The pure rooms name no async, clock, environment or log.
fn impure(files: &[SourceFile]) -> Vec<String> {
    let forbidden = [
        "async",
        "await",
        "tokio",
        "sqlx",
        "reqwest",
        "tracing",
        "Instant",
        "SystemTime",
        "Utc::now",
        "Local::now",
        "std::env",
    ];
    finds(files, |file| !["domain", "reconcile"].contains(&file.room()), &forbidden)
}

/// The domain leans on std, serde, time and decimals only.
fn domain_leans_on(files: &[SourceFile]) -> Vec<String> {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let others: Vec<String> = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .filter(|name| !["serde", "chrono", "rust_decimal", "serde_json"].contains(&name.as_str()))
        .map(|name| format!("{}::", name.replace('-', "_")))
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    finds(files, |file| file.room() != "domain", &others)
}

/// Only `cli` prints; a test may say why it was skipped.
fn prints(files: &[SourceFile]) -> Vec<String> {
    finds(
        files,
        |file| file.room() == "cli" || file.path.ends_with("tests.rs"),
        &["println!", "print!", "eprintln!", "eprint!", "dbg!"],
    )
}

/// `backoff` is a detail of one file, so that it can be exchanged there.
fn backs_off(files: &[SourceFile]) -> Vec<String> {
    finds(files, |file| file.path == "src/http/retry.rs", &["backoff::", "use backoff"])
}

/// SQL is the store's.
fn speaks_sql(files: &[SourceFile]) -> Vec<String> {
    finds(files, |file| file.room() == "store", &["sqlx"])
}

/// Nothing is left for later.
fn postponed(files: &[SourceFile]) -> Vec<String> {
    finds(files, |_| false, &["todo!", "unimplemented!"])
}

/// The sources' own words, which no other room may know by heart.
const FOREIGN: [&str; 3] = ["hs_", "lifecyclestage", "cus_"];

/// Files that show people how a reference is written.
const EXAMPLES: &[&str] = &["src/domain/ids.rs", "src/store/explain.rs"];

/// HubSpot's and Stripe's words stand with the sources and the sandbox.
fn speaks_foreign(files: &[SourceFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !["sources", "sandbox"].contains(&file.room())) {
        let code = file.shipped();
        for word in FOREIGN.into_iter().filter(|word| *word != "cus_" || !EXAMPLES.contains(&file.path.as_str())) {
            complaints.extend(words(&code, word).map(|at| format!("{}:{}: {word}", file.path, line(&code, at))));
        }
    }
    complaints
}

const MOST_LINES: usize = 400;

/// A file fits in one head.
fn too_long(files: &[SourceFile]) -> Vec<String> {
    let long = files.iter().map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(file, lines)| format!("{}: {lines} lines", file.path)).collect()
}

/// Each `mod.rs` opens with what the room is for.
fn unexplained(files: &[SourceFile]) -> Vec<String> {
    let rooms = files.iter().filter(|file| file.path.ends_with("mod.rs") && !file.text.starts_with("//! "));
    rooms.map(|file| file.path.clone()).collect()
}

const NONE: [&str; 0] = [];

macro_rules! rule {
    ($name:ident, $rule:ident over $folders:expr, breaks: $($path:literal => $text:expr),+ ; keeps: $($good:literal => $fine:expr),+ $(,)?) => {
        #[test]
        fn $name() {
            assert_eq!($rule(&house(&$folders)), NONE);
            $(assert_ne!($rule(&[SourceFile::made_up($path, $text)]), NONE, "{} should be seen", $text);)+
            $(assert_eq!($rule(&[SourceFile::made_up($good, $fine)]), NONE);)+
        }
    };
}

#[test]
fn the_table_of_the_house_is_read() {
    let floors = floors();
    assert_eq!((floors["domain"], floors["http"], floors["store"], floors["cli"]), (0, 1, 2, 5));
    let modules =
        include_str!("../../src/lib.rs").lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(floors.contains_key(module), "{module} has no floor");
    }
}

rule!(rooms_use_lower_rooms_only, looks_up_or_across over ["src"],
    breaks: "src/domain/a.rs" => "use crate::ports::Page;",
        "src/store/a.rs" => "use crate::{domain::Kind, pivotal::{self, x}};",
        "src/reconcile/a/b.rs" => "use super::super::super::engine::Engine;",
        "src/engine/a.rs" => "fn f() { crate::config::load() }",
        "src/attic/a.rs" => "";
    keeps: "src/engine/a.rs" => "use crate::{domain::Kind, ports::Page, store::Store}; // crate::cli\nuse super::x;",
        "src/app.rs" => "use crate::config::Settings;\n#[cfg(test)]\nmod tests { use super::*; }",
        "src/http/a.rs" => "use crate::ports::Spent;",
);

rule!(sources_are_deaf_to_each_other, sources_overhear over ["src/sources"],
    breaks: "src/sources/hubspot/a.rs" => "use crate::sources::stripe::Settings;",
        "src/sources/stripe/a.rs" => "use super::super::hubspot;",
        "src/sources/stripe/mod.rs" => "use super::hubspot::x;";
    keeps: "src/sources/stripe/a.rs" => "use crate::sources::stripe::Settings; use super::client; use crate::domain::x;",
);

rule!(pure_rooms_are_pure, impure over ["src"],
    breaks: "src/reconcile/a.rs" => "async fn f() {}",
        "src/reconcile/a.rs" => "let now = chrono::Utc::now();",
        "src/domain/a.rs" => "use std::time::Instant;",
        "src/domain/a.rs" => "std::env::var(\"X\")";
    keeps: "src/reconcile/a.rs" => "// tokio\nlet asynchronous = \"async\"; let x: DateTime<Utc> = now;",
        "src/engine/a.rs" => "async fn f() {}",
);

rule!(the_domain_leans_on_little, domain_leans_on over ["src"],
    breaks: "src/domain/a.rs" => "use url::Url;",
        "src/domain/a.rs" => "fn f() -> minijinja::Value {}";
    keeps: "src/domain/a.rs" => "use serde::Serialize; use chrono::DateTime; use rust_decimal::Decimal;",
        "src/store/a.rs" => "use url::Url;",
);

rule!(only_the_command_line_prints, prints over ["src"],
    breaks: "src/engine/a.rs" => "fn f() { println!(\"x\") }",
        "src/store/a.rs" => "dbg!(x);";
    keeps: "src/cli/print.rs" => "println!(\"x\")",
        "src/engine/a_tests.rs" => "println!(\"x\")",
        "src/engine/a.rs" => "// println!\nlet x = \"println!\"; fingerprint!(y)",
);

rule!(backoff_is_a_detail_of_one_file, backs_off over ["src"],
    breaks: "src/http/client.rs" => "use backoff::ExponentialBackoff;",
        "src/engine/a.rs" => "let x = backoff::x();";
    keeps: "src/http/retry.rs" => "use backoff::ExponentialBackoff;",
        "src/engine/a.rs" => "let backoff = 1;",
);

rule!(only_the_store_speaks_sql, speaks_sql over ["src"],
    breaks: "src/engine/a.rs" => "fn f(e: sqlx::Error) {}";
    keeps: "src/store/a.rs" => "sqlx::query!(\"SELECT 1\")",
);

rule!(nothing_is_left_for_later, postponed over ["src", "tests"],
    breaks: "src/engine/a.rs" => "todo!()",
        "tests/it/a.rs" => "unimplemented!(\"x\")";
    keeps: "src/engine/a.rs" => "let todo = \"todo!\";",
);

rule!(sources_words_stay_with_the_sources, speaks_foreign over ["src"],
    breaks: "src/reconcile/a.rs" => "let x = \"hs_is_closed_won\";",
        "src/engine/a.rs" => "if id.starts_with(\"cus_\") {}",
        "src/pivotal/a.rs" => "get(\"lifecyclestage\")";
    keeps: "src/sources/hubspot/a.rs" => "\"hs_object_id\"",
        "src/reconcile/a.rs" => "// hs_x\nlet paths_ = 1;\n#[cfg(test)]\nmod tests { const X: &str = \"hs_x\"; }",
        "src/domain/ids.rs" => "\"stripe:customer:cus_123\"",
);

rule!(files_fit_in_one_head, too_long over ["src", "tests"],
    breaks: "src/engine/a.rs" => &"x\n".repeat(MOST_LINES + 1);
    keeps: "src/engine/a.rs" => &"x\n".repeat(MOST_LINES),
);

rule!(each_room_says_what_it_is_for, unexplained over ["src"],
    breaks: "src/engine/mod.rs" => "use std::fmt;";
    keeps: "src/engine/mod.rs" => "//! The order of things.\n",
        "src/engine/a.rs" => "use std::fmt;",
);
