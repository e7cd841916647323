//! Repeatable chance: hashes, dice and smooth noise, from integers and correctly rounded arithmetic alone.
//!
//! **Invariant:** only `+ - * /` and `floor` on floats are used, so every machine gets the same bits.

/// Scatters a number over all 64 bits (the finaliser of splitmix64).
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Returns a number for a text (FNV-1a, scattered).
pub(super) fn of_text(text: &str) -> u64 {
    let fold = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Returns the top 24 bits as a fraction in `0.0..1.0`.
pub(super) fn fraction(bits: u64) -> f32 {
    (bits >> 40) as f32 / 16_777_216.0
}

/// A sequence of draws that a start value fixes.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(start: u64) -> Dice {
        Dice(start)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// Draws a number from `low` up to `high`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * fraction(self.bits())
    }
}

/// Returns a step from 0 at `low` to 1 at `high`, flat at both ends.
pub(super) fn smooth(low: f32, high: f32, value: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Returns a wave of period 1 between -1 and 1: two parabolas, close to a sine.
pub(super) fn wave(turns: f32) -> f32 {
    let t = turns - turns.floor();
    if t < 0.5 { 16.0 * t * (0.5 - t) } else { -16.0 * (t - 0.5) * (1.0 - t) }
}

fn lattice(key: u64, x: i64, y: i64) -> f32 {
    fraction(mix(key ^ (x as u64).wrapping_mul(0x8da6_b343_52c1_9f3d) ^ (y as u64).wrapping_mul(0xd816_3841_3d29_71a7)))
}

/// Returns smooth noise along a line, in `0.0..1.0`, with one hill or valley per unit.
pub(super) fn line(key: u64, x: f32) -> f32 {
    let cell = x.floor();
    let t = smooth(0.0, 1.0, x - cell);
    let (a, b) = (lattice(key, cell as i64, 0), lattice(key, cell as i64 + 1, 0));
    a + (b - a) * t
}

/// Returns smooth noise in the plane, in `0.0..1.0`.
pub(super) fn plane(key: u64, x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let (tx, ty) = (smooth(0.0, 1.0, x - column), smooth(0.0, 1.0, y - row));
    let (column, row) = (column as i64, row as i64);
    let along = |row: i64| {
        let (a, b) = (lattice(key, column, row), lattice(key, column + 1, row));
        a + (b - a) * tx
    };
    let (above, below) = (along(row), along(row + 1));
    above + (below - above) * ty
}

/// Returns layers of ever finer noise, each half as strong as the one before, scaled back to `0.0..1.0`.
pub(super) fn layer_noise(octaves: u32, noise: impl Fn(u64, f32) -> f32) -> f32 {
    let (mut sum, mut weight, mut scale, mut total) = (0.0, 1.0, 1.0, 0.0);
    for octave in 0..octaves {
        sum += weight * noise(u64::from(octave), scale);
        total += weight;
        weight *= 0.5;
        scale *= 2.03;
    }
    sum / total
}
