//! The tables are whole, what binds a client is proved by tests that exist, and what is cited is a statement.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use polymqtt_conformance::sources::{citations, has_test, root};
use polymqtt_conformance::table::{Binds, Table};

const TABLES: [&str; 2] = ["v5.toml", "v311.toml"];

fn table(name: &str) -> Table {
    let text = fs::read_to_string(root().join("tests/conformance").join(name)).unwrap();
    Table::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[track_caller]
fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_version_5_has_every_statement() {
    let table = table("v5.toml");
    let listed: BTreeSet<_> = table.statement.keys().cloned().collect();
    let ids = table.ids();
    assert_none("missing statements", &ids.difference(&listed).cloned().collect::<Vec<_>>());
}

#[test]
fn no_table_has_a_statement_that_does_not_exist_or_has_no_words() {
    for name in TABLES {
        let table = table(name);
        let ids = table.ids();
        assert_none(
            name,
            &table.statement.keys().filter(|id| !ids.contains(*id)).cloned().collect::<Vec<_>>(),
        );
        let empty = table.entries().filter(|(_, statement)| statement.text.trim().is_empty());
        assert_none(name, &empty.map(|(id, _)| id.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn what_binds_a_client_has_tests_or_a_reason() {
    for name in TABLES {
        let table = table(name);
        let unproved = table.entries().filter(|(_, statement)| {
            statement.binds_client() && statement.tests.is_empty() && statement.reason.is_none()
        });
        assert_none(name, &unproved.map(|(id, _)| id.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut sources = BTreeMap::new();
    for name in TABLES {
        let table = table(name);
        let mut missing = Vec::new();
        for (id, statement) in table.entries() {
            for test in &statement.tests {
                let found = table.find_test(test).is_some_and(|(file, test)| {
                    let source = sources
                        .entry(file)
                        .or_insert_with_key(|file| fs::read_to_string(root().join(file)).unwrap_or_default());
                    has_test(source, test)
                });
                if !found {
                    missing.push(format!("{id}: {test}"));
                }
            }
        }
        assert_none(name, &missing);
    }
}

#[test]
fn every_statement_that_is_cited_exists() {
    let tables = TABLES.map(table);
    let citations = citations(&root()).unwrap();
    assert!(citations.len() > 200, "only {} citations are found", citations.len());
    let unknown = citations
        .iter()
        .filter(|citation| !tables.iter().any(|table| table.statement.contains_key(&citation.id)))
        .map(|citation| format!("{}: {}", citation.place, citation.id));
    assert_none("citations of statements that do not exist", &unknown.collect::<Vec<_>>());
}

#[test]
fn the_counts() {
    for name in TABLES {
        let table = table(name);
        let count = |binds: Binds| table.entries().filter(|(_, statement)| statement.binds == binds).count();
        let tested =
            table.entries().filter(|(_, entry)| entry.binds_client() && !entry.tests.is_empty()).count();
        println!(
            "{name}: {} bind a client, {} a server, {} both; {tested} of the client's have tests",
            count(Binds::Client),
            count(Binds::Server),
            count(Binds::Both),
        );
        assert!(tested > 0);
    }
}
