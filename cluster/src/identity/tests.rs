//! The identity over restarts and against strangers.

use std::path::Path;

use futures::FutureExt;
use journal::files::memory::MemoryFiles;

use super::*;

#[test]
fn no_stranger_ends_a_node_for_good() {
    let own = open(&disk());
    own.adopt(ClusterId(5)).unwrap();
    let header = |cluster: Option<u128>, target: u64, target_life: u64| Header {
        cluster_id: cluster_bytes(cluster.map(ClusterId)),
        node_id: 9,
        life: 1,
        target,
        target_life,
    };
    let code = |header: &Header| own.check_header(Some(header)).map_err(|s| s.code());
    for cluster in [None, Some(6)] {
        for target in [0, 42] {
            let found = code(&header(cluster, target, u64::MAX));
            assert_eq!(found, Err(tonic::Code::FailedPrecondition), "{cluster:?} {target}");
        }
    }
    assert_eq!(code(&header(Some(5), 0, u64::MAX)), Ok(NodeId(9)), "it names no target");
    assert_eq!(code(&header(Some(5), 41, u64::MAX)), Err(tonic::Code::FailedPrecondition));
    assert!(own.outdated().now_or_never().is_none(), "nobody of the cluster said so");
    let refused = code(&header(Some(5), 42, u64::MAX));
    assert_eq!(refused, Err(tonic::Code::PermissionDenied));
    assert!(own.outdated().now_or_never().is_some(), "a member that means this node did");
}

#[test]
fn a_refusal_counts_only_from_the_node_that_was_called() {
    let other = Identity::open(disk(), Path::new("/data"), || 9).unwrap();
    other.adopt(ClusterId(5)).unwrap();
    other.see(NodeId(42), Life(7_000));
    let own = open(&disk());
    own.adopt(ClusterId(5)).unwrap();
    let refusal = other.check_header(Some(&own.header())).unwrap_err();
    for called in [crate::wire::ANYONE, NodeId(8)] {
        own.refused_by(called, &refusal);
        assert!(own.outdated().now_or_never().is_none(), "{called}");
    }
    own.refused_by(NodeId(9), &refusal);
    assert!(own.outdated().now_or_never().is_some());
}

#[test]
fn what_strangers_say_of_their_life_shuts_out_no_member() {
    let own = open(&disk());
    let header = |cluster: Option<u128>, life: u64| Header {
        cluster_id: cluster_bytes(cluster.map(ClusterId)),
        node_id: 9,
        life,
        target: 0,
        target_life: 0,
    };
    assert!(own.check_stranger(&header(None, 3)).is_ok());
    assert!(own.check_stranger(&header(None, 2)).is_err(), "founders find out old disks");
    own.adopt(ClusterId(5)).unwrap();
    assert!(own.check_stranger(&header(None, 9_000)).is_ok());
    assert!(own.check_header(Some(&header(Some(5), 4))).is_ok(), "the member comes back");
    assert!(own.check_stranger(&header(None, 3)).is_err(), "an old disk is still found out");
    assert!(own.check_stranger(&header(Some(5), 5)).is_ok());
    assert!(own.check_header(Some(&header(Some(5), 4))).is_err(), "what a member says counts");
}

fn open(files: &Arc<dyn Files>) -> Identity {
    Identity::open(files.clone(), Path::new("/data"), || 42).unwrap()
}

fn disk() -> Arc<dyn Files> {
    Arc::new(MemoryFiles::default())
}

fn promise(cluster: u128) -> Promise {
    Promise { cluster: ClusterId(cluster), candidate: NodeId(1), founders: vec![NodeId(1)] }
}

#[test]
fn a_node_comes_back_as_itself_with_a_new_life() {
    let files = disk();
    let first = open(&files);
    first.adopt(ClusterId(5)).unwrap();
    let second = Identity::open(files, Path::new("/data"), || 43).unwrap();
    assert_eq!(second.node_id(), NodeId(42));
    assert_eq!((first.life(), second.life()), (Life(1), Life(2)));
    assert_eq!(second.cluster_id(), Some(ClusterId(5)));
}

#[test]
fn a_damaged_file_is_not_a_new_node() {
    let files = disk();
    open(&files);
    open(&files);
    let path = Path::new("/data/node");
    let mut bytes = files.read(path).unwrap();
    for slot in bytes.chunks_mut(KIND.slot_bytes) {
        slot[100] ^= 1;
    }
    files.write_atomic(path, &bytes).unwrap();
    let opened = Identity::open(files.clone(), Path::new("/data"), || 43);
    assert!(matches!(opened, Err(ClusterError::Damaged(_))));
    files.write_atomic(path, &bytes[..10]).unwrap();
    let opened = Identity::open(files, Path::new("/data"), || 43);
    assert!(matches!(opened, Err(ClusterError::Damaged(_))));
}

#[test]
fn a_full_disk_does_not_keep_a_node_from_a_new_life() {
    let files = MemoryFiles::default();
    let identity = open(&(Arc::new(files.clone()) as Arc<dyn Files>));
    files.set_capacity_bytes(Some(0));
    identity.advance().unwrap();
    let again = Identity::open(Arc::new(files), Path::new("/data"), || 43).unwrap();
    assert!(again.life() > identity.life());
}

