//! The granary node: everything that runs in one process, from the HTTP edge to the actors.

pub mod write;
