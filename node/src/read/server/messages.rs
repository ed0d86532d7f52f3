//! Cuts an answer into messages.

use proto::rpc::{self, SelectResponse};
use storage::{Chunk, SeriesChunks};

use crate::read::convert::{chunk_out, series_out};

/// Most series in one message.
pub const MESSAGE_SERIES_MAX: usize = 1024;
/// A message is closed when it holds so many bytes; a single chunk may lie above.
pub const MESSAGE_BYTES: usize = 2 << 20;
/// What a series or chunk costs on the wire beside labels and data.
const ENTRY_BYTES: usize = 48;

/// The messages of an answer, made one by one. A series that does not fit into a message goes on
/// in the next.
pub struct Messages {
    series: std::vec::IntoIter<SeriesChunks>,
    /// A series whose last chunks did not fit.
    rest: Option<(SeriesChunks, std::vec::IntoIter<Chunk>)>,
    authority: Option<rpc::Authority>,
}

impl Messages {
    /// Messages with these series; the last one says what the answer is worth.
    pub fn new(series: Vec<SeriesChunks>, authority: rpc::Authority) -> Messages {
        Messages { series: series.into_iter(), rest: None, authority: Some(authority) }
    }

    fn next_series(&mut self) -> Option<(SeriesChunks, std::vec::IntoIter<Chunk>)> {
        self.rest.take().or_else(|| {
            let mut series = self.series.next()?;
            let chunks = std::mem::take(&mut series.chunks).into_iter();
            Some((series, chunks))
        })
    }
}

impl Iterator for Messages {
    type Item = SelectResponse;

    fn next(&mut self) -> Option<SelectResponse> {
        let mut message = SelectResponse::default();
        let mut bytes = 0;
        while message.series.len() < MESSAGE_SERIES_MAX && bytes < MESSAGE_BYTES {
            let Some((series, mut chunks)) = self.next_series() else {
                message.authority = Some(self.authority.take()?);
                return Some(message);
            };
            let mut out = series_out(&series);
            bytes += out.labels.len() + ENTRY_BYTES;
            while bytes < MESSAGE_BYTES
                && let Some(chunk) = chunks.next()
            {
                bytes += chunk.data.len() + ENTRY_BYTES;
                out.chunks.push(chunk_out(chunk));
            }
            message.series.push(out);
            if chunks.len() > 0 {
                self.rest = Some((series, chunks));
            }
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proto::{Labels, SeriesId, TenantName};

    fn series(name: &str, chunks: usize, bytes: usize) -> SeriesChunks {
        let chunk = |n: usize| Chunk {
            min_ms: n as i64,
            max_ms: n as i64,
            encoding: 1,
            data: Bytes::from(vec![0; bytes]),
        };
        SeriesChunks {
            tenant: TenantName::new("a").unwrap(),
            id: SeriesId(7),
            labels: Labels::from_pairs([("__name__", name)]).unwrap(),
            chunks: (0..chunks).map(chunk).collect(),
        }
    }

    fn authority() -> rpc::Authority {
        rpc::Authority { complete: true, reason: String::new() }
    }

    #[test]
    fn messages_are_bounded_and_lose_nothing() {
        let many: Vec<_> = (0..3000).map(|n| series(&format!("m{n}"), 1, 10)).collect();
        let messages: Vec<_> = Messages::new(many, authority()).collect();
        assert_eq!(messages.iter().map(|m| m.series.len()).sum::<usize>(), 3000);
        assert!(messages.iter().all(|m| m.series.len() <= MESSAGE_SERIES_MAX));
        let (last, others) = messages.split_last().unwrap();
        assert!(last.authority.is_some() && others.iter().all(|m| m.authority.is_none()));
    }

    #[test]
    fn a_large_series_is_spread_over_messages() {
        let messages: Vec<_> = Messages::new(vec![series("m", 10, 1 << 20)], authority()).collect();
        assert_eq!(messages.len(), 6);
        let chunks = messages.iter().flat_map(|m| &m.series).flat_map(|s| &s.chunks);
        let times: Vec<i64> = chunks.map(|chunk| chunk.min_ms).collect();
        assert_eq!(times, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn an_empty_answer_has_one_message_with_its_authority() {
        let messages: Vec<_> = Messages::new(Vec::new(), authority()).collect();
        assert_eq!(messages.len(), 1);
        assert!(messages[0].authority.as_ref().unwrap().complete);
    }
}
