//! The lock that handles and driver meet at: the standard library's, or loom's where every order of events is tried.

#[cfg(all(test, polymqtt_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(all(test, polymqtt_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard};
