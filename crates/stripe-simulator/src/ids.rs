//! Identifiers that look like Stripe's and are the same in every run.
//!
//! Invariant: an identifier is a function of the seed and of the number of earlier ones, so that a failing test shows
//! the same names each time, and no identifier is given twice.

use aws_lc_rs::digest;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Source of identifiers, which is determined by its seed.
#[derive(Clone, Debug)]
pub struct Ids {
    seed: u64,
    given: u64,
}

impl Ids {
    /// Creates a source of identifiers; another seed gives others.
    pub fn new(seed: u64) -> Ids {
        Ids { seed, given: 0 }
    }

    /// Returns the next identifier, with as many letters after its prefix as Stripe's has.
    pub fn next(&mut self, prefix: &str) -> String {
        let letters = match prefix {
            "cus_" | "prod_" | "req_" | "ch_" | "si_" | "bps_" | "bpc_" => 14,
            "whsec_" | "secret_" => 32,
            "cs_test_" => 58,
            _ => 24,
        };
        self.given += 1;
        format!("{prefix}{}", self.letters(letters))
    }

    fn letters(&self, count: usize) -> String {
        let mut text = String::with_capacity(count);
        for block in 0_u8.. {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&self.seed.to_be_bytes());
            context.update(&self.given.to_be_bytes());
            context.update(&[block]);
            for byte in context.finish().as_ref() {
                if text.len() == count {
                    return text;
                }
                text.push(char::from(LETTERS[usize::from(byte % 62)]));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_names_and_no_name_twice() {
        let names = |seed| {
            let mut ids = Ids::new(seed);
            (0..1000).map(|_| ids.next("cus_")).collect::<Vec<_>>()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        let mut sorted = names(1);
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 1000);
        assert!(sorted.iter().all(|name| name.len() == "cus_".len() + 14));
        assert_eq!(Ids::new(1).next("cs_test_").len(), "cs_test_".len() + 58);
    }
}
