//! Scene of a picture: a sky with a sun or a moon, clouds or stars, ridges behind each other, and perhaps water.
//!
//! Lengths are in heights of the picture, so a scene looks the same at every size.
//!
//! **Invariant:** a scene is a function of prompt, seed and index, and of nothing else.

use super::chance::{Dice, fraction, layer_noise, line, mix, of_text, plane, smooth};
use super::palette::{Palette, Rgb, blend};

const NIGHT: [&str; 10] = ["night", "moon", "star", "stars", "midnight", "dark", "neon", "space", "galaxy", "dream"];
const WATER: [&str; 10] = ["sea", "ocean", "lake", "water", "river", "beach", "wave", "waves", "boat", "island"];

/// One ridge of hills.
pub(super) struct Ridge {
    pub(super) colour: Rgb,
    pub(super) mist: Rgb,
    /// Movement of the ridge for each height that the camera moves.
    pub(super) speed: f32,
    base: f32,
    rise: f32,
    stretch: f32,
    sharp: f32,
    trees: f32,
    /// Height at which the water begins: no tree stands below it.
    shore: f32,
    key: u64,
}

/// A whole scene, independent of its size in pixels.
pub(super) struct Scene {
    pub(super) palette: Palette,
    pub(super) night: bool,
    /// Height at which the water begins, if there is any.
    pub(super) shore: Option<f32>,
    /// Sun or moon: its place across (as a share of the width), its place down, and its radius.
    pub(super) lamp: (f32, f32, f32),
    /// Ridges, from the farthest to the nearest.
    pub(super) ridges: Vec<Ridge>,
    pub(super) key: u64,
    horizon: f32,
    cover: f32,
}

impl Scene {
    /// Returns the scene of a prompt; its colours depend on the prompt alone, its shapes also on seed and index.
    pub(super) fn new(prompt: &str, seed: u64, index: u32) -> Scene {
        let family = of_text(prompt);
        let key = mix(family ^ mix(seed) ^ mix(u64::from(index) << 32 | 0x5c));
        let mut dice = Dice::new(key);
        let says = |list: &[&str]| {
            prompt.split(|c: char| !c.is_alphanumeric()).any(|word| list.iter().any(|w| word.eq_ignore_ascii_case(w)))
        };
        let night = says(&NIGHT) || (!says(&["day", "sun", "sunset", "morning"]) && family % 10 < 3);
        let water = says(&WATER) || (family >> 8) % 10 < 4;
        let palette = Palette::new(prompt, night, family >> 16, &mut dice);
        let horizon = dice.between(0.55, 0.63);
        let side = if dice.bits().is_multiple_of(2) { dice.between(0.2, 0.42) } else { dice.between(0.58, 0.8) };
        let radius = if night { dice.between(0.035, 0.05) } else { dice.between(0.06, 0.1) };
        let lamp = (side, horizon - dice.between(0.2, 0.36), radius);
        let cover = dice.between(0.40, 0.52);
        let shore = water.then_some(horizon + 0.1);
        let ridges = ridges(&palette, horizon, shore, &mut dice);
        Scene { palette, night, shore, lamp, ridges, key, horizon, cover }
    }

    /// Returns the colour of the sky, without the disc: `x` and `y` in heights, for a picture `wide` heights wide.
    pub(super) fn sky(&self, x: f32, y: f32, wide: f32) -> Rgb {
        let p = &self.palette;
        let down = (y / (self.horizon + 0.08)).clamp(0.0, 1.0);
        let mut colour = if down < 0.55 {
            blend(p.zenith, p.middle, smooth(-0.1, 0.6, down))
        } else {
            let foot = (down - 0.55) / 0.45;
            blend(blend(p.zenith, p.middle, smooth(-0.1, 0.6, down)), p.horizon, foot * foot * (1.6 - 0.6 * foot))
        };
        let (dx, dy) = (x - self.lamp.0 * wide, (y - self.lamp.1) * 1.15);
        let distance = dx * dx + dy * dy;
        let reach = if self.night { 0.018 } else { 0.05 };
        let glow = reach / (reach + distance);
        colour = blend(colour, p.light, glow * glow * if self.night { 0.55 } else { 0.8 });
        let (cx, cy) = (x * 1.5, y * 5.5 + x * 0.25);
        let bend = plane(self.key ^ 11, cx * 0.7, cy * 0.7) * 1.1;
        let body =
            layer_noise(4, |octave, scale| plane(self.key ^ (octave << 7), (cx + bend) * scale, (cy + bend) * scale));
        let thick = smooth(self.cover, self.cover + 0.32, body) * smooth(0.02, 0.25, down) * (1.0 - 0.35 * down);
        let lit = blend(blend(p.horizon, p.middle, 0.25), p.light, (0.35 + glow).min(0.9));
        blend(colour, lit, thick * if self.night { 0.28 } else { 0.62 })
    }

