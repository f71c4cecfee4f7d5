use polymqtt_proto::engine::Token;
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::connected;

/// That another client has taken the session over, for one: to connect again would take it back, for ever.
#[tokio::test]
async fn the_servers_last_words_are_heard_though_nothing_can_be_written_any_more() {
    let options = Options::new("mqtt://server").unwrap();
    let shared = Arc::new(connected::shared(&options, Instant::now()));
    let mut driver = Driver::new(shared, Connector::new(&options), Hooks::default());
    let (stream, mut server) = connected::streams().await;
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
