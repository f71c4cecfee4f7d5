//! Handles against the driver, in every order of events: nobody sleeps while there is something for it to do.
//!
//! The lock is loom's here, which tries the orders one by one; a waker that is never woken ends in its word "deadlock".
//! `scripts/interleavings` runs these tests.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking, and so does what it is made from")]

use std::future::{IntoFuture, poll_fn};
use std::process::Command;
use std::task::Waker;

use loom::future::block_on;
use loom::thread;
use polymqtt_proto::engine::{DisconnectOptions, Token};
use polymqtt_proto::message::Message;
use polymqtt_proto::options::{Options, QueueOptions};
use polymqtt_proto::qos::QoS;

use super::*;
use crate::parked::RUN;
use crate::publish::{Delivery, Publish};
use crate::shared::KeepConnected;
use crate::subscription::{Operation, Subscribe};
use crate::transport::obedient::Obedient;

/// How often a thread may lose its turn where it could go on: enough to be between any two steps of another thread
/// and to be there again. One more takes minutes.
const PREEMPTIONS: usize = 2;

/// In words. loom gives its threads 32 KiB by themselves.
const STACK: usize = 32 * 1024;

/// Runs `test` in every order, each time with a client that is connected and whose driver was not polled since.
fn in_every_order(test: impl Fn(Arc<KeepConnected>, Driver) + Send + Sync + 'static) {
    let test = Arc::new(test);
    for client in [connected, connected_long_ago] {
        let test = Arc::clone(&test);
        in_every_order_of(client, move |handle, driver| test(handle, driver));
    }
}

fn in_every_order_of(
    client: fn() -> (Arc<KeepConnected>, Driver),
    test: impl Fn(Arc<KeepConnected>, Driver) + Send + Sync + 'static,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // The driver's timer wants it; no deadline comes near.
    let _entered = runtime.enter();
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    let test = Arc::new(test);
    model.check(move || {
        let test = Arc::clone(&test);
        let whole = spawn(move || {
            let (handle, driver) = client();
            test(handle, driver);
        });
        whole.join().unwrap();
    });
}

fn spawn<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().stack_size(STACK).spawn(act).unwrap()
}

fn connected() -> (Arc<KeepConnected>, Driver) {
    let (handle, mut driver) = prepared();
    let shared = &handle.0;
    let now = shared.now();
    shared.with(|state, _| state.engine.connect(now, Token::NONE)).unwrap().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    driver.turn(cx.waker());
    driver.link = Link::Open(Wire::new(Transport::Obedient(Obedient::default()), None));
    driver.news.opened = true;
    while let Turn::Over(wanted) = driver.turn(cx.waker())
        && driver.transfer(&mut cx, wanted.reading)
    {}
    assert!(shared.lock().unwrap().engine.grant().is_some());
    (handle, driver)
}

/// One whose driver, once it rests, lends its wire to the first who has something to send.
fn connected_long_ago() -> (Arc<KeepConnected>, Driver) {
    let (handle, driver) = connected();
    handle.0.lock().unwrap().written = Timestamp::ZERO;
    (handle, driver)
}

/// A client that was not told to connect.
fn prepared() -> (Arc<KeepConnected>, Driver) {
    let queue = QueueOptions { max_messages: 2, ..QueueOptions::default() };
    let options = Options::new("mqtt://server").unwrap().queue(queue);
    let engine = Engine::new(options.check().unwrap(), [0; 16], Timestamp::ZERO);
    let shared = Arc::new(Shared::new(engine, Instant::now() - 2 * RUN));
    let driver = Driver::new(Arc::clone(&shared), Connector::new(&options), Hooks::default());
    (Arc::new(KeepConnected(shared)), driver)
}

fn publish<'a>(handle: &'a KeepConnected, topic: &str, qos: QoS) -> Publish<'a> {
    Publish::new(&handle.0, true, Ok(Message::new(topic, "").unwrap().with_qos(qos)))
}

/// Takes all room that there is: one message is on its way, the others wait in the queue.
fn fill(handle: &KeepConnected) -> [Delivery; 3] {
    ["1", "2", "3"].map(|topic| block_on(publish(handle, topic, QoS::AtLeastOnce).enqueue()).unwrap())
}

fn drive(driver: impl Future<Output = ()> + Send + 'static) -> thread::JoinHandle<()> {
    spawn(move || block_on(driver))
}

#[test]
fn what_is_accepted_is_written_and_its_outcome_told() {
    in_every_order(|handle, driver| {
        let driver = drive(driver);
        block_on(publish(&handle, "a", QoS::AtLeastOnce).into_future()).unwrap();
        drop(handle);
        driver.join().unwrap();
    });
}

#[test]
fn two_programs_publish_at_once() {
    in_every_order(|handle, driver| {
        let driver = drive(driver);
        let other = Arc::clone(&handle);
        let other = spawn(move || {
            block_on(publish(&other, "b", QoS::AtLeastOnce).into_future()).unwrap();
        });
        block_on(publish(&handle, "a", QoS::AtLeastOnce).into_future()).unwrap();
        drop(handle);
        other.join().unwrap();
        driver.join().unwrap();
    });
}

