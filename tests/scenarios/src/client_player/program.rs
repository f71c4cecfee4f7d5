//! The program that has the client. Each command begins in the order in which they come, and ends when it likes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use polymqtt::{
    Client, Delivery, Error, ErrorKind, Message, Request, Responder, Subscription, SubscriptionOptions,
    TopicFilter,
};
use polymqtt_proto::engine::SubscribeRequest;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::desk::Desk;
use crate::host::{self, Fields};

pub(super) struct Program {
    desk: Arc<Desk>,
    things: Rc<RefCell<Things>>,
    /// Commands that are under way, by their names.
    tasks: BTreeMap<String, AbortHandle>,
}

/// What commands gave, by their names.
#[derive(Default)]
struct Things {
    client: Option<Client>,
    subscriptions: BTreeMap<String, Stream>,
    responders: BTreeMap<String, Rc<Mutex<Responder>>>,
    deliveries: BTreeMap<String, Delivery>,
    /// Each with the name of its stream.
    messages: BTreeMap<String, (Message, String)>,
    requests: BTreeMap<String, Request>,
}

/// A subscription until it is closed, also under a receive that waits.
type Stream = Rc<RefCell<Option<Subscription>>>;

type Shared = Rc<RefCell<Things>>;

impl Program {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, things: Shared::default(), tasks: BTreeMap::new() }
    }

    pub(super) fn obey(&mut self, fields: &Fields) {
        if fields.contains_key("answer") {
            return self.desk.answered(fields);
        }
        let id = fields.get("id").and_then(Value::as_u64).unwrap_or_default();
        let verb = host::text(fields, "do").unwrap_or_default();
        if verb == "drop" {
            self.let_go(&host::text(fields, "what").unwrap_or_default());
            return self.desk.report(id, Ok(json!({})));
        }
        if matches!(verb.as_str(), "prepare" | "connect") {
            match self.prepare(fields) {
                Ok(()) if verb == "connect" => {}
                outcome => return self.desk.report(id, outcome.map(|()| json!({}))),
            }
        }
        let (desk, things, fields) = (Arc::clone(&self.desk), Rc::clone(&self.things), fields.clone());
        let name = host::text(&fields, "name").unwrap_or_default();
        let task = tokio::task::spawn_local(async move {
            let outcome = run(&verb, &things, &fields).await;
            desk.report(id, outcome);
        });
        self.tasks.insert(name, task.abort_handle());
    }

    fn prepare(&self, fields: &Fields) -> Result<(), Error> {
        let mut connect = Client::connect(host::options(fields)?);
        if fields.get("credentials_from_host") == Some(&Value::Bool(true)) {
            let desk = Arc::clone(&self.desk);
            connect = connect.credentials(move |attempt| {
                let desk = Arc::clone(&desk);
                async move { desk.credentials(attempt).await }
            });
        }
        if let Some(method) = host::text(fields, "authentication").filter(|method| method != "SCRAM-SHA-256")
        {
            let desk = Arc::clone(&self.desk);
            connect = connect.authenticator(&method, move |step| {
                let desk = Arc::clone(&desk);
                async move { desk.authentication(step).await }
            });
        }
        let client = connect.prepare()?;
        let (desk, mut events) = (Arc::clone(&self.desk), client.events());
        tokio::task::spawn_local(async move {
            while let Some(event) = events.recv().await {
                if let Some(report) = host::event(&event) {
                    desk.say(report);
                }
            }
        });
        self.things.borrow_mut().client = Some(client);
        Ok(())
    }

    fn let_go(&mut self, what: &str) {
        if let Some(task) = self.tasks.remove(what) {
            task.abort();
        }
        let mut things = self.things.borrow_mut();
        if what == "client" {
            things.client = None;
        }
        if let Some(subscription) = things.subscriptions.remove(what) {
            drop(subscription.take());
        }
        things.responders.remove(what);
        things.deliveries.remove(what);
    }
}

