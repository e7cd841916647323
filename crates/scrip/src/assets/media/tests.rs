use super::*;
use crate::providers::sandbox::render::{Picture, image, video, weights};
use std::io::Cursor;

const SMALL: Picture = Picture { prompt: "a quiet lake at sunset", seed: 7, width: 48, height: 32 };
const KINDS: [Output; 3] = [Output::Image, Output::Video, Output::Weights];

fn small_video() -> Vec<u8> {
    video(&Picture { width: 40, height: 640, ..SMALL }, 1)
}

/// Returns a still of a colour type, whose samples are a function of their place in the file.
fn still(width: u32, height: u32, colour: png::ColorType, sample: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    let mut writer = encoder.write_header().unwrap();
    let samples = width as usize * height as usize * colour.samples();
    writer.write_image_data(&(0..samples).map(sample).collect::<Vec<u8>>()).unwrap();
    writer.finish().unwrap();
    file
}

/// Returns a video of 8×8 grey frames; each is its shade, its height, the disposal of the canvas after it, and its
/// delay.
fn grey_video(frames: &[(u8, u32, png::DisposeOp, (u16, u16))]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(frames.len() as u32, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for (shade, height, dispose, delay) in frames {
        writer.set_frame_dimension(8, *height).unwrap();
        writer.set_frame_delay(delay.0, delay.1).unwrap();
        writer.set_dispose_op(*dispose).unwrap();
        writer.write_image_data(&vec![*shade; 8 * *height as usize]).unwrap();
    }
    writer.finish().unwrap();
    file
}

/// Returns the offset of each chunk of a file, and the length of its data.
fn chunks(file: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (8, Vec::new());
    while at < file.len() {
        let length = u32::from_be_bytes(*file[at..].first_chunk().unwrap()) as usize;
        found.push((at, length));
        at += length + 12;
    }
    found
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&name[..], data].concat();
    let sum = picture::check_sum(&named);
    [&(data.len() as u32).to_be_bytes()[..], &named, &sum.to_be_bytes()].concat()
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let data = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    [picture::SIGNATURE.to_vec(), chunk(b"IHDR", &data)].concat()
}

fn chance(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 16) as usize
}

fn why(kind: Output, file: &[u8]) -> String {
    check(kind, file).unwrap_err().to_string()
}

#[test]
fn each_kind_is_usable_as_itself_and_as_nothing_else() {
    let files = [image(&SMALL, 0), small_video(), weights("a cat", 1, 20)];
    for (wanted, kind) in KINDS.into_iter().enumerate() {
        for (made, file) in files.iter().enumerate() {
            let result = check(kind, file);
            assert_eq!(result.is_ok(), wanted == made, "{kind:?}: {result:?}");
            assert!(wanted == made || matches!(result, Err(Unusable::WrongKind { .. })));
        }
    }
    let usable = check(Output::Image, &files[0]).unwrap();
    assert_eq!(usable, Usable { content_type: "image/png", seconds_ms: None, width: 48, height: 32 });
    assert_eq!(why(Output::Video, &files[0]), "the output is a still PNG picture, where a video was asked for");
    assert_eq!(why(Output::Image, &files[1]), "the output is an animated PNG, where a still picture was asked for");
}

#[test]
fn what_is_no_media_is_refused_by_its_name() {
    for (bytes, name) in [
        (&b"<!DOCTYPE html><title>502 Bad Gateway</title>"[..], "an HTML page"),
        (b"\n  <html lang=en>", "an HTML page"),
        (b"\xef\xbb\xbf<HTML>", "an HTML page"),
        (b"<?xml version='1.0'?><svg/>", "an XML document"),
        (b"{\"error\": \"quota\"}", "a JSON document"),
        (b"upstream connect error", "plain text"),
        ("ошибка".as_bytes(), "plain text"),
        (b"\x00\x01\x02\x03", "a file of an unknown format"),
        (b"\x89PNG\r\n\x1a", "a file of an unknown format"),
        (b"\xff", "a file of an unknown format"),
    ] {
        for kind in KINDS {
            assert_eq!(
                why(kind, bytes),
                format!("the output is not a picture, a video or weights: it looks like {name}")
            );
        }
    }
    let cut = ["a".repeat(1023), "é".repeat(9)].concat();
    assert_eq!(check(Output::Image, cut.as_bytes()), Err(Unusable::Unknown { looks_like: "plain text" }));
    assert_eq!(why(Output::Image, b""), "the output is an empty file");
}

