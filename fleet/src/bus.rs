//! The bus: connection, bucket and object store of a run.

use crate::address::{Address, Credentials};
use crate::error::{Blame, Error, Result};
use async_nats::jetstream::context::CreateStreamErrorKind;
use async_nats::jetstream::kv::{CreateErrorKind, Store};
use async_nats::jetstream::object_store::{self, ObjectMetadata, ObjectStore};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;

/// What a run has on the bus.
#[derive(Clone)]
pub(crate) struct Bus {
    pub(crate) client: Client,
    pub(crate) values: Store,
    /// Absent where it has been cleared away.
    objects: Option<ObjectStore>,
    jetstream: jetstream::Context,
    /// What the run is called.
    pub(crate) run: String,
}

/// A value that is too large for one message, and lies in the object store.
#[derive(Deserialize, Serialize)]
struct Elsewhere {
    object: String,
}

/// Takes the reason of a wait.
pub type OnWait = Arc<dyn Fn(&str) + Send + Sync>;

impl Bus {
    /// Connects, for `patience` at most, and makes bucket and object store where they are not there; `on_wait` is told
    /// once why it has to wait.
    pub(crate) async fn open(
        address: &Address,
        run: &str,
        (patience, on_wait): (Duration, &OnWait),
        events: impl Fn(bool) + Clone + Send + Sync + 'static,
    ) -> Result<Self> {
        let until = Instant::now() + patience;
        let (client, mut jetstream) = connect(address, (patience, Some(on_wait)), events).await?;
        jetstream.set_timeout(ANSWER);
        loop {
            match make(&jetstream, run).await {
                Ok((values, objects)) => {
                    return Ok(Self { client, values, objects: Some(objects), jetstream, run: run.to_owned() });
                }
                // A bus that many members ask at once answers late.
                Err((_, true)) if Instant::now() < until => tokio::time::sleep(AGAIN).await,
                Err((what, _)) => {
                    return Err(Error::environment(
                        format!("{address}: {what}"),
                        "the account of the bus must allow JetStream streams with file storage",
                    ));
                }
            }
        }
    }

    /// Connects to look at a run, and makes nothing.
    pub(crate) async fn look(address: &Address, run: &str) -> Result<Self> {
        let (client, mut jetstream) = connect(address, (Duration::ZERO, None), |_| ()).await?;
        jetstream.set_timeout(ANSWER);
        let bucket = bucket_of(run);
        let unknown = |_| {
            Error::usage(format!("{address}: no run `{run}` is known"), "write the name of a run of the last 7 days")
        };
        let values = jetstream.get_key_value(&bucket).await.map_err(unknown)?;
        let objects = jetstream.get_object_store(&bucket).await.ok();
        Ok(Self { client, values, objects, jetstream, run: run.to_owned() })
    }

