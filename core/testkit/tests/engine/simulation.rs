//! Random commands, cuts, resumes and losses, with the promises checked after each step.
//!
//! A failing seed is printed; `POLYMQTT_SEED=<seed>` plays that one alone, `POLYMQTT_EPISODES=<n>` sets how many.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use polymqtt_proto::codec::{ConnAck, ConnAckProperties, Version};
use polymqtt_proto::engine::{Completion, Event, StreamId, Token};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{
    Authentication, Options, QueueOptions, ReconnectOptions, RedirectOptions, Scram,
};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{
    AckPolicy, BrokerAuthentication, BrokerConfig, BrokerMessage, OnConnect, Overlapping,
};
use polymqtt_testkit::pipe::PipeConfig;
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, message, millis, options, secs};

const EPISODES: u64 = 300;
const STEPS: usize = 500;
/// Where requests go.
const ASKED: &str = "ask";
const FILTERS: [(&str, QoS); 2] = [("in/a/#", QoS::AtLeastOnce), ("in/b/#", QoS::ExactlyOnce)];

#[derive(Debug, Default)]
struct Counts {
    cuts: usize,
    half_open: usize,
    connections: usize,
    resumed: usize,
    losses: usize,
    crashes: usize,
    redirects: usize,
    published: usize,
    received: usize,
    responses: usize,
    unmatched_responses: u64,
    reauthenticated: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.half_open += other.half_open;
        self.connections += other.connections;
        self.resumed += other.resumed;
        self.losses += other.losses;
        self.crashes += other.crashes;
        self.redirects += other.redirects;
        self.published += other.published;
        self.received += other.received;
        self.responses += other.responses;
        self.unmatched_responses += other.unmatched_responses;
        self.reauthenticated += other.reauthenticated;
    }
}

#[test]
fn promises_hold_whatever_happens() {
    play(false);
}

#[test]
fn promises_hold_even_if_the_process_is_killed() {
    play(true);
}

fn play(crashes: bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("POLYMQTT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("POLYMQTT_EPISODES").unwrap_or(EPISODES),
    };
    let mut counts = Counts::default();
    let mut failed = Vec::new();
    for seed in seeds {
        let mut episode = Episode::new(seed, crashes);
        let outcome = catch_unwind(AssertUnwindSafe(|| episode.run()));
        if outcome.is_err() {
            println!("seed {seed}, v5: {}, {:?}\n", episode.v5, episode.counts);
            failed.push(seed);
        }
        counts += episode.counts;
        assert!(failed.len() < 12, "seeds that failed, replay with POLYMQTT_SEED=<seed>: {failed:?}");
    }
    println!("{counts:?}");
    if failed.is_empty() && number("POLYMQTT_SEED").is_none() && number("POLYMQTT_EPISODES").is_none() {
        // The generator itself must not wither unnoticed.
        assert!(counts.cuts > 1_000 && counts.resumed > 1_000 && counts.losses > 100, "{counts:?}");
        assert!(counts.redirects > 100, "{counts:?}");
        assert!(!crashes || counts.crashes > 100, "{counts:?}");
        assert!(counts.responses > 1_000 && counts.unmatched_responses > 100, "{counts:?}");
        assert!(counts.reauthenticated > 100, "{counts:?}");
    }
    assert!(failed.is_empty(), "seeds that failed, replay with POLYMQTT_SEED=<seed>: {failed:?}");
}

/// What was asked of the engine with a token.
struct Sent {
    topic: String,
    number: usize,
    qos: QoS,
    /// Whether it may end without having been delivered: by a timeout, a withdrawal or a loss of the session.
    excused: bool,
    /// Whether the process that asked was killed.
    orphaned: bool,
}

