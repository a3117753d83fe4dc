//! SIP user agent core: messages, transactions, dialogs (RFC 3261, RFC 6026, RFC 3581).
pub mod auth;
pub mod contact;
pub mod delivery;
pub mod dialog;
pub mod endpoint;
pub mod locate;
pub mod message;
pub mod registration;
pub mod transaction;
pub mod transport;
