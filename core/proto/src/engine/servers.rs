//! Which server the next attempt goes to: the list of the options in turn, unless a server sends the client elsewhere.

use std::collections::VecDeque;

use crate::options::Server;

#[derive(Debug)]
pub(super) struct Servers {
    /// Those of the options, servers that have moved replaced by where they moved to.
    list: Vec<Server>,
    index: usize,
    /// That of the connection, or of the current or last attempt.
    current: Option<Server>,
    /// Where a server sent the client for the next attempt, not tried yet.
    detour: VecDeque<Server>,
    /// Redirects followed since a connection has lasted.
    hops: u32,
    /// What the server said when it sent the client away, until its connection is closed.
    redirect: Option<Redirect>,
    /// The hosts that the user named.
    trusted: Vec<String>,
}

/// A server's wish that the client use another one.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    /// Names separated by spaces.
    pub(super) reference: String,
    /// Whether for good [0x9D], or for the next attempt [0x9C].
    pub(super) moved: bool,
}

impl Servers {
    pub(super) fn new(list: &[Server]) -> Self {
        Self {
            list: list.to_vec(),
            index: 0,
            current: None,
            detour: VecDeque::new(),
            hops: 0,
            redirect: None,
            trusted: list.iter().map(|server| server.host().to_ascii_lowercase()).collect(),
        }
    }

    /// Chooses the server of the next attempt.
    pub(super) fn choose(&mut self) -> Option<Server> {
        let next = self.next().cloned();
        self.detour.pop_front();
        self.current.clone_from(&next);
        next
    }

    /// That of the next attempt.
    pub(super) fn next(&self) -> Option<&Server> {
        self.detour.front().or_else(|| self.list.get(self.index))
    }

    /// That of the connection, or of the current or last attempt.
    pub(super) fn current(&self) -> Option<&Server> {
        self.current.as_ref()
    }

    /// Whether the user named the current server's host.
    pub(super) fn is_trusted(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|server| self.trusted.iter().any(|host| host.eq_ignore_ascii_case(server.host())))
    }

    /// The current server could not be connected to: the next attempt tries the next.
    pub(super) fn failed(&mut self) {
        if self.detour.is_empty() {
            self.index = (self.index + 1) % self.list.len().max(1);
        }
    }

    /// Whether another server is to be tried before anything else.
    pub(super) fn has_detour(&self) -> bool {
        !self.detour.is_empty()
    }

    /// How many there are to try before waiting.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.list.len()).unwrap_or(u32::MAX).max(1)
    }

    /// A connection has lasted.
    pub(super) fn settled(&mut self) {
        self.hops = 0;
    }

    /// The server sends the client away; acted on when the connection is closed.
    pub(super) fn note_redirect(&mut self, redirect: Option<Redirect>) {
        self.redirect = redirect;
    }

    pub(super) fn take_redirect(&mut self) -> Option<Redirect> {
        self.redirect.take()
    }

    /// Counts a redirect; how many there were in a row.
    pub(super) fn count_hop(&mut self) -> u32 {
        self.hops = self.hops.saturating_add(1);
        self.hops
    }

    /// The next attempts go to these servers, in order: this time only, or for good.
    pub(super) fn follow(&mut self, servers: Vec<Server>, moved: bool) {
        if !moved {
            self.detour = servers.into();
            return;
        }
        self.detour.clear();
        let old = self.current.clone();
        let place = self.list.iter().position(|server| Some(server) == old.as_ref()).unwrap_or(self.index);
        if place < self.list.len() {
            self.list.splice(place..=place, servers);
            self.index = place;
        }
    }
}
