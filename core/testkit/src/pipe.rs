//! A network connection in virtual time: two streams of bytes that arrive late, in pieces, in part, or not at all.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use polymqtt_proto::time::Timestamp;

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends.
    ToBroker,
    /// What the broker sends.
    ToClient,
}

/// How a pipe treats what goes through it.
#[derive(Debug, Clone)]
pub struct PipeConfig {
    /// How long a piece is on its way; pieces never overtake each other.
    pub delay: RangeInclusive<Duration>,
    /// Bytes are torn into pieces of 1 to this many; 0 leaves them as they were written.
    pub largest_piece: usize,
    /// Most bytes on their way in one direction; a writer waits for room.
    pub capacity: usize,
}

impl Default for PipeConfig {
    /// One millisecond, nothing torn, room for a mebibyte.
    fn default() -> Self {
        let delay = Duration::from_millis(1);
        Self { delay: delay..=delay, largest_piece: 0, capacity: 1 << 20 }
    }
}

/// What a reader finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Nothing has arrived.
    Nothing,
    /// A piece was appended.
    Piece,
    /// The other end, or the network, has closed.
    End,
}

/// The two streams of one connection.
#[derive(Debug)]
pub struct Pipe {
    config: PipeConfig,
    rng: fastrand::Rng,
    to_broker: Stream,
    to_client: Stream,
    dead: bool,
}

#[derive(Debug, Default)]
struct Stream {
    /// Pieces and when they arrive.
    pieces: VecDeque<(Timestamp, Bytes)>,
    len: usize,
    last_due: Timestamp,
    /// When the end is seen, behind all pieces.
    end: Option<Timestamp>,
}

impl Pipe {
    /// A pipe; `seed` decides pieces, delays and where cuts fall.
    #[must_use]
    pub fn new(config: PipeConfig, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { config, rng, to_broker: Stream::default(), to_client: Stream::default(), dead: false }
    }

    /// How many bytes may be written now.
    #[must_use]
    pub fn room(&self, direction: Direction) -> usize {
        let stream = self.stream(direction);
        if stream.end.is_some() { usize::MAX } else { self.config.capacity.saturating_sub(stream.len) }
    }

    /// Sends bytes, at most [`Pipe::room`] of them.
    pub fn write(&mut self, now: Timestamp, direction: Direction, mut bytes: Bytes) {
        if self.dead || self.stream(direction).end.is_some() {
            return;
        }
        while !bytes.is_empty() {
            let most = match self.config.largest_piece {
                0 => bytes.len(),
                largest => self.rng.usize(1..=largest.min(bytes.len())),
            };
            let due = self.due(now, direction);
            let stream = self.stream_mut(direction);
            let piece = bytes.split_to(most);
            stream.len += piece.len();
            stream.pieces.push_back((due, piece));
        }
    }

    /// Closes one stream: the reader sees the end behind everything written.
    pub fn finish(&mut self, now: Timestamp, direction: Direction) {
        let due = self.due(now, direction);
        if !self.dead {
            self.stream_mut(direction).end.get_or_insert(due);
        }
    }

    /// Takes one piece that has arrived.
    pub fn read(&mut self, now: Timestamp, direction: Direction, into: &mut BytesMut) -> Read {
        let dead = self.dead;
        let stream = self.stream_mut(direction);
        if dead {
            return Read::Nothing;
        }
        match stream.pieces.front() {
            Some((due, _)) if *due > now => Read::Nothing,
            Some(_) => {
                let Some((_, piece)) = stream.pieces.pop_front() else {
                    return Read::Nothing;
                };
                stream.len -= piece.len();
                into.extend_from_slice(&piece);
                Read::Piece
            }
            None if stream.end.is_some_and(|end| end <= now) => Read::End,
            None => Read::Nothing,
        }
    }

