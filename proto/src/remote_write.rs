//! Remote write 1.0
