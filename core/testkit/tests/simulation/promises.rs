//! What must hold, after each step and at the end.

use std::collections::{BTreeMap, BTreeSet};

use polymqtt_proto::engine::{Completion, Event, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::QueueOptions;
use polymqtt_proto::qos::QoS;
use polymqtt_testkit::model_broker::Accepted;

use crate::episode::{Episode, Expiring, Q0, Q2};

/// What the application took.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) numbers: BTreeSet<usize>,
    order: BTreeMap<(String, QoS), BTreeSet<usize>>,
}

impl Taken {
    /// A message was handed out.
    pub(crate) fn note(&mut self, topic: &str, number: usize, qos: QoS, crashed: bool) {
        if qos == Q0 {
            return;
        }
        let is_new = in_order(topic, self.order.entry((topic.to_owned(), qos)).or_default(), number);
        // What a killed process took last may not be in its journal: the next one takes it again.
        assert!(is_new || qos < Q2 || crashed, "{number} of QoS 2 was delivered twice ({topic})");
    }
}

/// What arrived at the broker, as far as it was looked at.
#[derive(Default)]
pub(crate) struct Arrivals {
    topics: BTreeMap<String, Arrived>,
    /// How many of the client's acknowledgements were looked at.
    acknowledged: usize,
}

#[derive(Default)]
struct Arrived {
    count: usize,
    numbers: BTreeSet<usize>,
}

impl Episode {
    pub(crate) fn check(&mut self) {
        self.world.assert_clean();
        for event in self.world.events.iter().rev().take(3) {
            if let Event::Disconnected { error, retry_in: None } = event {
                panic!("the client gave up: {error:?}");
            }
        }
        let metrics = self.world.engine.metrics();
        assert!(metrics.queued_bytes <= QueueOptions::default().max_bytes, "{metrics:?}");
        self.check_acknowledged();
        self.check_arrivals();
    }

    /// Nothing is acknowledged that the application has not taken.
    fn check_acknowledged(&mut self) {
        let record = self.world.broker.record();
        for message in &record.acknowledged[self.arrivals.acknowledged..] {
            let (number, qos) = (number_of(&message.payload), message.qos);
            // An answer is taken when it arrives.
            let taken = self.taken.numbers.contains(&number)
                || !message.topic.starts_with("in/")
                || self.may_be_mistaken_for_known(qos);
            assert!(taken, "{number} at QoS {qos} to {} was acknowledged and not taken", message.topic);
        }
        self.arrivals.acknowledged = record.acknowledged.len();
    }

    /// What is new at the broker is in order, QoS 2 once, and not older than it may be.
    fn check_arrivals(&mut self) {
        let (lost, crashed) = (self.counts.losses > 0, self.counts.crashes > 0);
        for (topic, accepted) in &self.world.broker.record().accepted {
            if !self.arrivals.topics.contains_key(topic.as_str()) {
                self.arrivals.topics.insert(topic.to_string(), Arrived::default());
            }
            let Some(arrived) = self.arrivals.topics.get_mut(topic.as_str()) else {
                continue;
            };
            for message in &accepted[arrived.count..] {
                let number = number_of(&message.payload);
                let is_new = in_order(topic, &mut arrived.numbers, number);
                let once = is_new || message.qos < Q2 || (number <= self.last_before_loss && message.dup);
                assert!(once, "{number} of QoS 2 is twice at the broker ({topic})");
                // After a loss of the session, what was sent starts anew.
                if let Some(expiring) = self.expiring.get(&number).filter(|_| !lost && !crashed) {
                    check_expiry(number, *expiring, message);
                }
            }
            arrived.count = accepted.len();
        }
    }

    /// What completed is checked against what the broker has.
    pub(crate) fn note_completions(&mut self) {
        for (token, completion) in self.world.take_completions() {
            if self.sent.contains_key(&token) {
                self.note_published(token, completion);
            } else {
                self.note_response(token, completion);
            }
        }
    }

