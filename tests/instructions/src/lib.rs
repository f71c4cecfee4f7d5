//! Small scenarios of the engine, each the same work a message as often as asked, so that instructions and
//! allocations a message can be counted. `README.md` says how.

mod codec;
mod host;
mod publish;
mod receive;

use std::error::Error;

/// Messages that a host handles in one turn, as one under load does.
pub const BATCH: usize = 256;

/// What a scenario ends with where it could not be played.
pub type Failure = Box<dyn Error>;

/// Something that the engine does for each of a number of messages.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name in the table.
    pub name: &'static str,
    play: fn(usize) -> Result<(), Failure>,
}

impl Scenario {
    const fn new(name: &'static str, play: fn(usize) -> Result<(), Failure>) -> Self {
        Self { name, play }
    }

    /// The scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SCENARIOS.iter().copied().find(|scenario| scenario.name == name)
    }

    /// Prepares, then does it for `batches` times [`BATCH`] messages.
    ///
    /// # Errors
    /// When the engine refuses what it should take, or a message is missing at the end.
    pub fn play(self, batches: usize) -> Result<(), Failure> {
        (self.play)(batches)
    }
}

/// All of them, in the order of the table.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("encode-publish", codec::encode_publish),
    Scenario::new("decode-publish", codec::decode_publish),
    Scenario::new("encode-ack", codec::encode_ack),
    Scenario::new("decode-ack", codec::decode_ack),
    Scenario::new("publish-qos0", publish::qos0),
    Scenario::new("publish-qos1", publish::qos1),
    Scenario::new("publish-qos2", publish::qos2),
    Scenario::new("publish-new-topic", publish::new_topic),
    Scenario::new("publish-topic-alias", publish::topic_alias),
    Scenario::new("publish-qos1-one-by-one", publish::one_by_one),
    Scenario::new("receive-qos0", receive::qos0),
    Scenario::new("receive-qos1", receive::qos1),
    Scenario::new("receive-qos2", receive::qos2),
    Scenario::new("receive-qos0-batches", receive::qos0_batches),
    Scenario::new("receive-qos1-batches", receive::qos1_batches),
    Scenario::new("receive-qos1-one-by-one", receive::one_by_one),
    Scenario::new("route-1000-filters", receive::route),
];
