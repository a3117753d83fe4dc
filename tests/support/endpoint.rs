//! What the endpoints of tests are told when they are made.

use muleteer::sip::dialog::capabilities::METHODS;
use muleteer::sip::endpoint::EndpointConfig;
use muleteer::sip::message::Method;

/// An endpoint that takes the methods of a call and no others.
pub fn call_config() -> EndpointConfig {
    EndpointConfig::new(METHODS.to_vec(), MAX_TRANSACTIONS)
}

/// The same, and MESSAGE.
pub fn call_and_message_config() -> EndpointConfig {
    let mut config = call_config();
    config.allow.push(Method::Message);
    config
}

/// More than any test has at a time, unless it is about the limit.
const MAX_TRANSACTIONS: usize = 200_000;