async fn run(verb: &str, things: &Shared, fields: &Fields) -> Result<Value, Error> {
    let client = things.borrow().client.clone().ok_or_else(|| unfit("there is no client"))?;
    let name = host::text(fields, "name").unwrap_or_default();
    match verb {
        "connect" | "start" => client.start().await.map(|grant| host::connected(&grant)),
        "publish" => publish(&client, fields)?.await.map(|ack| host::acknowledged(&ack)),
        "enqueue" => {
            let delivery = publish(&client, fields)?.enqueue().await?;
            things.borrow_mut().deliveries.insert(name, delivery);
            Ok(json!({}))
        }
        "publish_many" => {
            let outcomes = client.publish_many(host::messages(fields)?).await?;
            Ok(json!({ "outcomes": outcomes.iter().map(host::outcome_of_one).collect::<Vec<_>>() }))
        }
        "await" => {
            let delivery =
                host::text(fields, "delivery").and_then(|name| things.borrow_mut().deliveries.remove(&name));
            let delivery = delivery.ok_or_else(|| unfit("there is no such delivery"))?;
            delivery.await.map(|ack| host::acknowledged(&ack))
        }
        "cancel" => {
            let name = host::text(fields, "delivery").unwrap_or_default();
            if let Some(delivery) = things.borrow().deliveries.get(&name) {
                delivery.cancel();
            }
            Ok(json!({}))
        }
        "flush" => client.flush().await.map(|()| json!({})),
        "subscribe" => {
            let subscription = subscribe(&client, fields)?.await?;
            let granted = host::granted(subscription.granted());
            things.borrow_mut().subscriptions.insert(name, stream(subscription));
            Ok(granted)
        }
        "declare" => keep(things, name, subscribe(&client, fields)?.declare()?),
        "unclaimed" => keep(things, name, client.unclaimed(host::stream_options(fields)?)?),
        "unsubscribe" => {
            let stream = host::text(fields, "stream").unwrap_or_default();
            let subscription =
                things.borrow_mut().subscriptions.remove(&stream).and_then(|stream| stream.take());
            let subscription = subscription.ok_or_else(|| unfit("there is no such stream"))?;
            let mut unsubscribe = subscription.unsubscribe();
            for (name, value) in host::user_properties(fields) {
                unsubscribe = unsubscribe.user_property(&name, &value);
            }
            unsubscribe.await.map(|ack| host::unsubscribed(&ack))
        }
        "unsubscribe_filters" => {
            let ack = client.unsubscribe(host::filters(fields)?).await?;
            Ok(host::unsubscribed(&ack))
        }
        "receive" => receive(things, fields, name).await,
        "ack" => {
            let things = things.borrow();
            let message = host::text(fields, "message").and_then(|name| things.messages.get(&name));
            let (message, stream) = message.ok_or_else(|| unfit("there is no such message"))?;
            let subscription = things.subscriptions.get(stream).map(|stream| stream.borrow());
            let subscription = subscription.as_ref().and_then(|subscription| subscription.as_ref());
            let subscription = subscription.ok_or_else(|| unfit("its stream is gone"))?;
            match host::acknowledgement(fields)? {
                answer if answer == polymqtt::Acknowledgement::default() => subscription.ack(message)?,
                answer => subscription.ack_with(message, answer)?,
            };
            Ok(json!({}))
        }
        "request" => {
            let mut request = client.send_request(host::message(fields)?);
            if !fields.contains_key("qos") {
                request = request.qos(polymqtt::QoS::AtLeastOnce);
            }
            if let Some(timeout) = host::seconds(fields, "timeout") {
                request = request.timeout(timeout);
            }
            request.await.map(|message| host::received(&message))
        }
        "respond" => {
            let SubscribeRequest { filters, stream, .. } = host::subscribe_request(fields)?;
            let (filters, options) = of_all(filters);
            let mut respond = client.respond(filters);
            if fields.contains_key("qos") {
                respond = respond.qos(options.maximum_qos);
            }
            let responder = respond.stream(stream).await?;
            let granted = host::granted(responder.granted());
            things.borrow_mut().responders.insert(name, Rc::new(Mutex::new(responder)));
            Ok(granted)
        }
        "reply" => {
            let message = host::text(fields, "message").unwrap_or_default();
            let request = things.borrow_mut().requests.remove(&message);
            let request = request.ok_or_else(|| unfit("there is no such request"))?;
            let ack = request.respond(host::text(fields, "payload").unwrap_or_default()).await?;
            Ok(host::acknowledged(&ack))
        }
        "reauthenticate" => client.reauthenticate().await.map(|()| json!({})),
        "disconnect" => {
            let undelivered = client.disconnect_with(host::disconnect_options(fields)?).await?;
            Ok(host::undelivered(&undelivered))
        }
        "metrics" => Ok(host::metrics(&client.metrics())),
        other => Err(unfit(&format!("{other:?} is not known"))),
    }
}

fn publish<'a>(client: &'a Client, fields: &Fields) -> Result<polymqtt::Publish<'a>, Error> {
    let publish = client.send(host::message(fields)?);
    Ok(match host::seconds(fields, "timeout") {
        Some(timeout) => publish.timeout(timeout),
        None => publish,
    })
}

fn subscribe<'a>(client: &'a Client, fields: &Fields) -> Result<polymqtt::Subscribe<'a>, Error> {
    let SubscribeRequest { filters, stream, allow_partial, user_properties } =
        host::subscribe_request(fields)?;
    let (filters, options) = of_all(filters);
    let mut subscribe = client.subscribe(filters).options(options).stream(stream);
    if allow_partial {
        subscribe = subscribe.allow_partial();
    }
    for (name, value) in user_properties {
        subscribe = subscribe.user_property(&name, &value);
    }
    Ok(subscribe)
}

/// The filters, and the options that all of them have.
fn of_all(filters: Vec<(TopicFilter, SubscriptionOptions)>) -> (Vec<TopicFilter>, SubscriptionOptions) {
    let options = filters.first().map(|(_, options)| *options).unwrap_or_default();
    (filters.into_iter().map(|(filter, _)| filter).collect(), options)
}

fn keep(things: &Shared, name: String, subscription: Subscription) -> Result<Value, Error> {
    things.borrow_mut().subscriptions.insert(name, stream(subscription));
    Ok(json!({}))
}

async fn receive(things: &Shared, fields: &Fields, name: String) -> Result<Value, Error> {
    let stream = host::text(fields, "stream").unwrap_or_default();
    let responder = things.borrow().responders.get(&stream).cloned();
    if let Some(responder) = responder {
        let Some(request) = responder.lock().await.recv().await? else {
            return Ok(json!({ "ended": true }));
        };
        let report = host::received(request.message());
        things.borrow_mut().requests.insert(name, request);
        return Ok(report);
    }
    let subscription = things.borrow().subscriptions.get(&stream).cloned();
    let subscription = subscription.ok_or_else(|| unfit("there is no such stream"))?;
    let message = poll_fn(|cx| match subscription.borrow_mut().as_mut() {
        Some(subscription) => subscription.poll_recv(cx),
        None => Poll::Ready(Ok(None)),
    });
    let message = message.await?;
    let Some(message) = message else {
        return Ok(json!({ "ended": true }));
    };
    let report = host::received(&message);
    things.borrow_mut().messages.insert(name, (message, stream));
    Ok(report)
}

fn stream(subscription: Subscription) -> Stream {
    Rc::new(RefCell::new(Some(subscription)))
}

fn unfit(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
}
