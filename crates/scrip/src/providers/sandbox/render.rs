//! Renderer of the sandbox: real files made from a prompt and its parameters.
//!
//! A still is a landscape whose colours depend on the prompt and whose shapes depend on seed and index; a video is a
//! slow walk along one; weights are a small safetensors file. Nothing is random and nothing is read from outside.
//!
//! **Invariant:** the same arguments give the same bytes, on every machine.

mod chance;
mod palette;
mod scene;
mod stage;
#[cfg(test)]
mod tests;

use self::chance::{Dice, mix, of_text};
use self::scene::Scene;
use self::stage::Stage;

/// Maximum side of a preview in pixels, small so that tests stay fast. # assumed
pub const PREVIEW: u32 = 512;
/// Maximum side of a drawn picture in pixels, whatever is asked. # assumed
pub const LONGEST: u32 = 4096;
/// Maximum width and height of a video's frames, in pixels. # assumed
pub const VIDEO_BOX: (u32, u32) = (256, 192);
/// Number of frames for each second of video. # assumed
pub const FRAMES_PER_SECOND: u32 = 4;
/// Maximum number of frames of a video; in a longer one each frame is shown longer. # assumed
const MOST_FRAMES: u32 = 240;
/// Maximum duration of a video in seconds: four hours, so that a frame's delay fits its field. # assumed
const MOST_SECONDS: u32 = 14_400;
/// Way of the camera in a second, in heights of the picture. # assumed
const STRIDE: f32 = 0.12;

/// Description of a picture to draw.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Prompt, as the customer wrote it.
    pub prompt: &'a str,
    /// Seed of the shapes: another seed is another picture of the same prompt.
    pub seed: u64,
    /// Number of pixels across; at least 1 and at most [`LONGEST`] are drawn.
    pub width: u32,
    /// Number of pixels down, within the same bounds.
    pub height: u32,
}

/// Returns the size of the preview for a `resolution`: a quality word, read as a landscape frame 16 wide and 9 high, or
/// `<width>x<height>` in pixels. The longest side is brought down to [`PREVIEW`] and the aspect is kept to the nearest
/// pixel; a size that is small enough stays. `None` for an unknown word.
pub fn preview_size(resolution: &str) -> Option<(u32, u32)> {
    let word = resolution.trim().to_ascii_lowercase();
    let (width, height): (u32, u32) = match word.as_str() {
        "360p" => (640, 360),
        "480p" => (854, 480),
        "540p" => (960, 540),
        "720p" => (1280, 720),
        "1080p" => (1920, 1080),
        "1440p" | "2k" => (2560, 1440),
        "2160p" | "4k" => (3840, 2160),
        "4320p" | "8k" => (7680, 4320),
        other => {
            let (width, height) = other.split_once(['x', '×'])?;
            (width.trim().parse().ok()?, height.trim().parse().ok()?)
        }
    };
    let small = width <= PREVIEW && height <= PREVIEW;
    match (width, height) {
        (0, _) | (_, 0) => None,
        size if small => Some(size),
        size => Some(fit(size, (PREVIEW, PREVIEW))),
    }
}

/// Returns the largest size of the same aspect that fits into a box, to the nearest pixel and at least one pixel each
/// way.
fn fit((width, height): (u32, u32), (wide, high): (u32, u32)) -> (u32, u32) {
    let scaled = |side: u32, part: u32, whole: u32| {
        let nearest = (u64::from(side) * u64::from(part) + u64::from(whole) / 2) / u64::from(whole);
        u32::try_from(nearest).expect("the other side is the one that binds").max(1)
    };
    if u64::from(width) * u64::from(high) > u64::from(height) * u64::from(wide) {
        (wide, scaled(height, wide, width))
    } else {
        (scaled(width, high, height), high)
    }
}

