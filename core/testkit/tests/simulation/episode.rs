//! One episode: random commands of a program, deeds of other clients, and disturbances, then the end of all that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use polymqtt_proto::codec::{ConnAck, ConnAckProperties};
use polymqtt_proto::engine::{StreamId, StreamOptions, SubscribeRequest, Token};
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicName;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerAuthentication, BrokerMessage, OnConnect};
use polymqtt_testkit::world::{World, request};

use crate::Process;
use crate::counts::Counts;
use crate::promises::{Arrivals, Taken, number_of};
use crate::surroundings::{
    broker_config, change_limits, client_options, millis, network, secs, stream_options,
};

pub(crate) const Q0: QoS = QoS::AtMostOnce;
pub(crate) const Q1: QoS = QoS::AtLeastOnce;
pub(crate) const Q2: QoS = QoS::ExactlyOnce;

const STEPS: usize = 500;
/// Where requests go.
pub(crate) const ASKED: &str = "ask";
const FILTERS: [(&str, QoS); 2] = [("in/a/#", Q1), ("in/b/#", Q2)];

/// What was asked of the engine with a token.
pub(crate) struct Sent {
    pub(crate) topic: String,
    pub(crate) number: usize,
    pub(crate) qos: QoS,
    /// Whether it may end without having been delivered: by a timeout or a withdrawal.
    pub(crate) excused: bool,
    /// Whether the process that asked was killed.
    pub(crate) orphaned: bool,
}

/// When a message with an expiry interval was accepted, and that interval in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Expiring {
    pub(crate) accepted: Timestamp,
    pub(crate) interval: u32,
}

/// What another client published.
pub(crate) struct Broadcast {
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    /// Whether the session was lost while it could be under way.
    pub(crate) lost: bool,
}

/// A subscription of the program.
struct Reader {
    stream: StreamId,
    /// The number of the message that was handed out last, until the next is asked for.
    in_hand: Option<usize>,
}

pub(crate) struct Episode {
    pub(crate) world: World,
    pub(crate) rng: fastrand::Rng,
    pub(crate) sent: BTreeMap<Token, Sent>,
    pub(crate) expiring: BTreeMap<usize, Expiring>,
    /// The numbers of the requests that wait for an answer.
    pub(crate) asked: BTreeMap<Token, usize>,
    /// How many requests at the broker were answered, or passed over.
    answered: usize,
    stream_options: StreamOptions,
    readers: Vec<Reader>,
    /// Messages that the program has not acknowledged yet, where it does that by itself.
    unacknowledged: Vec<Message>,
    /// What the application was handed.
    pub(crate) received: BTreeSet<usize>,
    /// Of that, what it took: asked for the next message, or acknowledged it.
    pub(crate) taken: Taken,
    pub(crate) arrivals: Arrivals,
    pub(crate) broadcast: BTreeMap<usize, Broadcast>,
    next: usize,
    /// The last number before the sessions were lost. When the CONNACK that tells of it gets lost too, or the process is
    /// killed before it is recorded, the client can't know that the session it finds is a new one: what it then sends
    /// again the server has twice.
    pub(crate) last_before_loss: usize,
    process: Process,
    v5: bool,
    /// Whether connections authenticate by SCRAM.
    scram: bool,
    pub(crate) counts: Counts,
}

