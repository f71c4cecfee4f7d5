//! What happens to the connection, told to `tracing`.
//!
//! Nobody's code runs under the client's lock: events gather there, and the driver tells of them after it.

use std::time::Instant;

use polymqtt_proto::connection::Grant;
use polymqtt_proto::engine::{Event, Granted};
use polymqtt_proto::error::Error;
use polymqtt_proto::options::Server;
use tracing::field::{Empty, display};
use tracing::{Span, debug, error, info, info_span, warn};

/// The target of everything but packets.
const TARGET: &str = "polymqtt";

/// The span of a client; its name, and the server's, are filled in once they are known.
pub(crate) fn client_span(client_id: &str) -> Span {
    let span = info_span!(target: TARGET, "client", client_id = Empty, server = Empty);
    if !client_id.is_empty() {
        span.record("client_id", client_id);
    }
    span
}

/// Tells of the filters that the server refused.
pub(crate) fn subscribed(client: &Span, outcome: Result<&[Granted], &Error>) {
    match outcome {
        Ok(granted) => {
            for Granted { filter, outcome, .. } in granted {
                if let Err(error) = outcome {
                    warn!(target: TARGET, parent: client, filter = filter.as_str(), %error, "subscribe refused");
                }
            }
        }
        Err(error) => warn!(target: TARGET, parent: client, %error, "subscribe refused"),
    }
}

/// Events that nobody was told of yet. Those of dropped messages become one, so that they are few.
#[derive(Debug, Default)]
pub(crate) struct Untold(Vec<Event>);

impl Untold {
    pub(crate) fn push(&mut self, event: Event) {
        if let Event::Dropped { outgoing: more_out, incoming: more_in } = event
            && let Some(Event::Dropped { outgoing, incoming }) = self.0.last_mut()
        {
            *outgoing += more_out;
            *incoming += more_in;
            return;
        }
        self.0.push(event);
    }
}

/// Tells of one client.
pub(crate) struct Trace {
    client: Span,
    /// Of the connection, or of the attempt to make one.
    connection: Span,
    /// Whether the client's span has its name and the server's: a field is filled in once.
    has_name: bool,
    has_server: bool,
    connected: bool,
    /// Since when a transport is being opened.
    opening: Option<Instant>,
    /// Taken from the lock, told outside of it.
    untold: Untold,
}

impl Trace {
    pub(crate) fn new(client: Span, client_id: &str) -> Self {
        let has_name = !client_id.is_empty();
        Self {
            client,
            connection: Span::none(),
            has_name,
            has_server: false,
            connected: false,
            opening: None,
            untold: Untold::default(),
        }
    }

    /// The span of the connection, or of the attempt to make one.
    pub(crate) fn connection(&self) -> &Span {
        &self.connection
    }

    /// Takes what there is to tell; to be called under the lock.
    #[inline]
    pub(crate) fn take(&mut self, untold: &mut Untold) {
        if !untold.0.is_empty() {
            self.untold.0.append(&mut untold.0);
        }
    }

    /// Tells of what was taken; not to be called under the lock.
    #[inline]
    pub(crate) fn tell(&mut self) {
        if !self.untold.0.is_empty() {
            for event in std::mem::take(&mut self.untold.0) {
                self.tell_of(&event);
            }
        }
    }

    /// A transport begins to be opened.
    pub(crate) fn opening(&mut self) {
        self.opening = Some(Instant::now());
    }

    /// The transport is open.
    pub(crate) fn opened(&mut self) {
        let took = self.opening.take().map(|since| since.elapsed().as_secs_f64());
        debug!(target: TARGET, parent: &self.connection, took_s = took, "transport open");
    }

    fn tell_of(&mut self, event: &Event) {
        let connection = &self.connection;
        match event {
            Event::Connecting { server, attempt } => self.connecting(server, *attempt),
            Event::Connected(grant) => self.connected(grant),
            Event::Disconnected { error, retry_in } => {
                let retry_in = retry_in.map(|wait| wait.as_secs_f64());
                self.disconnected(error.as_ref(), retry_in);
            }
            Event::Redirected { to, moved } => {
                info!(target: TARGET, parent: connection, %to, moved, "redirected");
            }
            Event::SessionLost => warn!(target: TARGET, parent: connection, "session lost"),
            Event::Dropped { outgoing, incoming } => {
                warn!(target: TARGET, parent: &self.client, outgoing, incoming, "messages dropped");
            }
            Event::Flapping { .. } | Event::AcksHeld { .. } | Event::ReauthenticationFailed { .. } => {
                warn!(target: TARGET, parent: connection, "{event}");
            }
            other => info!(target: TARGET, parent: connection, "{other}"),
        }
    }

    fn connecting(&mut self, server: &Server, attempt: u32) {
        if !std::mem::replace(&mut self.has_server, true) {
            self.client.record("server", display(server));
        }
        self.connection = info_span!(target: TARGET, parent: &self.client, "connection", %server, attempt);
        debug!(target: TARGET, parent: &self.connection, "connecting");
    }

    fn connected(&mut self, grant: &Grant) {
        self.connected = true;
        if !std::mem::replace(&mut self.has_name, true) {
            self.client.record("client_id", grant.client_id.as_str());
        }
        let limits = &grant.limits;
        info!(
            target: TARGET,
            parent: &self.connection,
            client_id = grant.client_id.as_str(),
            version = %limits.version,
            session_present = grant.session_present,
            session_expiry_s = grant.session_expiry.map(|expiry| expiry.as_secs()),
            keep_alive_s = grant.keep_alive,
            receive_maximum = limits.receive_maximum,
            maximum_packet_size = limits.maximum_packet_size,
            maximum_qos = %limits.maximum_qos,
            retain_available = limits.retain_available,
            topic_alias_maximum = limits.topic_alias_maximum,
            "connected"
        );
    }

    fn disconnected(&mut self, error: Option<&Error>, retry_in_s: Option<f64>) {
        let connection = &self.connection;
        let established = std::mem::take(&mut self.connected);
        match (error, retry_in_s) {
            (Some(error), Some(_)) if established => {
                warn!(target: TARGET, parent: connection, %error, retry_in_s, "disconnected");
            }
            (Some(error), Some(_)) => {
                warn!(target: TARGET, parent: connection, %error, retry_in_s, "attempt failed");
            }
            (Some(error), None) => error!(target: TARGET, parent: connection, %error, "closed"),
            (None, _) => info!(target: TARGET, parent: connection, "closed"),
        }
        self.connection = Span::none();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_messages_become_one_event() {
        let dropped = |outgoing, incoming| Event::Dropped { outgoing, incoming };
        let mut untold = Untold::default();
        [dropped(1, 0), dropped(2, 5), Event::SessionLost, dropped(1, 1)]
            .into_iter()
            .for_each(|event| untold.push(event));
        assert_eq!(untold.0, [dropped(3, 5), Event::SessionLost, dropped(1, 1)]);
    }
}
