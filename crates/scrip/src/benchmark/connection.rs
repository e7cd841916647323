//! Connections: HTTP/1.1 with keep-alive by hand over a socket, so that little of the measured time is the client's.
//!
//! Invariant: one request is under way at a time, and its answer is read whole before the next one is begun.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Pause before a request is sent again after the server put it off; a server asks for a second, for people. # assumed
const REST: Duration = Duration::from_millis(10);
/// Maximum number of pauses of one request before the measurement fails.
const RESTS_MAX: u64 = 500;

/// A keep-alive connection to a server.
pub struct Connection {
    stream: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
    /// Number of times that the server put a request off.
    pub put_off: u64,
}

impl Connection {
    /// Connects to a server, without Nagle's delay.
    ///
    /// # Errors
    /// When no server listens at the address.
    pub async fn open(address: SocketAddr) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Connection { stream, output: Vec::with_capacity(1_024), input: vec![0; 16_384], filled: 0, put_off: 0 })
    }

    /// Starts a request with its method, path and key.
    pub fn begin(&mut self, method: &str, path: &str, key: &str) {
        self.output.clear();
        let head = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer";
        for piece in [method, " ", path, " ", head, " ", key, "\r\n"] {
            self.output.extend_from_slice(piece.as_bytes());
        }
    }

    /// Adds a header to the request.
    pub fn header(&mut self, name: &str, value: &str) {
        for piece in [name, ": ", value, "\r\n"] {
            self.output.extend_from_slice(piece.as_bytes());
        }
    }

    /// Sends the request with its body, and returns the status and the body of the answer.
    ///
    /// # Errors
    /// When the connection breaks or what comes is not an answer.
    pub async fn send(&mut self, body: &[u8]) -> Result<(u16, &[u8]), String> {
        self.end(body);
        let (status, start, end) = self.exchange().await?;
        Ok((status, &self.input[start..end]))
    }

    /// Sends the request like [`Connection::send`]; one that the server put off, which changed nothing, is sent again
    /// with the same key, as a client does.
    ///
    /// # Errors
    /// As above.
    pub async fn send_again(&mut self, body: &[u8]) -> Result<(u16, &[u8]), String> {
        self.end(body);
        let before = self.put_off;
        loop {
            let (status, start, end) = self.exchange().await?;
            if status != 503 || self.put_off - before == RESTS_MAX {
                return Ok((status, &self.input[start..end]));
            }
            self.put_off += 1;
            tokio::time::sleep(REST).await;
        }
    }

    fn end(&mut self, body: &[u8]) {
        write!(self.output, "Content-Length: {}\r\n\r\n", body.len()).expect("a vector takes all");
        self.output.extend_from_slice(body);
    }

    /// Sends the request that was written.
    async fn write(&mut self) -> Result<(), String> {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.stream.try_write(&self.output[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.writable().await.map_err(|error| error.to_string())?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Reads the next bytes into the buffer from a place on, and returns their number; 0 at the end of the stream.
    async fn read(&mut self, from: usize) -> Result<usize, String> {
        loop {
            self.stream.readable().await.map_err(|error| error.to_string())?;
            match self.stream.try_read(&mut self.input[from..]) {
                Ok(more) => return Ok(more),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Sends the request, and returns the status of the answer and where its body starts and ends.
    async fn exchange(&mut self) -> Result<(u16, usize, usize), String> {
        self.write().await?;
        self.filled = 0;
        loop {
            if let Some((status, start, end)) = answer(&self.input[..self.filled])? {
                if end > self.input.len() {
                    self.input.resize(end, 0);
                }
                if end <= self.filled {
                    return Ok((status, start, end));
                }
            }
            match self.read(self.filled).await? {
                0 => return Err("the server closed the connection".to_owned()),
                more => self.filled += more,
            }
        }
    }
}

/// Returns the status of an answer, and where its body starts and ends, once its head is complete.
fn answer(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>, String> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|error| error.to_string())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or("the received bytes are not an answer")?;
    let length = lines.filter_map(|line| line.split_once(':'));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.trim());
    let length: usize = length.last().and_then(|length| length.parse().ok()).ok_or("an answer has no length")?;
    Ok(Some((status, head + 4, head + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_once_its_head_is_there() {
        let bytes = b"HTTP/1.1 201 Created\r\ncontent-type: x\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(answer(bytes), Ok(Some((201, bytes.len() - 3, bytes.len()))));
        assert_eq!(answer(&bytes[..40]), Ok(None));
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "without a length its end is unknown");
    }
}
