//! Chunks against golden bytes, a bit-by-bit decoder and arbitrary bytes.

use proptest::prelude::*;

use super::*;

fn encoded(samples: &[(i64, f64)]) -> Bytes {
    let mut encoder = XorEncoder::default();
    for (timestamp_ms, value) in samples {
        encoder.append(*timestamp_ms, *value).unwrap();
    }
    encoder.finish()
}

fn decoded(data: &[u8]) -> Result<Vec<(i64, u64)>, ChunkError> {
    ChunkIter::new(ENCODING_XOR, data)?.map(|s| s.map(|(t, v)| (t, v.to_bits()))).collect()
}

fn bits_of(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    samples.iter().map(|(t, v)| (*t, v.to_bits())).collect()
}

/// The format read one bit at a time, straight from its description.
struct Slow<'a>(&'a [u8], usize);

impl Slow<'_> {
    fn bits(&mut self, count: usize) -> u64 {
        let mut value = 0;
        for _ in 0..count {
            let bit = self.0[self.1 / 8] >> (7 - self.1 % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.1 += 1;
        }
        value
    }

    fn uvarint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bits(8);
            value |= (byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn delta_of_delta(&mut self) -> i64 {
        let ones = (0..4).take_while(|_| self.bits(1) == 1).count();
        let width = [0, 14, 17, 20, 64][ones];
        let raw = self.bits(width) as i64;
        if width > 0 && width < 64 && raw > 1 << (width - 1) { raw - (1 << width) } else { raw }
    }

    fn value(&mut self, value: &mut u64, window: &mut (usize, usize)) {
        if self.bits(1) == 0 {
            return;
        }
        if self.bits(1) == 1 {
            let (leading, length) = (self.bits(5) as usize, self.bits(6) as usize);
            *window = (leading, if length == 0 { 64 } else { length });
        }
        let change = self.bits(window.1);
        *value ^= change << (64 - window.0 - window.1);
    }
}

fn decoded_slowly(data: &[u8]) -> Vec<(i64, u64)> {
    let mut input = Slow(data, 0);
    let count = input.bits(16);
    let (mut t, mut delta, mut value, mut window) = (0i64, 0i64, 0u64, (0, 64));
    let mut samples = Vec::new();
    for i in 0..count {
        match i {
            0 => {
                let raw = input.uvarint();
                t = (raw >> 1) as i64 ^ -((raw & 1) as i64);
                value = input.bits(64);
            }
            1 => {
                delta = input.uvarint() as i64;
                t = t.wrapping_add(delta);
                input.value(&mut value, &mut window);
            }
            _ => {
                delta = delta.wrapping_add(input.delta_of_delta());
                t = t.wrapping_add(delta);
                input.value(&mut value, &mut window);
            }
        }
        samples.push((t, value));
    }
    samples
}

#[test]
fn golden_bytes() {
    // 1000 = varint d0 0f; 1.0 = 3ff0...; delta 15000 = 98 75; then dod 0 and dod 5.
    let data = encoded(&[(1_000, 1.0), (16_000, 1.0), (31_000, 1.0), (46_005, 2.0)]);
    let hex: String = data.iter().map(|b| format!("{b:02x}")).collect();
    // value bits: 0 | dod 0, same: 00 | dod 10 + 14 bits of 5, then 11 00001 001011 + 11 bits
    // (1.0 ^ 2.0 = 7ff0..., one leading zero, 52 trailing).
    let tail = "0 00 10 00000000000101 11 00001 001011 11111111111";
    let mut bits = tail.replace(' ', "");
    bits.extend(std::iter::repeat_n('0', (8 - bits.len() % 8) % 8));
    let tail_hex: String = (0..bits.len() / 8)
        .map(|i| format!("{:02x}", u8::from_str_radix(&bits[i * 8..i * 8 + 8], 2).unwrap()))
        .collect();
    assert_eq!(hex, format!("0004d00f3ff00000000000009875{tail_hex}"));
    assert_eq!(tail_hex, "1000b84bffe0");
}

#[test]
fn the_ranges_of_the_delta_of_delta_are_asymmetric() {
    for (dod, bits) in [
        (0x2000i64, 16),
        (-0x1fff, 16),
        (0x2001, 20),
        (-0x2000, 20),
        (0x1_0000, 20),
        (-0xffff, 20),
        (0x1_0001, 24),
        (-0x1_0000, 24),
        (0x8_0000, 24),
        (-0x7_ffff, 24),
        (0x8_0001, 68),
        (-0x8_0000, 68),
        (0, 1),
    ] {
        let mut state = XorState::default();
        let mut out = [0; 128];
        state.append(&mut out, 0, 1.0).unwrap();
        state.append(&mut out, 1 << 30, 1.0).unwrap();
        let before = state.bits;
        state.append(&mut out, (2 << 30) + dod, 1.0).unwrap();
        assert_eq!(state.bits - before, bits + 1, "dod {dod}");
        let samples = decoded(&out[..state.len_bytes()]).unwrap();
        assert_eq!(samples[2].0, (2 << 30) + dod);
    }
}

#[test]
fn odd_values_survive_bit_for_bit() {
    let values = [
        f64::from_bits(proto::STALE_NAN_BITS),
        f64::NAN,
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        1.0,
        1.0,
        1.5,
        f64::from_bits(u64::MAX),
        f64::from_bits(1),
        f64::from_bits(1 << 63),
    ];
    let samples: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as i64 * 7, *v)).collect();
    assert_eq!(decoded(&encoded(&samples)), Ok(bits_of(&samples)));
}

