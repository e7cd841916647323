//! Following a run by server-sent events.

use crate::error::Error;
use crate::types::Run;

/// Stream of a run's changes. Dropping it ends the connection.
pub struct Follow {
    response: reqwest::Response,
    unread: Vec<u8>,
}

impl Follow {
    pub(crate) async fn open(request: reqwest::RequestBuilder) -> Result<Follow, Error> {
        let lost = |source| Error::Transport { tries: 1, source };
        // The stream lasts as long as the run, which no time-out of ours can know.
        let (http, request) = request.build_split();
        let mut request = request.map_err(lost)?;
        *request.timeout_mut() = None;
        let response = http.execute(request).await.map_err(lost)?;
        let status = response.status();
        if status.is_success() {
            return Ok(Follow { response, unread: Vec::new() });
        }
        let body = response.bytes().await.map_err(lost)?;
        Err(Error::read(status.as_u16(), &body))
    }

    /// Returns the run after its next change, or `None` once the last change was returned.
    ///
    /// # Errors
    /// Fails when the connection is lost, or when an event cannot be read.
    pub async fn next(&mut self) -> Result<Option<Run>, Error> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.unread.drain(..end + 2).collect();
                if let Some(data) = data(&event) {
                    let run = serde_json::from_slice(&data);
                    return run
                        .map(Some)
                        .map_err(|error| Error::unreadable(self.response.status().as_u16(), &data, error));
                }
                continue;
            }
            match self.response.chunk().await.map_err(|source| Error::Transport { tries: 1, source })? {
                Some(chunk) => self.unread.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Returns the data of an event, or `None` for a comment, which keeps the connection alive.
fn data(event: &[u8]) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = event.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:")).collect();
    let trimmed = lines.iter().map(|line| line.strip_prefix(b" ").unwrap_or(line)).collect::<Vec<_>>();
    (!trimmed.is_empty()).then(|| trimmed.join(&b'\n'))
}
