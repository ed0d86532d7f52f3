//! LEB128 variable-length integers, as protobuf and Go's `encoding/binary` write them.

/// Appends `value` as an unsigned varint (1 to 10 bytes).
#[inline]
pub fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` as a zig-zag varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, value: i64) {
    put_uvarint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Takes an unsigned varint off the front of `input`; `None` when it is cut short or longer than
/// 64 bits. `input` is unchanged then.
#[inline(always)]
pub fn take_uvarint(input: &mut &[u8]) -> Option<u64> {
    // Tags, and most lengths, have one byte.
    if let [first, rest @ ..] = *input
        && *first < 0x80
    {
        *input = rest;
        return Some(u64::from(*first));
    }
    take_long_uvarint(input)
}

fn take_long_uvarint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (i, &byte) in input.iter().enumerate().take(10) {
        if i == 9 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = &input[i + 1..];
            return Some(value);
        }
    }
    None
}

/// Takes a zig-zag varint off the front of `input`; see [`take_uvarint`].
#[inline]
pub fn take_varint(input: &mut &[u8]) -> Option<i64> {
    let raw = take_uvarint(input)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Takes a varint length and that many bytes off the front of `input`.
#[inline]
pub fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = *input;
    let length = usize::try_from(take_uvarint(&mut rest)?).ok()?;
    let taken = rest.get(..length)?;
    *input = &rest[length..];
    Some(taken)
}

/// Bytes that [`put_uvarint`] writes for `value`.
#[inline]
pub fn uvarint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_round_trip(value: u64, signed: i64) {
            let mut out = Vec::new();
            put_uvarint(&mut out, value);
            prop_assert_eq!(out.len(), uvarint_len(value));
            put_varint(&mut out, signed);
            let mut input = out.as_slice();
            prop_assert_eq!(take_uvarint(&mut input), Some(value));
            prop_assert_eq!(take_varint(&mut input), Some(signed));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes: Vec<u8>) {
            let mut input = bytes.as_slice();
            let _ = take_uvarint(&mut input);
            let _ = take_bytes(&mut input);
        }
    }
}
