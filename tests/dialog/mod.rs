//! The rules of a dialog between two user agents without sessions: an endpoint and an INVITE usage each,
//! over the wire of the tests, in virtual time.

mod changes;
mod party;
mod races;
mod refresh;
mod reliable;
