//! The table of planted bugs; see the parent.

use super::Bug;

const fn bug(
    id: &'static str,
    words: &'static str,
    expected: &'static [&'static str],
    why: &'static str,
) -> Bug {
    Bug { id, words, expected, why }
}

/// All bugs that can be planted. Where readers miss acknowledged samples, I2 says so of single
/// samples and I6 of what PromQL makes of them: clients ask for either as often.
pub const BUGS: [Bug; 41] = [
    bug("M1", "a write is acknowledged after one copy", &["I1"], "an ack needs W durable copies"),
    bug(
        "M2",
        "a fallback may be an owner that has its copy already: one node counts twice",
        &["I1"],
        "W copies are on W distinct nodes",
    ),
    bug(
        "M3",
        "a replica answers before the fsync",
        &["I1"],
        "the copy is on no disk when the client is told",
    ),
    bug(
        "M4",
        "the journal does not sync the directory after it names a segment",
        &["I1", "I7", "I15"],
        "a power cut takes segments away whose frames count as durable: of the head, of Raft's log",
    ),
    bug(
        "M5",
        "a failed fsync is repeated until it succeeds",
        &["I1", "I7", "I15"],
        "the kernel forgot the pages: what is taken for durable is not",
    ),
    bug(
        "M6",
        "replay takes frames whose checksum is wrong",
        &["I3", "I15", "I16"],
        "values that nobody sent come up with the head and are answered",
    ),
    bug(
        "M7",
        "replay ends at the first damage: healthy segments behind it are dropped",
        &["I1", "I2", "I6", "I12", "I15"],
        "a start loses more than the frames that were damaged, and whatever is acknowledged while \
         they are there cannot be read back from that disk",
    ),
    bug(
        "M14",
        "meta.json is uploaded before the files that it names",
        &["I9"],
        "a block with a meta lacks files",
    ),
    bug(
        "M16",
        "a local block is deleted although the bucket may lack it",
        &["I2", "I6", "I12"],
        "samples go that are nowhere else",
    ),
    bug(
        "M20",
        "the journal calls durable what a full disk refused",
        &["I1", "I15"],
        "the copy is on no disk when the client is told, and gone at the next start",
    ),
    bug(
        "M23",
        "the first sample of a range counts twice when copies overlap",
        &["I6"],
        "a sample is answered twice, or counted so",
    ),
    bug(
        "M24",
        "the tenant header is not looked at",
        &["I4"],
        "a tenant's samples come up under another",
    ),
    bug(
        "M25",
        "each node's own wall clock is cluster time",
        &["I14"],
        "a clock that is off moves cluster time and what goes by it",
    ),
    bug(
        "M26",
        "a sample that is sent again counts as a conflict",
        &["I2"],
        "what must be taken is rejected for good",
    ),
    bug(
        "M27",
        "an old disk is taken for the newest one",
        &["I5", "I7"],
        "a node that forgot votes and samples has a lease and vouches for answers",
    ),
    bug(
        "M28",
        "an answer counts as complete although a source failed",
        &["I2", "I5", "I6"],
        "complete answers lack samples: one by one, or in what PromQL makes of them",
    ),
    bug(
        "M30",
        "a duplicate is acknowledged before the fsync of its first copy",
        &["I1"],
        "the copy is on no disk when the client is told",
    ),
    bug(
        "M31",
        "a node that replays its journal gives an empty answer and calls it complete",
        &["I2", "I5", "I6"],
        "an answer is complete although W holders had nothing to say",
    ),
    bug(
        "G1",
        "a failed answer of a replica counts as a copy",
        &["I1"],
        "an ack needs W durable copies",
    ),
    bug(
        "G2",
        "the journal never syncs its segments",
        &["I1", "I7", "I15"],
        "nothing that counts as durable is",
    ),
    bug(
        "G3",
        "a file that is replaced is not synced in its directory",
        &["I7", "I12", "I15"],
        "after a power cut the old file is back: Raft's snapshot behind its log, or a head.state of before the checkpoint for which segments of the journal were given up",
    ),
    bug(
        "G4",
        "a lease never ends",
        &["I5"],
        "a node that is cut off calls answers complete without a lease",
    ),
    bug(
        "G6",
        "cluster time is the latest of the voters' clocks, not their median",
        &["I14"],
        "one clock that is off moves cluster time",
    ),
    bug(
        "G7",
        "of two values of a sample readers take the one that comes first",
        &["I2", "I6"],
        "an acknowledged value is hidden by a lesser one: one by one, or in what PromQL makes of it",
    ),
    bug(
        "G8",
        "of two values of a sample the head keeps the lesser",
        &["I1", "I2", "I6"],
        "the acknowledged value is on no disk",
    ),
    bug(
        "G9",
        "late samples of a closed window go to the part that was cut",
        &["I1", "I2", "I6", "I12"],
        "they are in no block when that part goes",
    ),
    bug(
        "G10",
        "a checkpoint leaves the open chunks out",
        &["I1", "I12", "I15"],
        "samples leave the head that are in no block",
    ),
    bug(
        "G11",
        "the journal gives up one segment too many",
        &["I1", "I12", "I15"],
        "samples leave the head that are in no block",
    ),
    bug(
        "G12",
        "the index of a replayed head lacks series",
        &["I1", "I12", "I15"],
        "what a disk would give back after a start lacks samples",
    ),
    bug("G13", "no fallback is ever asked", &["I18"], "writes are refused while one node is away"),
    bug(
        "G15",
        "a part leaves the head although its block could not be written",
        &["I2", "I6", "I12"],
        "samples leave the head that are in no block",
    ),
    bug(
        "G16",
        "blocks are read without looking at checksums",
        &["I3", "I16"],
        "damaged bytes are answered and not reported",
    ),
    bug(
        "G17",
        "conflicts are not told to the client",
        &["I3"],
        "a value that was not taken is acknowledged",
    ),
    bug(
        "G18",
        "the bucket is not asked, and the answer is called complete",
        &["I2", "I5", "I6"],
        "complete answers lack samples: one by one, or in what PromQL makes of them",
    ),
    bug(
        "G20",
        "a node answers with authority although its data is damaged",
        &["I2", "I5", "I6"],
        "an answer is complete although W holders lack samples",
    ),
    bug(
        "G25",
        "replay takes frames for durable that may be in the page cache only",
        &["I1", "I7", "I15"],
        "the next power cut takes what counts as durable: of the head, of Raft's log",
    ),
    bug(
        "G31",
        "a vote is not written down before it is given",
        &["I7"],
        "a node's vote goes back by a start",
    ),
    bug(
        "G32",
        "Raft's entries count as written before their fsync",
        &["I7"],
        "a committed entry is durable on no majority",
    ),
    bug("G34", "a purge takes all of Raft's log", &["I7"], "entries go that no snapshot has"),
    bug(
        "G36",
        "a node applies Raft's log once more after a start",
        &["I7"],
        "nodes that applied the same entries differ",
    ),
    bug(
        "G37",
        "a local block never goes, however old it is",
        &["I14"],
        "blocks stay beyond their retention",
    ),
];
