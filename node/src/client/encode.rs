//! The body of a remote-write 1.0 request: `prometheus.WriteRequest` in one snappy block.

use proto::remote_write::RequestWriter;

/// The body as it is sent; `None` when the request is larger than snappy can frame (4 GiB).
pub fn compress(request: &RequestWriter) -> Option<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(request.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::decode;
    use proto::Labels;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn what_is_encoded_can_be_walked_back() {
        let long = "x".repeat(300);
        let series = [
            (labels(&[("__name__", "up"), ("job", "a")]), vec![(1_700_000_000_000, 1.0)]),
            (labels(&[("__name__", "b"), ("l", &long)]), vec![(-5, f64::NAN), (0, 0.0)]),
        ];
        let mut request = RequestWriter::default();
        for (labels, samples) in &series {
            request.series(labels, samples);
        }
        let back = decode(&compress(&request).unwrap());
        assert_eq!(back.len(), 2);
        for ((labels, samples), (back_labels, back_samples)) in series.iter().zip(&back) {
            assert_eq!(labels, back_labels);
            let bits =
                |s: &[(i64, f64)]| -> Vec<_> { s.iter().map(|(t, v)| (*t, v.to_bits())).collect() };
            assert_eq!(bits(samples), bits(back_samples));
        }
    }
}