#[test]
fn what_is_not_decoded_here_is_not_believed() {
    let mp4 = b"\0\0\0\x20ftypisom\0\0\0\0";
    assert_eq!(check(Output::Video, mp4), Err(Unusable::Unsupported { container: "an MP4 or QuickTime video" }));
    assert!(matches!(check(Output::Image, mp4), Err(Unusable::WrongKind { .. })));
    let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF";
    assert_eq!(why(Output::Image, jpeg), "the output is a JPEG picture, a container that cannot be checked yet",);
    assert!(matches!(check(Output::Video, jpeg), Err(Unusable::WrongKind { .. })));
    for other in [&b"GIF89a"[..], b"RIFF\0\0\0\0WEBP", b"\x1a\x45\xdf\xa3", b"\0\0\0\x20ftypavif", b"PK\x03\x04"] {
        assert!(matches!(check(Output::Video, other), Err(Unusable::Unsupported { .. })));
    }
}

#[test]
fn no_beginning_of_a_file_is_usable() {
    for (kind, file) in
        [(Output::Image, image(&SMALL, 0)), (Output::Video, small_video()), (Output::Weights, weights("a cat", 1, 20))]
    {
        check(kind, &file).unwrap();
        for end in 0..file.len() {
            check(kind, &file[..end]).expect_err("a part is not the whole");
        }
    }
}

#[test]
fn any_flipped_bit_of_a_png_is_noticed() {
    let mut state = 0x5c81_9a3e;
    for (kind, file) in [(Output::Image, image(&SMALL, 0)), (Output::Video, small_video())] {
        for _ in 0..2_000 {
            let mut file = file.clone();
            let at = chance(&mut state) % file.len();
            file[at] ^= 1 << (chance(&mut state) % 8);
            check(kind, &file).expect_err("the check sums cover every bit");
        }
    }
}

/// With the check sums corrected the damage reaches the headers and the decoder; any answer but a panic is right.
#[test]
fn damage_under_a_right_check_sum_never_panics() {
    let mut state = 0x77c0_ffee;
    let grey = still(9, 9, png::ColorType::GrayscaleAlpha, |n| n as u8);
    let (mut usable, mut broken) = (0, 0);
    for (kind, whole) in [(Output::Image, image(&SMALL, 0)), (Output::Video, small_video()), (Output::Image, grey)] {
        let places: Vec<(usize, usize)> = chunks(&whole).into_iter().filter(|(_, length)| *length > 0).collect();
        for round in 0..2_000 {
            let mut file = whole.clone();
            // Every second round damages a header, the others any byte of the data.
            let pick = chance(&mut state) % places.len();
            let (at, length) = if round % 2 == 0 { places[pick.min(3)] } else { places[pick] };
            for _ in 0..1 + round % 3 {
                file[at + 4 + chance(&mut state) % (length + 4)] = chance(&mut state) as u8;
            }
            let sum = picture::check_sum(&file[at + 4..at + 8 + length]).to_be_bytes();
            file[at + 8 + length..at + 12 + length].copy_from_slice(&sum);
            match check(kind, &file) {
                Ok(_) => usable += 1,
                Err(_) => broken += 1,
            }
        }
    }
    assert!(usable > 0 && broken > 1_000, "{usable} usable and {broken} broken: the damage goes to the wrong place");
}

#[test]
fn damaged_weights_never_panic() {
    let (whole, mut state) = (weights("a cat", 1, 20), 0x1234_5678);
    for round in 0..4_000 {
        let mut file = whole.clone();
        let reach = if round % 2 == 0 { 360 } else { file.len() };
        file[chance(&mut state) % reach] = chance(&mut state) as u8;
        for kind in KINDS {
            let _ = check(kind, &file);
        }
    }
}

#[test]
fn a_huge_header_is_refused_before_anything_is_decoded() {
    // No data follows the header, so an answer about the size can only come from the header.
    for (width, height) in [(65_535, 65_535), (u32::MAX, u32::MAX), (100_000_001, 1), (1, 100_000_001)] {
        let found = u64::from(width) * u64::from(height);
        let expected = Unusable::TooLarge { what: "pixels", found, bound: PIXELS };
        assert_eq!(check(Output::Image, &header(width, height, 16, 6)), Err(expected));
    }
    for (width, height) in [(99_999_999, 1), (1, 32_769)] {
        let found = u64::from(width.max(height));
        let expected = Unusable::TooLarge { what: "pixels on a side", found, bound: SIDE };
        assert_eq!(check(Output::Image, &header(width, height, 16, 6)), Err(expected));
    }
    assert!(matches!(check(Output::Image, &header(10_000, 10_000, 16, 6)), Err(Unusable::Broken { .. })));
}

