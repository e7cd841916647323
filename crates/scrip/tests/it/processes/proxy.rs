//! A proxy between a server and its database that reads the messages and can cut a connection after any of them.
//!
//! Both sides speak in messages: a letter, the length of the rest, the rest; only the first one of a connection has no
//! letter. So messages can be counted, and a connection can be cut exactly between a question and its answer.
//!
//! Invariant: a message is passed on whole or not at all.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Code of a request for an encrypted connection, in place of a first message; the database of the tests has none.
const ENCRYPTION: i32 = 80_877_103;

/// Sender of a message: the server process or its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Process,
    Database,
}

/// Point of a cut: the first message that is not passed on.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// The message after a number of messages of one side.
    After(Side, usize),
    /// The first message whose description begins with this text.
    Before(&'static str),
}

/// Fate of a connection at the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The connection is cut.
    Cut,
    /// The connection is cut, and no new one is accepted until the proxy is opened again.
    Closed,
    /// The connection stays, and messages of this side are not passed on any more.
    Mute,
}

/// A cut that was made.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Description of the withheld message, with its sender.
    pub withheld: String,
    /// `true` if a commit had been passed on, and its answer had not.
    pub committing: bool,
}

/// A connection that passes through the proxy.
struct Link {
    streams: [TcpStream; 2],
    /// `true` once a statement with the proxy's mark was prepared on it.
    is_marked: bool,
    /// Number of the process's questions to the database, and number of those that are answered to the end.
    asked: usize,
    answered: usize,
    /// Number of the question that was the last commit.
    commit: Option<usize>,
}

impl Link {
    fn is_committing(&self) -> bool {
        self.commit.is_some_and(|commit| self.answered < commit)
    }
}

#[derive(Default)]
struct Watch {
    links: HashMap<usize, Link>,
    order: Option<(Point, Fate)>,
    /// The connection that was used first after the order was given: the order is about that one.
    ordered: Option<usize>,
    cut: Option<Cut>,
    is_closed: bool,
    is_over: bool,
}

/// A proxy in front of a database.
pub struct Proxy {
    address: SocketAddr,
    watch: Arc<Mutex<Watch>>,
}

