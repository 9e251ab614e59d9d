use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::domain::Stream;

fn shape() -> Shape {
    Shape::new(Stream::HubspotCompanies, &BTreeMap::new()).unwrap()
}

fn row(id: &str, merged: &str) -> serde_json::Value {
    json!({"id": id, "properties": {"name": "x", "domain": null, "hs_merged_object_ids": merged}})
}

fn ask(asked: &[&str], batch: serde_json::Value) -> Answers {
    let asked: Vec<String> = asked.iter().map(|id| (*id).to_owned()).collect();
    matched(&shape(), &asked, serde_json::from_value(batch).unwrap())
}

fn pairs(answers: &Answers) -> Vec<(&str, &str)> {
    answers.merged.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect()
}

fn absent(ids: &[&str]) -> serde_json::Value {
    json!([{"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ids}}])
}

#[test]
fn both_halves_of_a_partial_answer_count() {
    // Trap 34.
    let answers = ask(&["1", "2", "3"], json!({"results": [row("1", ""), row("3", "")], "errors": absent(&["2"])}));
    assert_eq!(answers.rows.len(), 2);
    assert_eq!((answers.missing, answers.open), (vec!["2".to_owned()], vec![]));
}

#[test]
fn an_error_without_ids_speaks_of_all_that_did_not_answer() {
    let batch = json!({"results": [row("1", "")], "errors": [{"category": "OBJECT_NOT_FOUND"}]});
    assert_eq!(ask(&["1", "2", "3"], batch).missing, ["2", "3"]);
    // But not of one that a survivor answered for.
    let batch = json!({"results": [row("1", ""), row("9", "")], "errors": [{"category": "OBJECT_NOT_FOUND"}]});
    assert_eq!(ask(&["1", "2", "3"], batch).open, ["2", "3"]);
}

#[test]
fn a_survivor_answers_for_the_ids_it_names() {
    // Traps 10 and 11: two questions, one answer; a chain names all its links; a survivor of before 2025 names itself.
    let answers = ask(&["1", "2", "9"], json!({"results": [row("9", "1;2;9")]}));
    assert_eq!(pairs(&answers), [("1", "9"), ("2", "9")]);
    assert!(answers.missing.is_empty() && answers.open.is_empty());

    let answers = ask(&["1", "2", "3"], json!({"results": [row("9", "1;2;3;7"), row("9", "1;2;3;7")]}));
    assert_eq!(pairs(&answers), [("1", "9"), ("2", "9"), ("3", "9")]);
}

#[test]
fn a_silent_survivor_is_found_by_asking_alone() {
    // Trap 10: which of the two became 9 cannot be told from here.
    let answers = ask(&["1", "2"], json!({"results": [row("9", "")]}));
    assert_eq!((answers.open.as_slice(), answers.merged.len()), (["1".to_owned(), "2".to_owned()].as_slice(), 0));
    assert_eq!(pairs(&ask(&["1"], json!({"results": [row("9", "")]}))), [("1", "9")]);
}

#[test]
fn silence_is_asked_again_alone_and_is_never_absence() {
    let answers = ask(&["1", "2"], json!({"results": [row("1", "")]}));
    assert_eq!((answers.open, answers.missing), (vec!["2".to_owned()], vec![]));
    let answers = ask(&["2"], json!({"results": []}));
    assert_eq!((answers.unreadable[0].0.as_str(), answers.missing.len()), ("2", 0));
}

#[test]
fn an_unreadable_row_is_never_absence() {
    let bad = json!({"id": "2", "properties": [1]});
    let answers = ask(&["1", "2"], json!({"results": [row("1", ""), bad]}));
    assert_eq!(answers.unreadable[0].0, "2");
    assert!(answers.missing.is_empty() && answers.open.is_empty());

    let nameless = json!({"properties": {"name": "x"}});
    let answers =
        ask(&["1", "2"], json!({"results": [row("1", ""), nameless], "errors": [{"category": "OBJECT_NOT_FOUND"}]}));
    assert_eq!((answers.open, answers.missing), (vec!["2".to_owned()], vec![]));
    let answers = ask(&["2"], json!({"results": [nameless]}));
    assert_eq!((answers.unreadable.len(), answers.missing.len()), (1, 0));
}

#[test]
fn a_record_that_answers_for_itself_lives() {
    let key = |id: &str| SourceKey::new(Stream::HubspotCompanies, id);
    let live = |id: &str| {
        super::super::facts::pulled(
            &shape(),
            &Default::default(),
            &Default::default(),
            &Row::read(row(id, "")).unwrap(),
            vec![],
        )
        .remove(0)
    };
    let merged = |id: &str| Pulled::Gone(key(id), Gone::Merged { into: key("9").id });
    let archived = |id: &str| Pulled::Gone(key(id), Gone::Archived);
    for all in [
        vec![merged("1"), live("1"), archived("2"), merged("2"), merged("2")],
        vec![merged("2"), archived("2"), live("1"), merged("1")],
    ] {
        assert_eq!(each_once(all), [live("1"), merged("2")]);
    }
}
