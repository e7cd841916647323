//! Is an output worth paying for (R14)? Only a file that was decoded to its last byte is.
//!
//! The provider's own word is not asked: the bytes say what they are. Containers that cannot be decoded here are
//! refused by name rather than believed.
//!
//! **Invariant:** every bound is checked on what a file states before anything of that size is decoded or allocated,
//! and no input makes [`check`] panic.

mod picture;
#[cfg(test)]
mod tests;
mod weights;

use scrip_engine::Output;
use std::fmt;

/// The largest picture in bytes. # assumed
pub const IMAGE_BYTES: u64 = 256 << 20;
/// The largest video in bytes. # assumed
pub const VIDEO_BYTES: u64 = 1 << 30;
/// The largest weights in bytes. # assumed
pub const WEIGHTS_BYTES: u64 = 8 << 30;
/// The most pixels of one picture or frame: 100 megapixels. # assumed
pub const PIXELS: u64 = 100_000_000;
/// The most pixels of one side: a decoder holds whole rows. # assumed
pub const SIDE: u64 = 32_768;
/// The most frames of a video. # assumed
pub const FRAMES: u64 = 7_200;
/// The most bytes all frames of a file may inflate to. # assumed
pub const INFLATED_BYTES: u64 = 4 << 30;
/// The largest header of weights in bytes. # assumed
pub const HEADER_BYTES: u64 = 4 << 20;

/// What a usable output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usable {
    /// Its media type.
    pub content_type: &'static str,
    /// How long a video runs once through, in milliseconds, measured from its frames.
    pub seconds_ms: Option<u64>,
    /// Pixels across; 0 for weights.
    pub width: u32,
    /// Pixels down; 0 for weights.
    pub height: u32,
}

/// Why an output is not usable. Its text is one sentence for the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is not one byte.
    Empty,
    /// It is no picture, no video and no weights.
    Unknown {
        /// What it looks like instead.
        looks_like: &'static str,
    },
    /// It may be fine, but nothing here can decode it.
    Unsupported {
        /// The container's name.
        container: &'static str,
    },
    /// It is something else than what was asked for.
    WrongKind {
        /// What was asked for.
        wanted: Output,
        /// What came.
        found: &'static str,
    },
    /// It is larger than anything this system takes.
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How much there is, as far as the file says.
        found: u64,
        /// How much is allowed.
        bound: u64,
    },
    /// It ends too early, is damaged or breaks the rules of its container.
    Broken {
        /// What was found.
        detail: String,
    },
    /// It decodes, and shows or holds nothing.
    Blank {
        /// How it is blank.
        how: &'static str,
    },
}

impl Unusable {
    fn broken(detail: impl Into<String>) -> Unusable {
        Unusable::Broken { detail: detail.into() }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Empty => f.write_str("the output is an empty file"),
            Unusable::Unknown { looks_like } => {
                write!(f, "the output is no picture, video or weights: it looks like {looks_like}")
            }
            Unusable::Unsupported { container } => {
                write!(f, "the output is {container}, a container that cannot be checked yet")
            }
            Unusable::WrongKind { wanted, found } => {
                write!(f, "the output is {found}, where {} asked for", asked(*wanted))
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

fn asked(wanted: Output) -> &'static str {
    match wanted {
        Output::Image => "a still picture was",
        Output::Video => "a video was",
        Output::Weights => "model weights were",
    }
}

/// What the first bytes of a file say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Png,
    Weights,
    /// Known, and not decoded here; with the kind it holds where that is certain.
    Other(&'static str, Option<Output>),
    Unknown(&'static str),
}

/// Checks an output: what it is, that all of it decodes, that it is of the kind that was asked for and that there is
/// something to see in it. Whether size and duration are what was sold is for the caller to compare.
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

/// A name for what is no known container, judged by its first kilobyte.
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
