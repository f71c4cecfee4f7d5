//! Sessions that outlive the command.

use crate::brokers;
use crate::process::{Running, publish, run};

#[test]
fn messages_wait_for_a_client_that_is_away() {
    for (name, broker) in brokers::both() {
        for lasting in [&["-i", "five", "-c", "-x", "300"][..], &["-i", "three", "-c", "-V", "3.1.1"]] {
            let arguments = [&["-t", "work", "-q", "1", "-C", "1"], lasting].concat();
            let first = Running::subscriber(&broker.url, &arguments);
            publish(&broker.url, "work", &["-m", "one"]);
            assert_eq!(first.end().output(), "one\n", "{name}, {lasting:?}");

            publish(&broker.url, "work", &["-m", "two"]);
            publish(&broker.url, "work", &["-m", "three"]);
            for expected in ["two\n", "three\n"] {
                let again = run(&broker.url, &[&["sub", "-W", "30"], &arguments[..]].concat());
                assert_eq!(again.output(), expected, "{name}, {lasting:?}");
            }
        }
    }
}