    /// When the next piece or end arrives in this direction.
    #[must_use]
    pub fn deadline(&self, direction: Direction) -> Option<Timestamp> {
        let stream = self.stream(direction);
        let next = stream.pieces.front().map(|(due, _)| *due).or(stream.end);
        next.filter(|_| !self.dead)
    }

    /// Cuts the connection: of what is on its way in each direction any part may still arrive, then both ends see it
    /// closed.
    pub fn cut(&mut self, now: Timestamp) {
        for direction in [Direction::ToBroker, Direction::ToClient] {
            let len = self.stream(direction).len;
            let kept = self.rng.usize(0..=len);
            self.stream_mut(direction).truncate(kept);
            self.finish(now, direction);
        }
    }

    /// From now on nothing arrives any more, and nobody is told.
    pub fn half_open(&mut self) {
        self.dead = true;
    }

    fn due(&mut self, now: Timestamp, direction: Direction) -> Timestamp {
        let micros = |duration: &Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let range = micros(self.config.delay.start())..=micros(self.config.delay.end());
        let due = now + Duration::from_micros(self.rng.u64(range));
        let stream = self.stream_mut(direction);
        stream.last_due = stream.last_due.max(due);
        stream.last_due
    }

    fn stream(&self, direction: Direction) -> &Stream {
        match direction {
            Direction::ToBroker => &self.to_broker,
            Direction::ToClient => &self.to_client,
        }
    }

    fn stream_mut(&mut self, direction: Direction) -> &mut Stream {
        match direction {
            Direction::ToBroker => &mut self.to_broker,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

impl Stream {
    fn truncate(&mut self, mut kept: usize) {
        self.len = kept;
        for (_, piece) in &mut self.pieces {
            piece.truncate(kept);
            kept -= piece.len();
        }
        self.pieces.retain(|(_, piece)| !piece.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_millis(millis)
    }

    fn drain(pipe: &mut Pipe, now: Timestamp) -> (BytesMut, usize, bool) {
        let (mut bytes, mut pieces) = (BytesMut::new(), 0);
        loop {
            match pipe.read(now, Direction::ToBroker, &mut bytes) {
                Read::Piece => pieces += 1,
                Read::Nothing => return (bytes, pieces, false),
                Read::End => return (bytes, pieces, true),
            }
        }
    }

    #[test]
    fn bytes_arrive_late_and_torn_but_in_order() {
        let delay = Duration::from_millis(1)..=Duration::from_millis(9);
        let mut pipe = Pipe::new(PipeConfig { delay, largest_piece: 3, ..PipeConfig::default() }, 1);
        pipe.write(at(0), Direction::ToBroker, Bytes::from_static(b"polymqtt over a pipe"));
        assert!(drain(&mut pipe, at(0)).0.is_empty());
        let (bytes, pieces, end) = drain(&mut pipe, at(10));
        assert_eq!((&bytes[..], end), (&b"polymqtt over a pipe"[..], false));
        assert!(pieces >= 7);
    }

    #[test]
    fn a_cut_leaves_a_prefix_and_an_end() {
        let mut kept = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let mut pipe = Pipe::new(PipeConfig::default(), seed);
            pipe.write(at(0), Direction::ToBroker, Bytes::from_static(b"abcd"));
            pipe.cut(at(0));
            pipe.write(at(0), Direction::ToBroker, Bytes::from_static(b"too late"));
            let (bytes, _, end) = drain(&mut pipe, at(5));
            assert!(end && b"abcd".starts_with(&bytes));
            kept.insert(bytes.len());
        }
        assert_eq!(kept.len(), 5);
    }

    #[test]
    fn half_open_means_silence() {
        let mut pipe = Pipe::new(PipeConfig::default(), 1);
        pipe.write(at(0), Direction::ToBroker, Bytes::from_static(b"abcd"));
        pipe.half_open();
        pipe.finish(at(0), Direction::ToBroker);
        let (bytes, _, end) = drain(&mut pipe, at(5_000));
        assert!(bytes.is_empty() && !end);
        assert_eq!(pipe.deadline(Direction::ToBroker), None);
    }
}
