//! The tables of statements: `v5.toml` and `v311.toml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A version's statements, and where their tests are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// How many statements each section of the specification has.
    pub sections: BTreeMap<String, u32>,
    /// Numbers that the specification leaves out.
    #[serde(default)]
    pub left_out: BTreeSet<String>,
    /// Short names of folders, which the names of tests begin with.
    pub places: BTreeMap<String, String>,
    /// The statements by id, such as `MQTT-1.5.4-1`.
    pub statement: BTreeMap<String, Statement>,
    /// What is to be proved although it has no id.
    #[serde(default)]
    pub corner: BTreeMap<String, Statement>,
}

/// A normative statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its words.
    pub text: String,
    /// Whom it binds.
    pub binds: Binds,
    /// What proves it, as `place/file.rs::test`.
    #[serde(default)]
    pub tests: Vec<String>,
    /// Why no test of its own does.
    pub reason: Option<String>,
}

/// Whom a statement binds. One about a packet that both may send binds both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binds {
    /// The client only.
    Client,
    /// The server only; a client can't break it.
    Server,
    /// Both, so the client as far as it has the part.
    Both,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong with it, and where; an id that is there twice is.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Every id that the specification has.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let numbered = |(section, count): (&String, &u32)| {
            (1..=*count).map(|number| format!("MQTT-{section}-{number}")).collect::<Vec<_>>()
        };
        self.sections.iter().flat_map(numbered).filter(|id| !self.left_out.contains(id)).collect()
    }

    /// All that is to be proved, with its name.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Statement)> {
        self.statement.iter().chain(&self.corner)
    }

    /// The file of a test, from the root of the project, and its name; `None` when the place is not known.
    #[must_use]
    pub fn find_test<'a>(&self, test: &'a str) -> Option<(String, &'a str)> {
        let (file, name) = test.split_once("::")?;
        let (place, file) = file.split_once('/')?;
        Some((format!("{}/{file}", self.places.get(place)?), name))
    }
}

impl Statement {
    /// Whether a client can break it.
    #[must_use]
    pub fn binds_client(&self) -> bool {
        self.binds != Binds::Server
    }
}
