//! What can end a run early.

use std::io;

/// Why a server connection, a contender's run or the whole benchmark failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A socket, a pipe or a file failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The other side sent something this benchmark does not expect.
    #[error("protocol: {0}")]
    Protocol(&'static str),
    /// A contender's own error, in its words.
    #[error("{0}")]
    Client(String),
    /// A child process did not give a measurement.
    #[error("child process: {0}")]
    Child(String),
    /// A run was still going at its time limit and was killed.
    #[error("no result within {0} s, killed")]
    TimedOut(u64),
    /// No name contains any of the filters.
    #[error("nothing is called so; names are workload/contender, as in publish-qos1/rumqttc")]
    NothingSelected,
    /// A measurement could not be written or read.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl BenchError {
    /// Keeps a contender's error as text; their types are all different.
    pub(crate) fn client(error: impl std::fmt::Display) -> Self {
        Self::Client(error.to_string())
    }
}

/// Adds what was being done to an I/O error.
pub(crate) trait Context<T> {
    /// Names what was being done when the error happened.
    fn context(self, context: &'static str) -> Result<T, BenchError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, context: &'static str) -> Result<T, BenchError> {
        self.map_err(|source| BenchError::Io { context, source })
    }
}
