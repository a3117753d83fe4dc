//! `mod_aws`: files in S3 and messages in SQS. `README.md` says what it does.

mod address;
mod client;
mod config;
mod credentials;
mod problem;
mod queue;
mod s3;
mod sqs;
mod store;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_aws",
    doc: "Files in S3 and messages in SQS.",
    load: client::load,
    actions: [
        s3::PUT,
        s3::PUT_ARRAY,
        s3::GET,
        s3::CREATE_BUCKET,
        sqs::CREATE_QUEUE,
        sqs::DELETE_QUEUE,
        sqs::SEND_MESSAGE,
        sqs::RECEIVE_MESSAGE,
        sqs::DELETE_MESSAGE,
    ],
}