    fn note_published(&mut self, token: Token, completion: Completion) {
        let Some(sent) = self.sent.remove(&token) else {
            return;
        };
        let Completion::Published(outcome) = completion else {
            panic!("a publish ended as {completion:?}");
        };
        let number = sent.number;
        let at_the_broker = || {
            let payloads = self.world.broker.record().payloads(&sent.topic);
            payloads.iter().any(|payload| number_of(payload) == number)
        };
        let Err(error) = outcome else {
            assert!(sent.qos == Q0 || at_the_broker(), "{number} was acknowledged but is not at the broker");
            return;
        };
        // A loss of the session is felt later than it happens.
        let lost = self.counts.losses > 0;
        match error.kind() {
            ErrorKind::Expired => {
                let expiring = self.expiring.get(&number).expect("a message that can expire");
                let age = self.world.now.since(expiring.accepted).as_secs();
                assert!(age >= u64::from(expiring.interval), "{number} expired after {age} seconds");
                assert!(lost || !at_the_broker(), "{number} expired after it was sent");
                self.counts.expired += 1;
            }
            ErrorKind::PacketTooLarge | ErrorKind::Unsupported => self.note_rejected(&error),
            ErrorKind::Timeout | ErrorKind::Cancelled | ErrorKind::Indeterminate => {
                let excused = sent.excused || (lost && sent.qos == Q2);
                assert!(excused, "{number} ended with {error} for no reason");
            }
            _ => panic!("{number} ended with {error:?}"),
        }
    }

    /// A message is beyond what the server takes.
    pub(crate) fn note_rejected(&mut self, error: &Error) {
        let by_limits = [ErrorKind::PacketTooLarge, ErrorKind::Unsupported].contains(&error.kind());
        assert!(by_limits && self.counts.limits_changed > 0, "rejected: {error:?}");
        self.counts.refused_by_limits += 1;
    }

    /// An answer is that of the very request.
    fn note_response(&mut self, token: Token, completion: Completion) {
        let (Some(number), Completion::Responded(outcome)) = (self.asked.remove(&token), completion) else {
            return;
        };
        match outcome {
            Ok(response) => {
                self.counts.responses += 1;
                assert_eq!(number_of(response.payload()), number, "the answer to another request");
            }
            Err(error) => {
                let ends = [ErrorKind::Timeout, ErrorKind::Cancelled];
                let lost = self.counts.losses > 0 && error.kind() == ErrorKind::Indeterminate;
                assert!(lost || ends.contains(&error.kind()), "request {number} ended with {error:?}");
            }
        }
    }

    /// Every operation has ended, and every message has come.
    pub(crate) fn check_end(&self) {
        let open: Vec<_> = self.sent.values().filter(|sent| !sent.orphaned).map(|sent| sent.number).collect();
        let last: Vec<_> = self.world.events.iter().rev().take(3).collect();
        assert!(open.is_empty(), "never ended: {open:?}; {last:?}");
        let metrics = self.world.engine.metrics();
        assert!(self.asked.is_empty() && metrics.requests == 0, "{:?}, {metrics:?}", self.asked);
        assert_eq!(self.world.broker.pending("c"), 0, "the broker still has messages for the client");
        for (number, broadcast) in &self.broadcast {
            let (topic, qos) = (&broadcast.topic, broadcast.qos);
            let received = self.received.contains(number);
            let enough = broadcast.lost || qos == Q0 || received || self.may_be_mistaken_for_known(qos);
            assert!(enough, "{number} to {topic} at QoS {qos} never came");
        }
    }

    /// The client takes a new session for its own when the CONNACK that told of the loss got lost, or when the process
    /// was killed before it recorded it. The server then uses identifiers of QoS 2 messages that the client knows for
    /// others; if it sends such a one twice, nothing tells it from the one that was delivered before the loss.
    fn may_be_mistaken_for_known(&self, qos: QoS) -> bool {
        let told = self.world.events.iter().filter(|event| matches!(event, Event::Connected(_))).count();
        let unheard = self.world.broker.record().connections > told;
        qos == Q2 && self.counts.losses > 0 && (self.counts.crashes > 0 || unheard)
    }
}

/// Nothing is sent for the first time after its interval has passed, and it carries what is left of it.
fn check_expiry(number: usize, expiring: Expiring, message: &Accepted) {
    let waited = message.connected_at.since(expiring.accepted).as_secs();
    let left = message.properties.message_expiry_interval.unwrap_or(u32::MAX);
    let most = u64::from(expiring.interval).saturating_sub(waited);
    assert!(message.dup || u64::from(left) <= most, "{number} has {left} seconds after waiting for {waited}");
    let age = message.at.since(expiring.accepted).as_secs();
    assert!(
        u64::from(left) + age + 1 >= u64::from(expiring.interval),
        "{number} has {left} seconds after {age}"
    );
}

/// Notes a number; whether it is new. One that is new must be the highest so far.
fn in_order(topic: &str, seen: &mut BTreeSet<usize>, number: usize) -> bool {
    let is_new = seen.insert(number);
    assert!(!is_new || seen.last() == Some(&number), "{number} came after {:?} on {topic}", seen.last());
    is_new
}

pub(crate) fn number_of(payload: &[u8]) -> usize {
    let text = std::str::from_utf8(payload).unwrap();
    text.split_once(':').unwrap().0.parse().unwrap()
}
