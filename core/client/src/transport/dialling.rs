//! Which of a server's addresses to use: they race, so that one that does not answer costs a moment only (RFC 8305).

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// How long an attempt goes on alone (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// More addresses than these are not tried.
const MOST: usize = 32;

/// The addresses in the order of dialling: families in turn, the first address's family first, each in the order given
/// (RFC 8305, section 4).
pub(super) fn interleaved(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses = addresses.into_iter().peekable();
    let v6_first = addresses.peek().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv6() == v6_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < MOST {
        let before = ordered.len();
        ordered.extend(first.next());
        ordered.extend(second.next());
        if ordered.len() == before {
            break;
        }
    }
    ordered
}

/// Dials the addresses one after the other: the next begins when the last has failed or had its head start. Gives the
/// first connection and drops the other attempts; or the error of the last address to fail.
pub(super) async fn race<T, F>(addresses: Vec<SocketAddr>, dial: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = Vec::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no address");
    let mut head_start = pin!(tokio::time::sleep(HEAD_START));
    let mut due = true;
    poll_fn(move |cx| {
        loop {
            if due && let Some(address) = addresses.next() {
                attempts.push(Box::pin(dial(address)));
                head_start.as_mut().reset(tokio::time::Instant::now() + HEAD_START);
                due = false;
            }
            let mut won = None;
            attempts.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
                // Another has won already.
                _ if won.is_some() => false,
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    won = Some(stream);
                    false
                }
                Poll::Ready(Err(error)) => {
                    last = error;
                    due = true;
                    false
                }
            });
            if let Some(stream) = won {
                return Poll::Ready(Ok(stream));
            }
            if addresses.as_slice().is_empty() {
                if attempts.is_empty() {
                    let error = std::mem::replace(&mut last, io::ErrorKind::Other.into());
                    return Poll::Ready(Err(error));
                }
                return Poll::Pending;
            }
            due = due || head_start.as_mut().poll(cx).is_ready();
            if !due {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        text.split(' ').map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_from_the_first_on() {
        for (given, ordered) in [
            ("[::1]:1 [::2]:1 [::3]:1 0.0.0.1:1", "[::1]:1 0.0.0.1:1 [::2]:1 [::3]:1"),
            ("0.0.0.1:1 0.0.0.2:1 [::1]:1 [::2]:1", "0.0.0.1:1 [::1]:1 0.0.0.2:1 [::2]:1"),
            ("0.0.0.1:1", "0.0.0.1:1"),
        ] {
            assert_eq!(interleaved(addresses(given)), addresses(ordered));
        }
        assert_eq!(interleaved([]), []);
        let many = (0..1000).map(|port| SocketAddr::from(([0, 0, 0, 1], port)));
        assert!(interleaved(many).len() <= MOST);
    }

    /// What becomes of an attempt, in how many milliseconds.
    type Fate = (u64, Result<&'static str, io::ErrorKind>);

    const NEVER: Fate = (1_000_000_000, Err(io::ErrorKind::TimedOut));

    /// Races attempts to ports 0, 1, ..., which end like this. Gives the outcome, when it came, and when each attempt
    /// began, in milliseconds; and which attempts were dropped unfinished.
    async fn run(fates: &[Fate]) -> (Result<&'static str, io::ErrorKind>, u64, Vec<u64>, Vec<u16>) {
        struct Attempt<'a>(u16, &'a RefCell<Vec<u16>>);
        impl Drop for Attempt<'_> {
            fn drop(&mut self) {
                self.1.borrow_mut().push(self.0);
            }
        }
        let origin = Instant::now();
        let elapsed = || u64::try_from(origin.elapsed().as_millis()).unwrap();
        let (begun, dropped) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let ports =
            (0..u16::try_from(fates.len()).unwrap()).map(|port| SocketAddr::from(([0, 0, 0, 1], port)));
        let dial = |address: SocketAddr| {
            let attempt = Attempt(address.port(), &dropped);
            let (wait, outcome) = fates[usize::from(address.port())];
            begun.borrow_mut().push(elapsed());
            async move {
                sleep(Duration::from_millis(wait)).await;
                std::mem::forget(attempt);
                outcome.map_err(io::Error::from)
            }
        };
        let outcome = race(ports.collect(), dial).await.map_err(|error| error.kind());
        let at = elapsed();
        let (begun, dropped) = (begun.take(), dropped.take());
        (outcome, at, begun, dropped)
    }

    const REFUSED: io::ErrorKind = io::ErrorKind::ConnectionRefused;
    const UNREACHABLE: io::ErrorKind = io::ErrorKind::HostUnreachable;

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_soon_is_alone() {
        assert_eq!(run(&[(100, Ok("a")), (0, Ok("b"))]).await, (Ok("a"), 100, vec![0], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_costs_its_head_start_and_is_dropped() {
        assert_eq!(run(&[NEVER, (20, Ok("b"))]).await, (Ok("b"), 270, vec![0, 250], vec![0]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_starts_the_next_at_once() {
        let fates = [(10, Err(REFUSED)), (5, Err(REFUSED)), (1, Ok("c"))];
        assert_eq!(run(&fates).await, (Ok("c"), 16, vec![0, 10, 15], vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_one_may_still_win() {
        let fates = [(300, Ok("a")), (100, Ok("b")), NEVER];
        assert_eq!(run(&fates).await, (Ok("a"), 300, vec![0, 250], vec![1]));
    }

    #[tokio::test(start_paused = true)]
    async fn all_have_failed_when_the_last_has() {
        let fates = [(600, Err(UNREACHABLE)), (10, Err(REFUSED)), (10, Err(REFUSED))];
        assert_eq!(run(&fates).await, (Err(UNREACHABLE), 600, vec![0, 250, 260], vec![]));
        assert_eq!(run(&[]).await.0, Err(io::ErrorKind::NotFound));
    }
}
