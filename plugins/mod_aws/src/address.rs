//! The URLs of buckets, objects and queues.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::problem::Problem;

/// The longest key of an object, in bytes; the service has the same limit.
const MAX_KEY: usize = 1024;
/// The longest name of a bucket. New ones have 63 at most.
const MAX_BUCKET: usize = 255;
/// What a signature needs encoded in a key.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Where the services are.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoints {
    store: Store,
    queues: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Store {
    /// That of the cloud: a bucket is a host of this domain.
    Cloud(String),
    /// Another one, where a bucket is the beginning of the path.
    Other(String),
}

impl Endpoints {
    /// Those of a region, but for the ones that are named.
    pub fn new(region: &str, store: Option<String>, queues: Option<String>) -> Self {
        let domain = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let cloud = || Store::Cloud(format!("s3.{region}.{domain}"));
        Self {
            store: store.map_or_else(cloud, Store::Other),
            queues: queues.unwrap_or_else(|| format!("https://sqs.{region}.{domain}")),
        }
    }

    /// Where all requests about queues go.
    pub fn queues(&self) -> String {
        format!("{}/", self.queues)
    }

    /// The URL of a bucket.
    ///
    /// # Errors
    /// There can be no bucket of this name. It might lead to another host.
    pub fn bucket(&self, bucket: &str) -> Result<String, Problem> {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let begins = bucket.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !begins || bucket.len() > MAX_BUCKET || !bucket.bytes().all(inside) {
            return Err(Problem::Service(format!("there is no bucket {bucket:?}")));
        }
        let in_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        Ok(match &self.store {
            // The certificates of the cloud are not for names with dots.
            Store::Cloud(domain) if bucket.len() < 64 && bucket.bytes().all(in_host) => {
                format!("https://{bucket}.{domain}/")
            }
            Store::Cloud(domain) => format!("https://{domain}/{bucket}"),
            Store::Other(url) => format!("{url}/{bucket}"),
        })
    }

    /// The URL of an object.
    ///
    /// # Errors
    /// There can be no such bucket, or HTTP can carry no such key.
    pub fn object(&self, bucket: &str, key: &str) -> Result<String, Problem> {
        let bucket = self.bucket(bucket)?;
        if key.is_empty() || key.len() > MAX_KEY {
            let text = format!("a key has 1 to {MAX_KEY} bytes, this one {}", key.len());
            return Err(Problem::Service(text));
        }
        if key.split('/').any(|part| part == "." || part == "..") {
            let text = format!("a key has no parts . and .. between slashes: {key:?}");
            return Err(Problem::Service(text));
        }
        let key = utf8_percent_encode(key, ENCODED);
        Ok(format!("{}/{key}", bucket.trim_end_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(region: &str) -> Endpoints {
        Endpoints::new(region, None, None)
    }

    #[test]
    fn a_bucket_is_a_host_of_the_cloud_and_a_path_elsewhere() {
        let here = cloud("eu-west-1");
        for (bucket, url) in [
            ("voice", "https://voice.s3.eu-west-1.amazonaws.com/a/b.wav"),
            ("v.o", "https://s3.eu-west-1.amazonaws.com/v.o/a/b.wav"),
            (
                "Old_One",
                "https://s3.eu-west-1.amazonaws.com/Old_One/a/b.wav",
            ),
        ] {
            assert_eq!(here.object(bucket, "a/b.wav").unwrap(), url);
        }
        let there = Endpoints::new("eu-west-1", Some("http://localhost:9000".to_owned()), None);
        let url = there.object("voice", "a/b.wav").unwrap();
        assert_eq!(url, "http://localhost:9000/voice/a/b.wav");
        let url = cloud("cn-north-1").bucket("voice").unwrap();
        assert_eq!(url, "https://voice.s3.cn-north-1.amazonaws.com.cn/");
        assert_eq!(here.queues(), "https://sqs.eu-west-1.amazonaws.com/");
    }

    #[test]
    fn a_key_stays_what_it_is() {
        let here = cloud("eu-west-1");
        let url = here.object("b", "/tmp//ü ?#%.wav").unwrap();
        let path = url
            .strip_prefix("https://b.s3.eu-west-1.amazonaws.com")
            .unwrap();
        assert_eq!(path, "//tmp//%C3%BC%20%3F%23%25.wav");
        let parsed: reqwest::Url = url.parse().unwrap();
        assert_eq!(parsed.as_str(), url);
        for key in ["", "..", "a/../b", "./a", "a/.", &"x".repeat(1025)] {
            here.object("b", key).unwrap_err();
        }
    }

    #[test]
    fn a_bucket_never_leads_elsewhere() {
        let names = [
            "",
            ".",
            "..",
            "-a",
            "a/b",
            "a@b",
            "evil.org/",
            "a:1",
            "a?b",
            "a b",
            "é",
        ];
        for bucket in names {
            cloud("eu-west-1").bucket(bucket).unwrap_err();
        }
    }
}
