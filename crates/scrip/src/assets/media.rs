//! Check of outputs (R14): only a file that was decoded to its last byte is worth paying for.
//!
//! The provider's own description is not used: the bytes decide. Containers that cannot be decoded here are refused by
//! name rather than believed.
//!
//! **Invariant:** every bound is checked on the sizes that a file states before anything of that size is decoded or
//! allocated, and no input makes [`check`] panic.

mod picture;
#[cfg(test)]
mod tests;
mod weights;

use scrip_engine::Output;
use std::fmt;

/// Maximum size of a picture in bytes. # assumed
pub const IMAGE_BYTES: u64 = 256 << 20;
/// Maximum size of a video in bytes. # assumed
pub const VIDEO_BYTES: u64 = 1 << 30;
/// Maximum size of weights in bytes. # assumed
pub const WEIGHTS_BYTES: u64 = 8 << 30;
/// Maximum number of pixels of one picture or frame: 100 megapixels. # assumed
pub const PIXELS: u64 = 100_000_000;
/// Maximum number of pixels of one side: a decoder holds whole rows. # assumed
pub const SIDE: u64 = 32_768;
/// Maximum number of frames of a video. # assumed
pub const FRAMES: u64 = 7_200;
/// Maximum number of bytes that all frames of a file may inflate to. # assumed
pub const INFLATED_BYTES: u64 = 4 << 30;
/// Maximum size of the header of weights in bytes. # assumed
pub const HEADER_BYTES: u64 = 4 << 20;

/// Facts about a usable output, taken from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Media type of the output.
    pub content_type: &'static str,
    /// Duration of a video that runs through once, in milliseconds, measured from its frames.
    pub seconds_ms: Option<u64>,
    /// Number of pixels across; 0 for weights.
    pub width: u32,
    /// Number of pixels down; 0 for weights.
    pub height: u32,
}

/// Reason why an output is not usable. Its text is one sentence for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The file has no bytes.
    Empty,
    /// The file is no picture, no video and no weights.
    Unknown {
        /// Name of the kind that the file looks like instead.
        looks_like: &'static str,
    },
    /// The container is known, but cannot be decoded here; the file may be good.
    Unsupported {
        /// Name of the container, for the text.
        container: &'static str,
    },
    /// The file is of another kind than was asked for.
    WrongKind {
        /// Kind that was asked for.
        wanted: Output,
        /// Name of the kind that was delivered.
        found: &'static str,
    },
    /// The file exceeds a bound of this system.
    TooLarge {
        /// Name of the counted things: bytes, pixels, frames.
        what: &'static str,
        /// Number of them that the file states.
        found: u64,
        /// Maximum number of them.
        bound: u64,
    },
    /// The file ends too early, is damaged or breaks the rules of its container.
    Broken {
        /// Description of the fault, in words.
        detail: String,
    },
    /// The file decodes, and shows or holds nothing.
    Blank {
        /// Description of the blankness, in words.
        how: &'static str,
    },
}

impl Unusable {
    fn new_broken(detail: impl Into<String>) -> Unusable {
        Unusable::Broken { detail: detail.into() }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Empty => f.write_str("the output is an empty file"),
            Unusable::Unknown { looks_like } => {
                write!(f, "the output is not a picture, a video or weights: it looks like {looks_like}")
            }
            Unusable::Unsupported { container } => {
                write!(f, "the output is {container}, a container that cannot be checked yet")
            }
            Unusable::WrongKind { wanted, found } => {
                write!(f, "the output is {found}, where {} asked for", expectation(*wanted))
            }
            Unusable::TooLarge { what, found, bound } => {
                write!(f, "the output is too large: {found} {what}, and at most {bound} are taken")
            }
            Unusable::Broken { detail } => write!(f, "the output cannot be decoded: {detail}"),
            Unusable::Blank { how } => write!(f, "the output is blank: {how}"),
        }
    }
}

impl std::error::Error for Unusable {}

fn expectation(wanted: Output) -> &'static str {
    match wanted {
        Output::Image => "a still picture was",
        Output::Video => "a video was",
        Output::Weights => "model weights were",
    }
}

/// Container of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Png,
    Weights,
    /// Known, and not decoded here; with its kind of output where that is certain.
    Other(&'static str, Option<Output>),
    Unknown(&'static str),
}

/// Checks an output: that all of it decodes, that it is of the kind that was asked for, and that it is not blank. The
/// caller compares its size and duration with the run's parameters.
pub fn check(kind: Output, bytes: &[u8]) -> Result<Usable, Unusable> {
    if bytes.is_empty() {
        return Err(Unusable::Empty);
    }
    let bound = match kind {
        Output::Image => IMAGE_BYTES,
        Output::Video => VIDEO_BYTES,
        Output::Weights => WEIGHTS_BYTES,
    };
    within("bytes", bytes.len() as u64, bound)?;
    match (container(bytes), kind) {
        (Container::Png, Output::Image | Output::Video) => picture::check(kind, bytes),
        (Container::Weights, Output::Weights) => weights::check(bytes),
        (Container::Png, Output::Weights) => Err(Unusable::WrongKind { wanted: kind, found: "a PNG picture" }),
        (Container::Weights, _) => Err(Unusable::WrongKind { wanted: kind, found: "a file of model weights" }),
        (Container::Other(found, Some(holds)), _) if holds != kind => Err(Unusable::WrongKind { wanted: kind, found }),
        (Container::Other(container, _), _) => Err(Unusable::Unsupported { container }),
        (Container::Unknown(looks_like), _) => Err(Unusable::Unknown { looks_like }),
    }
}

fn within(what: &'static str, found: u64, bound: u64) -> Result<(), Unusable> {
    if found > bound { Err(Unusable::TooLarge { what, found, bound }) } else { Ok(()) }
}

/// Recognises a container by its signature.
fn container(bytes: &[u8]) -> Container {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if at(0, &picture::SIGNATURE) {
        return Container::Png;
    }
    if at(0, &[0xff, 0xd8, 0xff]) {
        return Container::Other("a JPEG picture", Some(Output::Image));
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Container::Other("a WebP file", None);
    }
    if at(0, b"GIF87a") || at(0, b"GIF89a") {
        return Container::Other("a GIF file", None);
    }
    if at(4, b"ftyp") {
        return match bytes.get(8..12) {
            Some(b"avif" | b"avis" | b"heic" | b"heix" | b"mif1" | b"msf1") => {
                Container::Other("an AVIF or HEIF file", None)
            }
            _ => Container::Other("an MP4 or QuickTime video", Some(Output::Video)),
        };
    }
    if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        return Container::Other("a WebM or Matroska video", Some(Output::Video));
    }
    if at(0, b"PK\x03\x04") {
        return Container::Other("a ZIP archive", None);
    }
    if at(8, b"{") && bytes.get(5..8) == Some(&[0, 0, 0]) {
        return Container::Weights;
    }
    Container::Unknown(looks_like(bytes))
}

/// Returns a name for an unknown container, judged by its first kilobyte.
fn looks_like(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(1024)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.get(..text.floor_char_boundary(64)).unwrap_or_default().to_ascii_lowercase();
    let plain = !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127)) && {
        // A character cut in two by the kilobyte's end is still text.
        std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none() && head.len() == 1024, |_| true)
    };
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        "an HTML page"
    } else if lower.starts_with("<svg") || lower.starts_with("<?xml") {
        "an XML document"
    } else if plain && (lower.starts_with('{') || lower.starts_with('[')) {
        "a JSON document"
    } else if plain {
        "plain text"
    } else {
        "a file of an unknown format"
    }
}
