//! What a server may do to a WebSocket, by a server that does what the test says.

use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use polymqtt::{Attempt, Client, Credentials, ErrorKind, Event, Options, QoS};
use polymqtt_broker_tests::bounded;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];
const PUBLISH: &[u8] = &[0x30, 5, 0, 1, b'a', 0, b'x'];

struct Server(TcpListener);

struct Peer(WebSocketStream<TcpStream>);

impl Server {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn options(&self) -> Options {
        Options::new(&format!("ws://{}/path?token=s3cret", self.0.local_addr().unwrap()))
            .unwrap()
            .reconnect(None)
    }

    /// The next WebSocket, and the request for it.
    async fn accept(&self, subprotocol: Option<&'static str>) -> (Peer, Request) {
        let (stream, _) = self.0.accept().await.unwrap();
        let mut asked = None;
        #[allow(clippy::result_large_err, reason = "its form is tungstenite's")]
        let callback = |request: &Request, mut response: Response| {
            asked = Some(request.clone());
            if let Some(subprotocol) = subprotocol {
                let value = HeaderValue::from_static(subprotocol);
                response.headers_mut().insert("Sec-WebSocket-Protocol", value);
            }
            Ok(response)
        };
        let stream = accept_hdr_async(stream, callback).await.unwrap();
        (Peer(stream), asked.unwrap())
    }

    /// The next client, its CONNECT answered.
    async fn connected(&self) -> Peer {
        let (mut peer, _) = self.accept(Some("mqtt")).await;
        let Some(Message::Binary(connect)) = peer.receive().await else { panic!() };
        assert_eq!(connect[0], 0x10);
        peer.send(Message::binary(CONNACK)).await;
        peer
    }
}

impl Peer {
    async fn receive(&mut self) -> Option<Message> {
        poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await.transpose().unwrap_or_default()
    }

    async fn send(&mut self, message: Message) {
        self.try_send(message).await.unwrap();
    }

    async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        poll_fn(|cx| Pin::new(&mut self.0).poll_ready(cx)).await?;
        Pin::new(&mut self.0).start_send(message)?;
        poll_fn(|cx| Pin::new(&mut self.0).poll_flush(cx)).await
    }
}

/// A client and its peer.
async fn connected(server: &Server) -> (Client, Peer) {
    let (client, peer) =
        bounded("connect", async { tokio::join!(Client::connect(server.options()), server.connected()) })
            .await;
    (client.unwrap(), peer)
}

