//! The messages of one subscription, handed out one by one or in batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use polymqtt::{Acknowledgement, Error, ErrorKind, Message, UserProperties};
use polymqtt_proto::engine::{StreamId, Token};

use crate::client::Client;

/// Messages that are taken from the engine at once.
const BATCH: usize = 256;

/// The engine is told at the latest after this long that messages were taken: a slow program's acknowledgements don't
/// wait for the rest of its batch.
const TOLD_WITHIN: Duration = Duration::from_millis(5);

/// Where a stream's messages are on their way to the program. A message counts as taken when the next one is asked for,
/// a batch when the next batch is; whatever was fetched from the engine and not handed out is not taken.
#[derive(Debug)]
pub struct Stream {
    client: Arc<Client>,
    id: StreamId,
    hand: Mutex<Hand>,
}

/// What a stream has.
#[derive(Debug)]
pub enum Next<T> {
    /// This.
    Some(T),
    /// Nothing yet: the news will name the stream.
    Empty,
    /// No more: in order, or for this reason.
    End(Option<Error>),
}

#[derive(Debug)]
struct Hand {
    /// Fetched from the engine, not handed out.
    messages: VecDeque<Message>,
    /// Acknowledgements owed for what was handed out last.
    handed: usize,
    /// Acknowledgements owed for what was taken before, and the engine was not told of.
    taken: usize,
    told: Instant,
    closed: bool,
}

impl Stream {
    pub(crate) fn new(client: Arc<Client>, id: StreamId) -> Self {
        let hand =
            Hand { messages: VecDeque::new(), handed: 0, taken: 0, told: Instant::now(), closed: false };
        Self { client, id, hand: Mutex::new(hand) }
    }

    /// Names it in the news.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The client that it is of.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The next message; those before it count as taken.
    ///
    /// # Errors
    /// That the client can't be used.
    #[inline]
    pub fn next(&self) -> Result<Next<Message>, Error> {
        self.client.check()?;
        let mut hand = self.hand();
        hand.take();
        if hand.messages.is_empty()
            && let Some(nothing) = self.fetch(&mut hand, BATCH)?
        {
            return Ok(nothing);
        }
        let Some(message) = hand.messages.pop_front() else {
            return Ok(Next::Empty);
        };
        hand.handed = usize::from(message.owes_acknowledgement());
        self.tell_in_time(&mut hand)?;
        Ok(Next::Some(message))
    }

    /// Up to `most` messages that are there, at least one; those before them count as taken.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn next_batch(&self, most: usize) -> Result<Next<Vec<Message>>, Error> {
        self.client.check()?;
        let most = most.max(1);
        let mut hand = self.hand();
        hand.take();
        if hand.messages.is_empty()
            && let Some(nothing) = self.fetch(&mut hand, most)?
        {
            return Ok(nothing);
        }
        let count = most.min(hand.messages.len());
        let messages: Vec<Message> = hand.messages.drain(..count).collect();
        hand.handed = messages.iter().filter(|message| message.owes_acknowledgement()).count();
        self.tell_in_time(&mut hand)?;
        Ok(Next::Some(messages))
    }

    /// Acknowledges a message of a stream with manual acknowledgement, in any order.
    ///
    /// # Errors
    /// An answer that the version or its reason code does not allow, or that the client can't be used.
    pub fn acknowledge(&self, message: &Message, answer: Acknowledgement) -> Result<(), Error> {
        self.client.acknowledge(message, answer)
    }

    /// Unsubscribes and closes the stream; the outcome is a
    /// [`Completion::Unsubscribed`](polymqtt_proto::engine::Completion::Unsubscribed). Whether there was anything to
    /// unsubscribe: not for a stream that is closed.
    ///
    /// # Errors
    /// User properties that the version does not have, or that the client can't be used; the stream stays then.
    pub fn unsubscribe(&self, token: Token, user_properties: UserProperties) -> Result<bool, Error> {
        self.client.check()?;
        let mut hand = self.hand();
        if hand.closed {
            return Ok(false);
        }
        self.let_go(&mut hand)?;
        self.client.with(|engine, now| engine.unsubscribe(now, self.id, user_properties, token))??;
        hand.closed = true;
        Ok(true)
    }

    /// Lets go of the stream: what was handed out counts as taken. Unsubscribes, unless the session was asked to last.
    pub fn close(&self) {
        if self.client.check().is_err() {
            return;
        }
        let mut hand = self.hand();
        if std::mem::replace(&mut hand.closed, true) {
            return;
        }
        // Closed: the stream went with the client.
        let _closed = self.let_go(&mut hand);
        let _closed = self.client.with(|engine, now| engine.release(now, self.id));
    }

    /// Fetches from the engine; gives what there is instead where there is no message.
    fn fetch<T>(&self, hand: &mut Hand, most: usize) -> Result<Option<Next<T>>, Error> {
        if hand.closed {
            return Ok(Some(Next::End(None)));
        }
        let taken = std::mem::take(&mut hand.taken);
        let mut messages = Vec::from(std::mem::take(&mut hand.messages));
        let fetched =
            self.client.with(|engine, now| engine.receive_more(now, self.id, taken, most, &mut messages))?;
        hand.messages = VecDeque::from(messages);
        hand.told = Instant::now();
        Ok(match fetched {
            Ok(0) => Some(Next::Empty),
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::Closed => Some(Next::End(None)),
            Err(error) => Some(Next::End(Some(error))),
        })
    }

    fn tell_in_time(&self, hand: &mut Hand) -> Result<(), Error> {
        // The last one may be in the program's hands for long.
        if hand.taken == 0 || (!hand.messages.is_empty() && hand.told.elapsed() < TOLD_WITHIN) {
            return Ok(());
        }
        hand.told = Instant::now();
        let taken = std::mem::take(&mut hand.taken);
        self.client.with(|engine, now| engine.taken(now, self.id, taken))
    }

    /// What nobody has seen goes back, to have the stream's end; what was handed out is taken by that.
    fn let_go(&self, hand: &mut Hand) -> Result<(), Error> {
        let messages = Vec::from(std::mem::take(&mut hand.messages));
        self.client.with(|engine, now| engine.put_back(now, self.id, messages))
    }

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    /// The program asks for more: what it was handed last is taken.
    #[inline]
    fn take(&mut self) {
        self.taken += std::mem::take(&mut self.handed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}
