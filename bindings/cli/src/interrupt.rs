//! Ctrl-C and SIGTERM: the first lets the command finish in order, the second ends it at once.

use tokio::sync::watch;

use crate::exit::Exit;

/// Tells when the user wants the command to end.
pub(crate) struct Interrupt(watch::Receiver<Option<Exit>>);

impl Interrupt {
    /// Starts to listen for signals: from the return on, none ends the process by itself. Must be called within the
    /// runtime.
    pub(crate) fn listen() -> Self {
        let (tell, told) = watch::channel(None);
        let mut signals = Signals::catch();
        tokio::spawn(async move {
            let exit = signals.next().await;
            let _ = tell.send(Some(exit));
            // The command may be stuck in a write that nobody reads.
            std::process::exit(i32::from(signals.next().await as u8));
        });
        Self(told)
    }

    /// Completes, with the exit code to end with, once a signal came. May be awaited again.
    pub(crate) async fn wait(&mut self) -> Exit {
        match self.0.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Interrupted),
            Err(_) => std::future::pending().await,
        }
    }
}

/// The signals that are caught; `None` where that failed, so that the signal ends the process by itself.
#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn catch() -> Self {
        use tokio::signal::unix::{SignalKind, signal};

        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            Some(_) = async { self.interrupt.as_mut()?.recv().await } => Exit::Interrupted,
            Some(_) = async { self.terminate.as_mut()?.recv().await } => Exit::Terminated,
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn catch() -> Self {
        Self
    }

    async fn next(&mut self) -> Exit {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Exit::Interrupted,
            // Without a handler the signal ends the process by itself.
            Err(_) => std::future::pending().await,
        }
    }
}
