use polymqtt_proto::engine::Token;
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A connected client by its driver, and the server's end of the connection.
async fn connected() -> (Driver, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let options = Options::new("mqtt://server").unwrap();
    let mut engine = Engine::new(options.check().unwrap(), [0; 16], Timestamp::ZERO);
    engine.connect(Timestamp::ZERO, Token::NONE).unwrap();
    while engine.poll_action().is_some() {}
    engine.handle_opened(Timestamp::ZERO);
    engine.handle_bytes(Timestamp::ZERO, &mut BytesMut::from(&[0x20, 3, 0, 0, 0][..]));
    assert!(engine.grant().is_some());
    let shared = Arc::new(Shared::new(engine, Instant::now()));
    let driver = Driver::new(shared, Connector::new(&options), Hooks::default());
    (driver, stream, server)
}

/// That another client has taken the session over, for one: to connect again would take it back, for ever.
#[tokio::test]
async fn the_servers_last_words_are_heard_though_nothing_can_be_written_any_more() {
    let (mut driver, stream, mut server) = connected().await;
    server.write_all(&[0xE0, 2, 0x8E, 0]).await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    stream.readable().await.unwrap();
    driver.link = Link::Open(Wire::new(Transport::Tcp(stream), None));
    let publish = Message::new("a", "").unwrap();
    driver.shared.lock().unwrap().engine.publish(Timestamp::ZERO, publish, None, Token::NONE).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    while let Turn::Over(wanted) = driver.turn(cx.waker())
        && driver.transfer(&mut cx, wanted.reading)
    {}
    assert!(driver.shared.lock().unwrap().engine.is_ended());
}
