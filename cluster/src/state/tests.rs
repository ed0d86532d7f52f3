//! The state under commands.

use proto::{Epoch, Life};

use super::*;

fn wish(name: &str) -> HashringWish {
    HashringWish {
        name: name.to_owned(),
        replication_factor: 2,
        ack_copies: None,
        shards: SHARDS_DEFAULT,
    }
}

fn registration(id: u64, ring: &str) -> Registration {
    Registration {
        id: NodeId(id),
        name: format!("node-{id}"),
        address: format!("127.0.0.1:{id}"),
        http_address: None,
        zone: String::new(),
        roles: Role::all(),
        hashring: wish(ring),
        life: Life(1),
    }
}

fn founded(founders: &[u64]) -> ClusterState {
    let mut state = ClusterState::default();
    state.apply(&Command::Found {
        cluster_id: Some(ClusterId(7)),
        cluster_seed: Secret(11),
        founders: founders.iter().map(|id| NodeId(*id)).collect(),
    });
    state
}

fn join(state: &mut ClusterState, id: u64, ring: &str) -> Answer {
    state.apply(&Command::RegisterMember(registration(id, ring)))
}

fn tenant(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

#[test]
fn a_ring_has_no_table_before_all_founders_are_in() {
    let mut state = founded(&[1, 2, 3]);
    join(&mut state, 1, DEFAULT_HASHRING);
    join(&mut state, 2, DEFAULT_HASHRING);
    assert!(!state.hashrings[DEFAULT_HASHRING].has_table());
    let used = Command::MarkRingUsed { hashring: DEFAULT_HASHRING.to_owned() };
    assert!(matches!(state.apply(&used), Answer::Refused(_)));
    join(&mut state, 3, DEFAULT_HASHRING);
    let ring = &state.hashrings[DEFAULT_HASHRING];
    assert_eq!((ring.epoch, ring.shards.len(), ring.ack_copies), (Epoch(1), 256, 2));
    let owners: BTreeSet<NodeId> = ring.shards.iter().flatten().copied().collect();
    assert_eq!(owners.len(), 3);
}

#[test]
fn a_node_may_register_before_the_cluster_has_its_name() {
    let mut state = ClusterState::default();
    join(&mut state, 1, "r");
    join(&mut state, 2, "r");
    assert!(!state.hashrings["r"].has_table());
    let found = Command::Found {
        cluster_id: Some(ClusterId(7)),
        cluster_seed: Secret(1),
        founders: [NodeId(1)].into(),
    };
    assert_eq!(state.apply(&found), Answer::Done);
    assert!(state.hashrings["r"].has_table());
}

#[test]
fn a_used_ring_keeps_its_table_and_a_fresh_one_takes_the_newcomer() {
    let mut state = founded(&[1, 2]);
    join(&mut state, 1, DEFAULT_HASHRING);
    join(&mut state, 2, DEFAULT_HASHRING);
    join(&mut state, 3, DEFAULT_HASHRING);
    assert_eq!(state.hashrings[DEFAULT_HASHRING].epoch, Epoch(2));
    let used = Command::MarkRingUsed { hashring: DEFAULT_HASHRING.to_owned() };
    assert_eq!(state.apply(&used), Answer::Done);
    let before = state.hashrings[DEFAULT_HASHRING].clone();
    join(&mut state, 4, DEFAULT_HASHRING);
    let after = &state.hashrings[DEFAULT_HASHRING];
    assert_eq!((after.epoch, &after.shards), (before.epoch, &before.shards));
    assert!(after.nodes.contains(&NodeId(4)), "it may be a fallback, so it is a holder");
    let holders: Vec<NodeId> = state.holders(DEFAULT_HASHRING).collect();
    assert_eq!(holders, [1, 2, 3, 4].map(NodeId));
}

#[test]
fn applying_a_command_twice_changes_nothing() {
    let mut state = founded(&[1]);
    join(&mut state, 1, "r");
    join(&mut state, 2, "r");
    let commands = [
        Command::RouteTenant { tenant: "a".to_owned(), hashring: "r".to_owned() },
        Command::MarkRingUsed { hashring: "r".to_owned() },
        Command::RegisterMember(registration(2, "r")),
        Command::SetLeaving { node: NodeId(2), leaving: true },
    ];
    for command in &commands {
        state.apply(command);
        let once = state.clone();
        state.apply(command);
        assert_eq!(state, once, "{command}");
    }
}

#[test]
fn an_exact_route_wins_over_a_glob_and_a_glob_over_the_default() {
    let mut state = founded(&[1]);
    for ring in ["default", "r1", "r2", "r3"] {
        state.apply(&Command::CreateHashring(wish(ring)));
    }
    let glob = |glob: &str, ring: &str| Command::RouteGlob {
        glob: glob.to_owned(),
        hashring: ring.to_owned(),
    };
    state.apply(&glob("team-*", "r1"));
    state.apply(&glob("team-a*", "r2"));
    let exact = Command::RouteTenant { tenant: "team-ab".to_owned(), hashring: "r3".to_owned() };
    state.apply(&exact);
    for (name, ring) in [("team-ab", "r3"), ("team-ac", "r2"), ("team-b", "r1"), ("x", "default")] {
        assert_eq!(state.ring_of(&tenant(name)).map(|r| r.name.as_str()), Some(ring), "{name}");
    }
    assert_eq!(state.hard_tenants("r2"), ["team-a*"]);
    let unknown = Command::RouteTenant { tenant: "t".to_owned(), hashring: "nope".to_owned() };
    assert!(matches!(state.apply(&unknown), Answer::Refused(r) if r.contains("known are")));
}

#[test]
fn an_old_disk_and_another_ring_are_refused() {
    let mut state = founded(&[1]);
    let mut node = registration(1, "r");
    node.life = Life(5);
    assert_eq!(state.apply(&Command::RegisterMember(node.clone())), Answer::Done);
    node.life = Life(4);
    assert!(matches!(state.apply(&Command::RegisterMember(node.clone())), Answer::Refused(_)));
    node.life = Life(6);
    node.address = "elsewhere:1".to_owned();
    assert_eq!(state.apply(&Command::RegisterMember(node.clone())), Answer::Done);
    assert_eq!(state.address_of(NodeId(1)), Some("elsewhere:1"));
    node.hashring = wish("other");
    assert!(matches!(state.apply(&Command::RegisterMember(node)), Answer::Refused(_)));
}

#[test]
fn the_first_node_of_a_ring_decides_its_replication_factor() {
    let mut state = founded(&[1]);
    join(&mut state, 1, "r");
    let mut other = registration(2, "r");
    other.hashring.replication_factor = 3;
    assert_eq!(state.apply(&Command::RegisterMember(other)), Answer::Done);
    assert_eq!(state.hashrings["r"].replication_factor, 2);
}

#[test]
fn fallbacks_are_live_and_no_owners() {
    let mut state = founded(&[1, 2, 3, 4]);
    (1..=4).for_each(|id| {
        join(&mut state, id, "r");
    });
    let ring = &state.hashrings["r"];
    let live: BTreeSet<NodeId> = [1, 2, 4].map(NodeId).into();
    for shard in 0..ring.shards_count {
        let fallbacks: Vec<NodeId> = ring.fallbacks(shard, &live).collect();
        let expected: BTreeSet<NodeId> =
            live.iter().copied().filter(|id| !ring.owners(shard).contains(id)).collect();
        assert_eq!(fallbacks.iter().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(fallbacks.len(), expected.len(), "none twice");
    }
}

#[test]
fn the_state_survives_its_encoding() {
    let mut state = founded(&[1, 2]);
    join(&mut state, 1, "r");
    join(&mut state, 2, "r");
    let text = serde_json::to_vec(&state).unwrap();
    assert_eq!(serde_json::from_slice::<ClusterState>(&text).unwrap(), state);
}
