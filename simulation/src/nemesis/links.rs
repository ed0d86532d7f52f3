//! The state of every pair of hosts, computed anew from all faults that are on.

use std::collections::BTreeMap;

use turmoil::Sim;

/// What passes between two hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// Everything.
    #[default]
    Whole,
    /// Nothing now; later what was sent.
    Held,
    /// Nothing.
    Cut,
    /// Nothing from the first to the second.
    CutForth,
    /// Nothing from the second to the first.
    CutBack,
}

impl Link {
    /// Both at once.
    pub(super) fn and(self, other: Link) -> Link {
        match (self, other) {
            (Link::Whole, link) | (link, Link::Whole) => link,
            (Link::Cut, _) | (_, Link::Cut) => Link::Cut,
            (Link::Held, _) | (_, Link::Held) => Link::Held,
            (a, b) if a == b => a,
            _ => Link::Cut,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Links {
    now: BTreeMap<(String, String), Link>,
}

impl Links {
    /// Makes the network as wanted; pairs that are not named are whole.
    pub(super) fn make(&mut self, wanted: BTreeMap<(String, String), Link>, sim: &Sim<'static>) {
        for (pair, link) in std::mem::take(&mut self.now) {
            if wanted.get(&pair) != Some(&link) {
                undo(&pair, link, sim);
            } else {
                self.now.insert(pair, link);
            }
        }
        for (pair, link) in wanted {
            if link != Link::Whole && self.now.get(&pair) != Some(&link) {
                make(&pair, link, sim);
                self.now.insert(pair, link);
            }
        }
    }
}

fn make((a, b): &(String, String), link: Link, sim: &Sim<'static>) {
    let (a, b) = (a.as_str(), b.as_str());
    match link {
        Link::Whole => {}
        Link::Held => sim.hold(a, b),
        Link::Cut => sim.partition(a, b),
        Link::CutForth => sim.partition_oneway(a, b),
        Link::CutBack => sim.partition_oneway(b, a),
    }
}

fn undo((a, b): &(String, String), link: Link, sim: &Sim<'static>) {
    let (a, b) = (a.as_str(), b.as_str());
    match link {
        Link::Whole => {}
        Link::Held => sim.release(a, b),
        Link::Cut => sim.repair(a, b),
        Link::CutForth => sim.repair_oneway(a, b),
        Link::CutBack => sim.repair_oneway(b, a),
    }
}