struct Episode {
    world: World,
    rng: fastrand::Rng,
    sent: BTreeMap<Token, Sent>,
    /// The numbers of the requests that wait for an answer.
    asked: BTreeMap<Token, usize>,
    /// How many requests at the broker were answered, or passed over.
    answered: usize,
    streams: Vec<StreamId>,
    /// What the application took, in order: payload number by topic.
    taken: BTreeMap<String, Vec<(usize, QoS)>>,
    numbers_taken: BTreeSet<usize>,
    /// How many of the broker's acknowledgements were looked at.
    acknowledged: usize,
    /// What other clients published, with whether the session was lost while it could be under way.
    broadcast: BTreeMap<usize, (String, QoS, bool)>,
    next: usize,
    /// The last number before the sessions were lost. When the CONNACK that tells of it gets lost too, or the process is
    /// killed before it is recorded, the client can't know that the session it finds is a new one: what it then sends
    /// again the server has twice.
    last_before_loss: usize,
    crashes: bool,
    v5: bool,
    /// Whether connections authenticate by SCRAM.
    scram: bool,
    /// How much had arrived at both ends when it was last looked at.
    checked: (usize, usize),
    counts: Counts,
}

impl Episode {
    fn new(seed: u64, crashes: bool) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let v5 = rng.u8(..10) < 8;
        let mut options = client_options(&mut rng, v5);
        if !v5 {
            options = options.version(Version::V311).clean_start(false);
        }
        let mut broker = broker_config(&mut rng);
        let scram = v5 && rng.u8(..3) == 0;
        if scram {
            let client = Scram::new("user", "pencil").iterations(1..=10);
            options = options.authentication(Authentication::ScramSha256(client));
            broker.authentication = Some(BrokerAuthentication::scram("pencil", 3));
        }
        let mut world = World::new(options.check().unwrap(), broker, rng.u64(..));
        world.network = network(&mut rng);
        if crashes || rng.u8(..4) == 0 {
            world.enable_journal(Duration::ZERO..=millis(rng.u64(0..30)));
        }
        Self {
            world,
            rng,
            sent: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: 0,
            streams: Vec::new(),
            taken: BTreeMap::new(),
            numbers_taken: BTreeSet::new(),
            acknowledged: 0,
            broadcast: BTreeMap::new(),
            next: 0,
            last_before_loss: 0,
            crashes,
            v5,
            scram,
            checked: (0, 0),
            counts: Counts::default(),
        }
    }

    fn run(&mut self) {
        self.start();
        for _ in 0..STEPS {
            self.act();
            self.note_completions();
            self.check();
        }
        self.finish();
        let record = self.world.broker.record();
        self.counts.connections = record.connections;
        self.counts.resumed = record.resumed;
        self.counts.reauthenticated = record.reauthentications;
    }

    /// Connects and subscribes; the outcome is awaited by nobody.
    fn start(&mut self) {
        self.world.start_connect();
        self.streams.clear();
        for (filter, qos) in FILTERS {
            let token = self.world.token();
            let stream = self.world.engine.subscribe(self.world.now, request(filter, qos), token).unwrap();
            self.streams.push(stream);
        }
    }

    fn act(&mut self) {
        match self.rng.u8(..100) {
            0..=29 => self.publish(),
            30..=33 if self.v5 => self.ask(),
            30..=34 => self.answer(7),
            35..=54 => self.broadcast(),
            55..=69 => self.take(),
            70..=89 => {
                let wait = self.rng.u64(0..200);
                self.world.run_for(millis(wait));
            }
            90..=92 => self.counts.cuts += usize::from(self.world.cut()),
            93 => self.counts.half_open += usize::from(self.world.half_open()),
            94 | 97 | 98 if self.scram && self.rng.bool() => self.reauthenticate(),
            94 => {
                self.world.reachable = false;
                self.world.run_for(secs(1));
                self.world.reachable = true;
            }
            95 => {
                let disturbance = match self.rng.u8(..5) {
                    0 => OnConnect::refuse(ReasonCode::ServerBusy),
                    1 => OnConnect::Drop,
                    2 => OnConnect::Silent,
                    3 if self.v5 => self.redirect(),
                    _ => OnConnect::Mute,
                };
                self.world.broker.on_connect.push_back(disturbance);
            }
            96 if self.rng.bool() => {
                let largest = [3, 20, u16::MAX][self.rng.usize(..3)];
                self.world.broker.config.receive_maximum = self.rng.u16(1..=largest);
            }
            96 => self.world.broker.disconnect(self.world.now, "c", ReasonCode::ServerBusy),
            97 => self.withdraw(),
            98 if self.rng.u8(..4) == 0 => self.lose_sessions(),
            99 if self.crashes && self.rng.bool() => self.crash(),
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
        let length = if self.rng.u8(..20) == 0 { 6_000 } else { 0 };
        let payload = format!("{number}:{}", "x".repeat(length));
        let token = self.world.token();
        let timeout = (self.rng.u8(..20) == 0).then(|| millis(self.rng.u64(1..2_000)));
        let accepted =
            self.world.engine.publish(self.world.now, message(&topic, &payload, qos), timeout, token);
        if accepted.is_ok() {
            self.counts.published += 1;
            let sent = Sent { topic, number, qos, excused: timeout.is_some(), orphaned: false };
            self.sent.insert(token, sent);
        }
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

    fn broadcast(&mut self) {
        self.next += 1;
        let number = self.next;
        let topic = format!("in/{}/{}", ["a", "b"][self.rng.usize(..2)], self.rng.u8(..2));
        let qos = [Q0, Q1, Q2][self.rng.usize(..3)];
        let granted = if topic.starts_with("in/a") { Q1 } else { Q2 };
        // Before the first SUBACK nobody owes the message to the client.
        let subscribed = is_subscribed(&self.world);
        self.broadcast.insert(number, (topic.clone(), qos.min(granted), !subscribed));
        broadcast(&mut self.world, &topic, &format!("{number}:"), qos);
    }

    fn take(&mut self) {
        let stream = self.streams[self.rng.usize(..self.streams.len())];
        for _ in 0..self.rng.usize(1..6) {
            if !self.take_one(stream) {
                break;
            }
        }
    }

    fn take_one(&mut self, stream: StreamId) -> bool {
        let Ok(Some(message)) = self.world.engine.receive(self.world.now, stream) else {
            return false;
        };
        self.counts.received += 1;
        let number = number_of(message.payload());
        self.numbers_taken.insert(number);
        self.taken.entry(message.topic().to_owned()).or_default().push((number, message.qos()));
        true
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
        for (_, _, lost) in self.broadcast.values_mut() {
            *lost = true;
        }
    }

    fn crash(&mut self) {
        self.counts.crashes += 1;
        self.note_completions();
        for sent in self.sent.values_mut() {
            sent.orphaned = true;
        }
        self.asked.clear();
        self.counts.unmatched_responses += self.world.engine.metrics().unmatched_responses;
        self.world.crash();
        self.start();
    }

    /// What completed is checked against what the broker has.
    fn note_completions(&mut self) {
        for (token, completion) in self.world.take_completions() {
            let Some(sent) = self.sent.remove(&token) else {
                self.note_response(token, completion);
                continue;
            };
            let Completion::Published(outcome) = completion else {
                panic!("a publish ended as {completion:?}");
            };
            match outcome {
                Ok(_) if sent.qos > Q0 => {
                    let payloads = self.world.broker.record().payloads(&sent.topic);
                    let there = payloads.iter().any(|payload| number_of(payload) == sent.number);
                    assert!(there, "{} was acknowledged but is not at the broker", sent.number);
                }
                Ok(_) => {}
                Err(error) => {
                    // A loss of the session is felt later than it happens.
                    let lost = self.counts.losses > 0 && sent.qos == Q2;
                    assert!(sent.excused || lost, "{} ended with {error} for no reason", sent.number);
                    let possible = [ErrorKind::Timeout, ErrorKind::Cancelled, ErrorKind::Indeterminate];
                    assert!(possible.contains(&error.kind()), "{} ended with {error:?}", sent.number);
                }
            }
        }
    }

    /// An answer is that of the very request.
    fn note_response(&mut self, token: Token, completion: Completion) {
        let (Some(number), Completion::Responded(outcome)) = (self.asked.remove(&token), completion) else {
            return;
        };
        match outcome {
            Ok(response) => {
                self.counts.responses += 1;
                assert_eq!(number_of(response.payload()), number, "the answer to another request");
            }
            Err(error) => {
                let ends = [ErrorKind::Timeout, ErrorKind::Cancelled];
                let lost = self.counts.losses > 0 && error.kind() == ErrorKind::Indeterminate;
                assert!(lost || ends.contains(&error.kind()), "request {number} ended with {error:?}");
            }
        }
    }

    fn check(&mut self) {
        self.world.assert_clean();
        let ended = self.world.events.iter().rev().take(3);
        for event in ended {
            if let Event::Disconnected { error, retry_in: None } = event {
                panic!("the client gave up: {error:?}");
            }
        }
        let metrics = self.world.engine.metrics();
        assert!(metrics.queued_bytes <= QueueOptions::default().max_bytes, "{metrics:?}");
        let record = self.world.broker.record();
        for message in &record.acknowledged[self.acknowledged..] {
            let (number, qos) = (number_of(&message.payload), message.qos);
            // An answer is taken when it arrives.
            let taken = self.numbers_taken.contains(&number)
                || !message.topic.starts_with("in/")
                || self.may_be_mistaken_for_known(qos);
            assert!(taken, "{number} at QoS {qos} to {} was acknowledged and not taken", message.topic);
        }
        self.acknowledged = record.acknowledged.len();
        // The rest looks at everything that ever arrived: only where something did.
        let arrived = (record.accepted_count(), self.counts.received);
        if std::mem::replace(&mut self.checked, arrived) == arrived {
            return;
        }
        for (topic, accepted) in &record.accepted {
            let twos = accepted.iter().filter(|message| message.qos == Q2);
            let mut seen = BTreeSet::new();
            for message in twos {
                let number = number_of(&message.payload);
                let once = seen.insert(number) || (number <= self.last_before_loss && message.dup);
                assert!(once, "{number} of QoS 2 is twice at the broker ({topic})");
            }
            check_order(topic, accepted.iter().map(|message| number_of(&message.payload)));
        }
        for (topic, taken) in &self.taken {
            let mut seen = BTreeSet::new();
            for (number, _) in taken.iter().filter(|(_, qos)| *qos == Q2) {
                // What a killed process took last may not be in its journal: the next one takes it again.
                let new = seen.insert(number) || self.counts.crashes > 0;
                assert!(new, "{number} of QoS 2 was delivered twice ({topic})");
            }
            for qos in [Q1, Q2] {
                check_order(
                    topic,
                    taken.iter().filter(|(_, other)| *other == qos).map(|(number, _)| *number),
                );
            }
        }
    }

    /// Nothing disturbs any more: everything must come to its end.
    fn finish(&mut self) {
        self.world.reachable = true;
        self.world.broker.on_connect.clear();
        if self.world.broker.config.acks != AckPolicy::Immediate {
            self.world.broker.config.acks = AckPolicy::Immediate;
            self.world.broker.release_acks(self.world.now);
        }
        let healed = self.world.run_until(|world| is_subscribed(world));
        assert!(healed, "the subscriptions are not restored: {:?}", self.world.events.last());
        for _ in 0..4 {
            self.broadcast();
            self.publish();
        }
        let responses = self.counts.responses;
        if self.v5 {
            let last = message(ASKED, &format!("{}:", usize::MAX), Q1);
            let token = self.world.request(last, secs(500)).unwrap();
            self.asked.insert(token, usize::MAX);
        }
        for _ in 0..2_000 {
            for stream in self.streams.clone() {
                while self.take_one(stream) {}
            }
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
        let open: Vec<_> = self.sent.values().filter(|sent| !sent.orphaned).map(|sent| sent.number).collect();
        assert!(
            open.is_empty(),
            "never ended: {open:?}; {:?}",
            self.world.events.iter().rev().take(3).collect::<Vec<_>>()
        );
        assert!(!self.v5 || self.counts.responses > responses, "the last request was not answered");
        let metrics = self.world.engine.metrics();
        assert!(self.asked.is_empty() && metrics.requests == 0, "{:?}, {metrics:?}", self.asked);
        self.counts.unmatched_responses += metrics.unmatched_responses;
        assert_eq!(self.world.broker.pending("c"), 0, "the broker still has messages for the client");
        self.check_delivery();
    }

    /// A process that is killed before it recorded the loss of the session leaves identifiers of QoS 2 messages that the
    /// next one, which finds the new session present, takes for its own: the server uses them for other messages.
    fn may_be_mistaken_for_known(&self, qos: QoS) -> bool {
        qos == Q2 && self.counts.crashes > 0 && self.counts.losses > 0
    }

    fn check_delivery(&self) {
        for (number, (topic, qos, lost)) in &self.broadcast {
            let taken = self.numbers_taken.contains(number);
            let enough = *lost || *qos == Q0 || taken || self.may_be_mistaken_for_known(*qos);
            assert!(enough, "{number} to {topic} at QoS {qos} never came");
        }
    }
}

/// Whether the broker has the subscriptions of the program.
fn is_subscribed(world: &World) -> bool {
    let filters = world.broker.filters("c");
    FILTERS.iter().all(|(filter, _)| filters.iter().any(|known| known.as_str() == *filter))
}

fn check_order(topic: &str, numbers: impl Iterator<Item = usize>) {
    let mut seen = BTreeSet::new();
    for number in numbers {
        let is_new = seen.insert(number);
        assert!(!is_new || seen.last() == Some(&number), "{number} came after {:?} on {topic}", seen.last());
    }
}

fn number_of(payload: &[u8]) -> usize {
    let text = std::str::from_utf8(payload).unwrap();
    text.split_once(':').unwrap().0.parse().unwrap()
}

fn client_options(rng: &mut fastrand::Rng, v5: bool) -> Options {
    let reconnect = ReconnectOptions { shortest: millis(50), longest: secs(2), stable_after: secs(5) };
    let mut options = options()
        .keep_trying(true)
        .reconnect(reconnect)
        .redirect(RedirectOptions { most_hops: u32::MAX, ..RedirectOptions::default() })
        .connect_timeout(secs(1))
        .subscribe_timeout(secs(10_000))
        .keep_alive(secs(rng.u64(1..5)))
        .receive_maximum(if rng.bool() { rng.u16(1..8) } else { 1_000 });
    if v5 {
        options = options.session_expiry(secs(100_000));
    }
    options
}

fn broker_config(rng: &mut fastrand::Rng) -> BrokerConfig {
    let acks = match rng.u8(..3) {
        0 => AckPolicy::Immediate,
        1 => AckPolicy::Scattered(Duration::ZERO..=millis(rng.u64(1..300))),
        _ => AckPolicy::Delayed(Duration::ZERO..=millis(rng.u64(1..300))),
    };
    BrokerConfig {
        receive_maximum: if rng.bool() { rng.u16(1..8) } else { u16::MAX },
        overlapping: if rng.bool() { Overlapping::OneCopy } else { Overlapping::CopyEach },
        subscription_identifiers: rng.bool(),
        uses_topic_aliases: rng.bool(),
        topic_alias_maximum: [0, 2, 4][rng.usize(..3)],
        acks,
        ..BrokerConfig::default()
    }
}

fn network(rng: &mut fastrand::Rng) -> PipeConfig {
    let longest = [1, 20, 200][rng.usize(..3)];
    PipeConfig {
        delay: Duration::ZERO..=millis(longest),
        largest_piece: [0, 4, 64][rng.usize(..3)],
        capacity: [1 << 20, 2_000][rng.usize(..2)],
    }
}
