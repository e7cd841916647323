//! Rate limits against a model that keeps every instant and counts.
//!
//! Goal: no span of a window has more admissions than the limit, and no asker is refused that the model would admit.
//! Method: 10^5 random arrivals on a virtual clock for each limit, steady, in bursts and with pauses; every answer is
//! compared, every span is counted, and an asker that has to wait comes back exactly then.

use scrip_engine::{Admission, Admissions, Askers, SECOND, Timestamp, limits};

const ARRIVALS: usize = 100_000;
const WINDOW: i64 = limits::RATE_SECONDS as i64 * SECOND;
const START: i64 = 1_801_353_600_000_000;

/// Numbers that resemble chance and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }
}

fn log() -> Admissions {
    Admissions::over(limits::RATE_SECONDS)
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn is_admitted(admission: Admission) -> bool {
    matches!(admission, Admission::Admitted { .. })
}

/// Returns the pause before the next arrival: none, within a fair share of the window, up to a whole second, or much
/// longer.
fn pause(dice: &mut Dice, limit: u32) -> i64 {
    let fair = 2 * WINDOW / i64::from(limit.max(1)) + 1;
    let is_rare = dice.below(i64::from(limit)) < 8;
    match dice.below(100) {
        0..30 => 0,
        90..95 if is_rare => SECOND * dice.below(3),
        95 if is_rare => WINDOW - 1 + dice.below(3),
        96.. => dice.below(fair / 20 + 1),
        _ => dice.below(fair),
    }
}

/// Returns the admitted ones of random arrivals, after each answer was compared with the model's.
fn admitted_arrivals(limit: u32, seed: u64) -> Vec<i64> {
    let (mut dice, mut log, mut now) = (Dice(seed), log(), START);
    let mut admitted: Vec<i64> = Vec::new();
    for arrival in 0..ARRIVALS {
        now += pause(&mut dice, limit);
        let counting = admitted.iter().rev().take_while(|then| **then > now - WINDOW).count();
        let before = log.clone();
        let answer = log.ask(limit, at(now));
        assert_eq!(is_admitted(answer), counting < limit as usize, "arrival {arrival} of seed {seed} at {now}");
        match answer {
            Admission::Admitted { remaining, resets_in } => {
                admitted.push(now);
                assert_eq!(remaining as usize, limit as usize - counting - 1);
                let oldest = admitted[admitted.len() - counting - 1];
                assert_eq!(i64::from(resets_in), (oldest + WINDOW - now + SECOND - 1) / SECOND);
            }
            Admission::Refused { retry_after } => {
                assert!(retry_after >= 1);
                let then = now + i64::from(retry_after) * SECOND;
                assert!(
                    is_admitted(log.clone().ask(limit, at(then))),
                    "a caller who waits for `retry_after` is admitted"
                );
                let sooner = log.clone().ask(limit, at(then - SECOND));
                assert!(!is_admitted(sooner), "and is not told to wait a second too long");
                let mut untouched = before;
                assert!(!is_admitted(untouched.ask(limit, at(now))) && untouched == log, "it left a trace");
            }
        }
        if arrival % 1_000 == 0 {
            let read = Admissions::from_bytes(limits::RATE_SECONDS, &log.to_bytes());
            assert_eq!(read.as_ref(), Some(&log), "bytes carry the whole log");
        }
    }
    admitted
}

#[test]
fn no_span_is_above_the_limit_and_nobody_is_refused_below_it() {
    for (seed, limit) in [1, 2, 7, 60, 100, 1_000, 5_000].into_iter().enumerate() {
        let admitted = admitted_arrivals(limit, seed as u64);
        assert!(admitted.len() > limit as usize && admitted.len() < ARRIVALS, "{limit}: {}", admitted.len());
        let spans = admitted.iter().zip(&admitted[limit as usize..]);
        let narrowest = spans.map(|(first, over)| over - first).min().expect("more than the limit were admitted");
        assert!(narrowest >= WINDOW, "{limit} and one more within {narrowest} µs");
    }
}

#[test]
fn an_admission_counts_for_a_window_and_not_an_instant_longer() {
    let mut log = log();
    assert_eq!(log.ask(2, at(START)), Admission::Admitted { remaining: 1, resets_in: 60 });
    assert_eq!(log.ask(2, at(START + 1)), Admission::Admitted { remaining: 0, resets_in: 60 });
    assert_eq!(log.ask(2, at(START + SECOND)), Admission::Refused { retry_after: 59 });
    assert_eq!(log.ask(2, at(START + WINDOW - 1)), Admission::Refused { retry_after: 1 });
    assert_eq!(log.ask(2, at(START + WINDOW)), Admission::Admitted { remaining: 0, resets_in: 1 });
    assert_eq!(log.ask(2, at(START + WINDOW)), Admission::Refused { retry_after: 1 });
    assert!(is_admitted(log.ask(2, at(START + WINDOW + 1))));
}

#[test]
fn another_limit_is_judged_at_once_with_what_is_there() {
    let mut log = log();
    for n in 0..80 {
        assert!(is_admitted(log.ask(100, at(START + n * SECOND / 4))));
    }
    // 80 count. Under 50, the 31st must leave first, which came seven and a half seconds after the first.
    assert_eq!(log.ask(50, at(START + 20 * SECOND)), Admission::Refused { retry_after: 48 });
    assert!(is_admitted(log.clone().ask(50, at(START + 68 * SECOND))));
    assert_eq!(log.ask(81, at(START + 20 * SECOND)), Admission::Admitted { remaining: 0, resets_in: 40 });
    assert_eq!(log.ask(0, at(START + 20 * SECOND)), Admission::Refused { retry_after: 60 });
    assert_eq!(self::log().ask(0, at(START)), Admission::Refused { retry_after: 60 });
}

#[test]
fn a_clock_that_goes_back_admits_nothing_early_and_shuts_nobody_out() {
    let mut log = log();
    assert!(is_admitted(log.ask(1, at(START))));
    assert_eq!(log.ask(1, at(START - 30 * SECOND)), Admission::Refused { retry_after: 60 });
    assert!(is_admitted(log.ask(2, at(START - 30 * SECOND))));
    assert_eq!(log.last(), Some(at(START)), "it counts as the last instant");
    // The clock had been an hour ahead. Admissions of that hour count for one window from now.
    let truth = START - 3_600 * SECOND;
    assert_eq!(log.ask(2, at(truth)), Admission::Refused { retry_after: 60 });
    assert_eq!(log.ask(2, at(truth + WINDOW - 1)), Admission::Refused { retry_after: 1 });
    assert_eq!(log.ask(2, at(truth + WINDOW)), Admission::Admitted { remaining: 1, resets_in: 60 });
    // At the beginning of time as well.
    let mut log = self::log();
    assert!((0..9).all(|n| is_admitted(log.ask(9, at(WINDOW + n)))));
    assert!(!is_admitted(log.ask(9, at(1))) && !is_admitted(log.ask(9, at(0))));
    assert_eq!(Admissions::from_bytes(limits::RATE_SECONDS, &log.to_bytes()), Some(log));
}

#[test]
fn many_at_one_instant_take_no_more_room_than_one() {
    let mut log = log();
    for n in 0..100_000 {
        assert!(is_admitted(log.ask(100_000, at(START + n / 1_000))));
    }
    assert!(!is_admitted(log.ask(100_000, at(START + 100))));
    assert!(log.to_bytes().len() < 400, "{} bytes for a hundred instants", log.to_bytes().len());
    let mut spread = self::log();
    assert!((0..1_000).all(|n| is_admitted(spread.ask(1_000, at(START + n * 60_000)))));
    assert!(spread.to_bytes().len() < 4_100, "{} bytes for a thousand", spread.to_bytes().len());
}

#[test]
fn bytes_of_something_else_are_no_log() {
    let mut log = log();
    assert!((0..3).all(|n| is_admitted(log.ask(9, at(START + n * SECOND)))));
    let bytes = log.to_bytes();
    let read = |bytes: &[u8]| Admissions::from_bytes(limits::RATE_SECONDS, bytes);
    assert_eq!(read(&[]), Some(self::log()));
    for cut in 1..bytes.len() {
        assert!(read(&bytes[..cut]).is_none_or(|part| part != log));
    }
    assert_eq!(read(&bytes[..bytes.len() - 1]), None, "it ends in the middle");
    assert_eq!(read(&[5, 1, 0, 1]), None, "two runs at one instant");
    assert_eq!(read(&[5, 0]), None, "a run of none");
    assert_eq!(read(&[0xff; 12]), None, "a number without an end");
    assert_eq!(read(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1]), None, "more than can be counted");
    let mut dice = Dice(7);
    for _ in 0..10_000 {
        let length = dice.below(24);
        let noise: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
        if let Some(mut log) = read(&noise) {
            log.ask(3, at(START));
        }
    }
}