#[test]
fn a_buffer_that_is_too_short_changes_nothing() {
    let mut state = XorState::default();
    let mut out = [0; XOR_HEADER_BYTES + 12];
    state.append(&mut out, 1_000, 1.0).unwrap();
    let (kept, bytes) = (state, out);
    let mut refused = 0;
    for i in 1..20 {
        refused += usize::from(state.append(&mut out, i * 77_777_777, 0.1 * i as f64).is_err());
    }
    assert_eq!((refused, state, out), (19, kept, bytes));
}

#[test]
fn a_chunk_holds_65535_samples_and_no_more() {
    let mut encoder = XorEncoder::default();
    for i in 0..i64::from(XOR_SAMPLES_MAX) {
        encoder.append(i, 1.0).unwrap();
    }
    assert_eq!(encoder.append(1 << 20, 1.0), Err(ChunkFull));
    assert_eq!(decoded(&encoder.finish()).unwrap().len(), usize::from(XOR_SAMPLES_MAX));
}

#[test]
fn other_encodings_are_refused_by_name() {
    let chunk =
        |encoding| Chunk { min_ms: 0, max_ms: 0, encoding, data: Bytes::from_static(&[0; 9]) };
    let decode = |c: &Chunk| decode_chunk_into(c.view(), 0, 1, &mut vec![], &mut vec![]);
    assert_eq!(decode(&chunk(2)), Err(ChunkError::Unsupported { encoding: 2 }));
    let message = decode(&chunk(3)).unwrap_err().to_string();
    assert_eq!(message, "float histogram chunks (encoding 3) are not supported yet");
    assert_eq!(decode(&chunk(99)), Err(ChunkError::Unknown(99)));
}

#[test]
fn decoding_keeps_to_the_time_range_and_undoes_on_error() {
    let data = encoded(&[(10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]);
    let (mut t, mut v) = (vec![1], vec![1.0]);
    decode_into(&data, 20, 30, &mut t, &mut v).unwrap();
    assert_eq!((t.as_slice(), v.as_slice()), ([1, 20, 30].as_slice(), [1.0, 2.0, 3.0].as_slice()));
    let cut = &data[..data.len() - 2];
    assert!(decode_into(cut, 0, 100, &mut t, &mut v).is_err());
    assert_eq!((t.len(), v.len()), (3, 3));
}

fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (0..1000i32).prop_map(f64::from),
        Just(f64::from_bits(proto::STALE_NAN_BITS)),
        Just(1.0),
    ];
    let step = prop_oneof![Just(15_000i64), 0..40_000i64, 0..2_000_000i64, any::<i64>()];
    prop::collection::vec((step, value), 0..300).prop_map(|steps| {
        let mut t = 0i64;
        let next = |(step, value): (i64, f64)| {
            t = t.wrapping_add(step);
            (t, value)
        };
        steps.into_iter().map(next).collect()
    })
}

proptest! {
    #[test]
    fn chunks_round_trip_and_agree_with_the_slow_decoder(samples in samples()) {
        let data = encoded(&samples);
        prop_assert_eq!(decoded(&data), Ok(bits_of(&samples)));
        let slow = if samples.is_empty() { vec![] } else { decoded_slowly(&data) };
        prop_assert_eq!(slow, bits_of(&samples));
    }

    #[test]
    fn appending_resumes_where_it_stopped(samples in samples(), at in 0usize..300) {
        let whole = encoded(&samples);
        let at = at.min(samples.len());
        let first = encoded(&samples[..at]);
        let resumed = || XorState::resume(&first).unwrap();
        let mut state = if at == 0 { XorState::default() } else { resumed() };
        let mut bytes = first.to_vec();
        for (t, v) in &samples[at..] {
            bytes.resize(state.len_bytes() + XOR_SAMPLE_BYTES_MAX, 0);
            state.append(&mut bytes, *t, *v).unwrap();
        }
        bytes.truncate(state.len_bytes());
        prop_assert!(samples.is_empty() || bytes == whole);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(data: Vec<u8>) {
        if let Ok(samples) = decoded(&data) {
            prop_assert!(samples.len() <= usize::from(XOR_SAMPLES_MAX));
        }
        let _ = XorState::resume(&data);
        let _ = decode_into(&data, i64::MIN, i64::MAX, &mut vec![], &mut vec![]);
    }

    #[test]
    fn damaged_chunks_are_decoded_without_a_panic(samples in samples(), at: usize, flip in 1u8..) {
        let mut data = encoded(&samples).to_vec();
        if !data.is_empty() {
            let at = at % data.len();
            data[at] ^= flip;
            let _ = decoded(&data);
        }
    }
}
