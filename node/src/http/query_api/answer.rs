//! The body of the answer to a query. A small one is written as a whole where the query was
//! evaluated; a large one piece by piece, as fast as the client takes them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use futures::stream::{self, Stream, StreamExt};
use query::QueryResult;
use query::json::Pieces;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::reply::{SUCCESS, end_success, json_body};
use crate::read::{Blocking, run_on};

/// Bytes from which on an answer is sent in pieces.
const WHOLE_BYTES_MAX: usize = 1 << 20;
/// Pieces that are made at the same time. One more waits to be sent, one to be taken.
const PIECES_AHEAD: usize = 2;
/// How long a client may leave a piece before it is given up.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Bytes a second that a client takes at least, over all of its answer.
const BYTES_PER_SECOND_MIN: u64 = 256 << 10;

/// What is known of an answer when its query was evaluated. Nothing can fail any more.
pub enum Answer {
    /// All of it.
    Whole(Vec<u8>),
    /// How to write it.
    Large(Arc<LargeAnswer>),
}

/// An answer that is written while it is sent. It holds its place among the queries that run.
pub struct LargeAnswer {
    pieces: Pieces<QueryResult>,
    end: Vec<u8>,
    _place: Arc<OwnedSemaphorePermit>,
}

/// The client took no piece for [`STALL_MAX`], or all of them too slowly, or a piece could not be
/// made.
#[derive(Debug, thiserror::Error)]
#[error("the answer was given up before its end")]
struct GivenUp;

impl Answer {
    /// The answer of an evaluation; a small one is written now, and any for a client that knows
    /// no chunks.
    pub fn of(
        mut result: QueryResult,
        place: Arc<OwnedSemaphorePermit>,
        knows_chunks: bool,
    ) -> Answer {
        let (warnings, infos) =
            (std::mem::take(&mut result.warnings), std::mem::take(&mut result.infos));
        let mut end = Vec::new();
        end_success(&warnings, &infos, &mut end);
        let pieces = Pieces::of(result);
        let large = pieces.bytes_expected() > WHOLE_BYTES_MAX && pieces.count() > 1;
        if large && knows_chunks {
            return Answer::Large(Arc::new(LargeAnswer { pieces, end, _place: place }));
        }
        let mut body = SUCCESS.to_vec();
        pieces.append(&mut body);
        body.append(&mut end);
        Answer::Whole(body)
    }

    /// The response; pieces are made on `blocking`.
    pub fn response(self, blocking: Blocking) -> HttpResponse {
        match self {
            Answer::Whole(body) => json_body(body),
            Answer::Large(answer) => {
                let (sender, pieces) = mpsc::channel(1);
                tokio::spawn(async move {
                    answer.clone().send(blocking.clone(), sender).await;
                    // That takes a while, too.
                    blocking(Box::new(move || drop(answer)));
                });
                HttpResponse::Ok().content_type(ContentType::json()).streaming(body(pieces))
            }
        }
    }
}

impl LargeAnswer {
    /// Sends the pieces and, last, `None`. Ends early, without that, when nobody takes them.
    async fn send(self: Arc<Self>, blocking: Blocking, sender: mpsc::Sender<Option<Bytes>>) {
        let make = |index: usize| {
            let (answer, blocking) = (self.clone(), blocking.clone());
            async move { run_on(&blocking, move || answer.piece(index)).await }
        };
        let seconds = self.pieces.bytes_expected() as u64 / BYTES_PER_SECOND_MIN;
        let end = Instant::now() + STALL_MAX + Duration::from_secs(seconds);
        let mut made = stream::iter(0..self.pieces.count()).map(make).buffered(PIECES_AHEAD);
        while let Some(piece) = made.next().await {
            let Some(bytes) = piece else { return };
            let patience = end.min(Instant::now() + STALL_MAX);
            if !matches!(timeout_at(patience, sender.send(Some(bytes))).await, Ok(Ok(()))) {
                return;
            }
        }
        // Whoever is gone by now has all of it.
        let _ = timeout(STALL_MAX, sender.send(None)).await;
    }

    fn piece(&self, index: usize) -> Bytes {
        let (mut piece, last) = (self.pieces.piece(index), index + 1 == self.pieces.count());
        if index == 0 {
            piece.splice(..0, SUCCESS.iter().copied());
        }
        if last {
            piece.extend_from_slice(&self.end);
        }
        Bytes::from(piece)
    }
}

/// The pieces up to `None`; an error, which cuts the connection off, if that does not come.
fn body(pieces: mpsc::Receiver<Option<Bytes>>) -> impl Stream<Item = Result<Bytes, GivenUp>> {
    stream::unfold(pieces, |mut pieces| async move {
        match pieces.recv().await {
            Some(piece) => piece.map(|bytes| (Ok(bytes), pieces)),
            None => Some((Err(GivenUp), pieces)),
        }
    })
}

#[cfg(test)]
mod tests;
