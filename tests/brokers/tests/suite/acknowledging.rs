//! Answers to received messages that are more than "taken".

use polymqtt::{Acknowledgement, Client, ErrorKind, Message, QoS, ReasonCode, Subscription, Utf8String};
use polymqtt_broker_tests::{Relay, each, options};

const BOTH: [QoS; 2] = [QoS::AtLeastOnce, QoS::ExactlyOnce];

fn text(text: &str) -> Utf8String {
    Utf8String::try_from(text).unwrap()
}

fn refusal() -> Acknowledgement {
    Acknowledgement {
        reason_string: Some(text("not for me")),
        user_properties: [(text("name"), text("value"))].into(),
        ..Acknowledgement::with_reason(ReasonCode::NotAuthorized)
    }
}

async fn next(stream: &mut Subscription) -> Message {
    stream.recv().await.unwrap().unwrap()
}

/// Waits until the server has what was sent before, and this client what it answered.
async fn settle(client: &Client) {
    for _ in 0..2 {
        client.publish("elsewhere", "").qos(QoS::AtLeastOnce).await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_message_does_not_come_again() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let publisher = case.connect().await;
        for qos in BOTH {
            let relay = Relay::to(case.broker.port()).await;
            let client = Client::connect(options(&relay.url(), case.version)).await.unwrap();
            let mut events = client.events();
            let mut stream = client.subscribe("jobs").qos(qos).manual_ack().await.unwrap();
            for payload in ["refused", "taken"] {
                publisher.publish("jobs", payload).qos(qos).await.unwrap();
            }
            let (refused, taken) = (next(&mut stream).await, next(&mut stream).await);
            assert_eq!((refused.text(), taken.text()), (Ok("refused"), Ok("taken")));
            stream.ack_with(&refused, refusal()).unwrap();
            stream.ack(&taken).unwrap();
            settle(&client).await;
            assert_eq!(client.metrics().reconnects, 0, "{qos:?}");
            relay.cut();
            while !matches!(events.recv().await.unwrap(), polymqtt::Event::Connected(_)) {}
            settle(&client).await;
            publisher.publish("jobs", "later").qos(qos).await.unwrap();
            let later = next(&mut stream).await;
            assert_eq!(later.text(), Ok("later"), "{qos:?}");
            stream.ack(&later).unwrap();
            stream.unsubscribe().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_give_the_quota_back() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let publisher = case.connect().await;
        let client = Client::connect(case.options().receive_maximum(2)).await.unwrap();
        for qos in BOTH {
            let mut stream = client.subscribe("jobs").qos(qos).manual_ack().await.unwrap();
            for n in 0..20_u8 {
                publisher.publish("jobs", vec![n]).qos(qos).await.unwrap();
            }
            for n in 0..20_u8 {
                let message = next(&mut stream).await;
                assert_eq!(message.payload(), [n], "{qos:?}");
                stream.ack_with(&message, refusal()).unwrap();
            }
            stream.unsubscribe().await.unwrap();
        }
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}

#[tokio::test]
async fn version_3_1_1_and_codes_that_have_no_place_are_errors() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("jobs").qos(QoS::AtLeastOnce).manual_ack().await.unwrap();
        client.publish("jobs", "1").qos(QoS::AtLeastOnce).await.unwrap();
        let message = next(&mut stream).await;
        let wrong = if case.is_v5() {
            (ReasonCode::ServerMoved, ErrorKind::InvalidOption)
        } else {
            (ReasonCode::NotAuthorized, ErrorKind::Unsupported)
        };
        let error = stream.ack_with(&message, Acknowledgement::with_reason(wrong.0)).unwrap_err();
        assert_eq!(error.kind(), wrong.1, "{error}");
        // It can still be answered.
        stream.ack(&message).unwrap();
        client.publish("jobs", "2").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(next(&mut stream).await.text(), Ok("2"));
    })
    .await;
}