    /// Writes a value that must not be there yet: whether it was not.
    pub(crate) async fn create(&self, key: &str, value: &impl Serialize) -> Result<bool> {
        let body = serde_json::to_vec(value).map_err(|e| unsaid(key, &e))?;
        // The subject and the protocol's own line take some of what a message may hold.
        let most = self.client.server_info().max_payload.saturating_sub(1024);
        let body = if body.len() <= most {
            body
        } else {
            self.keep(key, &body).await?;
            serde_json::to_vec(&Elsewhere { object: key.to_owned() }).map_err(|e| unsaid(key, &e))?
        };
        match self.values.create(key, body.into()).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == CreateErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(unsaid(key, &e)),
        }
    }

    /// Writes a value, again and again while the bus is away, for `patience` at most.
    pub(crate) async fn say(&self, key: &str, value: &(impl Serialize + Sync), patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        loop {
            match self.create(key, value).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// Reads a value, if it is there; again and again while the bus does not answer, for `patience` at most.
    pub(crate) async fn read(&self, key: &str, patience: Duration) -> Result<Option<Vec<u8>>> {
        let until = Instant::now() + patience;
        loop {
            match self.values.get(key).await {
                Ok(body) => return Ok(body.map(Vec::from)),
                Err(e) if Instant::now() >= until => return Err(unread(key, &e)),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// The value of a body that was read.
    pub(crate) async fn value<T: DeserializeOwned>(&self, key: &str, body: &[u8]) -> Result<T> {
        let unread = |e: &dyn std::fmt::Display| {
            Error::environment(
                format!("what the fleet says under `{key}` cannot be read ({e})"),
                "run the same ringload everywhere",
            )
        };
        let body = match serde_json::from_slice::<Elsewhere>(body) {
            Ok(elsewhere) => self.fetch(&elsewhere.object).await?.ok_or_else(|| gone(key))?,
            Err(_) => body.to_vec(),
        };
        serde_json::from_slice(&body).map_err(|e| unread(&e))
    }

    /// Puts bytes into the object store, whole.
    pub(crate) async fn keep(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let Some(objects) = &self.objects else { return Err(unsaid(name, &"its store is gone")) };
        put(objects, self.chunk(), name, bytes).await
    }

    /// The size of a chunk that the bus takes.
    fn chunk(&self) -> usize {
        CHUNK.min(self.client.server_info().max_payload.saturating_sub(1024)).max(1024)
    }

    /// Puts a file of the results into a store that outlives the run by some days.
    pub(crate) async fn keep_result(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let config = store_of(results_of(&self.run));
        let store = self.jetstream.create_object_store(config).await.map_err(|e| unsaid(name, &e))?;
        put(&store, self.chunk(), name, bytes).await
    }

    /// Reads a file of the results.
    pub(crate) async fn result(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let store = self.jetstream.get_object_store(results_of(&self.run)).await.map_err(|e| unread(name, &e))?;
        get(&store, name).await
    }

    /// Reads an object, if it is there.
    pub(crate) async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(objects) = &self.objects else { return Ok(None) };
        get(objects, name).await
    }

    /// Takes the objects of the run off the bus; its values stay, so that a member who comes late learns that it is
    /// over.
    pub(crate) async fn clear(&self) {
        // What stays goes with its age.
        let _ = self.jetstream.delete_object_store(bucket_of(&self.run)).await;
    }

    /// The subject of a kind of messages of the run.
    pub(crate) fn subject(&self, kind: &str) -> String {
        format!("ringload.{}.{kind}", self.run)
    }
}

/// The bucket and the object store of a run.
fn bucket_of(run: &str) -> String {
    format!("ringload_{run}")
}

/// The object store of the results of a run.
fn results_of(run: &str) -> String {
    format!("ringload-results_{run}")
}

fn store_of(bucket: String) -> object_store::Config {
    object_store::Config { bucket, max_age: KEPT, num_replicas: 1, ..Default::default() }
}

/// Makes bucket and object store of a run where they are not there; or why not, and whether that was for want of time.
async fn make(jetstream: &jetstream::Context, run: &str) -> std::result::Result<(Store, ObjectStore), (String, bool)> {
    let failed = |what: &str, e: &dyn std::fmt::Display| format!("{what} of the run could not be made ({e})");
    let bucket = bucket_of(run);
    let made = jetstream.create_stream(stream_of(&bucket)).await;
    made.map_err(|e| (failed("the bucket", &e), e.kind() == CreateStreamErrorKind::TimedOut))?;
    // Who may make the bucket may make the rest.
    let values = jetstream.get_key_value(&bucket).await.map_err(|e| (failed("the bucket", &e), true))?;
    let objects = jetstream.create_object_store(store_of(bucket)).await;
    Ok((values, objects.map_err(|e| (failed("the object store", &e), true))?))
}

async fn put(store: &ObjectStore, chunk: usize, name: &str, mut bytes: &[u8]) -> Result<()> {
    let meta = ObjectMetadata { name: name.to_owned(), chunk_size: Some(chunk), ..Default::default() };
    store.put(meta, &mut bytes).await.map(|_| ()).map_err(|e| unsaid(name, &e))
}

async fn get(store: &ObjectStore, name: &str) -> Result<Option<Vec<u8>>> {
    let mut object = match store.get(name).await {
        Ok(object) => object,
        Err(e) if e.kind() == object_store::GetErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unread(name, &e)),
    };
    let mut bytes = Vec::new();
    object.read_to_end(&mut bytes).await.map_err(|e| unread(name, &e))?;
    Ok(Some(bytes))
}

async fn connect(
    address: &Address,
    (patience, mut on_wait): (Duration, Option<&OnWait>),
    events: impl Fn(bool) + Clone + Send + Sync + 'static,
) -> Result<(Client, jetstream::Context)> {
    let until = Instant::now() + patience;
    loop {
        let error = match options(address, events.clone()).connect(address.servers.clone()).await {
            Ok(client) => {
                events(true);
                if !client.server_info().jetstream {
                    return Err(Error::environment(
                        format!("{address}: the server has no JetStream"),
                        "start it with `nats-server -js`, or `jetstream {}` in its configuration",
                    ));
                }
                return Ok((client.clone(), jetstream::new(client)));
            }
            Err(error) => error,
        };
        let refused = matches!(
            error.kind(),
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Tls
        );
        if refused {
            return Err(Error::environment(
                format!("{address}: the bus refuses this member ({error})"),
                "give the user and password, the token or the certificates that the server asks for; it cannot be an nkey \
                 or a credentials file, which this program does not read: add a user with a password for its members",
            ));
        }
        if Instant::now() >= until {
            return Err(Error::environment(
                format!("{address}: the bus does not answer ({error})"),
                "start a nats-server with JetStream there, or write its address",
            ));
        }
        if let Some(on_wait) = on_wait.take() {
            on_wait(&format!("{address}: the bus does not answer ({error})"));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn options(address: &Address, events: impl Fn(bool) + Clone + Send + Sync + 'static) -> ConnectOptions {
    // With the defaults (a ping a minute) a partition of ten seconds would not be noticed.
    let mut options = ConnectOptions::new()
        .name("ringload")
        .ping_interval(Duration::from_secs(1))
        .connection_timeout(Duration::from_secs(1))
        .request_timeout(Some(ANSWER))
        .reconnect_delay_callback(|tries| AGAIN.min(Duration::from_millis(20 * tries as u64)))
        .event_callback(move |event| {
            let events = events.clone();
            async move {
                match event {
                    Event::Connected => events(true),
                    Event::Disconnected | Event::Closed => events(false),
                    _ => {}
                }
            }
        });
    options = match &address.credentials {
        Credentials::None => options,
        Credentials::Token(token) => options.token(token.clone()),
        Credentials::User(user, password) => options.user_and_password(user.clone(), password.clone()),
    };
    if let Some(file) = &address.tls.authorities {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &address.tls.own {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    options
}

/// The stream behind a bucket, as `create_key_value` makes it: that one asks for the account first, and cannot read
/// what servers before 2.10 say of it.
fn stream_of(bucket: &str) -> stream::Config {
    stream::Config {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        num_replicas: 1,
        max_age: KEPT,
        duplicate_window: Duration::from_secs(120),
        // In memory it would be gone after a restart, and its watchers would hear nothing, without an error.
        storage: stream::StorageType::File,
        ..Default::default()
    }
}

fn unsaid(what: &str, e: &dyn std::fmt::Display) -> Error {
    Error {
        blame: Blame::Environment,
        what: format!("`{what}` could not be written to the bus ({e})"),
        remedy: REMEDY.into(),
    }
}

fn unread(what: &str, e: &dyn std::fmt::Display) -> Error {
    Error {
        blame: Blame::Environment,
        what: format!("`{what}` could not be read from the bus ({e})"),
        remedy: REMEDY.into(),
    }
}

/// A long value has been taken off the bus again, which happens when the run is over or is too old.
fn gone(key: &str) -> Error {
    Error::environment(
        format!("the bus does not hold the value of `{key}` any more"),
        "start all members again, under another name of the run",
    )
}

const REMEDY: &str = "see that the bus is reachable from every member";
/// Longest wait for an answer of the bus.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);
/// Largest chunk of an object: one is under way at a time, so that small ones take a round trip each.
const CHUNK: usize = 512 << 10;
/// How long a run stays on the bus whose leader could not clear it away.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
