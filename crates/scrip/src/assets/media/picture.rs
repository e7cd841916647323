//! Check of PNG stills and animated PNG videos, in two passes: the chunks first, then every pixel of every frame.
//!
//! The first pass only reads: signature, lengths, check sums, order, and the sizes in the headers. It decides whether
//! decoding is affordable. The second decodes row by row and never holds a whole picture.
//!
//! **Invariant:** memory grows with the length of one row, whatever the file states.

use super::{FRAMES, INFLATED_BYTES, PIXELS, SIDE, Unusable, Usable, within};
use png::{BlendOp, DisposeOp, Transformations};
use scrip_engine::Output;
use std::io::Cursor;

/// Signature in the first eight bytes of every PNG file.
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];

/// Maximum difference of the values in a blank picture, in steps of 256. # assumed
const FLAT: u8 = 2;

/// Memory the decoder may use besides one row for each frame. # assumed
const DECODER_BYTES: u64 = 16 << 20;

/// Sizes that the headers of a file state.
#[derive(Debug, Default)]
struct Promise {
    width: u32,
    height: u32,
    /// Number of bits of one stored pixel.
    bits: u64,
    /// Number of frames of the animation, if the file states that it is one.
    frames: Option<u32>,
    /// Number of frame headers that were read.
    headers: u32,
    /// `true` when the picture that every viewer shows is also the animation's first frame.
    still_is_frame: bool,
    /// Sum of the frames' delays, in nanoseconds.
    nanoseconds: u64,
    /// Number of bytes that all pictures of the file inflate to.
    inflated: u64,
}

/// Checks a PNG file for the kind of output that was asked for.
pub(super) fn check(kind: Output, bytes: &[u8]) -> Result<Usable, Unusable> {
    let promise = walk(bytes)?;
    let moving = promise.frames.is_some_and(|frames| frames > 1);
    match kind {
        Output::Image if moving => return Err(Unusable::WrongKind { wanted: kind, found: "an animated PNG" }),
        Output::Video if !moving => return Err(Unusable::WrongKind { wanted: kind, found: "a still PNG picture" }),
        _ => {}
    }
    let milliseconds = (promise.nanoseconds + 500_000) / 1_000_000;
    decode(bytes, &promise)?;
    if moving && milliseconds == 0 {
        return Err(Unusable::Blank { how: "its frames last no time at all" });
    }
    let (content_type, seconds_ms) = if moving { ("image/apng", Some(milliseconds)) } else { ("image/png", None) };
    Ok(Usable { content_type, seconds_ms, width: promise.width, height: promise.height })
}

/// One chunk of a file.
struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
}

/// Takes the next chunk off a file, with its check sum verified.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Chunk<'a>, Unusable> {
    let early = || Unusable::new_broken("the file ends too early");
    let (length, after) = rest.split_first_chunk::<4>().ok_or_else(early)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= 0x7fff_ffff);
    let (named, after) = length
        .and_then(|length| length.checked_add(4))
        .and_then(|all| after.split_at_checked(all))
        .ok_or_else(early)?;
    let (sum, after) = after.split_first_chunk::<4>().ok_or_else(early)?;
    let (name, data) = named.split_first_chunk::<4>().ok_or_else(early)?;
    if check_sum(named) != u32::from_be_bytes(*sum) {
        return Err(Unusable::new_broken("a check sum is wrong"));
    }
    *rest = after;
    Ok(Chunk { name: *name, data })
}

/// Reads all chunks to the end of the picture and adds up the sizes that they state.
fn walk(bytes: &[u8]) -> Result<Promise, Unusable> {
    let mut rest = &bytes[SIGNATURE.len()..];
    let first = next(&mut rest)?;
    if first.name != *b"IHDR" {
        return Err(Unusable::new_broken("it does not begin with a header"));
    }
    let mut promise = header(first.data)?;
    let (mut still_seen, mut frame_filled, mut before) = (false, true, first.name);
    loop {
        let chunk = next(&mut rest)?;
        let split = still_seen && before != *b"IDAT";
        before = chunk.name;
        match &chunk.name {
            b"IHDR" => return Err(Unusable::new_broken("it has two headers")),
            b"acTL" => animation(&mut promise, chunk.data, still_seen)?,
            b"fcTL" => {
                if !frame_filled {
                    return Err(Unusable::new_broken("a frame has no picture"));
                }
                frame(&mut promise, chunk.data, still_seen)?;
                frame_filled = false;
            }
            b"IDAT" if split => return Err(Unusable::new_broken("its picture is in two places")),
            b"IDAT" => {
                still_seen = true;
                frame_filled |= promise.still_is_frame && promise.headers == 1;
            }
            b"fdAT" => {
                if promise.headers == 0 || (promise.still_is_frame && promise.headers == 1) || !still_seen {
                    return Err(Unusable::new_broken("a frame has no header"));
                }
                frame_filled = true;
            }
            b"IEND" => break,
            _ => {}
        }
    }
    if !still_seen || !frame_filled {
        return Err(Unusable::new_broken("a frame has no picture"));
    }
    if promise.frames.unwrap_or(0) != promise.headers {
        return Err(Unusable::new_broken("it does not have as many frames as it says"));
    }
    Ok(promise)
}