#[test]
fn the_silent_are_forgotten_and_the_others_are_not_for_somebody_new() {
    let mut askers: Askers<u32> = Askers::over(60, 1_000);
    for asker in 0..1_000 {
        assert!(askers.ask(asker, 1, at(START)).is_some_and(is_admitted));
    }
    assert_eq!(askers.ask(1_000, 1, at(START + SECOND)), None, "there is no room");
    assert_eq!(askers.ask(7, 1, at(START + SECOND)), Some(Admission::Refused { retry_after: 59 }), "who is known is");
    assert!(askers.ask(7, 2, at(START + SECOND)).is_some_and(is_admitted));
    // An asker is forgotten at the latest a quarter of a window after it has been silent for a window.
    assert!(askers.ask(1_000, 1, at(START + 75 * SECOND)).is_some_and(is_admitted));
    assert_eq!(askers.len(), 1, "the seventh has been silent for a window as well");
    for asker in 0..1_000_000_u32 {
        askers.ask(asker, 1, at(START + 80 * SECOND + i64::from(asker) * 1_000));
        assert!(askers.len() <= 1_000);
    }
    assert!(!askers.is_empty());
    // A clock that was an hour ahead keeps no asker for an hour.
    askers.ask(5, 1, at(START + 3_600 * SECOND + 1_000 * SECOND));
    for minute in 0..3 {
        askers.ask(6, 1, at(START + 1_100 * SECOND + minute * WINDOW));
    }
    assert_eq!(askers.len(), 1);
}
