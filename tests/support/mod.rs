//! Helpers that every capability shares.
