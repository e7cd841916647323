//! Check of a trained model's weights: the safetensors container, its header and every value in it.
//!
//! **Invariant:** the tensors lie end to end and fill the file exactly, so no byte of it goes unread.

use super::{HEADER_BYTES, Unusable, Usable, within};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Header {
    /// Free text about the file; only its form is checked.
    #[serde(rename = "__metadata__")]
    #[allow(dead_code, reason = "naming it keeps it from being read as a tensor")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Checks the header against the file, and that the values are numbers.
pub(super) fn check(bytes: &[u8]) -> Result<Usable, Unusable> {
    let (length, rest) =
        bytes.split_first_chunk::<8>().ok_or_else(|| Unusable::new_broken("the file ends too early"))?;
    let length = u64::from_le_bytes(*length);
    within("bytes of header", length, HEADER_BYTES)?;
    let (header, data) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| Unusable::new_broken("the file ends inside its header"))?;
    let header: Header =
        serde_json::from_slice(header).map_err(|error| Unusable::new_broken(format!("the header: {error}")))?;
    let mut tensors: Vec<(&String, &Tensor)> = header.tensors.iter().collect();
    tensors.sort_by_key(|(_, tensor)| tensor.data_offsets);
    let (mut end, mut blank) = (0, true);
    for (name, tensor) in tensors {
        let place =
            place(tensor, end, data).map_err(|why| Unusable::new_broken(format!("tensor {name:.80}: {why}")))?;
        end = tensor.data_offsets.1;
        blank &= place.iter().all(|byte| *byte == 0);
        if not_a_number(&tensor.dtype, place) {
            return Err(Unusable::new_broken(format!("tensor {name:.80} holds values that are not numbers")));
        }
    }
    if end != data.len() as u64 {
        return Err(Unusable::new_broken(format!("{} bytes of values, and the header says {end}", data.len())));
    }
    if blank {
        return Err(Unusable::Blank { how: "every weight is zero" });
    }
    Ok(Usable { content_type: "application/octet-stream", seconds_ms: None, width: 0, height: 0 })
}

/// Returns the bytes of a tensor, if it begins where the one before it ended and its size is the one of its shape.
fn place<'a>(tensor: &Tensor, end: u64, data: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let width = match tensor.dtype.as_str() {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "F16" | "BF16" | "I16" | "U16" => 2,
        "F8_E4M3" | "F8_E5M2" | "I8" | "U8" | "BOOL" => 1,
        _ => return Err("its type of number is unknown"),
    };
    let size = tensor.shape.iter().try_fold(width, |size: u64, side| size.checked_mul(*side));
    let (from, to) = tensor.data_offsets;
    if from != end {
        return Err("it leaves a gap or overlaps another");
    }
    if to.checked_sub(from) != size || size.is_none() {
        return Err("its size is not what its shape needs");
    }
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range.and_then(|(from, to)| data.get(from..to)).ok_or("it lies outside the file")
}

/// Returns whether any floating value is NaN: the exponent is all ones and the rest is not zero. A training that
/// diverged leaves such values, and a model with them draws a blank picture.
fn not_a_number(dtype: &str, place: &[u8]) -> bool {
    fn any<const N: usize>(place: &[u8], exponent: u64) -> bool {
        let value = |chunk: &[u8; N]| chunk.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let sign = 1_u64 << (8 * N - 1);
        place.as_chunks::<N>().0.iter().any(|chunk| value(chunk) & !sign > exponent)
    }
    match dtype {
        "F64" => any::<8>(place, 0x7ff0_0000_0000_0000),
        "F32" => any::<4>(place, 0x7f80_0000),
        "F16" => any::<2>(place, 0x7c00),
        "BF16" => any::<2>(place, 0x7f80),
        _ => false,
    }
}