    /// Returns the brightness of a star at a pixel; almost everywhere it is 0.
    pub(super) fn star(&self, x: u32, y: u32) -> f32 {
        let bits = mix(self.key ^ (u64::from(x) << 32) ^ u64::from(y) ^ 0x57a7);
        if !bits.is_multiple_of(461) {
            return 0.0;
        }
        let bright = fraction(mix(bits));
        bright * bright * 0.9
    }
}

impl Ridge {
    /// Returns the height of the ridge's line below the top of the picture.
    pub(super) fn top(&self, x: f32) -> f32 {
        let along = x / self.stretch;
        let rolling = layer_noise(5, |octave, scale| {
            let n = line(self.key ^ (octave << 9), along * scale);
            let fold = 1.0 - (2.0 * n - 1.0).abs();
            n + (fold * fold - n) * self.sharp
        });
        let ground = self.base - self.rise * rolling;
        let tree = if self.trees > 0.0 { self.tree(x) * smooth(0.0, 0.02, self.shore - ground) } else { 0.0 };
        ground - tree
    }

    /// Returns the share of mist on this ridge at a height of the picture: it gathers at the ridge's foot.
    pub(super) fn fog(&self, y: f32) -> f32 {
        smooth(self.base - self.rise * 0.75, self.base + 0.1, y)
    }

    /// Returns the height of the tallest tree at a place: firs of uneven size stand close together.
    fn tree(&self, x: f32) -> f32 {
        let cell = (x / (self.trees * 0.42)).floor() as i64;
        let mut tallest = 0.0_f32;
        for near in cell - 1..=cell + 1 {
            let bits = mix(self.key ^ near as u64);
            let height = self.trees * (0.45 + 0.9 * fraction(bits));
            let foot = (near as f32 + fraction(mix(bits))) * self.trees * 0.42;
            let aside = (x - foot).abs() / (height * 0.23);
            let branches = 1.0 - aside;
            if branches > 0.0 {
                let tooth = branches * 5.0;
                tallest = tallest.max(height * (branches - 0.45 * (tooth - tooth.floor()) * 0.2).max(0.0));
            }
        }
        tallest
    }
}

/// Returns ridges from the hazy far ones to the dark near ones; water takes the place of the middle ones.
fn ridges(palette: &Palette, horizon: f32, shore: Option<f32>, dice: &mut Dice) -> Vec<Ridge> {
    let water = shore.is_some();
    let steps: &[f32] = if water { &[0.0, 0.22, 0.42] } else { &[0.0, 0.18, 0.38, 0.6, 0.82, 1.0] };
    let pointed = dice.between(0.25, 1.0);
    let ridge = |near: &f32| {
        let near = *near;
        let colour = blend(palette.far, palette.near, near * (1.35 - 0.35 * near));
        let spread = if water { 0.24 } else { 0.44 };
        let base = horizon + 0.06 + near * spread + if water { 0.02 } else { 0.0 };
        let rise = if near < 0.3 { dice.between(0.2, 0.3) } else { dice.between(0.13, 0.2) };
        Ridge {
            colour,
            mist: blend(colour, palette.horizon, 0.55 - 0.45 * near),
            speed: 0.06 + near * near * 0.9,
            base: base.min(1.08),
            rise,
            stretch: dice.between(0.45, 0.62) + near * 0.35,
            sharp: pointed * (1.0 - near),
            trees: if near > 0.35 { 0.012 + 0.05 * (near - 0.35) } else { 0.0 },
            shore: shore.unwrap_or(f32::MAX),
            key: dice.bits(),
        }
    };
    steps.iter().map(ridge).collect()
}
