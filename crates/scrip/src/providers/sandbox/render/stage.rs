//! Painter of a scene at a size: the sky once, the ridges and the water for each position of the camera.
//!
//! **Invariant:** every pixel of a frame is written, and a frame depends on the scene, the size and the camera alone.

use super::chance::{fraction, mix, smooth, wave};
use super::palette::{Rgb, blend, bytes};
use super::scene::Scene;

/// Distance in pixels between computed points of the sky; the pixels between are interpolated, since it has no edges.
const COARSE: usize = 4;

/// A scene that is prepared for painting.
pub(super) struct Stage {
    scene: Scene,
    wide: usize,
    high: usize,
    backdrop: Vec<u8>,
    /// Line of each ridge in pixels from the top, for every column that the camera can reach.
    lines: Vec<Vec<f32>>,
    /// Colours of each ridge by row: the mist lies level.
    shades: Vec<Vec<[u8; 3]>>,
}

impl Stage {
    /// Returns the stage of a scene: `travel` is the farthest way of the camera, in heights; `grain` breaks up the
    /// steps of a long gradient.
    pub(super) fn new(scene: Scene, wide: u32, high: u32, travel: f32, grain: bool) -> Stage {
        let (wide, high) = (wide as usize, high as usize);
        let unit = high as f32;
        let lines = scene.ridges.iter().map(|ridge| {
            let columns = wide + (travel * ridge.speed * unit).ceil() as usize + 2;
            (0..columns).map(|x| ridge.top(x as f32 / unit) * unit).collect()
        });
        let shades = scene.ridges.iter().map(|ridge| {
            (0..high).map(|y| bytes(blend(ridge.colour, ridge.mist, ridge.fog(y as f32 / unit)), 0.0)).collect()
        });
        let (lines, shades) = (lines.collect(), shades.collect());
        let backdrop = backdrop(&scene, wide, high, grain);
        Stage { scene, wide, high, backdrop, lines, shades }
    }

    /// Returns the first row that the camera's place can change: no ridge ever stands higher.
    pub(super) fn skyline(&self) -> u32 {
        let highest = self.lines.iter().flatten().fold(self.high as f32, |highest, top| highest.min(*top));
        (highest.max(0.0) as u32).min(self.high as u32 - 1)
    }

    /// Returns one frame with the camera moved `travel` heights to the right.
    pub(super) fn frame(&self, travel: f32) -> Vec<u8> {
        let mut canvas = self.backdrop.clone();
        for x in 0..self.wide {
            self.column(&mut canvas, x, travel);
        }
        if let Some(shore) = self.scene.shore {
            self.water(&mut canvas, shore, travel);
        }
        canvas
    }

    /// Paints the ridges of one column from back to front, each only as far as a nearer one does not hide it.
    fn column(&self, canvas: &mut [u8], x: usize, travel: f32) {
        let mut tops = [f32::MAX; 8];
        for ((ridge, line), top) in self.scene.ridges.iter().zip(&self.lines).zip(&mut tops) {
            let place = x as f32 + travel * ridge.speed * self.high as f32;
            let (whole, part) = (place as usize, place - place.floor());
            *top = (line[whole] + (line[whole + 1] - line[whole]) * part).max(0.0);
        }
        let mut limits = [self.high; 8];
        let mut limit = self.high;
        for index in (0..self.lines.len()).rev() {
            limits[index] = limit;
            limit = limit.min(tops[index] as usize + 1);
        }
        for (index, shades) in self.shades.iter().enumerate() {
            let (start, limit) = (tops[index] as usize, limits[index]);
            if start >= limit {
                continue;
            }
            let mut at = (start * self.wide + x) * 3;
            mix_into(&mut canvas[at..at + 3], shades[start], 1.0 - (tops[index] - start as f32));
            for shade in &shades[start + 1..limit] {
                at += self.wide * 3;
                canvas[at..at + 3].copy_from_slice(shade);
            }
        }
    }

