//! What options there are, for the tests of annotations and documents.

use polymqtt_bridge::options::{self, Description};
use pyo3::prelude::*;

/// Name, kind and meaning of each.
type Described = Vec<(&'static str, String, &'static str)>;

/// The options of a client, of a subscription and of disconnecting.
#[pyfunction]
pub(crate) fn described_options() -> (Described, Described, Described) {
    (
        described(options::descriptions()),
        described(options::subscribe_descriptions()),
        described(options::disconnect_descriptions()),
    )
}

fn described(options: impl Iterator<Item = Description>) -> Described {
    options.map(|option| (option.name, option.kind.to_string(), option.meaning)).collect()
}
