//! The packets of a connection, told to `tracing`.

use polymqtt_proto::codec::{LoggedPacket, PacketLog, PacketType};
use tracing::{Level, Span, debug, event_enabled, trace};

const TARGET: &str = "polymqtt::packet";

/// Tells of one connection's packets.
pub(crate) struct PacketTrace {
    log: PacketLog,
    connection: Span,
}

impl PacketTrace {
    /// For a connection that begins; `None` when nobody wants to know: that is asked once a connection, so that a read
    /// or write costs a branch.
    pub(crate) fn begin(connection: &Span) -> Option<Box<Self>> {
        if !event_enabled!(target: TARGET, Level::DEBUG) {
            return None;
        }
        Some(Box::new(Self { log: PacketLog::new(), connection: connection.clone() }))
    }

    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        self.log.sent(bytes, |packet| tell(&self.connection, "sent", "->", packet));
    }

    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.log.received(bytes, |packet| tell(&self.connection, "received", "<-", packet));
    }
}

/// What a busy connection consists of is TRACE, what there is little of DEBUG.
fn tell(connection: &Span, direction: &str, arrow: &str, packet: &LoggedPacket<'_>) {
    let bytes = packet.size();
    if packet.packet_type().is_some_and(is_frequent) {
        trace!(target: TARGET, parent: connection, direction, bytes, "{arrow} {packet}");
    } else {
        debug!(target: TARGET, parent: connection, direction, bytes, "{arrow} {packet}");
    }
}

fn is_frequent(packet: PacketType) -> bool {
    matches!(
        packet,
        PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::PingReq
            | PacketType::PingResp
    )
}
