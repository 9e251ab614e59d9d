//! What the documentation of `sources` says is shown by a test, is: every file and test that it names is there.

use std::path::Path;

/// A name as the tables write it, as a path from the root.
fn path(name: &str) -> String {
    let short = ["hubspot", "stripe", "contract"].iter().any(|room| name.starts_with(&format!("{room}/")));
    if short { format!("tests/it/{name}") } else { name.to_owned() }
}

/// What is named and not there.
fn missing(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut missing = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let mut file = None;
        for name in row.rsplit(" | ").next().into_iter().flat_map(|shown| shown.split('`').skip(1).step_by(2)) {
            if name.ends_with(".rs") {
                file = read(&path(name));
                missing.extend(file.is_none().then(|| name.to_owned()));
            } else if !file.as_ref().is_some_and(|text| text.contains(&format!("fn {name}()"))) {
                missing.push(name.to_owned());
            }
        }
    }
    missing
}

#[test]
fn every_test_that_the_sources_tables_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let table = read("src/sources/peers.md").unwrap();
    assert_eq!(missing(&table, read), Vec::<String>::new());
    assert!(table.matches(".rs`").count() >= 40, "are the tables still read?");
}

#[test]
fn what_is_not_there_is_named() {
    let read = |path: &str| (path == "tests/it/stripe/costs.rs").then(|| "async fn a_quiet_night() {".to_owned());
    let table = "| cost | `stripe/costs.rs`, `a_quiet_night`, `a_loud_night` |\n| gone | `stripe/gone.rs` |";
    assert_eq!(missing(table, read), ["a_loud_night", "stripe/gone.rs"]);
}
