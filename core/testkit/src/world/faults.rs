//! What goes wrong: the network, the server's memory, the client's process.

use polymqtt_proto::engine::Engine;

use super::World;

impl World {
    /// Cuts the connection at any byte in both directions; both ends see it. Whether there was one.
    pub fn cut(&mut self) -> bool {
        let now = self.now;
        let wire = self.current.as_ref().and_then(|current| self.wires.get_mut(&current.link));
        wire.map(|wire| wire.pipe.cut(now)).is_some()
    }

    /// Makes the connection silent without closing it.
    pub fn half_open(&mut self) -> bool {
        let wire = self.current.as_ref().and_then(|current| self.wires.get_mut(&current.link));
        wire.map(|wire| wire.pipe.half_open()).is_some()
    }

    /// The broker forgets all sessions, its connections close.
    pub fn lose_sessions(&mut self) {
        self.broker.lose_sessions();
    }

    /// Kills the process of the client and starts it again from its store: of the records that were not confirmed,
    /// any part may have reached it. Gives the operations that the old process had not ended.
    ///
    /// Needs [`World::enable_journal`]; the new engine waits for its connect.
    pub fn crash(&mut self) {
        self.cut();
        if let Some(current) = self.current.take()
            && let Some(wire) = self.wires.get_mut(&current.link)
        {
            wire.client_open = false;
        }
        self.opening = None;
        self.forget_unwritten();
        self.engine = Engine::new(self.settings.clone(), self.rng.u128(..).to_le_bytes(), self.now);
        let Some(store) = &mut self.journal else {
            return;
        };
        let confirmed = store.records.iter().filter(|(number, _)| *number <= store.confirmed).count();
        let kept = self.rng.usize(confirmed..=store.records.len());
        store.before.extend(store.records.drain(..).take(kept).map(|(_, record)| record));
        store.due.clear();
        store.confirmed = 0;
        self.engine.enable_journal();
        self.engine.restore(self.now, store.before.iter().cloned());
    }
}
