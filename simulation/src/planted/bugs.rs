//! The table of planted bugs; see the parent.

use super::Bug;

const fn bug(id: &'static str, words: &'static str, expected: &'static [&'static str]) -> Bug {
    Bug { id, words, expected }
}

/// All bugs that can be planted.
pub const BUGS: [Bug; 42] = [
    bug("M1", "a write is acknowledged after one copy", &["I1", "I2"]),
    bug(
        "M2",
        "a fallback may be an owner that has its copy already: one node counts twice",
        &["I1", "I2"],
    ),
    bug("M3", "a replica answers before the fsync", &["I1", "I2"]),
    bug(
        "M4",
        "the journal does not sync the directory after it names a segment",
        &["I1", "I2", "I15"],
    ),
    bug("M5", "a failed fsync is repeated until it succeeds", &["I1", "I2"]),
    bug("M6", "replay takes frames whose checksum is wrong", &["I2", "I3", "I15", "I16"]),
    bug(
        "M7",
        "replay ends at the first damage: healthy segments behind it are dropped",
        &["I1", "I2", "I15"],
    ),
    bug("M14", "meta.json is uploaded before the files that it names", &["I9"]),
    bug("M16", "a local block is deleted although the bucket may lack it", &["I2", "I12"]),
    bug("M20", "the journal calls durable what a full disk refused", &["I1", "I2"]),
    bug("M23", "the first sample of a range counts twice when copies overlap", &["I6"]),
    bug("M24", "the tenant header is not looked at", &["I4"]),
    bug("M25", "each node's own wall clock is cluster time", &["I2", "I14"]),
    bug("M26", "a sample that is sent again counts as a conflict", &["I2"]),
    bug("M27", "an old disk is taken for the newest one", &["I1", "I2", "I3", "I5", "I7"]),
    bug("M28", "an answer counts as complete although a source failed", &["I2", "I3", "I5", "I6"]),
    bug("M30", "a duplicate is acknowledged before the fsync of its first copy", &["I1", "I2"]),
    bug(
        "M31",
        "a node that replays its journal gives an empty answer and calls it complete",
        &["I2", "I3", "I5"],
    ),
    bug("G1", "a failed answer of a replica counts as a copy", &["I1", "I2"]),
    bug("G2", "the journal never syncs its segments", &["I1", "I2", "I7", "I15"]),
    bug("G3", "a file that is replaced is not synced in its directory", &["I7", "I15", "I18"]),
    bug("G4", "a lease never ends", &["I1", "I2", "I5", "I8"]),
    bug("G6", "cluster time is the latest of the voters' clocks, not their median", &["I2", "I14"]),
    bug("G7", "of two values of a sample readers take the one that comes first", &["I2", "I6"]),
    bug("G8", "of two values of a sample the head keeps the lesser", &["I1", "I2", "I6"]),
    bug("G9", "late samples of a closed window go to the part that was cut", &["I2", "I3", "I6"]),
    bug("G10", "a checkpoint leaves the open chunks out", &["I1", "I2", "I3", "I12", "I15"]),
    bug("G11", "the journal gives up one segment too many", &["I1", "I2", "I3", "I12", "I15"]),
    bug("G12", "the index of a replayed head lacks series", &["I1", "I2", "I3", "I12", "I15"]),
    bug("G13", "no fallback is ever asked", &["I17", "I18"]),
    bug(
        "G15",
        "a part leaves the head although its block could not be written",
        &["I1", "I2", "I3", "I12"],
    ),
    bug("G16", "blocks are read without looking at checksums", &["I2", "I3", "I9", "I16"]),
    bug("G17", "conflicts are not told to the client", &["I2", "I3"]),
    bug(
        "G18",
        "the bucket is not asked, and the answer is called complete",
        &["I2", "I3", "I5", "I6"],
    ),
    bug(
        "G20",
        "a node answers with authority although its data is damaged",
        &["I2", "I3", "I5", "I16"],
    ),
    bug(
        "G25",
        "replay takes frames for durable that may be in the page cache only",
        &["I1", "I2", "I3", "I15"],
    ),
    bug("G31", "a vote is not written down before it is given", &["I7"]),
    bug("G32", "Raft's entries count as written before their fsync", &["I7", "I18"]),
    bug("G34", "a purge takes all of Raft's log", &["I7", "I18"]),
    bug("G35", "a snapshot is installed without its membership", &["I7", "I18"]),
    bug("G36", "a node applies Raft's log once more after a start", &["I7", "I8"]),
    bug("G37", "a local block never goes, however old it is", &["I14"]),
];
