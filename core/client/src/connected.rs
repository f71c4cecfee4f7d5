//! What tests of this side of a connection begin with.

use std::time::Instant;

use bytes::BytesMut;
use polymqtt_proto::engine::{Engine, Token, Transmit};
use polymqtt_proto::options::Options;
use polymqtt_proto::time::Timestamp;
use tokio::net::{TcpListener, TcpStream};

use crate::shared::Shared;

/// An engine that has its CONNACK, as of `origin`.
pub(crate) fn shared(options: &Options, origin: Instant) -> Shared {
    let mut engine = Engine::new(options.check().unwrap(), [0; 16], Timestamp::ZERO);
    engine.connect(Timestamp::ZERO, Token::NONE).unwrap();
    while engine.poll_action().is_some() {}
    engine.handle_opened(Timestamp::ZERO);
    engine.poll_transmit(&mut Transmit::default());
    engine.handle_bytes(Timestamp::ZERO, &mut BytesMut::from(&[0x20, 3, 0, 0, 0][..]));
    assert!(engine.grant().is_some());
    Shared::new(engine, origin)
}

/// Both ends of a connection: ours, and the server's.
pub(crate) async fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (servers, _) = listener.accept().await.unwrap();
    (ours, servers)
}
