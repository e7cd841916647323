//! Connections: the peer of each one, and the time for which it may stay silent.
//!
//! The HTTP library waits without limit for the head of a request, so a client that sends a byte now and then would
//! hold a connection for as long as it likes. So each connection is checked every five seconds. A connection is silent
//! in a check if since the last one no head came whole and no part of an answer was taken. After too many silent checks
//! in a row it is cut. While a request is being answered the client may be silent, because then it waits for the
//! server.
//!
//! Invariant: no timer is set and no clock is read for a request; a connection has one timer for all of its life.

use super::address::{Client, Proxies};
use axum::body::{Body, HttpBody};
use axum::extract::connect_info::Connected;
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

/// Period of the checks of a connection.
pub const LOOK: Duration = Duration::from_secs(5);
/// Number of silent checks after which a connection is cut that has never sent a byte: after 5 to 10 seconds. A client
/// that opens a connection sends at once.
const FIRST_LOOKS: u32 = 2; // # assumed
/// Number of silent checks after which a connection is cut that has begun to send a head, which has 25 to 30 seconds.
const HEAD_LOOKS: u32 = 6; // # assumed
/// Number of silent checks after which a connection is cut that sends no more, or takes nothing of an answer: 115 to
/// 120 seconds. Many clients keep connections for a minute and a half, and must not find one closed just as they use
/// it.
const IDLE_LOOKS: u32 = 24; // # assumed
/// Minimum time between two log lines about connections that are not accepted.
const TOLD_EVERY: Duration = Duration::from_secs(10); // # assumed
/// Pause after the system had no handle for a connection.
const NO_HANDLES_WAIT: Duration = Duration::from_millis(100); // # assumed
/// Kinds of these log lines: an address has too many connections, or there is no handle.
const CROWDED: usize = 0;
const NO_HANDLES: usize = 1;
/// Maximum size of a request head, in bytes.
const HEAD_MAX: usize = 64 << 10; // # assumed

/// State that the serving of requests shares with their connection.
#[derive(Debug, Default)]
struct Pace {
    /// Number of requests whose head has come whole.
    begun: AtomicU64,
    /// `true` while a request waits for its answer.
    is_serving: AtomicBool,
}

/// Peer of a connection, as every request over it knows it.
#[derive(Clone, Debug)]
pub struct Peer {
    address: IpAddr,
    pace: Arc<Pace>,
}

impl Peer {
    /// Returns the address of the peer.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Marks a request as being answered, for as long as the returned value lives.
    pub fn mark_serving(&self) -> ServingMark {
        self.pace.is_serving.store(true, Ordering::Relaxed);
        self.pace.begun.fetch_add(1, Ordering::Relaxed);
        ServingMark(Arc::clone(&self.pace))
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Peer {
        Peer { address: stream.remote_addr().ip(), pace: Arc::clone(&stream.io().pace) }
    }
}

/// Mark on a connection that a request is being answered; dropping it removes the mark.
pub struct ServingMark(Arc<Pace>);

impl ServingMark {
    /// Keeps the mark until the end of a streamed answer. An answer that is complete only has to be taken, so its mark
    /// ends.
    pub fn until_the_end_of(self, response: Response) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |bytes| {
                let _serving = &self;
                bytes
            }))
        })
    }
}

impl Drop for ServingMark {
    fn drop(&mut self) {
        self.0.is_serving.store(false, Ordering::Relaxed);
    }
}

/// Connections by address, of all listeners of a process.
#[derive(Debug)]
pub struct Crowd {
    /// Maximum number of connections of one address.
    most: u32,
    proxies: Proxies,
    open: Mutex<BTreeMap<Client, u32>>,
}

/// Place among the connections of an address; dropping it frees the place.
#[derive(Debug)]
struct Place {
    crowd: Arc<Crowd>,
    client: Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

impl Crowd {
    /// Makes a count that allows `most` connections of one address, by default half of the files that may be open.
    /// Connections of a trusted proxy are not limited.
    pub fn new(most: Option<u32>, proxies: Proxies) -> Arc<Crowd> {
        let most = most.unwrap_or_else(|| (open_files_max() / 2).max(1));
        Arc::new(Crowd { most, proxies, open: Mutex::default() })
    }

    /// Makes a count without a limit, for measurements.
    pub fn without_limit() -> Arc<Crowd> {
        Crowd::new(Some(u32::MAX), Proxies::default())
    }

