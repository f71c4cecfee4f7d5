//! A broker that ends and starts again at each step of each flow of packets (section 4.3): while that packet is on its
//! way, or right after the last one.

use polymqtt::{Client, ErrorKind, QoS, Subscription, Version};
use polymqtt_broker_tests::{
    Broker, Checkpoint, Embedded, Mosquitto, Step, To, VERSIONS, bounded, lasting, options,
};

const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;

/// The steps of a message that the client sends.
fn outgoing(qos: QoS) -> Vec<Step> {
    flow(qos, To::Server, To::Client)
}

/// The steps of a message that the client receives.
fn incoming(qos: QoS) -> Vec<Step> {
    flow(qos, To::Client, To::Server)
}

fn flow(qos: QoS, there: To, back: To) -> Vec<Step> {
    let packets = match qos {
        QoS::ExactlyOnce => vec![(there, PUBLISH), (back, PUBREC), (there, PUBREL), (back, PUBCOMP)],
        _ => vec![(there, PUBLISH), (back, PUBACK)],
    };
    let last = packets.last().copied();
    let mut steps = Vec::new();
    for (to, packet_type) in packets {
        steps.push(Step { to, packet_type, passed: false });
    }
    steps.extend(last.map(|(to, packet_type)| Step { to, packet_type, passed: true }));
    steps
}

/// What comes before the message that says so is all there is.
async fn received(stream: &mut Subscription) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let message = stream.recv().await.unwrap().unwrap();
        match message.text().unwrap() {
            "end" => return texts,
            text => texts.push(text.to_owned()),
        }
    }
}

/// One message on its way while the broker ends in order, and starts with what it wrote down: it comes, and of QoS 2
/// once. `slow` says who is behind the network that stands still.
async fn stops_and_goes_on(version: Version, qos: QoS, step: Step, sender_is_slow: bool) {
    let mut broker = Mosquitto::persistent();
    let network = Checkpoint::at(broker.port(), step).await;
    let (near, far) = (network.url(), broker.url());
    let (to_receive, to_publish) = if sender_is_slow { (&far, &near) } else { (&near, &far) };
    let receiver = Client::connect(lasting(to_receive, version, "receiver")).await.unwrap();
    let mut stream = receiver.subscribe("f").qos(qos).await.unwrap();
    let publisher = Client::connect(lasting(to_publish, version, "publisher")).await.unwrap();
    let publishing = async {
        let delivery = publisher.publish("f", "it").qos(qos).enqueue().await.unwrap();
        network.reached().await;
        broker.stop();
        network.cut();
        broker.restart();
        delivery.await.unwrap();
        publisher.publish("f", "end").qos(qos).await.unwrap();
    };
    let (texts, ()) = tokio::join!(received(&mut stream), publishing);
    if qos == QoS::ExactlyOnce {
        assert_eq!(texts, ["it"], "{step:?}");
    } else {
        assert!(!texts.is_empty() && texts.iter().all(|text| text == "it"), "{step:?}: {texts:?}");
    }
    assert_eq!((publisher.metrics().in_flight, publisher.metrics().queued), (0, 0));
}

async fn at_each_step(qos: QoS, steps: Vec<Step>, sender_is_slow: bool) {
    for version in VERSIONS {
        for &step in &steps {
            let name = format!("MQTT {version}, {step:?}");
            bounded(&name, stops_and_goes_on(version, qos, step, sender_is_slow)).await;
        }
    }
}

#[tokio::test]
async fn a_broker_that_goes_on_at_each_step_of_a_message_sent_at_qos_1() {
    at_each_step(QoS::AtLeastOnce, outgoing(QoS::AtLeastOnce), true).await;
}

#[tokio::test]
async fn a_broker_that_goes_on_at_each_step_of_a_message_sent_at_qos_2() {
    at_each_step(QoS::ExactlyOnce, outgoing(QoS::ExactlyOnce), true).await;
}

#[tokio::test]
async fn a_broker_that_goes_on_at_each_step_of_a_message_received_at_qos_1() {
    at_each_step(QoS::AtLeastOnce, incoming(QoS::AtLeastOnce), false).await;
}

#[tokio::test]
async fn a_broker_that_goes_on_at_each_step_of_a_message_received_at_qos_2() {
    at_each_step(QoS::ExactlyOnce, incoming(QoS::ExactlyOnce), false).await;
}

/// A client's message to itself on its way while the broker dies with all it knew. Every operation has its end: at
/// QoS 1 the message is sent again as a new one, at QoS 2 nobody can say whether the server had it.
async fn dies_and_forgets(mut broker: Broker, version: Version, qos: QoS, step: Step) {
    let network = Checkpoint::at(broker.port(), step).await;
    let client = Client::connect(options(&network.url(), version)).await.unwrap();
    let mut stream = client.subscribe("f").qos(qos).await.unwrap();
    let publishing = async {
        let delivery = client.publish("f", "it").qos(qos).enqueue().await.unwrap();
        network.reached().await;
        broker.kill().await;
        network.cut();
        broker.restart().await;
        let outcome = delivery.await;
        // Should the connection be lost under this one, it is sent again.
        client.publish("f", "end").qos(QoS::AtLeastOnce).await.unwrap();
        outcome
    };
    let (texts, outcome) = tokio::join!(received(&mut stream), publishing);
    // Of the acknowledgement's way nothing is known where the network stood still for the message's way back.
    let unacknowledged = outgoing(qos).contains(&step) && !step.passed;
    let arrived = texts.iter().filter(|text| *text == "it").count();
    match (qos, outcome) {
        (QoS::ExactlyOnce, Err(error)) => {
            assert_eq!(error.kind(), ErrorKind::Indeterminate, "{step:?}");
            assert!(arrived <= 1, "{step:?}: {arrived}");
        }
        (QoS::ExactlyOnce, Ok(_)) => assert!(!unacknowledged && arrived <= 1, "{step:?}: {arrived}"),
        (_, Ok(_)) => assert!(!unacknowledged || arrived >= 1, "{step:?}: sent again, so received"),
        (_, Err(error)) => panic!("{step:?}: {error}"),
    }
}

async fn forgets_at_each_step(qos: QoS) {
    for version in VERSIONS {
        for step in outgoing(qos).into_iter().chain(incoming(qos)) {
            let broker = Broker::Mosquitto(Mosquitto::start(""));
            let name = format!("mosquitto, MQTT {version}, {step:?}");
            bounded(&name, dies_and_forgets(broker, version, qos, step)).await;
            let broker = Broker::Embedded(Embedded::restartable().await);
            let name = format!("embedded, MQTT {version}, {step:?}");
            bounded(&name, dies_and_forgets(broker, version, qos, step)).await;
        }
    }
}

#[tokio::test]
async fn a_broker_that_dies_and_forgets_at_each_step_of_qos_1() {
    forgets_at_each_step(QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn a_broker_that_dies_and_forgets_at_each_step_of_qos_2() {
    forgets_at_each_step(QoS::ExactlyOnce).await;
}
