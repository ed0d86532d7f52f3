//! Node to node: the pool of connections, the sending side of a write, and the gRPC service.

pub mod pool;
pub mod replicas;
pub mod service;