fn number(data: &[u8], at: usize) -> Result<u32, Unusable> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk::<4>());
    bytes.map(|bytes| u32::from_be_bytes(*bytes)).ok_or_else(|| Unusable::new_broken("a header is too short"))
}

/// Reads the file's header and refuses a picture that is too large before it is decoded.
fn header(data: &[u8]) -> Result<Promise, Unusable> {
    let (width, height) = (number(data, 0)?, number(data, 4)?);
    let &[depth, colour, ..] = &data[8..] else { return Err(Unusable::new_broken("a header is too short")) };
    let samples = match colour {
        0 | 3 => 1,
        4 => 2,
        2 => 3,
        6 => 4,
        _ => return Err(Unusable::new_broken("its kind of colour is unknown")),
    };
    let mut promise = Promise { width, height, bits: samples * u64::from(depth), ..Promise::default() };
    spend(&mut promise, width, height)?;
    Ok(promise)
}

/// Counts one picture of the file against the bounds.
fn spend(promise: &mut Promise, width: u32, height: u32) -> Result<(), Unusable> {
    within("pixels", u64::from(width) * u64::from(height), PIXELS)?;
    within("pixels on a side", u64::from(width.max(height)), SIDE)?;
    // The seven passes of an interlaced picture round up seven times, which eight bytes a row more than cover.
    let row = (u64::from(width) * promise.bits).div_ceil(8) + 8;
    promise.inflated += row * u64::from(height);
    within("bytes when inflated", promise.inflated, INFLATED_BYTES)
}

fn animation(promise: &mut Promise, data: &[u8], still_seen: bool) -> Result<(), Unusable> {
    let frames = number(data, 0)?;
    if promise.frames.is_some() || promise.headers > 0 || still_seen || frames == 0 || data.len() != 8 {
        return Err(Unusable::new_broken("its animation header is wrong"));
    }
    within("frames", u64::from(frames), FRAMES)?;
    promise.frames = Some(frames);
    Ok(())
}

fn frame(promise: &mut Promise, data: &[u8], still_seen: bool) -> Result<(), Unusable> {
    promise.headers += 1;
    if data.len() != 26 || promise.headers > promise.frames.unwrap_or(0) {
        return Err(Unusable::new_broken("it does not have as many frames as it says"));
    }
    let (width, height, left, top) = (number(data, 4)?, number(data, 8)?, number(data, 12)?, number(data, 16)?);
    let inside = |side: u32, offset: u32, all: u32| side > 0 && offset.checked_add(side).is_some_and(|end| end <= all);
    if !inside(width, left, promise.width) || !inside(height, top, promise.height) {
        return Err(Unusable::new_broken("a frame lies outside the picture"));
    }
    if still_seen {
        spend(promise, width, height)?;
    } else {
        promise.still_is_frame = true;
    }
    // A denominator of 0 stands for hundredths of a second in this format.
    let delay = |high: u8, low: u8| u64::from(u16::from_be_bytes([high, low]));
    let (count, part) = (delay(data[20], data[21]), delay(data[22], data[23]));
    let part = if part == 0 { 100 } else { part };
    promise.nanoseconds += (count * 1_000_000_000 + part / 2) / part;
    Ok(())
}

/// Decodes every row of every frame and checks that the picture is not blank.
fn decode(bytes: &[u8], promise: &Promise) -> Result<(), Unusable> {
    let pictures = promise.frames.map_or(1, |frames| frames + u32::from(!promise.still_is_frame));
    // The decoder counts one row for each frame against its limit and never subtracts it.
    let limit = DECODER_BYTES + u64::from(pictures) * u64::from(promise.width) * 4;
    let limits = png::Limits { bytes: usize::try_from(limit).unwrap_or(usize::MAX) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.ignore_checksums(false);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(undecodable)?;
    let mut seen = Viewer::default();
    for picture in 0..pictures {
        if picture > 0 {
            reader.next_frame_info().map_err(undecodable)?;
        }
        // A still that is not part of the animation is decoded, and not checked for blankness.
        let shown = picture > 0 || promise.frames.is_none() || promise.still_is_frame;
        let samples = reader.output_color_type().0.samples();
        let mut frame = Range::default();
        while let Some(row) = reader.next_row().map_err(undecodable)? {
            if shown && !seen.picture {
                frame.add_row(row.data(), samples);
            }
        }
        if shown && !seen.picture {
            seen.frame(frame, reader.info());
        }
    }
    reader.finish().map_err(undecodable)?;
    seen.verdict()
}

fn undecodable(error: png::DecodingError) -> Unusable {
    match error {
        png::DecodingError::IoError(_) => Unusable::new_broken("the file ends too early"),
        png::DecodingError::LimitsExceeded => Unusable::new_broken("decoding it needs too much memory"),
        other => Unusable::new_broken(other.to_string()),
    }
}

/// Minimum and maximum of red, green, blue and opacity, with colours weighed by their opacity.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: [u8; 4],
    greatest: [u8; 4],
}

