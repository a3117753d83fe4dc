//! What a user can see, by capability. One binary; one folder a capability.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;