#[test]
fn a_node_promises_once_and_never_when_it_belongs_to_a_cluster() {
    let identity = open(&disk());
    assert!(identity.promise_to(promise(1)).unwrap());
    assert!(identity.promise_to(promise(1)).unwrap(), "the same again");
    assert!(!identity.promise_to(promise(2)).unwrap());
    assert!(identity.adopt(ClusterId(2)).is_err(), "it is promised");
    identity.release_promise(&promise(9)).unwrap();
    assert!(identity.promise().is_some(), "that was another one");
    identity.release_promise(&promise(1)).unwrap();
    identity.adopt(ClusterId(2)).unwrap();
    assert!(!identity.promise_to(promise(1)).unwrap());
    assert!(identity.adopt(ClusterId(1)).is_err());
}

#[test]
fn other_clusters_and_old_disks_are_refused() {
    let identity = open(&disk());
    let header = |cluster: u128, life: u64| Header {
        cluster_id: cluster_bytes(Some(ClusterId(cluster))),
        node_id: 9,
        life,
        target: 0,
        target_life: 0,
    };
    let code = |header: &Header| identity.check_header(Some(header)).map_err(|s| s.code());
    assert_eq!(code(&header(5, 1)), Err(tonic::Code::Unavailable));
    identity.adopt(ClusterId(5)).unwrap();
    assert_eq!(code(&header(5, 3)), Ok(NodeId(9)));
    assert_eq!(code(&header(5, 2)), Err(tonic::Code::PermissionDenied));
    assert_eq!(code(&header(6, 3)), Err(tonic::Code::FailedPrecondition));
    let own = identity.header().node_id;
    assert_eq!(code(&Header { target: own, ..header(5, 3) }), Ok(NodeId(9)));
    let astray = Header { target: own ^ 1, ..header(5, 3) };
    assert_eq!(code(&astray), Err(tonic::Code::FailedPrecondition));
    let short = Header { cluster_id: vec![1].into(), ..header(5, 3) };
    assert_eq!(code(&short), Err(tonic::Code::InvalidArgument));
    assert!(identity.check_header(None).is_err());
}

#[test]
fn an_old_copy_of_the_disk_is_told_by_what_others_saw() {
    let files = MemoryFiles::default();
    let identity = open(&(Arc::new(files.clone()) as Arc<dyn Files>));
    identity.adopt(ClusterId(5)).unwrap();
    let copy = files.durable();
    identity.see(NodeId(9), Life(7));
    identity.advance().unwrap();
    identity.advance().unwrap();
    let seen = identity.header().life;
    let copy_kept = copy.clone();
    let old = Identity::open(Arc::new(copy), Path::new("/data"), || 43).unwrap();
    let call = |known: u64| Header {
        cluster_id: cluster_bytes(Some(ClusterId(5))),
        node_id: 9,
        life: 8,
        target: 42,
        target_life: known,
    };
    assert!(identity.check_header(Some(&call(seen))).is_ok());
    let refused = old.check_header(Some(&call(seen))).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let other = open(&disk());
    other.adopt(ClusterId(5)).unwrap();
    other.see(NodeId(42), Life(seen));
    let refusal = other.check_header(Some(&old.header())).unwrap_err();
    identity.refused_by(NodeId(42), &refusal);
    assert!(identity.outdated().now_or_never().is_none(), "it lived that life itself");
    old.refused_by(NodeId(42), &refusal);
    let reason = futures::executor::block_on(old.outdated());
    assert!(reason.contains("an old copy of its disk"), "{reason}");
    let again = Identity::open(Arc::new(copy_kept), Path::new("/data"), || 43);
    assert!(matches!(again, Err(ClusterError::Damaged(_))), "it never catches up by restarts");
    let again = Identity::open(Arc::new(files), Path::new("/data"), || 43).unwrap();
    assert_eq!(again.header_to(NodeId(9)).target_life, 7, "what was seen outlives a restart");
}

#[test]
fn lives_of_others_are_kept_as_soon_as_they_are_raised() {
    let files = disk();
    let identity = open(&files);
    let raised = || identity.raised().now_or_never().is_some();
    assert!(!raised());
    assert!(identity.see(NodeId(9), Life(7)));
    assert!(raised() && !raised());
    assert!(identity.see(NodeId(9), Life(7)) && !identity.see(NodeId(9), Life(6)));
    assert!(!raised(), "nothing new");
    identity.keep_lives().unwrap();
    let again = open(&files);
    assert_eq!(again.header_to(NodeId(9)).target_life, 7);
    assert_eq!(again.life(), Life(2), "keeping what others live does not advance its own");
}

#[test]
fn a_third_node_tells_of_lives() {
    let identity = open(&disk());
    let own = identity.node_id();
    assert!(identity.told(NodeId(9), Life(7)));
    assert!(identity.told(NodeId(9), Life(6)), "that is no news, and no reproach to this node");
    assert_eq!(identity.lives(), BTreeMap::from([(NodeId(9), Life(7))]));
    assert!(identity.told(own, identity.life()));
    assert!(identity.outdated().now_or_never().is_none());
    assert!(!identity.told(own, Life(identity.life().0 + 1)));
    assert!(identity.outdated().now_or_never().is_some());
}