impl Default for Range {
    fn default() -> Range {
        Range { least: [u8::MAX; 4], greatest: [0; 4] }
    }
}

impl Range {
    const CLEAR: Range = Range { least: [0; 4], greatest: [0; 4] };

    fn add(&mut self, pixel: [u8; 4]) {
        for (part, value) in pixel.into_iter().enumerate() {
            self.least[part] = self.least[part].min(value);
            self.greatest[part] = self.greatest[part].max(value);
        }
    }

    /// Adds a row of 8-bit samples: grey, grey and opacity, colour, or colour and opacity.
    fn add_row(&mut self, row: &[u8], samples: usize) {
        let mut last = None;
        for pixel in row.chunks_exact(samples) {
            // Neighbours are often equal, and an equal one changes nothing.
            if last == Some(pixel) {
                continue;
            }
            last = Some(pixel);
            let weigh = |value: u8, opacity: u8| (u32::from(value) * u32::from(opacity) / 255) as u8;
            self.add(match *pixel {
                [grey] => [grey, grey, grey, u8::MAX],
                [grey, opacity] => [weigh(grey, opacity), weigh(grey, opacity), weigh(grey, opacity), opacity],
                [red, green, blue] => [red, green, blue, u8::MAX],
                [red, green, blue, opacity] => {
                    [weigh(red, opacity), weigh(green, opacity), weigh(blue, opacity), opacity]
                }
                _ => continue,
            });
        }
    }

    fn with(self, other: Range) -> Range {
        let mut both = self;
        both.add(other.least);
        both.add(other.greatest);
        both
    }

    /// Returns whether all values are one colour.
    fn flat(&self) -> bool {
        self.least.iter().zip(&self.greatest).all(|(least, greatest)| greatest.saturating_sub(*least) <= FLAT)
    }
}

/// State of a viewer after some frames: whether the whole picture ever had more than one colour.
///
/// Until then, the canvas is described by its range alone, so no canvas is stored.
#[derive(Debug)]
struct Viewer {
    picture: bool,
    canvas: Range,
    visible: bool,
    black: bool,
}

impl Default for Viewer {
    fn default() -> Viewer {
        Viewer { picture: false, canvas: Range::CLEAR, visible: false, black: true }
    }
}

impl Viewer {
    /// Draws a frame over the canvas and then clears it as the frame's header demands.
    fn frame(&mut self, frame: Range, info: &png::Info<'_>) {
        let (all, place) = (info.size(), info.frame_control());
        let whole = place.is_none_or(|place| (place.width, place.height) == all);
        let over = place.is_some_and(|place| place.blend_op == BlendOp::Over);
        let before = self.canvas;
        self.canvas = if over && frame.greatest[3] == 0 {
            before
        } else if whole && (!over || frame.least[3] == u8::MAX) {
            frame
        } else {
            before.with(frame)
        };
        self.picture = !self.canvas.flat();
        self.visible |= self.canvas.greatest[3] > FLAT;
        self.black &= self.canvas.greatest[..3].iter().all(|part| *part <= FLAT);
        match place.map(|place| place.dispose_op) {
            Some(DisposeOp::Background) if whole => self.canvas = Range::CLEAR,
            Some(DisposeOp::Background) => self.canvas = self.canvas.with(Range::CLEAR),
            Some(DisposeOp::Previous) => self.canvas = before,
            Some(DisposeOp::None) | None => {}
        }
    }

    fn verdict(&self) -> Result<(), Unusable> {
        let how = match self {
            Viewer { picture: true, .. } => return Ok(()),
            Viewer { visible: false, .. } => "it is fully transparent",
            Viewer { black: true, .. } => "it is black all over",
            _ => "it is one colour all over",
        };
        Err(Unusable::Blank { how })
    }
}

/// Returns the check sum of a chunk: CRC-32 as in zip files.
pub(super) fn check_sum(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut sum = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                sum = if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
                bit += 1;
            }
            table[byte] = sum;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, byte| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ (sum >> 8))
}
