//! The built program as its user meets it: what it prints, how it ends, which signals it takes.

mod call;
mod check;
mod fmt;
mod logs;
mod paths;
mod refuses_to_start;
mod reload;
mod sim;
mod stop;
