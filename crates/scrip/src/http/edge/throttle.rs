//! Limits of attempts that may be guesses: a number in a window by one asker, and then none.
//!
//! Every process counts its own, in memory. So several processes together let through several times as many, which is
//! still too few to guess anything. Limits where money is at stake are in the journal.
//!
//! Invariant: memory is bounded, and an asker who was refused is not let in sooner because others come.

use super::address::Client;
use super::problem::Problem;
use crate::config::checks::Checks;
use crate::people::allowances::{CALLBACKS_OF_ADDRESS, Limit, SIGN_INS_OF_ADDRESS};
use scrip_engine::{Admission, Askers, Timestamp};
use std::sync::Mutex;

/// Maximum number of guesses at keys, sessions and links by one address in a minute, by default.
const GUESSES: u32 = 60;
/// Maximum number of remembered askers of each kind, at some 200 bytes each.
const ASKERS_MAX: usize = 100_000; // # assumed

/// Counts attempts by asker.
pub struct Throttle<K> {
    /// Maximum number of attempts of one asker in a window.
    limit: u32,
    /// Length of the window, in seconds.
    window: u32,
    askers: Mutex<Askers<K>>,
}

impl Throttle<Client> {
    /// Makes the limit of unknown keys of an address that the settings name; records what is wrong. A known key is
    /// never refused because of others.
    pub fn bad_keys(checks: &mut Checks<'_>) -> Option<Throttle<Client>> {
        let guesses = match checks.settings.guesses_per_minute.unwrap_or(GUESSES) {
            0 => Err("it must be at least 1: 0 would refuse every caller".to_owned()),
            guesses => Ok(guesses),
        };
        Some(Throttle::new(checks.take("guesses_per_minute", guesses)?, 60))
    }

    /// Makes the limit of sign-in links asked for from an address.
    pub fn sign_ins_by_address() -> Throttle<Client> {
        Throttle::of(&SIGN_INS_OF_ADDRESS)
    }

    /// Makes the limit of returns from the identity provider to an address.
    pub fn callbacks_by_address() -> Throttle<Client> {
        Throttle::of(&CALLBACKS_OF_ADDRESS)
    }
}

impl<K: Ord> Throttle<K> {
    /// Makes a limit from a row of the table of limits.
    fn of(limit: &Limit) -> Throttle<K> {
        Throttle::new(limit.unpaid, limit.window)
    }

    fn new(limit: u32, window: u32) -> Throttle<K> {
        Throttle { limit, window, askers: Mutex::new(Askers::over(window, ASKERS_MAX)) }
    }

    /// Counts an attempt. When the memory is full, a new asker is refused until some others have been silent for a
    /// window: an attacker with that many addresses keeps out new askers for as long, and no others.
    ///
    /// # Errors
    /// When there were too many, with the seconds after which one more is let through.
    pub fn attempt(&self, who: K, at: Timestamp) -> Result<(), Problem> {
        // A panic in here may have left half a log.
        let asked = self.askers.lock().map_err(|_| Problem::Internal)?.ask(who, self.limit, at);
        match asked {
            Some(Admission::Admitted { .. }) => Ok(()),
            Some(Admission::Refused { retry_after }) => Err(Problem::RateLimited { limit: self.limit, retry_after }),
            // Silent askers are removed four times in a window.
            None => Err(Problem::RateLimited { limit: self.limit, retry_after: (self.window / 4).max(1) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::edge::address::Proxies;
    use axum::http::HeaderMap;
    use scrip_engine::SECOND;
    use std::net::{IpAddr, Ipv4Addr};

    const START: i64 = 1_801_353_600 * SECOND;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(START + micros)
    }

    fn client(n: u32) -> Client {
        Client::at(IpAddr::V4(Ipv4Addr::from_bits(n)))
    }

    /// Counts how many of 10^4 guesses, a hundred a second, get through a throttle.
    fn guesses<K: Ord>(throttle: &Throttle<K>, who: impl Fn(u32) -> K) -> usize {
        let attempt = |n: u32| throttle.attempt(who(n), at(i64::from(n) * SECOND / 100)).is_ok();
        (0..10_000).filter(|n| attempt(*n)).count()
    }

    #[test]
    fn ten_thousand_guesses_over_a_thousand_forged_addresses_are_one_clients() {
        let forged = |n: u32| {
            let mut headers = HeaderMap::new();
            let address = Ipv4Addr::from_bits(0xc633_6400 + n % 1_000).to_string();
            for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
                headers.insert(name, address.parse().expect("a value"));
            }
            Proxies::default().client(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), &headers)
        };
        // A hundred seconds of guessing.
        assert_eq!(guesses(&Throttle::new(GUESSES, 60), forged), 120);
        assert_eq!(guesses(&Throttle::sign_ins_by_address(), forged), 20);
    }

    #[test]
    fn whoever_waits_as_told_may_try_again() {
        let throttle: Throttle<[u8; 32]> = Throttle::new(5, 900);
        assert!((0..5).all(|n| throttle.attempt([1; 32], at(n * SECOND)).is_ok()));
        let Err(Problem::RateLimited { limit, retry_after }) = throttle.attempt([1; 32], at(10 * SECOND)) else {
            panic!("the sixth gets through")
        };
        assert_eq!((limit, retry_after), (5, 890));
        assert!(throttle.attempt([2; 32], at(10 * SECOND)).is_ok(), "another account is another one");
        assert!(throttle.attempt([1; 32], at(899 * SECOND)).is_err());
        assert!(throttle.attempt([1; 32], at(900 * SECOND)).is_ok());
        assert!(throttle.attempt([1; 32], at(900 * SECOND)).is_err());
    }

    #[test]
    fn a_million_clients_take_up_no_more_room_than_a_hundred_thousand() {
        let throttle = Throttle::new(GUESSES, 60);
        let refused = (0..1_000_000).filter(|n| throttle.attempt(client(*n), at(0)).is_err()).count();
        assert_eq!(refused, 1_000_000 - ASKERS_MAX, "there is no room, so who is new is refused");
        let len = || throttle.askers.lock().expect("no thread panicked").len();
        assert_eq!(len(), ASKERS_MAX);
        assert!(throttle.attempt(client(5), at(SECOND)).is_ok(), "who is known is judged by what they did");
        let told = throttle.attempt(client(2_000_000), at(SECOND));
        assert!(matches!(told, Err(Problem::RateLimited { retry_after: 15, .. })), "{told:?}");
        assert!(throttle.attempt(client(2_000_000), at(75 * SECOND)).is_ok());
        assert_eq!(len(), 1, "the silent are forgotten");
    }
}