    /// Mirrors the land in the water, wavier the nearer it is, and lays the lamp's glitter on it.
    fn water(&self, canvas: &mut [u8], shore: f32, travel: f32) {
        let unit = self.high as f32;
        let first = ((shore * unit) as usize).clamp(1, self.high);
        let tint = bytes(blend(self.scene.palette.zenith, self.scene.palette.near, 0.35), 0.0);
        let light = bytes(self.scene.palette.light, 0.0);
        let lamp = self.scene.lamp.0 * self.wide as f32;
        for y in first..self.high {
            let depth = (y - first) as f32 / unit;
            let row = wave(travel * 1.7 + 14.0 / (depth + 0.16)) + 0.6 * wave(travel * 2.3 - 31.0 / (depth + 0.2));
            let lift = (depth * (0.95 + 0.05 * row)) * unit;
            let source = (first as f32 - 1.0 - lift).max(0.0) as usize;
            let sway = (row * (0.002 + 0.03 * depth) * unit) as i64;
            let shade = 0.16 + 0.5 * smooth(0.0, 0.5, depth);
            let width = (0.02 + 0.2 * depth) * unit;
            let shine = smooth(0.15, 1.25, row) * (0.85 - 0.9 * depth).max(0.0);
            for x in 0..self.wide {
                let from = (x as i64 + sway).clamp(0, self.wide as i64 - 1) as usize;
                let (from, at) = ((source * self.wide + from) * 3, (y * self.wide + x) * 3);
                let seen = [canvas[from], canvas[from + 1], canvas[from + 2]];
                let pixel = &mut canvas[at..at + 3];
                pixel.copy_from_slice(&seen);
                mix_into(pixel, tint, shade);
                let aside = (x as f32 - lamp).abs() / width;
                if aside < 1.0 {
                    mix_into(pixel, light, shine * (1.0 - aside * aside));
                }
            }
        }
    }
}

/// Lays a share of a colour over a pixel.
fn mix_into(pixel: &mut [u8], colour: [u8; 3], share: f32) {
    let share = (share.clamp(0.0, 1.0) * 256.0) as i32;
    for (part, new) in pixel.iter_mut().zip(colour) {
        *part = (i32::from(*part) + (((i32::from(new) - i32::from(*part)) * share) >> 8)) as u8;
    }
}

/// Returns the sky with its lamp and its stars.
fn backdrop(scene: &Scene, wide: usize, high: usize, grain: bool) -> Vec<u8> {
    let unit = high as f32;
    let columns = wide / COARSE + 2;
    let coarse = |row: usize| -> Vec<Rgb> {
        let y = (row * COARSE) as f32 / unit;
        (0..columns).map(|column| scene.sky((column * COARSE) as f32 / unit, y, wide as f32 / unit)).collect()
    };
    let mut canvas = Vec::with_capacity(wide * high * 3);
    let (mut above, mut below) = (coarse(0), coarse(1));
    for y in 0..high {
        if y > 0 && y.is_multiple_of(COARSE) {
            above = std::mem::replace(&mut below, coarse(y / COARSE + 1));
        }
        let down = (y % COARSE) as f32 / COARSE as f32;
        let row: Vec<Rgb> = above.iter().zip(&below).map(|(a, b)| blend(*a, *b, down)).collect();
        for x in 0..wide {
            let part = (x % COARSE) as f32 / COARSE as f32;
            let mut colour = blend(row[x / COARSE], row[x / COARSE + 1], part);
            if scene.night {
                let fade = 1.0 - smooth(0.0, 0.6, y as f32 / unit);
                colour = blend(colour, scene.palette.light, scene.star(x as u32, y as u32) * fade);
            }
            let noise = if grain { (fraction(mix((y * wide + x) as u64)) - 0.5) * 1.5 } else { 0.0 };
            canvas.extend_from_slice(&bytes(colour, noise));
        }
    }
    lamp(scene, wide, high, &mut canvas);
    canvas
}

/// Paints the disc of the sun or of the moon; the moon has its dark side.
fn lamp(scene: &Scene, wide: usize, high: usize, canvas: &mut [u8]) {
    let unit = high as f32;
    let (across, down, radius) = (scene.lamp.0 * wide as f32, scene.lamp.1 * unit, scene.lamp.2 * unit);
    let light = bytes(scene.palette.light, 0.0);
    let span = |middle: f32, end: usize| {
        let from = (middle - radius - 1.0).max(0.0) as usize;
        from.min(end)..((middle + radius + 2.0).max(0.0) as usize).min(end)
    };
    for y in span(down, high) {
        for x in span(across, wide) {
            let (dx, dy) = (x as f32 + 0.5 - across, y as f32 + 0.5 - down);
            let mut share = radius - (dx * dx + dy * dy).sqrt() + 0.5;
            if scene.night {
                let (sx, sy) = (dx - radius * 0.55, dy + radius * 0.25);
                share = share.min((sx * sx + sy * sy).sqrt() - radius * 0.9 + 0.5);
            }
            let at = (y * wide + x) * 3;
            mix_into(&mut canvas[at..at + 3], light, share.clamp(0.0, 1.0));
        }
    }
}