impl Proxy {
    /// Listens, and passes everything on to a server. The proxy watches the connections on which a statement with the
    /// mark is prepared.
    pub fn before(server: &str, mark: &'static str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let watch: Arc<Mutex<Watch>> = Arc::default();
        let (server, watched) = (server.to_owned(), Arc::clone(&watch));
        std::thread::spawn(move || {
            for (number, process) in listener.incoming().enumerate() {
                if lock(&watched).is_over {
                    return;
                }
                let Ok(process) = process else { continue };
                if lock(&watched).is_closed {
                    continue;
                }
                let Ok(database) = TcpStream::connect(&server) else { continue };
                join(number, mark, [process, database], &watched).expect("streams can be shared");
            }
        });
        Proxy { address, watch }
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Orders a fate for the connection that is used next.
    pub fn order(&self, point: Point, fate: Fate) {
        let mut watch = lock(&self.watch);
        (watch.order, watch.ordered, watch.cut) = (Some((point, fate)), None, None);
    }

    /// Accepts new connections to the database again.
    pub fn open(&self) {
        lock(&self.watch).is_closed = false;
    }

    /// Takes the order back, and returns the cut, if it was made.
    pub fn take(&self) -> Option<Cut> {
        let mut watch = lock(&self.watch);
        watch.order = None;
        watch.cut.take()
    }

    /// Waits until the order was carried out.
    pub async fn wait_for_cut(&self) -> Cut {
        loop {
            if let Some(cut) = lock(&self.watch).cut.take() {
                return cut;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Cuts every connection that is watched.
    pub fn cut_all(&self) {
        // Later messages on these connections are not watched any more, so that no order is spent on them.
        let mut watch = lock(&self.watch);
        watch.links.extract_if(|_, link| link.is_marked).for_each(|(_, link)| hang_up(&link.streams));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        lock(&self.watch).is_over = true;
        // A connection wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().expect("no thread panicked")
}

fn hang_up(streams: &[TcpStream; 2]) {
    for stream in streams {
        // The stream may be down already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn join(number: usize, mark: &'static str, streams: [TcpStream; 2], watch: &Arc<Mutex<Watch>>) -> io::Result<()> {
    let [process, database] = streams;
    process.set_nodelay(true)?;
    database.set_nodelay(true)?;
    let streams = [process.try_clone()?, database.try_clone()?];
    // The first message has no letter, and an answer.
    let link = Link { streams, is_marked: false, asked: 1, answered: 0, commit: None };
    lock(watch).links.insert(number, link);
    for of in [Side::Process, Side::Database] {
        let streams = [process.try_clone()?, database.try_clone()?];
        let watch = Arc::clone(watch);
        std::thread::spawn(move || {
            // A connection that ends in the middle of a message ends on both sides, as it does without a proxy.
            let _ = pass_on(number, mark, of, &streams, &watch);
            hang_up(&streams);
            lock(&watch).links.remove(&number);
        });
    }
    Ok(())
}

fn pass_on(number: usize, mark: &str, of: Side, streams: &[TcpStream; 2], watch: &Mutex<Watch>) -> io::Result<()> {
    let [process, database] = streams;
    let (from, mut to) = if of == Side::Process { (process, database) } else { (database, process) };
    let mut from = BufReader::new(from);
    let (mut is_first, mut is_mute) = (of == Side::Process, false);
    loop {
        let message = read(&mut from, is_first)?;
        if is_first && message.get(4..8) == Some(&ENCRYPTION.to_be_bytes()) {
            process.try_clone()?.write_all(b"N")?;
            continue;
        }
        if !is_first && !is_mute {
            let mut watch = lock(watch);
            if of == Side::Process && message[0] == b'P' && contains(&message, mark) {
                watch.links.entry(number).and_modify(|link| link.is_marked = true);
            }
            match watch.withhold(number, of, &message) {
                None => {}
                Some(Fate::Mute) => is_mute = true,
                Some(Fate::Cut | Fate::Closed) => return Ok(()),
            }
        }
        is_first = false;
        if !is_mute {
            to.write_all(&message)?;
        }
    }
}

/// Returns the next message, exactly as it came.
fn read(from: &mut impl Read, is_first: bool) -> io::Result<Vec<u8>> {
    let mut message = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut message)?;
    let head = message.len();
    let length = message[head - 4..].try_into().map(i32::from_be_bytes).expect("four bytes");
    let length = usize::try_from(length).ok().filter(|length| *length >= 4).ok_or(io::ErrorKind::InvalidData)?;
    message.resize(head + length - 4, 0);
    from.read_exact(&mut message[head..])?;
    Ok(message)
}

fn contains(message: &[u8], mark: &str) -> bool {
    message.windows(mark.len()).any(|window| window == mark.as_bytes())
}

impl Watch {
    /// Returns the fate in place of passing on a message, if there is one.
    fn withhold(&mut self, number: usize, of: Side, message: &[u8]) -> Option<Fate> {
        let link = self.links.get_mut(&number)?;
        let is_about_it = link.is_marked
            && match self.ordered {
                None => of == Side::Process,
                Some(ordered) => ordered == number,
            };
        if let Some((point, fate)) = self.order.as_mut().filter(|_| is_about_it) {
            self.ordered = Some(number);
            let is_it = match point {
                Point::After(side, left) if *side == of => std::mem::replace(left, left.saturating_sub(1)) == 0,
                Point::After(..) => false,
                Point::Before(words) => describe(of, message).starts_with(*words),
            };
            if is_it {
                let fate = *fate;
                self.order = None;
                self.is_closed = fate == Fate::Closed;
                self.cut = Some(Cut { withheld: describe(of, message), committing: link.is_committing() });
                return Some(fate);
            }
        }
        match (of, message[0]) {
            (Side::Process, b'Q' | b'S') => {
                link.asked += 1;
                if message[5..].starts_with(b"COMMIT") {
                    link.commit = Some(link.asked);
                }
            }
            (Side::Database, b'Z') => link.answered += 1,
            _ => {}
        }
        None
    }
}

/// Returns a message in a word: its sender, its kind, and the text of a statement or of its result.
fn describe(of: Side, message: &[u8]) -> String {
    let letter = char::from(message[0]);
    let arrow = if of == Side::Process { '>' } else { '<' };
    let says = matches!((of, letter), (Side::Process, 'Q') | (Side::Database, 'C'));
    let text = String::from_utf8_lossy(&message[5..]);
    let text = text.split('\0').next().filter(|_| says).unwrap_or_default();
    format!("{arrow}{letter} {text}").trim_end().to_owned()
}