/// Why the connection was lost.
async fn lost(client: &Client, happening: impl Future<Output = ()>) -> polymqtt::Error {
    let mut events = client.events();
    happening.await;
    match bounded("the end", events.recv()).await {
        Some(Event::Disconnected { error: Some(error), .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_request_says_what_is_wanted() {
    let server = Server::start().await;
    let options = server.options().websocket_header("X-One", "1").websocket_header("x-two", "old");
    let provider = |_: Attempt| async { Ok(Credentials::default().header("X-Two", "new")) };
    let connecting = Client::connect(options).credentials(provider);
    let accepting = async {
        let (_peer, request) = server.accept(Some("mqtt")).await;
        let header = |name| {
            let values = request.headers().get_all(name).iter();
            values.map(|value| value.to_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(request.uri().to_string(), "/path?token=s3cret");
        assert_eq!(header("sec-websocket-protocol"), ["mqtt"]);
        assert_eq!(header("host"), [server.0.local_addr().unwrap().to_string()]);
        assert_eq!((header("x-one"), header("x-two")), (vec!["1"], vec!["new"]));
    };
    let (outcome, ()) = bounded("connect", async { tokio::join!(connecting, accepting) }).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_refusal_by_http_says_its_status() {
    for (status, kind) in [
        ("401 Unauthorized", ErrorKind::NotAuthorized),
        ("403 Forbidden", ErrorKind::NotAuthorized),
        ("404 Not Found", ErrorKind::Refused),
        ("503 Service Unavailable", ErrorKind::Refused),
        ("200 OK", ErrorKind::Refused),
    ] {
        let server = Server::start().await;
        let refusing = async {
            let (mut stream, _) = server.0.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let _request = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let connecting = Client::connect(server.options());
        let (outcome, ()) = bounded(status, async { tokio::join!(connecting, refusing) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(status) && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http() {
    for (answer, kind) in [
        (&b"\x20\x03\0\0\0 this is no HTTP\r\n\r\n"[..], ErrorKind::Protocol),
        (&b""[..], ErrorKind::Transport),
        (&b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..], ErrorKind::Protocol),
        (&[b'x'; 1 << 20][..], ErrorKind::Protocol),
    ] {
        let server = Server::start().await;
        let answering = async {
            let (mut stream, _) = server.0.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let _request = stream.read(&mut request).await.unwrap();
            // A client that has seen enough hangs up.
            let _outcome = stream.write_all(answer).await;
        };
        let connecting = Client::connect(server.options());
        let (outcome, ()) = bounded("no HTTP", async { tokio::join!(connecting, answering) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn the_subprotocol_is_demanded_back() {
    for subprotocol in [None, Some("mqttv3.1")] {
        let server = Server::start().await;
        let connecting = Client::connect(server.options());
        let (outcome, _) =
            bounded("connect", async { tokio::join!(connecting, server.accept(subprotocol)) }).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[tokio::test]
async fn packets_are_split_and_joined_in_any_way() {
    let server = Server::start().await;
    let (client, mut peer) = connected(&server).await;
    let mut stream = bounded("subscribe", async {
        let answering = async {
            let Some(Message::Binary(subscribe)) = peer.receive().await else { panic!() };
            // SUBACK for the packet's identifier, together with two messages and the beginning of a third.
            let suback = [0x90, 4, subscribe[2], subscribe[3], 0, 0];
            let joined = [&suback, PUBLISH, PUBLISH, &PUBLISH[..3]].concat();
            peer.send(Message::binary(joined)).await;
            peer.send(Message::Ping(Bytes::from_static(b"ping"))).await;
            peer.send(Message::binary(Bytes::new())).await;
            for byte in &PUBLISH[3..] {
                peer.send(Message::binary(vec![*byte])).await;
            }
        };
        let subscribing = async { client.subscribe("a").await.unwrap() };
        tokio::join!(subscribing, answering).0
    })
    .await;
    for _ in 0..3 {
        assert_eq!(bounded("recv", stream.recv()).await.unwrap().unwrap().text(), Ok("x"));
    }
    assert_eq!(bounded("pong", peer.receive()).await, Some(Message::Pong(Bytes::from_static(b"ping"))));
}

#[tokio::test]
async fn text_is_a_protocol_error() {
    let server = Server::start().await;
    let (client, mut peer) = connected(&server).await;
    let error = lost(&client, peer.send(Message::text("hello"))).await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[tokio::test]
async fn a_message_beyond_all_bounds_ends_the_connection() {
    let server = Server::start().await;
    let options = server.options().maximum_packet_size(1000);
    let connecting = Client::connect(options);
    let (client, mut peer) = bounded("connect", async { tokio::join!(connecting, server.connected()) }).await;
    let error = lost(&client.unwrap(), async {
        // The client hangs up at its head.
        let _outcome = peer.try_send(Message::binary(vec![0; 2 << 20])).await;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PacketTooLarge, "{error}");
}

#[tokio::test]
async fn a_close_says_why() {
    let server = Server::start().await;
    let (client, mut peer) = connected(&server).await;
    let frame = CloseFrame { code: CloseCode::Policy, reason: "go away".into() };
    let error = lost(&client, peer.send(Message::Close(Some(frame)))).await;
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("1008") && error.to_string().contains("go away"), "{error}");
}

#[tokio::test]
async fn disconnecting_closes_the_websocket_after_the_last_packet() {
    let server = Server::start().await;
    let (client, peer) = connected(&server).await;
    let reading = async move {
        let mut peer = peer;
        let mut received = Vec::new();
        while let Some(message) = peer.receive().await {
            received.push(message);
        }
        received
    };
    let leaving = async {
        client.publish("a", "x").qos(QoS::AtMostOnce).await.unwrap();
        client.disconnect().await.unwrap();
    };
    let (received, ()) = bounded("disconnect", async { tokio::join!(reading, leaving) }).await;
    let (last, packets) = received.split_last().unwrap();
    assert!(matches!(last, Message::Close(_)), "{received:?}");
    let packets: Vec<u8> = packets.iter().flat_map(|message| message.clone().into_data()).collect();
    assert!(packets.starts_with(PUBLISH) && packets[PUBLISH.len()] == 0xE0, "{packets:?}");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_short() {
    let server = Server::start().await;
    let accepting = async {
        let (mut stream, _) = server.0.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ").await.unwrap();
        // Until the client has had enough.
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    };
    let connecting = Client::connect(server.options()).into_future();
    let (outcome, ()) = bounded("connect", async { tokio::join!(connecting, accepting) }).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Protocol);
}
