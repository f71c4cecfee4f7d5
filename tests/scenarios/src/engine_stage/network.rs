//! Connections without a network: what one end writes, the other reads at once.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::stage::Received;

#[derive(Debug, Default)]
pub(super) struct Network {
    links: Vec<Link>,
    /// Connections that the broker has not taken yet, with the names of their servers.
    backlog: VecDeque<(String, usize)>,
    client: Option<usize>,
    broker: Option<usize>,
}

#[derive(Debug, Default)]
struct Link {
    to_broker: BytesMut,
    to_client: BytesMut,
    closed_by_client: bool,
    closed_by_broker: bool,
}

impl Network {
    pub(super) fn open(&mut self, server: &str) {
        self.client = Some(self.links.len());
        self.backlog.push_back((server.to_owned(), self.links.len()));
        self.links.push(Link::default());
    }

    pub(super) fn is_open(&self) -> bool {
        self.client.and_then(|index| self.links.get(index)).is_some_and(|link| !link.closed_by_client)
    }

    pub(super) fn client_writes(&mut self, bytes: &[u8]) {
        if let Some(link) = self.client_link() {
            link.to_broker.extend_from_slice(bytes);
        }
    }

    pub(super) fn client_reads(&mut self) -> Received {
        match self.client_link() {
            Some(link) if !link.to_client.is_empty() => Received::Bytes(link.to_client.split().freeze()),
            Some(link) if link.closed_by_broker => Received::Closed,
            _ => Received::Nothing,
        }
    }

    pub(super) fn client_closes(&mut self) {
        if let Some(link) = self.client_link() {
            link.closed_by_client = true;
        }
    }

    /// The client's end is gone.
    pub(super) fn forget(&mut self) {
        self.client_closes();
        self.client = None;
    }

    pub(super) fn accept(&mut self, server: &str) -> Option<()> {
        let at = self.backlog.iter().position(|(name, _)| name == server)?;
        self.broker = self.backlog.remove(at).map(|(_, link)| link);
        Some(())
    }

    pub(super) fn broker_reads(&mut self) -> Option<Received> {
        let link = self.broker_link()?;
        if !link.to_broker.is_empty() {
            let bytes: Bytes = link.to_broker.split().freeze();
            return Some(Received::Bytes(bytes));
        }
        link.closed_by_client.then_some(Received::Closed)
    }

    pub(super) fn broker_writes(&mut self, bytes: &[u8]) {
        if let Some(link) = self.broker_link()
            && !link.closed_by_broker
        {
            link.to_client.extend_from_slice(bytes);
        }
    }

    pub(super) fn broker_closes(&mut self) {
        if let Some(link) = self.broker_link() {
            link.closed_by_broker = true;
        }
        self.broker = None;
    }

    fn client_link(&mut self) -> Option<&mut Link> {
        self.links.get_mut(self.client?)
    }

    fn broker_link(&mut self) -> Option<&mut Link> {
        self.links.get_mut(self.broker?)
    }
}