#[test]
fn too_many_frames_or_too_much_to_inflate_is_refused_from_the_headers() {
    let many = [header(8, 8, 8, 0), chunk(b"acTL", &[0, 0, 0x1c, 0x21, 0, 0, 0, 0])].concat();
    let expected = Unusable::TooLarge { what: "frames", found: 7_201, bound: FRAMES };
    assert_eq!(check(Output::Video, &many), Err(expected));

    let mut wide = [header(10_000, 10_000, 16, 6), chunk(b"acTL", &[0, 0, 0, 9, 0, 0, 0, 0])].concat();
    let frame = |number: u32| {
        let side = 10_000_u32.to_be_bytes();
        chunk(b"fcTL", &[&number.to_be_bytes()[..], &side, &side, &[0; 8], &[0, 1, 0, 1, 0, 0]].concat())
    };
    wide.extend([frame(0), chunk(b"IDAT", b"")].concat());
    for number in 1..9 {
        wide.extend([frame(2 * number - 1), chunk(b"fdAT", &(2 * number).to_be_bytes())].concat());
    }
    let refusal = check(Output::Video, &wide).unwrap_err();
    assert!(matches!(refusal, Unusable::TooLarge { what: "bytes when inflated", .. }), "{refusal}");
}

#[test]
fn data_that_inflates_past_its_header_is_not_inflated() {
    // Sixty million samples in a file whose header states 64: the data of a large black picture under a small header.
    let large = still(8_000, 8_000, png::ColorType::Grayscale, |_| 0);
    let (at, length) = chunks(&large).into_iter().find(|(at, _)| large[at + 4..].starts_with(b"IDAT")).unwrap();
    assert!(length < 200_000);
    let data = chunk(b"IDAT", &large[at + 8..at + 8 + length]);
    let bomb = [header(8, 8, 8, 0), data, chunk(b"IEND", b"")].concat();
    assert_eq!(check(Output::Image, &bomb), Err(Unusable::Blank { how: "it is black all over" }));
    // The same data in a text chunk that states to be compressed, where a decoder might try to hold it.
    let text = [b"Comment\0\0", &large[at + 8..at + 8 + length]].concat();
    let good = image(&SMALL, 0);
    let with_text = [&good[..33], &chunk(b"zTXt", &text), &chunk(b"iCCP", &text), &good[33..]].concat();
    check(Output::Image, &with_text).unwrap();
}

#[test]
fn blank_pictures_are_refused() {
    use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    for (file, how) in [
        (still(9, 7, Rgb, |_| 0), "it is black all over"),
        (still(9, 7, Rgb, |n| (n % 2) as u8), "it is black all over"),
        (still(9, 7, Grayscale, |_| 0), "it is black all over"),
        (still(9, 7, Grayscale, |_| 255), "it is one colour all over"),
        (still(9, 7, Rgb, |n| [200, 30, 90][n % 3]), "it is one colour all over"),
        (still(9, 7, Rgba, |n| if n % 4 == 3 { 0 } else { n as u8 }), "it is fully transparent"),
        (still(9, 7, GrayscaleAlpha, |n| if n % 2 == 1 { 0 } else { n as u8 }), "it is fully transparent"),
        (still(1, 1, Rgb, |n| n as u8 * 90), "it is one colour all over"),
    ] {
        assert_eq!(check(Output::Image, &file), Err(Unusable::Blank { how }));
    }
}

#[test]
fn a_picture_of_any_form_with_something_in_it_is_usable() {
    use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    check(Output::Image, &still(9, 7, Grayscale, |n| u8::from(n == 40) * 255)).unwrap();
    check(Output::Image, &still(9, 7, Rgb, |n| if n == 188 { 9 } else { 200 })).unwrap();
    // A black shape on a transparent ground: all colours are alike, and the shape is visible.
    check(Output::Image, &still(9, 7, Rgba, |n| if n % 4 == 3 && n > 99 { 255 } else { 0 })).unwrap();
    check(Output::Image, &still(9, 7, GrayscaleAlpha, |n| n as u8)).unwrap();
    // A bit for each pixel, an index into a palette, and sixteen bits for each sample.
    for (colour, depth, data) in [
        (Grayscale, png::BitDepth::One, vec![0b1010_1010; 8]),
        (png::ColorType::Indexed, png::BitDepth::Eight, (0..64).map(|n| n % 2).collect()),
        (Rgb, png::BitDepth::Sixteen, (0..384).map(|n| n as u8).collect()),
    ] {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 8, 8);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.set_palette(vec![250, 0, 0, 0, 0, 250]);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&data).unwrap();
        writer.finish().unwrap();
        check(Output::Image, &file).unwrap();
    }
}

