//! Kinds of keys that open the API, and idempotency keys.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Kind of a key, by its first characters. Only the server can tell if the key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `scrip_sk_…`: a key of the operator, who names the workspace.
    Operator,
    /// `scrip_wk_…`: a key of one workspace.
    Workspace,
    /// `scrip_ps_…`: a session of a person, for all of their workspaces or for one alone.
    Session,
}

impl KeyKind {
    /// Returns the kind of a key, or `None` when it begins like no kind. Keys made before the prefix `scrip_` are
    /// good as well.
    pub fn of(key: &str) -> Option<KeyKind> {
        let kinds = [("sk_", KeyKind::Operator), ("wk_", KeyKind::Workspace), ("ps_", KeyKind::Session)];
        let key = key.strip_prefix("scrip_").unwrap_or(key);
        kinds.into_iter().find_map(|(prefix, kind)| key.starts_with(prefix).then_some(kind))
    }

    /// Returns `true` for kinds whose key may imply the workspace. A session of a person with several workspaces does
    /// not: the server answers that one must be named.
    pub const fn implies_workspace(self) -> bool {
        matches!(self, KeyKind::Workspace | KeyKind::Session)
    }
}

/// Makes a new idempotency key: 128 bits in hexadecimal.
///
/// The standard library seeds a thread's first [`RandomState`] with 128 bits of the operating system's randomness and
/// gives each later state a different key; under such a key the SipHash values of two inputs are as good as two
/// random words. That is enough here: two keys must not be equal by chance, and a key is no secret, since it is good
/// for nothing but the same caller's same request. So no crate for randomness is needed.
pub fn new_idempotency_key() -> String {
    let state = RandomState::new();
    format!("{:016x}{:016x}", state.hash_one(0_u64), state.hash_one(1_u64))
}

/// Returns a number below `bound`, to spread tries out; 0 when `bound` is 0.
pub(crate) fn below(bound: u64) -> u64 {
    RandomState::new().hash_one(2_u64).checked_rem(bound).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_do_not_meet_on_one_thread_or_on_many() {
        let made = |_| (0..5_000).map(|_| new_idempotency_key()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|n| std::thread::spawn(move || made(n))).collect();
        let keys: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().expect("it makes keys")).collect();
        assert!(keys.iter().all(|key| key.len() == 32));
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 20_000);
    }

    #[test]
    fn a_key_says_by_its_beginning_who_asks() {
        let kinds = ["scrip_sk_test_x", "scrip_wk_live_x", "scrip_ps_x", "scrip_x", "st_x", "x", ""].map(KeyKind::of);
        assert_eq!(["sk_test_x", "wk_live_x", "ps_x"].map(KeyKind::of), kinds[..3]);
        let known = [KeyKind::Operator, KeyKind::Workspace, KeyKind::Session].map(Some);
        assert_eq!((&kinds[..3], &kinds[3..]), (&known[..], &[None; 4][..]));
        assert_eq!(known.map(|kind| kind.is_some_and(KeyKind::implies_workspace)), [false, true, true]);
    }

    #[test]
    fn spread_stays_below_its_bound() {
        assert_eq!(below(0), 0);
        assert!((0..100).all(|_| below(7) < 7));
    }
}
