//! The one bounded queue of messages that wait to be sent, online and offline.

use std::collections::VecDeque;
use std::time::Duration;

use super::Token;
use crate::message::Message;
use crate::mutant::Mutant;
use crate::options::{QueueOptions, WhenFull};
use crate::time::Timestamp;

/// A message that waits.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) message: Message,
    pub(super) token: Token,
    /// Its number in the journal, 0 where it has none.
    pub(super) number: u64,
    /// Its place in the order of acceptance; 0 for one that was in flight before.
    serial: u64,
    /// When its message expiry interval has passed.
    expires: Option<Timestamp>,
}

impl Queued {
    pub(super) fn new(message: Message, token: Token, number: u64, now: Timestamp) -> Self {
        let interval = message.properties().and_then(|properties| properties.message_expiry_interval);
        let interval = interval.filter(|_| !Mutant::ExpiryIgnored.is_active());
        let expires = interval.map(|seconds| now + Duration::from_secs(seconds.into()));
        Self { message, token, number, serial: 0, expires }
    }

    /// What is left of its message expiry interval, in seconds (section 3.3.2.3.3); `Err` when it has passed.
    pub(super) fn expiry_left(&self, now: Timestamp) -> Result<Option<u32>, Expired> {
        let Some(expires) = self.expires else { return Ok(None) };
        if expires <= now {
            return Err(Expired);
        }
        // A part of a second counts whole: a message never leaves with an interval of zero.
        let left = expires.since(now).as_micros().div_ceil(1_000_000);
        Ok(Some(u32::try_from(left).unwrap_or(u32::MAX)))
    }
}

/// The message expiry interval has passed.
pub(super) struct Expired;

#[derive(Debug)]
pub(super) struct Queue {
    options: QueueOptions,
    waiting: VecDeque<Queued>,
    bytes: usize,
    next_serial: u64,
    next_expiry: Option<Timestamp>,
}

impl Queue {
    pub(super) fn new(options: QueueOptions) -> Self {
        Self { options, waiting: VecDeque::new(), bytes: 0, next_serial: 1, next_expiry: None }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place behind everything that waits now.
    pub(super) fn end(&self) -> u64 {
        self.next_serial
    }

    /// Whether everything before this place has left the queue.
    pub(super) fn has_passed(&self, place: u64) -> bool {
        self.waiting.front().is_none_or(|queued| queued.serial >= place)
    }

    /// Whether one more message fits. A message larger than the whole bound fits into an empty queue: else it could
    /// never be sent.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.waiting.is_empty()
            || (self.waiting.len() < self.options.max_messages
                && self.bytes.saturating_add(size) <= self.options.max_bytes)
    }

    /// Whether the policy takes the message in hand, if only to drop it; else it goes back to the caller.
    pub(super) fn would_take(&self, size: usize) -> bool {
        !matches!(self.options.when_full, WhenFull::Wait | WhenFull::Fail) || self.has_room(size)
    }

    /// Whether the policy drops this message rather than one that waits.
    pub(super) fn drops_newest(&self, message: &Message) -> bool {
        self.options.when_full == WhenFull::DropNewest && !self.has_room(message.size())
    }

    /// Takes out a message that must go for a new one to fit; call until there is none.
    pub(super) fn make_room(&mut self, new: &Message) -> Option<Queued> {
        if self.has_room(new.size()) {
            return None;
        }
        match self.options.when_full {
            WhenFull::Wait | WhenFull::Fail | WhenFull::DropNewest => None,
            WhenFull::DropOldest => self.pop(),
            WhenFull::LatestPerTopic => {
                let same = self.waiting.iter().position(|old| old.message.topic == new.topic);
                self.remove_at(same.unwrap_or(0))
            }
        }
    }

    pub(super) fn push(&mut self, mut queued: Queued) {
        queued.serial = self.next_serial;
        self.next_serial += 1;
        self.bytes += queued.message.size();
        if let Some(expires) = queued.expires {
            self.next_expiry = Some(self.next_expiry.map_or(expires, |next| next.min(expires)));
        }
        self.waiting.push_back(queued);
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.waiting.pop_front()?;
        self.bytes -= queued.message.size();
        Some(queued)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.waiting.iter()
    }

