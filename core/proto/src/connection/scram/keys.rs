//! What SCRAM computes from the password.

use std::fmt;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What is left to compute of a SCRAM exchange: PBKDF2, made to take long (some 100 milliseconds or more at a great
/// count of iterations), so that it must not run where others wait: not under a lock, not in an executor's thread.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyDerivation {
    pub(crate) password: String,
    pub(crate) salt: Bytes,
    pub(crate) iterations: u32,
}

impl KeyDerivation {
    /// Computes the keys; pure.
    #[must_use]
    pub fn derive(&self) -> ScramKeys {
        let mut salted_password = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(
            self.password.as_bytes(),
            &self.salt,
            self.iterations,
            &mut salted_password,
        );
        ScramKeys {
            client: hmac(&salted_password, b"Client Key"),
            server: hmac(&salted_password, b"Server Key"),
        }
    }

    /// How many times the password is hashed.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl fmt::Debug for KeyDerivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyDerivation")
            .field("password", &"[redacted]")
            .field("salt", &"[redacted]")
            .field("iterations", &self.iterations)
            .finish()
    }
}

/// The keys of one user for one salt and count of iterations: as secret as the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    client: [u8; 32],
    server: [u8; 32],
}

impl ScramKeys {
    pub(super) fn client_proof(&self, auth_message: &[u8]) -> [u8; 32] {
        let stored_key: [u8; 32] = Sha256::digest(self.client).into();
        let mut proof = hmac(&stored_key, auth_message);
        for (byte, key) in proof.iter_mut().zip(self.client) {
            *byte ^= key;
        }
        proof
    }

    /// Compares in constant time.
    pub(super) fn is_servers_signature(&self, auth_message: &[u8], signature: &[u8]) -> bool {
        mac(&self.server, auth_message).verify_slice(signature).is_ok()
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    mac(key, message).finalize().into_bytes().into()
}

fn mac(key: &[u8; 32], message: &[u8]) -> Hmac<Sha256> {
    // A key shorter than a block of SHA-256 is that block's beginning.
    let mut block = [0; 64];
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac
}
