//! A proxy between a server and its database that reads what passes and can cut a connection after any message.
//!
//! Both sides speak in messages: a letter, the length of the rest, the rest; only the first one of a connection has no
//! letter. So what passes can be counted, and a connection can be cut exactly between a question and its answer.
//!
//! Invariant: a message is passed on whole or not at all.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// Asks for an encrypted connection, in place of a first message; the database of the tests has none.
const ENCRYPTION: i32 = 80_877_103;

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Process,
    Database,
}

/// Which message is the first that is not passed on.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// The one after so many of one side.
    After(Side, usize),
    /// The first one whose description begins like this.
    Before(&'static str),
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The connection is cut.
    Cut,
    /// It is cut, and nobody can connect until the proxy is opened again.
    Closed,
    /// It stays, and this side is not heard on it any more.
    Mute,
}

/// A cut that was made.
#[derive(Clone, Debug)]
pub struct Cut {
    /// What was withheld, and by whom it was said.
    pub withheld: String,
    /// Whether a commit had been passed on whose answer had not.
    pub committing: bool,
}

/// A connection.
struct Link {
    streams: [TcpStream; 2],
    /// Whether a statement was prepared on it that has the proxy's mark.
    is_marked: bool,
    /// What the process asked of the database, and how much of it has been answered to the end.
    asked: usize,
    answered: usize,
    /// Which of them was the last commit.
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
    /// The one that said something first after the order was given: it is about that one.
    ordered: Option<usize>,
    cut: Option<Cut>,
    is_closed: bool,
    is_over: bool,
}

/// A proxy.
pub struct Proxy {
    address: SocketAddr,
    watch: Arc<Mutex<Watch>>,
}

impl Proxy {
    /// Listens, and passes everything on to a server. Those connections are watched on which a statement is prepared
    /// that contains the mark.
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

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Orders what is to happen to the connection that is used next.
    pub fn order(&self, point: Point, fate: Fate) {
        let mut watch = lock(&self.watch);
        (watch.order, watch.ordered, watch.cut) = (Some((point, fate)), None, None);
    }

    /// Lets others connect again.
    pub fn open(&self) {
        lock(&self.watch).is_closed = false;
    }

    /// Takes the order back; the cut, if it was made.
    pub fn take(&self) -> Option<Cut> {
        let mut watch = lock(&self.watch);
        watch.order = None;
        watch.cut.take()
    }

    /// Waits until what was ordered has happened.
    pub async fn made(&self) -> Cut {
        loop {
            if let Some(cut) = lock(&self.watch).cut.take() {
                return cut;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Cuts every connection that is watched.
    pub fn cut_all(&self) {
        // Whatever is still said on one of them is no longer looked at, so that no order is spent on it.
        let mut watch = lock(&self.watch);
        watch.links.extract_if(|_, link| link.is_marked).for_each(|(_, link)| hang_up(&link.streams));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        lock(&self.watch).is_over = true;
        // So that the listener looks.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().expect("nobody panics while watching")
}

fn hang_up(streams: &[TcpStream; 2]) {
    for stream in streams {
        // It may be down already.
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
            match watch.withheld(number, of, &message) {
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

/// The next message, as it came.
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
    /// What is to happen in place of passing on a message, if anything is.
    fn withheld(&mut self, number: usize, of: Side, message: &[u8]) -> Option<Fate> {
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
                Point::Before(words) => described(of, message).starts_with(*words),
            };
            if is_it {
                let fate = *fate;
                self.order = None;
                self.is_closed = fate == Fate::Closed;
                self.cut = Some(Cut { withheld: described(of, message), committing: link.is_committing() });
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

/// A message in a word: who says it, what it is, and the text of a statement or of what became of it.
fn described(of: Side, message: &[u8]) -> String {
    let letter = char::from(message[0]);
    let arrow = if of == Side::Process { '>' } else { '<' };
    let says = matches!((of, letter), (Side::Process, 'Q') | (Side::Database, 'C'));
    let text = String::from_utf8_lossy(&message[5..]);
    let text = text.split('\0').next().filter(|_| says).unwrap_or_default();
    format!("{arrow}{letter} {text}").trim_end().to_owned()
}