    pub(super) fn front(&self) -> Option<&Queued> {
        self.waiting.front()
    }

    /// Messages that were in flight when the server lost the session go first again.
    pub(super) fn push_front(&mut self, queued: Queued) {
        self.bytes += queued.message.size();
        self.waiting.push_front(queued);
    }

    /// Removes the message with this token.
    pub(super) fn remove(&mut self, token: Token) -> Option<Queued> {
        let index = self.waiting.iter().position(|queued| queued.token == token)?;
        self.remove_at(index)
    }

    /// Removes a message that has expired, if there is one; call until there is none.
    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<Queued> {
        if self.next_expiry.is_none_or(|next| next > now) {
            return None;
        }
        let expired = |queued: &Queued| queued.expires.is_some_and(|expires| expires <= now);
        let found = self.waiting.iter().position(expired).and_then(|index| self.remove_at(index));
        if found.is_none() {
            self.next_expiry = self.waiting.iter().filter_map(|queued| queued.expires).min();
        }
        found
    }

    /// When the next message expires, or earlier.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.next_expiry
    }

    fn remove_at(&mut self, index: usize) -> Option<Queued> {
        let queued = self.waiting.remove(index)?;
        self.bytes -= queued.message.size();
        Some(queued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::PublishProperties;

    fn queue(when_full: WhenFull) -> Queue {
        Queue::new(QueueOptions { max_messages: 2, max_bytes: 1 << 20, when_full })
    }

    fn queued(topic: &str, token: u64) -> Queued {
        Queued::new(Message::new(topic, "x").unwrap(), Token(token), 0, Timestamp::ZERO)
    }

    fn tokens(queue: &Queue) -> Vec<u64> {
        queue.waiting.iter().map(|queued| queued.token.0).collect()
    }

    /// Two messages wait; makes room for a third as the policy says.
    fn third(policy: WhenFull) -> Vec<u64> {
        let mut queue = queue(policy);
        queue.push(queued("a", 1));
        queue.push(queued("b", 2));
        let new = queued("b", 3);
        assert!(queue.would_take(1));
        while queue.make_room(&new.message).is_some() {}
        if !queue.drops_newest(&new.message) {
            queue.push(new);
        }
        tokens(&queue)
    }

    #[test]
    fn each_policy_does_what_it_says() {
        assert_eq!(third(WhenFull::DropNewest), [1, 2]);
        assert_eq!(third(WhenFull::DropOldest), [2, 3]);
        assert_eq!(third(WhenFull::LatestPerTopic), [1, 3]);
    }

    #[test]
    fn waiting_and_failing_give_the_message_back() {
        for policy in [WhenFull::Wait, WhenFull::Fail] {
            let mut queue = queue(policy);
            queue.push(queued("a", 1));
            assert!(queue.would_take(1));
            queue.push(queued("b", 2));
            assert!(!queue.would_take(1));
        }
    }

    #[test]
    fn bytes_bound_the_queue_but_never_a_single_message() {
        let mut queue =
            Queue::new(QueueOptions { max_messages: 9, max_bytes: 300, when_full: WhenFull::Fail });
        let large = || Queued::new(Message::new("a", vec![0; 1000]).unwrap(), Token(1), 0, Timestamp::ZERO);
        assert!(queue.would_take(large().message.size()));
        queue.push(large());
        assert!(!queue.would_take(1));
        queue.pop();
        assert_eq!(queue.bytes(), 0);
    }

    #[test]
    fn expiry_counts_down_and_removes() {
        let mut queue = queue(WhenFull::Fail);
        let properties = PublishProperties { message_expiry_interval: Some(10), ..Default::default() };
        let message = Message::new("a", "x").unwrap().with_properties(properties);
        queue.push(Queued::new(message, Token(7), 0, Timestamp::ZERO));
        let after = |seconds| Timestamp::ZERO + Duration::from_millis(seconds);
        assert!(matches!(queue.front().unwrap().expiry_left(after(3_500)), Ok(Some(7))));
        assert!(queue.pop_expired(after(9_999)).is_none());
        assert_eq!(queue.pop_expired(after(10_000)).unwrap().token, Token(7));
        assert!(queue.pop_expired(after(10_000)).is_none() && queue.next_expiry().is_none());
    }
}