impl Episode {
    pub(crate) fn new(seed: u64, process: Process) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let v5 = rng.u8(..10) < 8;
        let scram = v5 && rng.u8(..3) == 0;
        let options = client_options(&mut rng, v5, scram);
        let mut broker = broker_config(&mut rng);
        if scram {
            broker.authentication = Some(BrokerAuthentication::scram("pencil", 3));
        }
        let mut world = World::new(options.check().unwrap(), broker, rng.u64(..));
        world.network = network(&mut rng);
        if process == Process::Crashes || rng.u8(..4) == 0 {
            world.enable_journal(Duration::ZERO..=millis(rng.u64(0..30)));
        }
        Self {
            world,
            stream_options: stream_options(&mut rng),
            rng,
            sent: BTreeMap::new(),
            expiring: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: 0,
            readers: Vec::new(),
            unacknowledged: Vec::new(),
            received: BTreeSet::new(),
            taken: Taken::default(),
            arrivals: Arrivals::default(),
            broadcast: BTreeMap::new(),
            next: 0,
            last_before_loss: 0,
            process,
            v5,
            scram,
            counts: Counts::default(),
        }
    }

    pub(crate) fn run(&mut self) {
        self.start();
        for _ in 0..STEPS {
            self.act();
            self.note_completions();
            self.check();
        }
        self.finish();
        self.count_process();
        let record = self.world.broker.record();
        self.counts.connections = record.connections;
        self.counts.resumed = record.resumed;
        self.counts.reauthenticated = record.reauthentications;
    }

    /// Connects and subscribes; the outcome is awaited by nobody.
    fn start(&mut self) {
        self.world.start_connect();
        self.readers.clear();
        self.unacknowledged.clear();
        for (filter, qos) in FILTERS {
            let token = self.world.token();
            let request = SubscribeRequest { stream: self.stream_options, ..request(filter, qos) };
            let stream = self.world.engine.subscribe(self.world.now, request, token).unwrap();
            self.readers.push(Reader { stream, in_hand: None });
        }
    }

    fn act(&mut self) {
        match self.rng.u8(..100) {
            0..=29 => self.publish(),
            30..=33 if self.v5 => self.ask(),
            30..=34 => self.answer(7),
            35..=54 => self.publish_from_another(),
            55..=66 => self.take(),
            67..=69 => self.acknowledge(),
            70..=89 => {
                let wait = self.rng.u64(0..200);
                self.world.run_for(millis(wait));
            }
            90..=92 => self.counts.cuts += usize::from(self.world.cut()),
            93 => self.counts.half_open += usize::from(self.world.half_open()),
            94 | 97 | 98 if self.scram && self.rng.bool() => self.reauthenticate(),
            94 => {
                self.world.reachable = false;
                let wait = self.rng.u64(500..3_000);
                self.world.run_for(millis(wait));
                self.world.reachable = true;
            }
            95 => self.disturb_the_next_connection(),
            96 if self.rng.bool() => {
                self.counts.limits_changed += 1;
                change_limits(&mut self.rng, &mut self.world.broker.config);
            }
            96 => self.world.broker.disconnect(self.world.now, "c", ReasonCode::ServerBusy),
            97 => self.withdraw(),
            98 if self.rng.u8(..4) == 0 => self.lose_sessions(),
            99 if self.process == Process::Crashes && self.rng.bool() => self.crash(),
            _ => {
                let wait = self.rng.u64(0..5_000);
                self.world.run_for(millis(wait));
            }
        }
        self.world.settle();
    }

    fn publish(&mut self) {
        self.next += 1;
        let (number, qos) = (self.next, [Q0, Q1, Q2][self.rng.usize(..3)]);
        let topic = format!("out/{}", self.rng.u8(..3));
        let length = [6_000, 500, 0][usize::from(self.rng.u8(..20).min(2))];
        let mut message = message(&topic, &format!("{number}:{}", "x".repeat(length)), qos);
        message.set_retain(self.rng.u8(..10) == 0);
        let interval = (self.v5 && self.rng.u8(..5) == 0).then(|| self.rng.u32(1..5));
        if interval.is_some() {
            message.properties_mut().message_expiry_interval = interval;
        }
        let timeout = (self.rng.u8(..20) == 0).then(|| millis(self.rng.u64(1..2_000)));
        let token = self.world.token();
        if let Err(rejected) = self.world.engine.publish(self.world.now, message, timeout, token) {
            self.note_rejected(&rejected.error);
            return;
        }
        self.counts.published += 1;
        if let Some(interval) = interval {
            self.expiring.insert(number, Expiring { accepted: self.world.now, interval });
        }
        let sent = Sent { topic, number, qos, excused: timeout.is_some(), orphaned: false };
        self.sent.insert(token, sent);
    }

    fn ask(&mut self) {
        self.next += 1;
        let (number, qos) = (self.next, [Q0, Q1, Q2][self.rng.usize(..3)]);
        let timeout = millis(self.rng.u64(100..20_000));
        if let Ok(token) = self.world.request(message(ASKED, &format!("{number}:"), qos), timeout) {
            self.asked.insert(token, number);
        }
    }

    /// Answers the requests that the broker has, most of them (so many of eight), as another client would.
    fn answer(&mut self, most: u8) {
        let requests = self.world.broker.record().accepted.get(ASKED).map(Vec::as_slice).unwrap_or_default();
        let new = requests[self.answered..].to_vec();
        self.answered = requests.len();
        for request in new.iter().filter(|_| self.rng.u8(..8) < most) {
            let topic = request.properties.response_topic.clone().unwrap().try_into().unwrap();
            let mut answer = BrokerMessage::new(&topic, request.payload.clone(), request.qos);
            answer.properties.correlation_data = request.properties.correlation_data.clone();
            self.world.broker.publish(self.world.now, answer);
        }
        self.world.settle();
    }

    fn publish_from_another(&mut self) {
        let topic = format!("in/{}/{}", ["a", "b"][self.rng.usize(..2)], self.rng.u8(..2));
        let qos = [Q0, Q1, Q2][self.rng.usize(..3)];
        self.broadcast(topic, qos);
    }

    fn broadcast(&mut self, topic: String, qos: QoS) {
        self.next += 1;
        let granted = if topic.starts_with("in/a") { Q1 } else { Q2 };
        let name = TopicName::try_from(topic.as_str()).unwrap();
        let message = BrokerMessage::new(&name, format!("{}:", self.next), qos);
        // Before the first SUBACK nobody owes the message to the client.
        let lost = !is_subscribed(&self.world);
        self.broadcast.insert(self.next, Broadcast { topic, qos: qos.min(granted), lost });
        self.world.broker.publish(self.world.now, message);
        self.world.settle();
    }

    fn take(&mut self) {
        let reader = self.rng.usize(..self.readers.len());
        for _ in 0..self.rng.usize(1..6) {
            if !self.take_one(reader) {
                break;
            }
        }
    }

    /// Asks for the next message, which takes the one before.
    fn take_one(&mut self, reader: usize) -> bool {
        let Reader { stream, in_hand } = &mut self.readers[reader];
        self.taken.numbers.extend(in_hand.take());
        let Ok(Some(message)) = self.world.engine.receive(self.world.now, *stream) else {
            return false;
        };
        let number = number_of(message.payload());
        self.counts.received += 1;
        self.received.insert(number);
        self.taken.note(message.topic(), number, message.qos(), self.counts.crashes > 0);
        if self.stream_options.manual_ack {
            self.unacknowledged.push(message);
        } else {
            *in_hand = Some(number);
        }
        true
    }

    /// The program acknowledges some of what it has, in any order.
    fn acknowledge(&mut self) {
        for _ in 0..self.rng.usize(..8).min(self.unacknowledged.len()) {
            let message = self.unacknowledged.swap_remove(self.rng.usize(..self.unacknowledged.len()));
            self.counts.acknowledged_late += 1;
            self.taken.numbers.insert(number_of(message.payload()));
            self.world.engine.acknowledge(self.world.now, &message);
        }
    }

    fn disturb_the_next_connection(&mut self) {
        let disturbance = match self.rng.u8(..5) {
            0 => OnConnect::refuse(ReasonCode::ServerBusy),
            1 => OnConnect::Drop,
            2 => OnConnect::Silent,
            3 if self.v5 => self.redirect(),
            _ => OnConnect::Mute,
        };
        self.world.broker.on_connect.push_back(disturbance);
    }

    /// To one of several addresses of the same server.
    fn redirect(&mut self) -> OnConnect {
        self.counts.redirects += 1;
        let reason_code =
            if self.rng.bool() { ReasonCode::UseAnotherServer } else { ReasonCode::ServerMoved };
        let reference = format!("broker:{} broker", self.rng.u16(1..10));
        let properties = ConnAckProperties {
            server_reference: Some(reference.try_into().unwrap()),
            ..ConnAckProperties::default()
        };
        OnConnect::Refuse(Box::new(ConnAck { reason_code, properties, ..ConnAck::default() }))
    }

    fn withdraw(&mut self) {
        if let Some(token) = self.asked.keys().next_back().filter(|_| self.rng.u8(..4) == 0) {
            self.world.engine.cancel(self.world.now, *token);
        }
        let tokens: Vec<Token> = self.sent.keys().rev().take(20).copied().collect();
        if let Some(token) = tokens.get(self.rng.usize(..20))
            && self.world.engine.cancel(self.world.now, *token)
        {
            self.sent.get_mut(token).unwrap().excused = true;
        }
    }

    /// Started by either side; the outcome concerns nobody.
    fn reauthenticate(&mut self) {
        if self.rng.bool() {
            self.world.broker.send_auth("c", ReasonCode::ReAuthenticate);
        } else if self.world.engine.grant().is_some() {
            let token = self.world.token();
            self.world.engine.reauthenticate(self.world.now, token).unwrap();
        }
    }

    fn lose_sessions(&mut self) {
        self.counts.losses += 1;
        self.world.lose_sessions();
        self.last_before_loss = self.next;
        // What was under way to the client is gone.
        for broadcast in self.broadcast.values_mut() {
            broadcast.lost = true;
        }
    }

    fn crash(&mut self) {
        self.counts.crashes += 1;
        self.note_completions();
        for sent in self.sent.values_mut() {
            sent.orphaned = true;
        }
        self.asked.clear();
        self.count_process();
        self.world.crash();
        self.start();
    }

    /// What only the engine of this process knows.
    fn count_process(&mut self) {
        let metrics = self.world.engine.metrics();
        self.counts.unmatched_responses += metrics.unmatched_responses;
        self.counts.dropped += metrics.dropped_incoming;
    }

    /// Nothing disturbs any more: everything must come to its end.
    fn finish(&mut self) {
        self.world.reachable = true;
        self.world.broker.on_connect.clear();
        self.world.broker.config.maximum_packet_size = None;
        if self.world.broker.config.acks != AckPolicy::Immediate {
            self.world.broker.config.acks = AckPolicy::Immediate;
            self.world.broker.release_acks(self.world.now);
        }
        let healed = self.world.run_until(|world| is_subscribed(world));
        assert!(healed, "the subscriptions are not restored: {:?}", self.world.events.last());
        self.wait_without_taking();
        for _ in 0..4 {
            self.publish_from_another();
            self.publish();
        }
        let responses = self.counts.responses;
        if self.v5 {
            let last = message(ASKED, &format!("{}:", usize::MAX), Q1);
            let token = self.world.request(last, secs(500)).unwrap();
            self.asked.insert(token, usize::MAX);
        }
        for _ in 0..2_000 {
            for reader in 0..self.readers.len() {
                while self.take_one(reader) {}
            }
            self.acknowledge();
            self.world.run_for(millis(500));
            self.answer(8);
            self.note_completions();
            let open = self.sent.values().filter(|sent| !sent.orphaned).count();
            let pending = self.world.broker.pending("c");
            if open == 0 && self.asked.is_empty() && pending == 0 && self.world.engine.metrics().queued == 0 {
                break;
            }
        }
        self.check();
        self.check_end();
        assert!(!self.v5 || self.counts.responses > responses, "the last request was not answered");
    }

    /// A program that waits for an acknowledgement does not take messages meanwhile.
    fn wait_without_taking(&mut self) {
        for number in 0..3 * self.stream_options.max_messages.min(10) {
            self.broadcast(format!("in/{}/0", ["a", "b"][number % 2]), Q0);
        }
        self.next += 1;
        let token = self.world.publish(message("out/0", &format!("{}:", self.next), Q1)).unwrap();
        let outcome = self.world.published(token);
        assert!(outcome.is_ok(), "a message in a time of peace ended with {outcome:?}");
    }
}

/// Whether the broker has the subscriptions of the program.
pub(crate) fn is_subscribed(world: &World) -> bool {
    let filters = world.broker.filters("c");
    FILTERS.iter().all(|(filter, _)| filters.iter().any(|known| known.as_str() == *filter))
}

fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message::new(topic, payload.to_owned()).unwrap().with_qos(qos)
}
