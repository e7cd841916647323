use super::*;
use crate::assets::media::check;
use scrip_engine::Output;
use std::collections::BTreeSet;

const LAKE: Picture = Picture { prompt: "a quiet lake at sunset", seed: 7, width: 96, height: 64 };

#[test]
fn the_same_arguments_give_the_same_bytes() {
    assert_eq!(image(&LAKE, 3), image(&LAKE, 3));
    assert_eq!(video(&LAKE, 2), video(&LAKE, 2));
    assert_eq!(weights("a cat", 1, 20), weights("a cat", 1, 20));
}

/// The check sum never changes: another machine, compiler or profile must give these bytes too.
#[test]
fn the_pixels_are_these_on_every_machine() {
    let pixels = decode(&image(&LAKE, 0));
    let sum = pixels.iter().fold(0, |sum, byte| mix(sum ^ u64::from(*byte)));
    assert_eq!(sum, PIXELS_OF_THE_LAKE, "{sum:#x}");
}

const PIXELS_OF_THE_LAKE: u64 = 0x1041_62d7_9281_b4e5;

#[test]
fn another_prompt_seed_size_or_index_is_another_picture() {
    let prompts = ["a cat", "a dog", "", "a cat ", "A cat", "neon city at night", "forest", "мост", "橋"];
    let mut files = BTreeSet::new();
    for prompt in prompts {
        for seed in [0, 1, u64::MAX] {
            for index in 0..4 {
                let picture = Picture { prompt, seed, ..LAKE };
                assert!(files.insert(decode(&image(&picture, index))), "{prompt:?} {seed} {index} repeats a picture");
            }
        }
    }
    assert!(files.insert(decode(&image(&Picture { prompt: "a cat", width: 64, height: 96, ..LAKE }, 0))));
}

#[test]
fn seeds_differ_to_the_eye_and_not_in_the_last_bit() {
    let [one, other] = [1, 2].map(|seed| decode(&image(&Picture { seed, ..LAKE }, 0)));
    let plain = one.iter().zip(&other).filter(|(a, b)| a.abs_diff(**b) > 12).count();
    assert!(plain * 10 > one.len(), "only {plain} of {} samples differ plainly", one.len());
}

#[test]
fn a_picture_has_the_size_that_was_asked_for() {
    for (width, height) in [(1, 1), (1, 90), (90, 1), (3, 5), (64, 64), (257, 33), (0, 7), (9_999, 2)] {
        let file = image(&Picture { width, height, ..LAKE }, 0);
        let reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!(reader.info().size(), (width.clamp(1, LONGEST), height.clamp(1, LONGEST)));
    }
    for (asked, size) in [((1, 9_999), (1, 192)), ((9_999, 1), (256, 1)), ((0, 0), (192, 192)), ((8, 6), (256, 192))] {
        let file = video(&Picture { width: asked.0, height: asked.1, ..LAKE }, 1);
        assert_eq!(png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap().info().size(), size);
    }
}

#[test]
fn every_scene_is_usable() {
    let words = ["", "night", "lake", "night lake", "gold", "snow", "green day", "x", "y", "portrait of a knight"];
    for (seed, prompt) in words.into_iter().enumerate() {
        let picture = Picture { prompt, seed: seed as u64, width: 40 + 9 * seed as u32, height: 60 };
        check(Output::Image, &image(&picture, 0)).unwrap();
        check(Output::Video, &video(&picture, 1)).unwrap();
    }
}

#[test]
fn a_video_lasts_exactly_as_long_as_asked() {
    // The picture is narrow, so that every duration from one second to forty is drawn in little time.
    let narrow = Picture { width: 40, height: 640, ..LAKE };
    for seconds in (1..=40).chain([59, 60, 61, 600]) {
        let usable = check(Output::Video, &video(&narrow, seconds)).unwrap();
        assert_eq!(usable.seconds_ms, Some(u64::from(seconds) * 1000));
        assert_eq!((usable.content_type, usable.width, usable.height), ("image/apng", 12, 192));
    }
    assert_eq!(check(Output::Video, &video(&narrow, 0)).unwrap().seconds_ms, Some(1000));
    assert_eq!(check(Output::Video, &video(&narrow, u32::MAX)).unwrap().seconds_ms, Some(14_400_000));
}

#[test]
fn a_long_video_is_small() {
    for (prompt, width, height) in [("hello", 1280, 720), ("ocean waves", 1080, 1920), ("a red fox", 512, 512)] {
        let file = video(&Picture { prompt, seed: 1, width, height }, 40);
        assert!(file.len() < 2_000_000, "{prompt}: {} bytes", file.len());
    }
}

#[test]
fn a_video_moves_in_every_frame() {
    let file = video(&Picture { width: 160, height: 90, ..LAKE }, 3);
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut frames = Vec::new();
    for _ in 0..3 * FRAMES_PER_SECOND {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let size = reader.next_frame(&mut pixels).unwrap().buffer_size();
        pixels.truncate(size);
        frames.push(pixels);
    }
    for pair in frames.windows(2) {
        // Frames after the first hold only the rows that can change, the lowest ones.
        let below = pair[0].len().min(pair[1].len());
        assert_ne!(pair[0][pair[0].len() - below..], pair[1][pair[1].len() - below..]);
    }
}

#[test]
fn weights_are_a_safetensors_file() {
    let prompt = "a \"quoted\" prompt\nin two lines, 橋";
    let file = weights(prompt, 9, 20);
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
    assert_eq!(header["__metadata__"]["prompt"], prompt);
    assert_eq!(header["__metadata__"]["images"], "20");
    assert_eq!(header["sandbox.lora_up.weight"]["data_offsets"][1], file.len() - 8 - length);
    assert_eq!(check(Output::Weights, &file).unwrap().content_type, "application/octet-stream");
    let others = [weights("a cat", 9, 20), weights(prompt, 8, 20), weights(prompt, 9, 21)];
    assert!(others.iter().all(|other| *other != file));
}

#[test]
fn a_preview_keeps_the_aspect_and_stays_small() {
    for (word, size) in [
        ("480p", (512, 288)),
        ("720p", (512, 288)),
        (" 1080P ", (512, 288)),
        ("4k", (512, 288)),
        ("1024x1024", (512, 512)),
        ("1024X1536", (341, 512)),
        ("1920 × 1080", (512, 288)),
        ("512x512", (512, 512)),
        ("300x200", (300, 200)),
        ("4294967295x1", (512, 1)),
        ("1x4294967295", (1, 512)),
    ] {
        assert_eq!(preview_size(word), Some(size), "{word}");
    }
    for word in ["", "p", "x", "0x10", "10x0", "0x9999", "12", "-5x5", "10x", "1e3x5", "4294967296x1", "huge"] {
        assert_eq!(preview_size(word), None, "{word}");
    }
}

fn decode(file: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}
