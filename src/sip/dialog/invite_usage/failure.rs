//! What a failed request inside a dialog ends (RFC 5057 §5.1).

use crate::sip::message::StatusCode;

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The request only.
    Transaction,
    /// This use of the dialog: the call.
    Usage,
    /// The dialog with all its uses.
    Dialog,
}

/// How far `status` reaches; 408 stands for a time-out too.
pub(super) fn reach(status: StatusCode) -> Reach {
    match status.code() {
        404 | 410 | 416 | 482..=485 | 502 | 604 => Reach::Dialog,
        408 | 481 => Reach::Usage,
        _ => Reach::Transaction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5057_5_1_what_each_failure_ends() {
        let of = |reached| {
            let codes = (300..700).filter(|code| reach(StatusCode::new(*code).unwrap()) == reached);
            codes.collect::<Vec<_>>()
        };
        assert_eq!(
            of(Reach::Dialog),
            [404, 410, 416, 482, 483, 484, 485, 502, 604]
        );
        assert_eq!(of(Reach::Usage), [408, 481]);
    }
}
