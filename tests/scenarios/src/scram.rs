//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), which may lie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub(crate) const METHOD: &str = "SCRAM-SHA-256";

const SALT: &[u8] = b"salt of a scenario";

/// What the server knows and how it behaves.
pub(crate) struct Server {
    password: String,
    iterations: u32,
    lies: bool,
    pub(crate) only_challenges: bool,
}

/// An exchange, its challenge made.
pub(crate) struct Exchange {
    server: Server,
    first: String,
    challenge: String,
    nonce: String,
}

impl Server {
    /// `password`, `iterations` (4096), `wrong_signature` and `only_challenge` (false) of a script's line.
    pub(crate) fn from_fields(fields: &Map<String, Value>) -> Result<Self, String> {
        let known = ["password", "iterations", "wrong_signature", "only_challenge"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("{name:?} is none of {}", known.join(", ")));
        }
        let password = fields.get("password").and_then(Value::as_str).ok_or("password= is missing")?;
        let iterations = fields.get("iterations").and_then(Value::as_u64).unwrap_or(4096);
        Ok(Self {
            password: password.to_owned(),
            iterations: u32::try_from(iterations).map_err(|error| error.to_string())?,
            lies: fields.get("wrong_signature") == Some(&Value::Bool(true)),
            only_challenges: fields.get("only_challenge") == Some(&Value::Bool(true)),
        })
    }

    /// Takes the client's first message.
    pub(crate) fn begin(self, message: &str) -> Result<Exchange, String> {
        let first = message.strip_prefix("n,,").ok_or("the client's first message has no n,, in front")?;
        let nonce = format!("{}-of-the-server", part(first, "r=")?);
        let challenge = format!("r={nonce},s={},i={}", BASE64.encode(SALT), self.iterations);
        Ok(Exchange { server: self, first: first.to_owned(), challenge, nonce })
    }
}

impl Exchange {
    pub(crate) fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Takes the client's proof; gives the server's last word.
    pub(crate) fn finish(self, message: &str) -> Result<String, String> {
        if part(message, "r=")? != self.nonce {
            return Err("the client's nonce is another one".to_owned());
        }
        let (unproved, proof) = message.rsplit_once(",p=").ok_or("the client gives no proof")?;
        let signed = format!("{},{},{unproved}", self.first, self.challenge);
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(
            self.server.password.as_bytes(),
            SALT,
            self.server.iterations,
            &mut salted,
        );
        let client_key = mac(&salted, b"Client Key")?;
        let signature = mac(&Sha256::digest(client_key), signed.as_bytes())?;
        let expected: Vec<u8> = client_key.iter().zip(signature).map(|(key, sign)| key ^ sign).collect();
        if BASE64.decode(proof).ok() != Some(expected) {
            return Err("the client's proof is wrong".to_owned());
        }
        let server_key = mac(&salted, b"Server Key")?;
        let signed = if self.server.lies { "something else" } else { signed.as_str() };
        Ok(format!("v={}", BASE64.encode(mac(&server_key, signed.as_bytes())?)))
    }
}

fn part<'a>(message: &'a str, name: &str) -> Result<&'a str, String> {
    let found = message.split(',').find_map(|part| part.strip_prefix(name));
    found.ok_or_else(|| format!("{name} is missing in {message:?}"))
}

fn mac(key: &[u8], data: &[u8]) -> Result<[u8; 32], String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(data);
    Ok(mac.finalize().into_bytes().into())
}
