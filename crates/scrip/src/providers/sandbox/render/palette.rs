//! Colours of a scene: two hues that go together, chosen by the prompt.
//!
//! **Invariant:** no library function of unspecified precision is called, so a palette is the same everywhere.

use super::chance::{Dice, wave};

/// Red, green and blue as a screen takes them, each from 0 to 1.
pub(super) type Rgb = [f32; 3];

/// The colours of one scene.
pub(super) struct Palette {
    pub(super) zenith: Rgb,
    pub(super) middle: Rgb,
    pub(super) horizon: Rgb,
    pub(super) light: Rgb,
    pub(super) far: Rgb,
    pub(super) near: Rgb,
}

/// Pairs of hues in degrees, of the sky's top and of its foot, that look well together.
const PAIRS: [(f32, f32); 9] = [
    (290.0, 58.0),
    (238.0, 68.0),
    (265.0, 15.0),
    (196.0, 100.0),
    (338.0, 72.0),
    (248.0, 190.0),
    (12.0, 82.0),
    (285.0, 340.0),
    (150.0, 112.0),
];

/// Words in a prompt that ask for a colour, each with its row of [`PAIRS`].
const WORDS: [(&str, usize); 19] = [
    ("purple", 0),
    ("violet", 0),
    ("sunset", 0),
    ("orange", 6),
    ("blue", 1),
    ("rose", 2),
    ("teal", 3),
    ("magenta", 4),
    ("neon", 4),
    ("gold", 6),
    ("golden", 6),
    ("pink", 7),
    ("ice", 5),
    ("snow", 5),
    ("winter", 5),
    ("red", 6),
    ("fire", 6),
    ("green", 8),
    ("forest", 8),
];

impl Palette {
    /// Returns the palette of a prompt: `family` comes from the prompt alone, `dice` may differ from picture to
    /// picture.
    pub(super) fn new(prompt: &str, night: bool, family: u64, dice: &mut Dice) -> Palette {
        let asked = prompt
            .split(|c: char| !c.is_alphanumeric())
            .find_map(|word| WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)));
        let row = asked.map_or((family % PAIRS.len() as u64) as usize, |(_, row)| *row);
        let drift = dice.between(-9.0, 9.0);
        let (top, foot) = (PAIRS[row].0 + drift, PAIRS[row].1 + drift * 0.5);
        let between = top + shorter(foot - top) * 0.45;
        if night {
            Palette {
                zenith: lch(0.17, 0.055, top),
                middle: lch(0.31, 0.085, between),
                horizon: lch(0.56, 0.095, foot),
                light: lch(0.97, 0.025, foot),
                far: lch(0.36, 0.06, between),
                near: lch(0.10, 0.03, top),
            }
        } else {
            Palette {
                zenith: lch(0.47, 0.115, top),
                middle: lch(0.72, 0.105, between),
                horizon: lch(0.90, 0.085, foot),
                light: lch(0.98, 0.045, foot),
                far: lch(0.66, 0.085, between),
                near: lch(0.20, 0.055, top),
            }
        }
    }
}

/// Returns an angle brought to the shorter way around, from -180 to 180.
fn shorter(degrees: f32) -> f32 {
    if degrees > 180.0 {
        degrees - 360.0
    } else if degrees < -180.0 {
        degrees + 360.0
    } else {
        degrees
    }
}

/// Returns a colour from lightness, strength and hue in the Oklab space, where equal steps look equal.
fn lch(lightness: f32, strength: f32, degrees: f32) -> Rgb {
    let turns = degrees / 360.0;
    let (a, b) = (strength * wave(turns + 0.25), strength * wave(turns));
    let cube = |v: f32| v * v * v;
    let l = cube(lightness + 0.396_337_78 * a + 0.215_803_76 * b);
    let m = cube(lightness - 0.105_561_346 * a - 0.063_854_17 * b);
    let s = cube(lightness - 0.089_484_18 * a - 1.291_485_5 * b);
    [
        screen(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s),
        screen(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s),
        screen(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s),
    ]
}

/// Returns the screen's coding of an amount of light, by square roots (off by three steps of 256 at most, near black).
fn screen(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    let (half, quarter) = (light.sqrt(), light.sqrt().sqrt());
    (0.662_002_7 * half + 0.684_122_1 * quarter - 0.323_583_6 * quarter.sqrt() - 0.022_541_147 * light).clamp(0.0, 1.0)
}

/// Returns the colour a share of the way from one to the other.
pub(super) fn blend(from: Rgb, to: Rgb, share: f32) -> Rgb {
    [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share, from[2] + (to[2] - from[2]) * share]
}

/// Returns the three bytes of a colour, after adding `grain` steps of 256.
pub(super) fn bytes(colour: Rgb, grain: f32) -> [u8; 3] {
    colour.map(|part| (part * 255.0 + 0.5 + grain).clamp(0.0, 255.0) as u8)
}