    /// Returns a place for a connection: `Ok(None)` for a proxy's, which is not counted, and the client as the error
    /// when it has the maximum number.
    fn place(self: &Arc<Self>, peer: IpAddr) -> std::result::Result<Option<Place>, Client> {
        if self.proxies.is_trusted(peer) {
            return Ok(None);
        }
        let client = Client::at(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.most {
            return Err(client);
        }
        *count += 1;
        Ok(Some(Place { crowd: Arc::clone(self), client }))
    }
}

/// Returns the number of files that this process may have open, as the system says; 1,024 where it does not.
fn open_files_max() -> u32 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1_024)
}

/// Listener that checks its connections.
pub struct Door {
    listener: Arc<TcpListener>,
    look: Duration,
    crowd: Arc<Crowd>,
    /// Instants of the last log lines about refused connections and about missing handles.
    told: [Option<Instant>; 2],
}

impl Door {
    /// Makes a listener that checks its connections with this period.
    pub fn new(listener: impl Into<Arc<TcpListener>>, look: Duration, crowd: Arc<Crowd>) -> Door {
        Door { listener: listener.into(), look, crowd, told: [None; 2] }
    }

    /// Returns `true` if nothing of a kind was logged for [`TOLD_EVERY`], and records that it is now.
    fn may_tell(&mut self, kind: usize) -> bool {
        let is_long_ago = self.told[kind].is_none_or(|at| at.elapsed() >= TOLD_EVERY);
        if is_long_ago {
            self.told[kind] = Some(Instant::now());
        }
        is_long_ago
    }
}

