//! What every [`KeyValue`] must do, whatever is below it.

use super::{KEY_BYTES_MAX, KeyValue, Op};

/// Runs the whole suite on an empty store.
pub fn check_all(store: &dyn KeyValue) {
    keys_are_set_and_removed(store);
    scans_are_ordered_and_bounded(store);
    batches_apply_in_order(store);
    limits_hold(store);
}

fn keys_are_set_and_removed(store: &dyn KeyValue) {
    assert_eq!(store.get(b"k").unwrap(), None);
    store.put(b"k", b"one").unwrap();
    store.put(b"k", b"two").unwrap();
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(b"two".as_slice()));
    store.put(b"empty", b"").unwrap();
    assert_eq!(store.get(b"empty").unwrap().as_deref(), Some(b"".as_slice()));
    store.delete(b"k").unwrap();
    store.delete(b"k").unwrap();
    store.delete(b"empty").unwrap();
    assert_eq!(store.get(b"k").unwrap(), None);
    store.flush().unwrap();
}

fn scans_are_ordered_and_bounded(store: &dyn KeyValue) {
    for key in ["a/2", "a/1", "b/1", "a0", "a/10"] {
        store.put(key.as_bytes(), key.as_bytes()).unwrap();
    }
    let keys = |prefix: &[u8]| -> Vec<String> {
        let pairs = store.scan_prefix(prefix).unwrap();
        pairs.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    };
    assert_eq!(keys(b"a/"), ["a/1", "a/10", "a/2"]);
    assert_eq!(keys(b"zzz"), Vec::<String>::new());
    assert_eq!(keys(b""), ["a/1", "a/10", "a/2", "a0", "b/1"]);
}

fn batches_apply_in_order(store: &dyn KeyValue) {
    let put = |key: &str, value: &str| Op::Put(key.into(), value.into());
    let ops = vec![put("x", "1"), put("x", "2"), put("y", "1"), Op::Delete("y".into())];
    store.apply_batch(ops).unwrap();
    assert_eq!(store.get(b"x").unwrap().as_deref(), Some(b"2".as_slice()));
    assert_eq!(store.get(b"y").unwrap(), None);
}

fn limits_hold(store: &dyn KeyValue) {
    let long = vec![b'k'; KEY_BYTES_MAX + 1];
    let ops = vec![Op::Put(b"ok".to_vec(), vec![]), Op::Put(long, vec![])];
    assert!(store.apply_batch(ops).is_err());
    assert_eq!(store.get(b"ok").unwrap(), None, "all or nothing");
}