#[test]
fn a_video_is_blank_only_if_nothing_was_ever_seen() {
    use png::DisposeOp::{Background, None, Previous};
    let second = (1, 1);
    for (frames, usable) in [
        (&[(9, 8, None, second), (9, 8, None, second)][..], false),
        // A change from one colour to another is no picture either.
        (&[(0, 8, None, second), (200, 8, None, second), (90, 8, Background, second)], false),
        (&[(90, 8, None, second), (90, 3, None, second)], false),
        // A part of the picture in another colour is a picture.
        (&[(90, 8, None, second), (200, 3, None, second)], true),
        (&[(90, 8, Background, second), (200, 3, None, second)], true),
        (&[(90, 8, None, second), (90, 8, Previous, second), (20, 1, None, second)], true),
    ] {
        let result = check(Output::Video, &grey_video(frames));
        assert_eq!(result.is_ok(), usable, "{frames:?}: {result:?}");
        assert!(usable || matches!(result, Err(Unusable::Blank { .. })));
    }
}

#[test]
fn a_duration_is_the_sum_of_the_frames() {
    use png::DisposeOp::None;
    let lasting = |delays: &[(u16, u16)]| {
        let frame = |(n, delay): (usize, &(u16, u16))| {
            (if n == 0 { 10 } else { 200 }, if n == 0 { 8 } else { 2 }, None, *delay)
        };
        check(Output::Video, &grey_video(&delays.iter().enumerate().map(frame).collect::<Vec<_>>()))
    };
    let of = |delays: &[(u16, u16)]| lasting(delays).unwrap().seconds_ms.unwrap();
    assert_eq!(of(&[(1, 3), (1, 3), (1, 3)]), 1000);
    assert_eq!(of(&[(1001, 30_000); 30]), 1001);
    assert_eq!(of(&[(25, 0), (75, 100)]), 1000);
    assert_eq!(of(&[(65_535, 1), (65_535, 1)]), 131_070_000);
    assert_eq!(of(&[(0, 1), (7, 1000)]), 7);
    assert_eq!(lasting(&[(0, 1), (0, 0)]), Err(Unusable::Blank { how: "its frames last no time at all" }));
}

#[test]
fn an_animation_of_one_frame_is_a_still() {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(Cursor::new(&mut file), 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(1, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&(0..64).collect::<Vec<u8>>()).unwrap();
    writer.finish().unwrap();
    assert_eq!(check(Output::Image, &file).unwrap().content_type, "image/png");
    assert!(matches!(check(Output::Video, &file), Err(Unusable::WrongKind { .. })));
}

#[test]
fn frames_that_are_missing_or_out_of_place_are_noticed() {
    let file = small_video();
    let places = chunks(&file);
    let part = |index: usize| &file[places[index].0..places[index].0 + places[index].1 + 12];
    let all: Vec<&[u8]> = (0..places.len()).map(part).collect();
    let joined = |parts: &[&[u8]]| [&picture::SIGNATURE[..], &parts.concat()].concat();
    check(Output::Video, &joined(&all)).unwrap();
    for gone in 0..all.len() {
        if all[gone][4..8] == *b"sRGB" || all[gone][4..8] == *b"gAMA" || all[gone][4..8] == *b"cHRM" {
            continue;
        }
        let mut parts = all.clone();
        parts.remove(gone);
        check(Output::Video, &joined(&parts)).expect_err("every chunk of a frame is needed");
        if gone > 0 {
            let mut parts = all.clone();
            parts.swap(gone - 1, gone);
            let _ = check(Output::Video, &joined(&parts));
        }
    }
}

#[test]
fn weights_that_do_not_add_up_are_refused() {
    let file =
        |header: &str, values: &[u8]| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), values].concat();
    let one = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let values = [0, 0, 0x80, 0x3f, 0, 0, 0, 0];
    check(Output::Weights, &file(one, &values)).unwrap();
    for (header, values, reason) in [
        (one, &[0; 8][..], "every weight is zero"),
        (one, &[0, 0, 0xc0, 0x7f, 0, 0, 0, 0], "not numbers"),
        (one, &values[..7], "outside the file"),
        (one, &[values, values].concat(), "16 bytes of values"),
        ("{}", &values, "8 bytes of values"),
        ("{}", &[], "every weight is zero"),
        ("{nonsense}", &values, "the header"),
        (r#"{"w":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}"#, &values, "type of number"),
        (r#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, &values, "shape"),
        (r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, &values, "gap"),
        (r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, &values, "gap"),
        (r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#, &values, "shape"),
        (
            r#"{"w":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615]}}"#,
            &values,
            "outside",
        ),
        (r#"{"__metadata__":{"a":1}}"#, &values, "the header"),
    ] {
        let found = why(Output::Weights, &file(header, values));
        assert!(found.contains(reason), "{header}: {found}");
    }
    let claim = [&(HEADER_BYTES + 1).to_le_bytes()[..], b"{}"].concat();
    assert!(matches!(check(Output::Weights, &claim), Err(Unusable::TooLarge { what: "bytes of header", .. })));
    let deep = "[".repeat(100_000);
    assert!(why(Output::Weights, &file(&format!("{{\"w\":{deep}"), &[])).contains("the header"));
}
