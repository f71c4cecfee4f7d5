//! Enhanced authentication from the broker's end: SCRAM-SHA-256, and a toy method of questions and answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use polymqtt_proto::codec::{Auth, AuthProperties, Connect, Packet};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use sha2::{Digest, Sha256};

use super::ModelBroker;
use super::link::{LinkId, Phase};
use super::violation::Broken;

/// What the broker authenticates clients by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAuthentication {
    /// The method.
    pub method: BrokerMethod,
    /// What goes wrong, if anything.
    pub fault: Option<AuthenticationFault>,
}

/// A method of authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerMethod {
    /// SCRAM-SHA-256 for this one user.
    ScramSha256 {
        /// The password of everybody.
        password: String,
        /// What it is hashed with.
        salt: Vec<u8>,
        /// How often.
        iterations: u32,
    },
    /// "COUNT": each AUTH says a number, the client has to answer with the next one.
    Count {
        /// How many questions are asked.
        questions: u32,
    },
}

/// What a faulty or false server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthenticationFault {
    /// The signature is not that of a server that knows the password.
    WrongSignature,
    /// The last word has no signature.
    NoSignature,
    /// The client's nonce is replaced.
    OtherNonce,
    /// The last word names no method.
    NoMethod,
    /// AUTH names another method than CONNECT.
    OtherMethod,
    /// The client is accepted without an exchange.
    NoExchange,
    /// No answer ever comes.
    Silent,
}

/// An exchange under way on a link.
#[derive(Debug)]
pub(super) struct Exchange {
    step: Step,
    /// Of the client that waits for its CONNACK; else it authenticates again.
    connect: Option<Box<Connect>>,
}

#[derive(Debug)]
enum Step {
    /// SCRAM's proof is to come; what both sides sign so far, and the whole nonce.
    Proof { signed: String, nonce: String },
    /// The answer to this number is to come, with so many questions after it.
    Count { asked: u32, left: u32 },
}

/// What the broker says next.
enum Saying {
    Challenge(Step, Vec<u8>),
    Accept(Option<Vec<u8>>),
    Refuse,
}

impl BrokerAuthentication {
    /// SCRAM-SHA-256 with this password.
    #[must_use]
    pub fn scram(password: &str, iterations: u32) -> Self {
        let method = BrokerMethod::ScramSha256 {
            password: password.to_owned(),
            salt: b"some salt".to_vec(),
            iterations,
        };
        Self { method, fault: None }
    }

    /// So many questions.
    #[must_use]
    pub fn count(questions: u32) -> Self {
        Self { method: BrokerMethod::Count { questions }, fault: None }
    }

    /// The same with a fault.
    #[must_use]
    pub fn with_fault(self, fault: AuthenticationFault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    fn name(&self) -> Utf8String {
        match self.method {
            BrokerMethod::ScramSha256 { .. } => Utf8String::from_static("SCRAM-SHA-256"),
            BrokerMethod::Count { .. } => Utf8String::from_static("COUNT"),
        }
    }

    fn has(&self, fault: &AuthenticationFault) -> bool {
        self.fault.as_ref() == Some(fault)
    }

    /// The answer to the data of CONNECT, or of AUTH that begins again.
    fn begin(&self, data: &[u8]) -> Saying {
        if self.has(&AuthenticationFault::NoExchange) {
            return Saying::Accept(None);
        }
        match &self.method {
            BrokerMethod::ScramSha256 { salt, iterations, .. } => {
                let Some(bare) = std::str::from_utf8(data).ok().and_then(|text| text.strip_prefix("n,,"))
                else {
                    return Saying::Refuse;
                };
                let Some((_, nonce)) = bare.split_once(",r=") else {
                    return Saying::Refuse;
                };
                let other = self.has(&AuthenticationFault::OtherNonce);
                let nonce =
                    if other { "another-nonce-altogether".to_owned() } else { format!("{nonce}-server") };
                let first = format!("r={nonce},s={},i={iterations}", BASE64.encode(salt));
                let signed = format!("{bare},{first}");
                Saying::Challenge(Step::Proof { signed, nonce }, first.into_bytes())
            }
            BrokerMethod::Count { questions } => match *questions {
                0 => Saying::Accept(Some(b"0".to_vec())),
                left => {
                    let step = Step::Count { asked: 1, left: left - 1 };
                    Saying::Challenge(step, b"1".to_vec())
                }
            },
        }
    }

    /// The answer to the client's answer.
    fn go_on(&self, step: &Step, data: &[u8]) -> Saying {
        match (step, &self.method) {
            (Step::Proof { signed, nonce }, BrokerMethod::ScramSha256 { password, salt, iterations }) => {
                let salted = salted(password, salt, *iterations);
                let (client_key, server_key) = (hmac(&salted, b"Client Key"), hmac(&salted, b"Server Key"));
                let without_proof = format!("c=biws,r={nonce}");
                let signed = format!("{signed},{without_proof}");
                let stored_key = Sha256::digest(client_key);
                let signature = hmac(&stored_key, signed.as_bytes());
                let proof: Vec<u8> =
                    client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
                if data != format!("{without_proof},p={}", BASE64.encode(proof)).as_bytes() {
                    return Saying::Refuse;
                }
                let mut signature = hmac(&server_key, signed.as_bytes());
                if self.has(&AuthenticationFault::WrongSignature) {
                    signature.reverse();
                }
                let verifier = format!("v={}", BASE64.encode(signature)).into_bytes();
                Saying::Accept(Some(verifier).filter(|_| !self.has(&AuthenticationFault::NoSignature)))
            }
            (Step::Count { asked, left }, _) => {
                if data != (asked + 1).to_string().as_bytes() {
                    return Saying::Refuse;
                }
                let next = (asked + 2).to_string().into_bytes();
                match left {
                    0 => Saying::Accept(Some(next)),
                    left => Saying::Challenge(Step::Count { asked: asked + 2, left: left - 1 }, next),
                }
            }
            (Step::Proof { .. }, _) => Saying::Refuse,
        }
    }

    fn said(&self, data: Option<Vec<u8>>) -> AuthProperties {
        let other = self.has(&AuthenticationFault::OtherMethod);
        AuthProperties {
            authentication_method: Some(if other { Utf8String::from_static("OTHER") } else { self.name() }),
            authentication_data: data.map(Bytes::from),
            reason_string: Some(Utf8String::from_static("by the model broker")),
            ..AuthProperties::default()
        }
    }
}

impl ModelBroker {
    /// A CONNECT with an authentication method: the exchange begins.
    pub(super) fn authenticate(&mut self, id: LinkId, now: Timestamp, connect: Connect) {
        let offered = self.config.authentication.clone();
        let offered =
            offered.filter(|offered| Some(offered.name()) == connect.properties.authentication_method);
        let Some(offered) = offered else {
            return self.refuse_with(id, ReasonCode::BadAuthenticationMethod);
        };
        let data = connect.properties.authentication_data.clone().unwrap_or_default();
        if let Some(link) = self.links.get_mut(&id) {
            link.phase = Phase::Authenticating;
            link.authenticates_by = Some(offered.clone());
        }
        self.say(id, now, &offered, offered.begin(&data), Some(Box::new(connect)));
    }