#[test]
fn who_waits_for_room_is_woken() {
    in_every_order(|handle, driver| {
        fill(&handle);
        let driver = drive(driver);
        block_on(publish(&handle, "4", QoS::AtLeastOnce).into_future()).unwrap();
        drop(handle);
        driver.join().unwrap();
    });
}

/// Leaving the line passes the turn on.
#[test]
fn who_waits_behind_one_that_gives_up_is_woken() {
    in_every_order(|handle, driver| {
        fill(&handle);
        let mut gives_up = Box::pin(publish(&handle, "4", QoS::AtLeastOnce).into_future());
        assert!(gives_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let other = Arc::clone(&handle);
        let other = spawn(move || {
            block_on(publish(&other, "5", QoS::AtLeastOnce).into_future()).unwrap();
        });
        let driver = drive(driver);
        drop(gives_up);
        other.join().unwrap();
        drop(handle);
        driver.join().unwrap();
    });
}

/// Each who gets a place passes the turn on; no driver helps.
#[test]
fn two_places_that_become_free_at_once_are_both_taken() {
    in_every_order(|handle, _driver| {
        let [_, second, third] = fill(&handle);
        let others = ["4", "5"].map(|topic| {
            let handle = Arc::clone(&handle);
            spawn(move || {
                block_on(publish(&handle, topic, QoS::AtLeastOnce).enqueue()).unwrap();
            })
        });
        second.cancel();
        third.cancel();
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn who_waits_for_a_message_is_woken() {
    in_every_order(|handle, driver| {
        let filters = vec!["echo".try_into().unwrap()];
        let mut stream = Subscribe::new(&handle, Ok(filters)).declare().unwrap();
        let receiver = spawn(move || block_on(stream.recv()).unwrap().unwrap());
        let driver = drive(driver);
        block_on(publish(&handle, "echo", QoS::AtMostOnce).into_future()).unwrap();
        assert_eq!(receiver.join().unwrap().topic(), "echo");
        drop(handle);
        driver.join().unwrap();
    });
}

#[test]
fn the_last_handle_ends_the_driver_whichever_it_is() {
    in_every_order(|handle, driver| {
        let driver = drive(driver);
        let other = Arc::clone(&handle);
        let other = spawn(move || drop(other));
        drop(handle);
        other.join().unwrap();
        driver.join().unwrap();
    });
}

async fn disconnect(handle: &KeepConnected) {
    let (shared, now) = (&handle.0, handle.0.now());
    let disconnect = shared.with(|state, _| {
        let token = state.operations.start();
        state.engine.disconnect(now, DisconnectOptions::default(), token).map(|()| token)
    });
    let token = disconnect.unwrap().unwrap();
    Operation { shared, token }.wait().await.unwrap();
}

#[test]
fn all_who_disconnect_learn_of_the_end() {
    in_every_order(|handle, driver| {
        let driver = drive(driver);
        let other = Arc::clone(&handle);
        let other = spawn(move || block_on(disconnect(&other)));
        block_on(disconnect(&handle));
        other.join().unwrap();
        driver.join().unwrap();
    });
}

#[test]
fn a_client_that_never_connected_ends_too() {
    in_every_order_of(prepared, |handle, driver| {
        let driver = drive(driver);
        drop(handle);
        driver.join().unwrap();
    });
}

#[test]
fn who_waits_for_events_is_woken() {
    in_every_order(|handle, driver| {
        let mut events = handle.0.lock().unwrap().listeners.add();
        let listener = spawn(move || block_on(async { while events.recv().await.is_some() {} }));
        let driver = drive(driver);
        drop(handle);
        listener.join().unwrap();
        driver.join().unwrap();
    });
}

/// With its runtime, as a program may do at any time: nobody goes on waiting.
#[test]
fn a_driver_that_is_dropped_leaves_nobody_waiting() {
    in_every_order(|handle, driver| {
        let dropping = spawn(move || drop(driver));
        let outcome = block_on(publish(&handle, "a", QoS::AtLeastOnce).into_future());
        assert!(outcome.is_err());
        dropping.join().unwrap();
    });
}

/// A driver that rests without looking again under the lock that it rests by.
#[test]
#[ignore = "dies of its deadlock; run by the test below"]
fn a_careless_driver() {
    in_every_order(|handle, mut driver| {
        let driver = drive(poll_fn(move |cx| {
            loop {
                let wanted = match driver.turn(cx.waker()) {
                    Turn::Over(wanted) => wanted,
                    Turn::Lent => return Poll::Pending,
                    Turn::Ended => return Poll::Ready(()),
                };
                if !driver.transfer(cx, wanted.reading) {
                    driver.shared.lock().unwrap().park(Parked::new(cx.waker().clone(), wanted, None));
                    return Poll::Pending;
                }
            }
        }));
        block_on(publish(&handle, "a", QoS::AtLeastOnce).into_future()).unwrap();
        drop(handle);
        driver.join().unwrap();
    });
}

/// What loom's threads hold can't be dropped after a deadlock, so that it ends a whole process.
#[test]
fn a_driver_that_sleeps_for_ever_is_found() {
    let careless = ["--ignored", "--exact", "driver::interleavings::a_careless_driver", "--nocapture"];
    let ended = Command::new(std::env::current_exe().unwrap()).args(careless).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("deadlock; threads"), "{said}");
}
