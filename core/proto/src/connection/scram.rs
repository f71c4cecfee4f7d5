//! The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), a state a message: each is made from the one before, so
//! that no step can be left out.
//!
//! [`Opened`] sent the client-first-message, [`Challenged`] has read the server's, [`Proved`] sent the proof and
//! verifies that the server knows the password too. Channel binding is not offered: MQTT says nothing of it.

mod keys;
mod message;

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

pub use self::keys::{KeyDerivation, ScramKeys};
use self::message::{ServerFinal, ServerFirst};
use crate::error::{Error, ErrorKind};
use crate::reason::ReasonCode;

/// The authentication method's name in CONNECT and AUTH.
pub(crate) const METHOD: &str = "SCRAM-SHA-256";

/// No channel binding is asked for, nor another identity than the user's.
const GS2_HEADER: &str = "n,,";

/// The same in base64, as the client-final-message repeats it.
const GS2_HEADER_BASE64: &str = "biws";

/// A user name or password in the form that both sides compute with (SASLprep, RFC 4013).
///
/// # Errors
/// [`ErrorKind::InvalidOption`] when it is empty or has characters that are not allowed; the error doesn't show it.
pub(crate) fn prepare(what: &str, text: &str) -> Result<String, Error> {
    let prepared = stringprep::saslprep(text).map_err(|_shows_the_text| {
        let what = format!("{what}: SASLprep (RFC 4013) does not allow one of its characters");
        Error::new(ErrorKind::InvalidOption, what)
    })?;
    if prepared.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOption, format!("{what}: it must not be empty")));
    }
    Ok(prepared.into_owned())
}

/// The client-first-message is sent.
#[derive(Debug)]
pub(crate) struct Opened {
    nonce: String,
    client_first_bare: String,
}

impl Opened {
    /// Begins with a [prepared](prepare) user name and 24 secret random bytes; gives the client-first-message.
    pub(crate) fn new(username: &str, random: [u8; 24]) -> (Self, Bytes) {
        Self::with_nonce(username, BASE64.encode(random))
    }

    fn with_nonce(username: &str, nonce: String) -> (Self, Bytes) {
        let username = username.replace('=', "=3D").replace(',', "=2C");
        let client_first_bare = format!("n={username},r={nonce}");
        let client_first = format!("{GS2_HEADER}{client_first_bare}");
        (Self { nonce, client_first_bare }, client_first.into())
    }

    /// Reads the server-first-message.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it is malformed or does not go on with our nonce, [`ErrorKind::Unsupported`] when
    /// it needs an extension or a count of iterations outside the bounds.
    pub(crate) fn challenged(
        self,
        server_first: &[u8],
        iterations: &RangeInclusive<u32>,
    ) -> Result<Challenged, Error> {
        let ServerFirst { text, nonce, salt, iterations: count } = ServerFirst::parse(server_first)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(malformed("the server's nonce does not begin with the client's"));
        }
        if !iterations.contains(&count) {
            let (least, most) = (iterations.start(), iterations.end());
            let what = format!(
                "SCRAM: the server asks for {count} iterations: this client takes {least} to {most} (an option)"
            );
            return Err(Error::new(ErrorKind::Unsupported, what).with_reason_code(REFUSED));
        }
        let client_final = format!("c={GS2_HEADER_BASE64},r={nonce}");
        let auth_message = format!("{},{text},{client_final}", self.client_first_bare);
        Ok(Challenged { salt, iterations: count, client_final, auth_message })
    }
}

/// The server-first-message is read: it says how the keys are derived.
#[derive(Debug)]
pub(crate) struct Challenged {
    pub(crate) salt: Bytes,
    pub(crate) iterations: u32,
    /// Without the proof.
    client_final: String,
    auth_message: String,
}

impl Challenged {
    /// Proves knowledge of the password; gives the client-final-message.
    pub(crate) fn prove(self, keys: &ScramKeys) -> (Proved, Bytes) {
        let proof = BASE64.encode(keys.client_proof(self.auth_message.as_bytes()));
        let client_final = format!("{},p={proof}", self.client_final);
        (Proved { keys: keys.clone(), auth_message: self.auth_message }, client_final.into())
    }
}

/// The client-final-message is sent: the server has yet to prove itself.
#[derive(Debug)]
pub(crate) struct Proved {
    keys: ScramKeys,
    auth_message: String,
}

impl Proved {
    /// Reads the server-final-message and verifies the server's signature, in constant time.
    ///
    /// # Errors
    /// [`ErrorKind::NotAuthorized`] when the signature is missing or wrong or the server refuses the proof,
    /// [`ErrorKind::Protocol`] when the message is malformed.
    pub(crate) fn verify(&self, server_final: Option<&[u8]>) -> Result<(), Error> {
        let Some(server_final) = server_final else {
            return Err(unproved("it sent no signature"));
        };
        match ServerFinal::parse(server_final)? {
            ServerFinal::Error(error) => {
                let error: String = error.chars().take(LONGEST_SHOWN).collect();
                let what = format!("SCRAM: the server refused the authentication: {error:?}");
                Err(Error::new(ErrorKind::NotAuthorized, what).with_reason_code(REFUSED))
            }
            ServerFinal::Verifier(signature) => {
                if self.keys.is_servers_signature(self.auth_message.as_bytes(), &signature) {
                    Ok(())
                } else {
                    Err(unproved("its signature is wrong"))
                }
            }
        }
    }
}

/// DISCONNECT has no reason code of its own for a server that the client does not accept.
const REFUSED: ReasonCode = ReasonCode::ImplementationSpecificError;

/// Characters of the server's error that ours repeats; those of RFC 5802 are shorter.
const LONGEST_SHOWN: usize = 100;

/// The server did not show that it knows the password: it may be an impostor.
pub(crate) fn unproved(how: &str) -> Error {
    let what = format!("SCRAM: the server did not prove that it knows the password: {how}");
    Error::new(ErrorKind::NotAuthorized, what).with_reason_code(REFUSED)
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("SCRAM: {what}")).with_reason_code(ReasonCode::ProtocolError)
}

#[cfg(test)]
mod tests;