    /// AUTH from a client.
    pub(super) fn auth(&mut self, id: LinkId, now: Timestamp, auth: &Auth) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let Some(offered) = link.authenticates_by.clone() else {
            let broken = Broken::new("MQTT-4.12.0-7", "AUTH without an authentication method in CONNECT");
            return self.fail(now, id, ReasonCode::ProtocolError, broken);
        };
        let exchange = link.exchange.take();
        let connected = link.phase == Phase::Connected;
        if auth.properties.authentication_method != Some(offered.name()) {
            let broken = Broken::new("MQTT-4.12.0-5", "AUTH names another method than CONNECT");
            return self.fail(now, id, ReasonCode::BadAuthenticationMethod, broken);
        }
        let data = auth.properties.authentication_data.clone().unwrap_or_default();
        self.record.auths.push(auth.clone());
        match (auth.reason_code, exchange) {
            (ReasonCode::ContinueAuthentication, Some(Exchange { step, connect })) => {
                self.say(id, now, &offered, offered.go_on(&step, &data), connect);
            }
            (ReasonCode::ReAuthenticate, None) if connected => {
                self.say(id, now, &offered, offered.begin(&data), None);
            }
            (other, exchange) => {
                let what = format!("AUTH with {other}, {exchange:?} being under way");
                self.fail(now, id, ReasonCode::ProtocolError, Broken::new("MQTT-4.12.0-3", what));
            }
        }
    }

    /// Sends AUTH with this reason code to the client, without having been asked.
    pub fn send_auth(&mut self, client_id: &str, reason_code: ReasonCode) {
        let Some(offered) = self.config.authentication.clone() else {
            return;
        };
        for id in self.links_of(client_id) {
            self.send(id, &Packet::Auth(Auth { reason_code, properties: offered.said(None) }));
        }
    }

    /// From now on this client's connections authenticate in this way.
    pub fn change_authentication(&mut self, client_id: &str, authentication: BrokerAuthentication) {
        for id in self.links_of(client_id) {
            if let Some(link) = self.links.get_mut(&id) {
                link.authenticates_by = Some(authentication.clone());
            }
        }
        self.config.authentication = Some(authentication);
    }

    fn say(
        &mut self,
        id: LinkId,
        now: Timestamp,
        offered: &BrokerAuthentication,
        saying: Saying,
        connect: Option<Box<Connect>>,
    ) {
        if offered.has(&AuthenticationFault::Silent) {
            return;
        }
        match (saying, connect) {
            (Saying::Challenge(step, data), connect) => {
                let properties = offered.said(Some(data));
                let auth = Auth { reason_code: ReasonCode::ContinueAuthentication, properties };
                self.send(id, &Packet::Auth(auth));
                if let Some(link) = self.links.get_mut(&id) {
                    link.exchange = Some(Exchange { step, connect });
                }
            }
            (Saying::Accept(data), Some(connect)) => {
                self.accept(id, now, *connect, &self.last_word(offered, data));
            }
            (Saying::Accept(data), None) => {
                let properties = self.last_word(offered, data);
                self.record.reauthentications += 1;
                self.send(id, &Packet::Auth(Auth { reason_code: ReasonCode::Success, properties }));
            }
            (Saying::Refuse, Some(_)) => self.refuse_with(id, ReasonCode::NotAuthorized),
            (Saying::Refuse, None) => self.end(now, id, ReasonCode::NotAuthorized),
        }
    }

    fn last_word(&self, offered: &BrokerAuthentication, data: Option<Vec<u8>>) -> AuthProperties {
        if offered.has(&AuthenticationFault::NoMethod) {
            return AuthProperties::default();
        }
        offered.said(data)
    }
}

/// PBKDF2 of one block, by its definition (RFC 8018, section 5.2).
fn salted(password: &str, salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut block = hmac(password.as_bytes(), &[salt, &1_u32.to_be_bytes()].concat());
    let mut sum = block;
    for _ in 1..iterations {
        block = hmac(password.as_bytes(), &block);
        sum.iter_mut().zip(block).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("a key may have any length");
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}
