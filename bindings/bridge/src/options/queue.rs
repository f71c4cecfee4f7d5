//! The bounds of the outgoing queue by name.

use polymqtt::{QueueOptions, WhenFull};

use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<QueueOptions>] = &[
    entry(
        "queue.max_messages",
        Set::Size(|queue, max_messages| QueueOptions { max_messages, ..queue }),
        "The most messages that wait to be sent, from 1; by default 10,000.",
    ),
    entry(
        "queue.max_bytes",
        Set::Size(|queue, max_bytes| QueueOptions { max_bytes, ..queue }),
        "The most bytes (topics and payloads) that wait or are in flight, from 1; by default 64 MiB.",
    ),
    entry(
        "queue.when_full",
        Set::Choice(&[
            ("wait", |queue| QueueOptions { when_full: WhenFull::Wait, ..queue }),
            ("fail", |queue| QueueOptions { when_full: WhenFull::Fail, ..queue }),
            ("drop_oldest", |queue| QueueOptions { when_full: WhenFull::DropOldest, ..queue }),
            ("drop_newest", |queue| QueueOptions { when_full: WhenFull::DropNewest, ..queue }),
            ("latest_per_topic", |queue| QueueOptions { when_full: WhenFull::LatestPerTopic, ..queue }),
        ]),
        "What happens to a message that finds the queue full; by default it waits.",
    ),
];
