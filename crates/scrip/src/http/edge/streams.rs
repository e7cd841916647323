//! Limits of open event streams and waits: a number at once of a workspace, a person and an address (R39).
//!
//! Every process counts its own, in memory. A permit is given back when it is dropped, whatever ended the answer.
//!
//! Invariant: of the subjects of one answer either all are counted or none is, and a subject without open answers takes
//! up no room.

use super::address::Client;
use super::problem::Problem;
use crate::people::allowances::{Limit, STREAMS_OF_ADDRESS, STREAMS_OF_PERSON, STREAMS_OF_WORKSPACE, has_paid};
use scrip_engine::{UserId, Workspace, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds to wait after a refusal: it is unknown when another stream ends.
const RETRY_AFTER: u32 = 5; // # assumed

/// Subject that open answers are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Workspace(WorkspaceId),
    Person(UserId),
    Address(Client),
}

/// Numbers of open answers by subject.
#[derive(Debug, Default)]
pub struct Streams(Mutex<BTreeMap<Subject, u32>>);

/// Permit of an open answer; dropping it frees its place.
#[derive(Debug)]
pub struct Permit {
    streams: Arc<Streams>,
    subjects: Vec<Subject>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in &self.subjects {
            if let Some(count) = open.get_mut(subject) {
                *count -= 1;
                if *count == 0 {
                    open.remove(subject);
                }
            }
        }
    }
}

impl Streams {
    /// Counts an answer that stays open, for as long as the permit lives.
    ///
    /// # Errors
    /// When the maximum number is open.
    pub fn count(
        self: &Arc<Self>,
        workspace: &Workspace,
        person: Option<UserId>,
        client: Client,
    ) -> Result<Permit, Problem> {
        let paid = has_paid(workspace);
        let mut subjects = vec![
            (Subject::Workspace(workspace.id), &STREAMS_OF_WORKSPACE, paid),
            (Subject::Address(client), &STREAMS_OF_ADDRESS, paid),
        ];
        subjects.extend(person.map(|user| (Subject::Person(user), &STREAMS_OF_PERSON, paid)));
        self.open(subjects)
    }

    fn open(self: &Arc<Self>, subjects: Vec<(Subject, &Limit, bool)>) -> Result<Permit, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (subject, limit, has_paid) in &subjects {
            let most = limit.number(*has_paid);
            if open.get(subject).copied().unwrap_or(0) >= most {
                let detail = format!("at most {most} {} are open at once: end one first", limit.what);
                return Err(Problem::OverLimit { limit: most, retry_after: RETRY_AFTER, detail });
            }
        }
        let subjects: Vec<Subject> = subjects.into_iter().map(|(subject, ..)| subject).collect();
        subjects.iter().for_each(|subject| *open.entry(*subject).or_default() += 1);
        Ok(Permit { streams: Arc::clone(self), subjects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(n: u64) -> Vec<(Subject, &'static Limit, bool)> {
        let address = Client::at(std::net::IpAddr::from([203, 0, 113, 9]));
        vec![
            (Subject::Workspace(WorkspaceId::new(n)), &STREAMS_OF_WORKSPACE, false),
            (Subject::Address(address), &STREAMS_OF_ADDRESS, false),
        ]
    }

    #[test]
    fn a_place_is_given_back_and_a_refusal_takes_none() {
        let streams = Arc::new(Streams::default());
        let mut open: Vec<Permit> = (0..10).map(|_| streams.open(workspace(1)).expect("there is room")).collect();
        for _ in 0..100 {
            let refused = streams.open(workspace(1)).expect_err("ten are open");
            assert_eq!(refused.status().as_u16(), 429);
        }
        open.pop();
        open.push(streams.open(workspace(1)).expect("one has ended"));
        for n in 2..6 {
            open.extend((0..10).map(|_| streams.open(workspace(n)).expect("there is room")));
        }
        assert!(streams.open(workspace(6)).is_err(), "fifty of the address are open");
        open.clear();
        assert!(streams.0.lock().expect("no thread panicked").is_empty(), "what has ended takes up no room");
    }
}
