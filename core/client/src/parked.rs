//! The driver at rest: how it is woken, and its wire, which a handle that has something to send borrows meanwhile.
//!
//! A handle that writes for itself spares a change of threads, which is the greater part of a message's way out.

use std::task::{Context, Waker};
use std::time::Duration;

use polymqtt_proto::engine::Engine;
use polymqtt_proto::time::Timestamp;

use crate::shared::{Shared, State};
use crate::wakes::Wakes;
use crate::wire::Wire;

/// What is to be written sooner than this after a write belongs to a run of messages: these are the driver's to gather,
/// for one system call costs more than many messages.
#[cfg(not(all(test, polymqtt_loom)))]
const RUN: Duration = Duration::from_micros(20);
/// loom's clock is the real one: nothing in a test may depend on it.
#[cfg(all(test, polymqtt_loom))]
pub(crate) const RUN: Duration = Duration::from_secs(3600);

/// The driver, when it has nothing to do.
#[derive(Debug)]
pub(crate) struct Parked {
    /// `None` once it was woken.
    waker: Option<Waker>,
    wanted: Wanted,
    berth: Berth,
}

/// What the engine wants of a driver that has nothing to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) reading: bool,
    pub(crate) deadline: Option<Timestamp>,
}

/// Where the wire is.
#[derive(Debug)]
enum Berth {
    /// With the driver, because something is half written, or there is none.
    Empty,
    Wire(Box<Wire>),
    /// A handle writes with it. `wanted` is whether the driver is to be woken when it is back.
    Lent {
        wanted: bool,
    },
}

/// What a driver that was woken finds.
pub(crate) enum Unparked {
    /// It has kept the wire, if there is one.
    Kept,
    Wire(Box<Wire>),
    /// Somebody writes, and wakes the driver afterwards.
    Lent,
}

impl Wanted {
    #[inline]
    pub(crate) fn by(engine: &Engine) -> Self {
        Self { reading: engine.wants_read(), deadline: engine.deadline() }
    }
}

impl Parked {
    pub(crate) fn new(waker: Waker, wanted: Wanted, wire: Option<Box<Wire>>) -> Self {
        Self { waker: Some(waker), wanted, berth: wire.map_or(Berth::Empty, Berth::Wire) }
    }

    /// Wakes the driver, unless it was woken before.
    fn wake(&mut self, wakes: &mut Wakes) {
        match &mut self.berth {
            Berth::Lent { wanted } => *wanted = true,
            _ => wakes.push(self.waker.take()),
        }
    }

    fn lend(&mut self) -> Option<Box<Wire>> {
        match std::mem::replace(&mut self.berth, Berth::Lent { wanted: false }) {
            Berth::Wire(wire) => Some(wire),
            other => {
                self.berth = other;
                None
            }
        }
    }

    /// Whether the driver waits for what is given back.
    fn take_back(&mut self, wire: Box<Wire>) -> bool {
        matches!(std::mem::replace(&mut self.berth, Berth::Wire(wire)), Berth::Lent { wanted: true })
    }

    /// Whether there is something for the driver to do.
    #[inline]
    fn is_needed(&self, engine: &Engine) -> bool {
        let now = Wanted::by(engine);
        let sooner = match (now.deadline, self.wanted.deadline) {
            (Some(deadline), Some(known)) => deadline < known,
            (deadline, None) => deadline.is_some(),
            (None, _) => false,
        };
        engine.has_output() || sooner || now.reading != self.wanted.reading || engine.is_ended()
    }
}

impl State {
    /// The driver has nothing to do until it is woken.
    pub(crate) fn park(&mut self, parked: Parked) {
        self.parked = Some(parked);
    }

    /// The driver goes to work.
    pub(crate) fn unpark(&mut self, waker: &Waker) -> Unparked {
        let Some(parked) = &mut self.parked else {
            return Unparked::Kept;
        };
        if let Berth::Lent { wanted } = &mut parked.berth {
            *wanted = true;
            parked.waker = Some(waker.clone());
            return Unparked::Lent;
        }
        match self.parked.take().map(|parked| parked.berth) {
            Some(Berth::Wire(wire)) => Unparked::Wire(wire),
            _ => Unparked::Kept,
        }
    }

    /// Sees to it that what there is for the driver is done: by the driver, which is woken, or by whoever asks, who
    /// gets the wire to write with.
    #[inline]
    pub(crate) fn kick<'a>(&mut self, shared: &'a Shared, wakes: &mut Wakes) -> Option<Loan<'a>> {
        let parked = self.parked.as_mut()?;
        if parked.waker.is_none() || !parked.is_needed(&self.engine) {
            return None;
        }
        let loan = self.lend(shared);
        if loan.is_none() {
            self.kick_to_ask(wakes);
        }
        loan
    }

    /// Wakes the driver for a question of the engine: those are too rare for [`State::kick`] to look for.
    pub(crate) fn kick_to_ask(&mut self, wakes: &mut Wakes) {
        if let Some(parked) = &mut self.parked {
            parked.wake(wakes);
        }
    }

    /// The wire with something to write, where no run of messages is under way.
    fn lend<'a>(&mut self, shared: &'a Shared) -> Option<Loan<'a>> {
        let parked = self.parked.as_mut()?;
        let writes = self.engine.has_transmit() && !self.engine.has_actions();
        if !writes || shared.now().since(self.written) < RUN {
            return None;
        }
        let waker = parked.waker.clone()?;
        let mut wire = parked.lend()?;
        self.engine.poll_transmit(&mut wire.transmit);
        Some(Loan { shared, waker, wire: Some(wire), written: 0, failed: false })
    }
}

/// The wire in the hands of a handle, outside the lock. It goes back even where writing panics.
pub(crate) struct Loan<'a> {
    shared: &'a Shared,
    /// The driver's: the transport wakes it where it takes no more for now.
    waker: Waker,
    /// There until the loan ends.
    wire: Option<Box<Wire>>,
    written: usize,
    failed: bool,
}

impl Loan<'_> {
    /// Writes what there is, without blocking, and gives the wire back.
    pub(crate) fn write(mut self) {
        let mut cx = Context::from_waker(&self.waker);
        if let Some(wire) = &mut self.wire {
            // The driver finds out again by what, after it has read the server's last words.
            self.failed = wire.write(&mut cx, &mut self.written).is_err();
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut wakes = Wakes::default();
        let now = self.shared.now();
        let Some(wire) = self.wire.take() else {
            return;
        };
        let Ok(mut state) = self.shared.lock() else {
            // The driver ends, if it is told to look.
            return self.waker.wake_by_ref();
        };
        let State { parked: Some(parked), engine, written, .. } = &mut *state else {
            // There is no driver any more.
            return;
        };
        let unfinished = self.failed || !wire.is_clear();
        let wanted = parked.take_back(wire);
        *written = now;
        engine.handle_written(now, self.written);
        state.make_room(&mut wakes);
        state.settle(&mut wakes);
        if let State { parked: Some(parked), engine, .. } = &mut *state
            && (wanted || unfinished || parked.is_needed(engine))
        {
            parked.wake(&mut wakes);
        }
    }
}

#[cfg(test)]
mod tests;
