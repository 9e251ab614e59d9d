//! The real binary, as typed.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

/// The binary in an empty folder, with nothing of ours in its environment.
fn typed(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("pivotal-sync").unwrap();
    command.env_clear().current_dir(folder).args(words);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn configured(folder: &Path) {
    std::fs::write(folder.join("acme.toml"), "[store]\npath = 'state.db'\n[pivotal]\nworkspace = 'acme'\n").unwrap();
}

#[test]
fn init_writes_once_and_its_file_lacks_the_workspace_only() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) = typed(dir.path(), &["init"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("pivotal-sync check --config config.toml"), "{out}");
    let (code, _, err) = typed(dir.path(), &["init"]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("error: config.toml is there already") && err.contains("\n  hint: "), "{err}");
    let (code, _, err) = typed(dir.path(), &["status", "--config", "config.toml"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("1 problem\n") && err.contains("pivotal.workspace"), "{err}");
}

#[test]
fn an_early_failure_is_one_json_object_on_stdout_and_words_on_stderr() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("acme.toml"), "[pivotal]\nconcurrency = 'x'\n").unwrap();
    let (code, out, err) = typed(dir.path(), &["--config", "acme.toml", "runs", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["status"], &json["error"]["kind"]), (Some(2), &"failed".into(), &"config".into()));
    assert_eq!(json["error"]["details"].as_array().unwrap().len(), 2);
    assert!(err.contains("acme.toml:2: pivotal.concurrency"), "{err}");
    assert!(!err.contains('\u{1b}'), "colour in a pipe: {err}");
}

#[test]
fn bad_usage_is_one_json_object_too_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (words, said) in [
        (&["plan", "--polish", "--json"][..], "--polish"),
        (&["polish", "--json"], "polish"),
        (&["why", "--json"], "REF"),
        (&["--json", "status"], "--json"),
    ] {
        let (code, out, err) = typed(dir.path(), words);
        let json: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &json["status"], &json["error"]["kind"]), (Some(2), &"failed".into(), &"usage".into()));
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains(said) && !message.starts_with("error"), "{message}");
        assert!(err.starts_with("error: "), "{err}");
    }
    for (words, code, out) in [(&["plan", "--polish"][..], 2, ""), (&["plan", "--", "--json"], 2, "")] {
        let (found, shown, _) = typed(dir.path(), words);
        assert_eq!((found, shown.as_str()), (Some(code), out));
    }
    let (code, out, err) = typed(dir.path(), &["plan", "--json", "--help"]);
    assert!(code == Some(0) && out.contains("Usage: pivotal-sync plan") && err.is_empty(), "{out}{err}");
}

#[test]
fn a_store_that_is_not_there_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path());
    for words in [vec!["status"], vec!["runs"], vec!["why", "acme.com"]] {
        let words = [words, vec!["--config", "acme.toml"]].concat();
        let (code, out, err) = typed(dir.path(), &words);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert!(err.starts_with("error: there is no store at state.db\n  hint: "), "{err}");
    }
    assert!(!dir.path().join("state.db").exists());
}

#[test]
fn a_mistyped_path_is_told_and_nothing_is_made_there() {
    let dir = tempfile::tempdir().unwrap();
    let keys = super::rig::KEYS;
    std::fs::write(dir.path().join("acme.toml"), "[store]\npath = 'typo/state.db'\n[pivotal]\nworkspace = 'acme'\n")
        .unwrap();
    for words in [&["plan", "--offline"][..], &["undo", "1", "--yes"], &["audit"], &["approve", "--all"], &["status"]] {
        let mut command = Command::cargo_bin("pivotal-sync").unwrap();
        command.env_clear().envs(keys).current_dir(dir.path()).args(words).args(["--config", "acme.toml"]);
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{words:?}: {err}");
        assert!(err.starts_with("error: there is no store at typo/state.db\n  hint: "), "{words:?}: {err}");
        assert!(err.contains("store.path"), "{words:?}: {err}");
        assert!(!dir.path().join("typo").exists(), "{words:?}");
    }
}

#[test]
fn decisions_taken_in_after_a_loss_say_that_a_new_store_was_made() {
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path());
    std::fs::write(dir.path().join("kept.csv"), "ref,choice\nhubspot:company:1,ignore\n").unwrap();
    let import = ["import", "kept.csv", "--config", "acme.toml"];
    let (code, out, err) = typed(dir.path(), &import);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("there was no store at state.db; a new one was made there"), "{out}");
    let (code, out, err) = typed(dir.path(), &import);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("1 decision taken in, 0 of them new") && !out.contains("was made"), "{out}");
}

#[tokio::test]
async fn an_empty_store_can_be_asked() {
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path());
    pivotal_sync::store::Store::open(&dir.path().join("state.db")).await.unwrap().close().await;
    let (code, out, err) = typed(dir.path(), &["status", "--json", "--config", "acme.toml"]);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["status"], err.as_str()), (Some(0), &"empty".into(), ""));
    let (code, out, _) = typed(dir.path(), &["runs", "--config", "acme.toml"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("no run yet"), "{out}");
    let (code, _, err) = typed(dir.path(), &["why", "acme.com", "--config", "acme.toml"]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with("error: nothing here is known as acme.com\n  hint: "), "{err}");
}

#[test]
fn a_bad_log_filter_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("pivotal-sync").unwrap();
    let output = command.env_clear().env("RUST_LOG", "x=loud").current_dir(dir.path()).arg("init").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!dir.path().join("config.toml").exists());
}

#[test]
fn the_manual_and_the_completions_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(typed(dir.path(), &["man", "man"]).0, Some(0));
    for page in ["pivotal-sync.1", "pivotal-sync-plan.1", "pivotal-sync-why.1"] {
        assert!(dir.path().join("man").join(page).exists(), "{page}");
    }
    for shell in ["bash", "fish", "zsh"] {
        let (code, out, _) = typed(dir.path(), &["completions", shell]);
        assert!(code == Some(0) && out.contains("backfill"), "{shell}");
    }
}