/// Returns a still as a PNG file; `index` tells the pictures of one request apart.
pub fn image(picture: &Picture, index: u32) -> Vec<u8> {
    let (width, height) = (picture.width.clamp(1, LONGEST), picture.height.clamp(1, LONGEST));
    let stage = Stage::new(Scene::new(picture.prompt, picture.seed, index), width, height, 0.0, true);
    let mut bytes = Vec::new();
    let encoder = encoder(&mut bytes, width, height);
    let mut writer = encoder.write_header().expect("the header is valid and a vector takes every byte");
    writer.write_image_data(&stage.frame(0.0)).expect("a frame has the size the header states");
    writer.finish().expect("the one picture is written");
    bytes
}

/// Returns a video as an animated PNG that runs for exactly `seconds` (at least one, at most four hours) and then
/// repeats. Its frames are as large as fits into [`VIDEO_BOX`] at the picture's aspect.
pub fn video(picture: &Picture, seconds: u32) -> Vec<u8> {
    let seconds = seconds.clamp(1, MOST_SECONDS);
    let frames = (seconds * FRAMES_PER_SECOND).min(MOST_FRAMES);
    let (width, height) = fit((picture.width.max(1), picture.height.max(1)), VIDEO_BOX);
    let travel = STRIDE * frames as f32 / FRAMES_PER_SECOND as f32;
    let stage = Stage::new(Scene::new(picture.prompt, picture.seed, 0), width, height, travel, false);
    let mut bytes = Vec::new();
    let mut encoder = encoder(&mut bytes, width, height);
    // Level mist and a plain ground repeat along a row: of the measured filters, this gives the smallest file and is
    // fast.
    encoder.set_filter(png::Filter::Sub);
    encoder.set_deflate_compression(png::DeflateCompression::Level(2));
    encoder.set_animated(frames, 0).expect("there is at least one frame");
    let mut writer = encoder.write_header().expect("the header is valid and a vector takes every byte");
    for frame in 0..frames {
        let instant = |frame: u32| u64::from(frame) * u64::from(seconds) * 1000 / u64::from(frames);
        let delay = u16::try_from(instant(frame + 1) - instant(frame)).expect("four hours in 240 frames fit");
        writer.set_frame_delay(delay, 1000).expect("the file is animated");
        let canvas = stage.frame(travel * frame as f32 / frames as f32);
        // The sky stands still, so every frame after the first holds only the rows below it.
        let first = if frame == 0 { 0 } else { stage.skyline() };
        writer.set_frame_dimension(width, height - first).expect("the rows lie inside the picture");
        writer.set_frame_position(0, first).expect("the rows lie inside the picture");
        let rows = &canvas[(first * width * 3) as usize..];
        writer.write_image_data(rows).expect("the rows have the size their header states");
    }
    writer.finish().expect("every announced frame is written");
    bytes
}

fn encoder(bytes: &mut Vec<u8>, width: u32, height: u32) -> png::Encoder<'_, &mut Vec<u8>> {
    let mut encoder = png::Encoder::new(bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    encoder.set_compression(png::Compression::Fast);
    encoder
}

/// Returns the weights of a training on `images` pictures, as a small valid safetensors file: eight bytes of header
/// length, a JSON header padded with spaces to eight, and two low-rank factors of 32-bit floats.
pub fn weights(prompt: &str, seed: u64, images: u32) -> Vec<u8> {
    const RANK: usize = 4;
    const WIDTH: usize = 64;
    let size = RANK * WIDTH * 4;
    let header = serde_json::json!({
        "__metadata__": {"format": "pt", "prompt": prompt, "seed": seed.to_string(), "images": images.to_string()},
        "sandbox.lora_down.weight": {"dtype": "F32", "shape": [RANK, WIDTH], "data_offsets": [0, size]},
        "sandbox.lora_up.weight": {"dtype": "F32", "shape": [WIDTH, RANK], "data_offsets": [size, 2 * size]},
    });
    let mut header = header.to_string();
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    let mut dice = Dice::new(mix(of_text(prompt) ^ mix(seed) ^ mix(u64::from(images))));
    for _ in 0..2 * RANK * WIDTH {
        bytes.extend_from_slice(&dice.between(-0.125, 0.125).to_le_bytes());
    }
    bytes
}