impl Listener for Door {
    type Io = PacedStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (PacedStream<TcpStream>, SocketAddr) {
        loop {
            let (stream, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                // A client that is gone again needs no answer.
                Err(error) if is_of_one_connection(error.kind()) => continue,
                Err(error) => {
                    if self.may_tell(NO_HANDLES) {
                        let open_files_max = open_files_max();
                        tracing::error!(%error, open_files_max, "connections cannot be accepted; is the limit of open \
                                                                 files too low?");
                    }
                    sleep(NO_HANDLES_WAIT).await;
                    continue;
                }
            };
            let place = match self.crowd.place(address.ip()) {
                Ok(place) => place,
                Err(client) => {
                    if self.may_tell(CROWDED) {
                        let most = self.crowd.most;
                        tracing::warn!(
                            ?client,
                            most,
                            "an address has reached its limit of connections: further ones are closed"
                        );
                    }
                    continue;
                }
            };
            // A failure only makes the connection slower.
            let _ = stream.set_nodelay(true);
            return (PacedStream::new(stream, self.look, place), address);
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr()
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Connection that is checked for silence.
#[derive(Debug)]
pub struct PacedStream<S> {
    stream: S,
    pace: Arc<Pace>,
    looks: Interval,
    /// Number of silent checks in a row.
    silent: u32,
    /// Number of bytes that have come of the next head.
    heard: usize,
    /// `true` when incoming bytes belong to a body that is not read: its request has begun, and no part of the answer
    /// was taken.
    is_body: bool,
    /// Number of requests that had begun at the last read, and at the last check.
    begun: u64,
    begun_then: u64,
    /// `true` when part of an answer was taken since the last check, and when some waits to be taken.
    has_taken: bool,
    is_full: bool,
    /// Place among the connections of its address.
    _place: Option<Place>,
}

impl<S> PacedStream<S> {
    fn new(stream: S, look: Duration, place: Option<Place>) -> PacedStream<S> {
        let mut looks = interval(look);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first check is one period away.
        looks.reset();
        let pace = Arc::default();
        PacedStream {
            stream,
            pace,
            looks,
            silent: 0,
            heard: 0,
            is_body: false,
            begun: 0,
            begun_then: 0,
            has_taken: false,
            is_full: false,
            _place: place,
        }
    }

    /// Checks the connection when a period is over, and registers to be woken for the next check.
    ///
    /// # Errors
    /// When the connection was silent for too long.
    fn check(&mut self, cx: &mut Context<'_>) -> Result<()> {
        while self.looks.poll_tick(cx).is_ready() {
            let begun = self.pace.begun.load(Ordering::Relaxed);
            let waits_for_us = self.pace.is_serving.load(Ordering::Relaxed) && !self.is_full;
            let has_moved = std::mem::take(&mut self.has_taken) || begun != self.begun_then;
            self.begun_then = begun;
            self.silent = if has_moved || waits_for_us { 0 } else { self.silent + 1 };
            let is_halfway = self.heard > 0 && begun == self.begun;
            let has_never_spoken = self.heard == 0 && begun == 0;
            let most = match (is_halfway, has_never_spoken) {
                (true, _) => HEAD_LOOKS,
                (false, true) => FIRST_LOOKS,
                (false, false) => IDLE_LOOKS,
            };
            if self.silent >= most {
                return Err(Error::new(ErrorKind::TimedOut, "it was silent for too long"));
            }
        }
        Ok(())
    }

    /// Records whether a request has begun since the last call, and counts bytes of the next head.
    fn count_bytes(&mut self, bytes: usize) {
        let begun = self.pace.begun.load(Ordering::Relaxed);
        if begun != self.begun {
            self.begun = begun;
            self.heard = 0;
            self.is_body = true;
        }
        if !self.is_body && !self.pace.is_serving.load(Ordering::Relaxed) {
            self.heard += bytes;
        }
    }

    /// Records the result of a write, and returns it.
    fn record_write(&mut self, cx: &mut Context<'_>, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.is_full = written.is_pending();
        if self.is_full {
            self.check(cx)?;
        }
        if let Poll::Ready(Ok(1..)) = written {
            self.count_bytes(0);
            (self.has_taken, self.is_body) = (true, false);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let paced = self.get_mut();
        paced.count_bytes(0);
        if paced.heard > HEAD_MAX {
            // An error would also end an answer on its way. So nothing more is read until the connection is cut.
            paced.check(cx)?;
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut paced.stream).poll_read(cx, buffer);
        match &read {
            Poll::Pending => paced.check(cx)?,
            Poll::Ready(_) => paced.count_bytes(buffer.filled().len() - before),
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PacedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let paced = self.get_mut();
        let written = Pin::new(&mut paced.stream).poll_write(cx, bytes);
        paced.record_write(cx, written)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        let paced = self.get_mut();
        let written = Pin::new(&mut paced.stream).poll_write_vectored(cx, bytes);
        paced.record_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::edge::middleware::with_middleware;
    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::{get, post};
    use futures_util::stream;
    use std::convert::Infallible;
    use tokio::sync::{mpsc, oneshot};

    const SHORT: Duration = Duration::from_millis(100);

    /// Serves a router whose connections are checked ten times a second; returns its address.
    async fn serve(router: Router) -> SocketAddr {
        serve_at_most(router, 1_000).await
    }

    /// Serves a router in the same way with a maximum number of connections of an address.
    async fn serve_at_most(router: Router, most: u32) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let door = Door::new(listener, SHORT, Crowd::new(Some(most), Proxies::default()));
        let router = with_middleware(router, None).into_make_service_with_connect_info::<Peer>();
        tokio::spawn(async { axum::serve(door, router).await });
        address
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("it listens")
    }

    async fn send(stream: &TcpStream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            stream.writable().await.expect("it is open");
            match stream.try_write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    /// Reads until these words have come, or until the connection ends.
    async fn read_to(stream: &TcpStream, words: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(words) || words.is_empty() {
            stream.readable().await.expect("it is open");
            let mut some = [0; 4096];
            match stream.try_read(&mut some) {
                Ok(0) => break,
                Ok(length) => read.extend_from_slice(&some[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Sends a byte of a head now and then until the connection is cut; returns the number of bytes.
    async fn drip(stream: TcpStream) -> usize {
        send(&stream, b"GET /now HTTP/1.1\r\nx-slow: ").await;
        let mut pause = interval(SHORT / 5);
        for sent in 0..10_000 {
            pause.tick().await;
            let mut some = [0; 16];
            let is_open = matches!(stream.try_read(&mut some), Err(error) if error.kind() == ErrorKind::WouldBlock);
            if !is_open || stream.try_write(b"a").is_err() {
                return sent;
            }
        }
        panic!("it is never cut");
    }

    const NOW: &[u8] = b"GET /now HTTP/1.1\r\nhost: x\r\n\r\n";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_sends_a_byte_now_and_then_is_cut_and_who_waits_for_us_is_not() {
        let (release, released) = oneshot::channel::<&str>();
        let (pieces, piece) = mpsc::channel::<Bytes>(1);
        let (released, piece) = (Arc::new(Mutex::new(Some(released))), Arc::new(Mutex::new(Some(piece))));
        let later = move || {
            let released = released.lock().expect("no thread panicked").take().expect("it is asked for once");
            async { released.await.expect("it is released") }
        };
        let pieces_of = move || {
            let piece = piece.lock().expect("no thread panicked").take().expect("it is asked for once");
            let next = |mut piece: mpsc::Receiver<Bytes>| async {
                let next = piece.recv().await?;
                Some((Ok::<_, Infallible>(next), piece))
            };
            async move { Body::from_stream(stream::unfold(piece, next)) }
        };
        let router = Router::new()
            .route("/now", get(|| async { "now" }))
            .route("/later", get(later))
            .route("/pieces", get(pieces_of));
        let address = serve(router).await;

        let (waiting, streaming) = (connect(address).await, connect(address).await);
        send(&waiting, b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n").await;
        send(&streaming, b"GET /pieces HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(read_to(&streaming, "\r\n\r\n").await.starts_with("HTTP/1.1 200 OK"));
        let (idle, never) = (connect(address).await, connect(address).await);
        send(&idle, NOW).await;
        assert!(read_to(&idle, "now").await.contains("200 OK"));
        let served = connect(address).await;
        send(&served, NOW).await;
        assert!(read_to(&served, "now").await.contains("200 OK"));
        let (first, second) = tokio::join!(drip(connect(address).await), drip(served));
        assert!(first >= 5 && second >= 5, "cut after {first} and {second} bytes, within two looks");
        send(&idle, NOW).await;
        assert!(read_to(&idle, "now").await.contains("200 OK"), "who is idle is left for longer");
        // Both are cut in the end, with or without a request before.
        assert_eq!(read_to(&idle, "").await, "");
        assert_eq!(read_to(&never, "").await, "");
        // The client that has waited for the server all the time gets an answer, and more pieces.
        release.send("later").expect("it is waited for");
        assert!(read_to(&waiting, "later").await.contains("200 OK"));
        pieces.send(Bytes::from_static(b"a piece")).await.expect("it is waited for");
        assert!(read_to(&streaming, "a piece").await.contains("a piece"));
        // Then it may be idle for as long as any other client, and no longer.
        send(&waiting, NOW).await;
        assert!(read_to(&waiting, "now").await.contains("200 OK"));
        assert_eq!(read_to(&waiting, "").await, "");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_takes_nothing_of_an_answer_is_cut() {
        let (gone, ended) = oneshot::channel::<()>();
        let gone = Arc::new(Mutex::new(Some(gone)));
        let endless = move || {
            let gone = gone.lock().expect("no thread panicked").take().expect("it is asked for once");
            let again = move |_| {
                let _gone = &gone;
                Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 65_536]))
            };
            async { Body::from_stream(stream::repeat(()).map(again)) }
        };
        let address = serve(Router::new().route("/endless", get(endless))).await;
        let stream = connect(address).await;
        send(&stream, b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(ended.await.is_err(), "the answer is dropped");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_that_does_not_end_is_cut_and_a_large_body_is_not() {
        let length = |body: Bytes| async move { format!("{} bytes", body.len()) };
        let address = serve(Router::new().route("/length", post(length))).await;
        let stream = connect(address).await;
        let head = b"POST /length HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\ncontent-length: 2000000\r\n\r\n";
        for _ in 0..3 {
            send(&stream, &[&head[..], &vec![b'x'; 2_000_000]].concat()).await;
            assert!(read_to(&stream, "2000000 bytes").await.contains("200 OK"));
        }
        let stream = connect(address).await;
        send(&stream, b"GET /length HTTP/1.1\r\nx-long: ").await;
        let mut sent = 0;
        while stream.writable().await.is_ok() && sent < 100 << 20 {
            match stream.try_write(&[b'a'; 4096]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        assert!(sent < 100 << 20, "it takes all of it");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_never_speaks_is_cut_soon_and_an_address_has_no_more_than_its_share() {
        let address = serve_at_most(Router::new().route("/now", get(|| async { "now" })), 8).await;
        let idle = connect(address).await;
        send(&idle, NOW).await;
        assert!(read_to(&idle, "now").await.contains("200 OK"));
        let begun = Instant::now();
        let silent: Vec<TcpStream> = futures_util::future::join_all((0..50).map(|_| connect(address))).await;
        for stream in &silent {
            assert_eq!(read_to(stream, "").await, "");
        }
        assert!(begun.elapsed() < SHORT * 10, "they are cut after {:?}", begun.elapsed());
        // A client that has spoken is still connected, and a new one is served.
        for stream in [&idle, &connect(address).await] {
            send(stream, NOW).await;
            assert!(read_to(stream, "now").await.contains("200 OK"));
        }
    }

    #[test]
    fn a_place_is_given_back_and_a_proxy_needs_none() {
        let proxies = Proxies::read(&["10.0.0.0/8"]).expect("a network");
        let crowd = Crowd::new(Some(2), proxies);
        let [stranger, other, proxy] = [[203, 0, 113, 9], [203, 0, 113, 10], [10, 1, 2, 3]].map(IpAddr::from);
        let place = |address| crowd.place(address).expect("there is room").expect("it is counted");
        let (first, second) = (place(stranger), place(stranger));
        assert!(crowd.place(stranger).is_err());
        drop(place(other));
        assert!((0..100).all(|_| crowd.place(proxy).is_ok_and(|place| place.is_none())));
        drop(first);
        let third = place(stranger);
        assert!(crowd.place(stranger).is_err());
        drop((second, third));
        assert!(crowd.open.lock().expect("no thread panicked").is_empty());
        assert!(open_files_max() > 0);
    }
}
