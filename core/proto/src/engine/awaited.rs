//! Requests that wait for their answers, and where those arrive: the tables, without the protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::Token;
use super::stream::StreamId;
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::text::Utf8String;
use crate::time::Timestamp;

/// What of the correlation data is the client's, the same in all its requests; the rest counts them.
const NONCE_LEN: usize = size_of::<u64>();

/// The requests that wait for their answers.
#[derive(Debug)]
pub(super) struct Requests {
    /// Tells this client's requests from those of others, and of earlier runs.
    pub(super) nonce: u64,
    /// What answers are routed to; `None` before the first request.
    pub(super) stream: Option<StreamId>,
    pub(super) waiting: BTreeMap<u64, Waiting>,
    pub(super) by_token: BTreeMap<Token, u64>,
    pub(super) deadlines: BTreeSet<(Timestamp, u64)>,
    /// Requests whose message was not accepted for publishing yet, oldest first.
    pub(super) held: BTreeSet<u64>,
    pub(super) held_bytes: usize,
    /// Where answers arrive, by the number of the subscription.
    pub(super) inlets: BTreeMap<u32, Inlet>,
    /// The inlet for new requests.
    pub(super) current: Option<u32>,
    last: u64,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) token: Token,
    pub(super) accepted: Timestamp,
    pub(super) timeout: Duration,
    pub(super) retain: bool,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// For the response subscription.
    Held(Message),
    /// For the answer, at this inlet.
    Published(u32),
}

/// A topic that answers arrive at.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) topic: Utf8String,
    /// Requests whose answers arrive here.
    pub(super) waiting: usize,
}

impl Requests {
    pub(super) fn new(number: u128) -> Self {
        Self {
            nonce: (number >> 64) as u64,
            stream: None,
            waiting: BTreeMap::new(),
            by_token: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            held: BTreeSet::new(),
            held_bytes: 0,
            inlets: BTreeMap::new(),
            current: None,
            last: 0,
        }
    }

    /// Whether no request waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Requests whose message was not accepted for publishing yet.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn correlation_data(&self, number: u64) -> Bytes {
        let bytes = [self.nonce.to_be_bytes(), number.to_be_bytes()];
        Bytes::copy_from_slice(bytes.as_flattened())
    }

    /// The request that an answer is for, as far as its correlation data is one of this client's.
    pub(super) fn answered_by(&self, message: &Message) -> Option<u64> {
        let data = message.properties()?.correlation_data.as_ref()?;
        let (nonce, number) = data.split_at_checked(NONCE_LEN)?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let sent = matches!(self.waiting.get(&number)?.stage, Stage::Published(_));
        (nonce == self.nonce.to_be_bytes() && sent).then_some(number)
    }

    pub(super) fn insert(&mut self, waiting: Waiting) -> u64 {
        self.last += 1;
        let number = self.last;
        if waiting.token != Token::NONE {
            self.by_token.insert(waiting.token, number);
        }
        self.deadlines.insert((waiting.deadline(), number));
        match &waiting.stage {
            Stage::Held(message) => {
                self.held.insert(number);
                self.held_bytes += message.size();
            }
            Stage::Published(inlet) => self.count(*inlet),
        }
        self.waiting.insert(number, waiting);
        number
    }

    /// Forgets a request, whatever it waits for.
    pub(super) fn remove(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        self.by_token.remove(&waiting.token);
        self.deadlines.remove(&(waiting.deadline(), number));
        match &waiting.stage {
            Stage::Held(message) => {
                self.held.remove(&number);
                self.held_bytes -= message.size();
            }
            Stage::Published(inlet) => {
                if let Some(inlet) = self.inlets.get_mut(inlet) {
                    inlet.waiting -= 1;
                }
            }
        }
        Some(waiting)
    }

    /// A held request is held no longer: gives its message.
    pub(super) fn unhold(&mut self, number: u64, inlet: u32) -> Option<Message> {
        let waiting = self.waiting.get_mut(&number)?;
        let Stage::Held(message) = std::mem::replace(&mut waiting.stage, Stage::Published(inlet)) else {
            return None;
        };
        self.held.remove(&number);
        self.held_bytes -= message.size();
        self.count(inlet);
        Some(message)
    }

    fn count(&mut self, inlet: u32) {
        if let Some(inlet) = self.inlets.get_mut(&inlet) {
            inlet.waiting += 1;
        }
    }
}

impl Waiting {
    fn deadline(&self) -> Timestamp {
        self.accepted + self.timeout
    }

    /// The expiry interval for the message: the user's, less the time that it was held; without one, what is left of
    /// the timeout, since nobody takes the answer after it. `Err` when the user's has passed.
    pub(super) fn expiry(&self, message: &Message, now: Timestamp) -> Result<Option<u32>, Error> {
        let interval = message.properties().and_then(|properties| properties.message_expiry_interval);
        let end = interval.map_or(self.deadline(), |secs| self.accepted + Duration::from_secs(secs.into()));
        if interval.is_some() && end <= now && self.accepted < now {
            return Err(Error::new(
                ErrorKind::Expired,
                "the request's message expiry interval passed before it could be sent",
            ));
        }
        let seconds = end.since(now).as_micros().div_ceil(1_000_000);
        Ok(u32::try_from(seconds).ok().map(|seconds| seconds.max(u32::from(interval.is_none()))))
    }
}
