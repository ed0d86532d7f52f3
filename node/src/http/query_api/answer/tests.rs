//! Large answers: pieces in order, made as they are taken.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryTimes};
use tokio::sync::Semaphore;

use super::*;

/// Series of 1,000 samples each.
fn result(series: usize) -> QueryResult {
    let mut store = MemoryStore::default();
    for number in 0..series {
        let samples: Vec<(i64, f64)> = (0..1000).map(|i| (i * 1000, i as f64 / 7.0)).collect();
        store.add(&[("__name__", "m"), ("number", &number.to_string())], &samples);
    }
    let times = QueryTimes::Range { start_ms: 0, end_ms: 999_000, step_ms: 1_000 };
    let plan = Engine::new(EngineOptions::default()).prepare("m", times).unwrap();
    let mut result =
        futures::executor::block_on(query::run(&plan, &store, &Default::default())).unwrap();
    result.warnings.push("it may be short".to_owned());
    result
}

fn whole(series: usize) -> Vec<u8> {
    let mut body = SUCCESS.to_vec();
    body.append(&mut query::json::data(&result(series)));
    body.extend_from_slice(b",\"warnings\":[\"it may be short\"]}");
    body
}

/// An answer that is sent, and how many of its pieces were made.
struct Sending {
    pieces: usize,
    made: Arc<AtomicUsize>,
    body: Pin<Box<dyn Stream<Item = Result<Bytes, GivenUp>>>>,
    places: Arc<Semaphore>,
}

impl Sending {
    fn of(series: usize) -> Sending {
        let (places, made) = (Arc::new(Semaphore::new(1)), Arc::<AtomicUsize>::default());
        let place = places.clone().try_acquire_owned().unwrap();
        let Answer::Large(answer) = Answer::of(result(series), Arc::new(place), true) else {
            panic!("it should be large");
        };
        let (pieces, count) = (answer.pieces.count(), made.clone());
        let blocking: Blocking = Arc::new(move |work| {
            count.fetch_add(1, Ordering::Relaxed);
            work();
        });
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(answer.send(blocking, sender));
        Sending { pieces, made, body: Box::pin(body(receiver)), places }
    }

    /// How many pieces are made when nothing moves any more.
    async fn made(&self) -> usize {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        self.made.load(Ordering::Relaxed)
    }
}

#[test]
fn a_small_answer_is_whole_and_any_for_an_old_client() {
    for (series, knows_chunks) in [(3, true), (3, false), (300, false)] {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let answer = Answer::of(result(series), Arc::new(place), knows_chunks);
        let Answer::Whole(body) = answer else { panic!("it should be whole") };
        assert!(body == whole(series), "{series} series");
    }
}

#[tokio::test]
async fn pieces_are_made_as_they_are_taken() {
    let mut sending = Sending::of(300);
    assert!(sending.pieces > 20, "{}", sending.pieces);
    let (mut body, mut taken) = (Vec::new(), 0);
    loop {
        let made = sending.made().await;
        // One waits in the channel and one for it, beside those that are made ahead.
        assert!(made <= taken + 2 + PIECES_AHEAD, "{made} were made when {taken} were taken");
        let Some(piece) = sending.body.next().await else { break };
        body.extend_from_slice(&piece.unwrap());
        taken += 1;
    }
    assert!(body == whole(300), "the pieces make the same answer");
    assert_eq!((taken, sending.made().await), (sending.pieces, sending.pieces));
    assert_eq!(sending.places.available_permits(), 1);
}

#[tokio::test]
async fn who_goes_away_ends_the_work() {
    let mut sending = Sending::of(300);
    assert!(sending.body.next().await.unwrap().is_ok());
    assert!(sending.made().await < sending.pieces);
    assert_eq!(sending.places.available_permits(), 0, "the rest holds its place");
    let before = sending.made().await;
    sending.body = Box::pin(stream::empty());
    assert!(sending.made().await <= before + PIECES_AHEAD);
    assert_eq!(sending.places.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_piece_now_and_then_is_given_up() {
    let mut sending = Sending::of(300);
    let mut taken = 0;
    while let Some(Ok(_)) = sending.body.next().await {
        taken += 1;
        tokio::time::sleep(STALL_MAX * 9 / 10).await;
    }
    assert!((1..sending.pieces).contains(&taken), "{taken} of {}", sending.pieces);
    assert_eq!(sending.places.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_is_given_up() {
    let mut sending = Sending::of(300);
    sending.made().await;
    tokio::time::sleep(2 * STALL_MAX).await;
    assert_eq!(sending.places.available_permits(), 1);
    let mut pieces = Vec::new();
    while let Some(Ok(piece)) = sending.body.next().await {
        pieces.push(piece);
    }
    assert!(pieces.len() < sending.pieces);
    assert!(sending.body.next().await.unwrap().is_err(), "it must not look whole");
}
