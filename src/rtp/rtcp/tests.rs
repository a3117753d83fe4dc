use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

const OURS: Ssrc = Ssrc(0x1234_5678);
const THEIRS: Ssrc = Ssrc(0xCAFE_F00D);

fn report() -> Report {
    Report {
        ssrc: OURS,
        sender: Some(SenderInfo {
            ntp: 0x0123_4567_89AB_CDEF,
            rtp: RtpTimestamp(160_000),
            packets: 1_000,
            octets: 160_000,
        }),
        block: Some(ReportBlock {
            ssrc: THEIRS,
            fraction_lost: 13,
            lost: -3,
            highest: 0x0001_FFFF,
            jitter: 25,
            last_report: 77,
            delay: 65_536,
        }),
        cname: Cname::new(0x0FED_CBA9_8765_4321_0123_4567),
        bye: true,
    }
}

fn written(report: &Report) -> Vec<u8> {
    let mut out = [0; MAX_REPORT_BYTES];
    let len = report.write(&mut out);
    out[..len].to_vec()
}

#[test]
fn what_is_written_is_read() {
    let report = report();
    let bytes = written(&report);
    assert_eq!(bytes.len(), MAX_REPORT_BYTES);
    assert!(is_rtcp(&bytes));
    let packets: Vec<_> = Compound::parse(&bytes).unwrap().collect();
    let [
        RtcpPacket::SenderReport {
            ssrc,
            sender,
            blocks,
        },
        RtcpPacket::Other,
        RtcpPacket::Bye(sources),
    ] = packets[..]
    else {
        panic!("{packets:?}");
    };
    assert_eq!((ssrc, Some(sender)), (OURS, report.sender));
    assert_eq!(blocks.about(THEIRS), report.block);
    assert_eq!(blocks.about(OURS), None);
    assert!(sources.contain(OURS) && !sources.contain(THEIRS));
}

#[test]
fn who_has_sent_nothing_writes_a_receiver_report() {
    let report = Report {
        sender: None,
        block: None,
        bye: false,
        ..report()
    };
    let bytes = written(&report);
    assert_eq!(bytes[..8], [0x80, 201, 0, 1, 0x12, 0x34, 0x56, 0x78]);
    // RFC 3550 §6.5: SSRC, item 1 of 16 letters, at least one zero, whole words.
    assert_eq!(bytes[8..12], [0x81, 202, 0, 6]);
    assert_eq!(bytes[16..18], [1, 16]);
    assert!(bytes[18..34].is_ascii());
    assert_eq!(bytes[34..], [0, 0]);
}

#[test]
fn what_is_no_compound_is_refused_with_its_reason() {
    let good = written(&report());
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let padded = [&with(0, 0xA1)[..], &[0; 4]].concat();
    let cases = [
        (Vec::new(), RtcpError::Truncated),
        (good[..3].to_vec(), RtcpError::Truncated),
        (good[..good.len() - 1].to_vec(), RtcpError::Truncated),
        (with(0, 0x41), RtcpError::Version(1)),
        (with(52, 0x01), RtcpError::Version(0)),
        (good[52..].to_vec(), RtcpError::NoReport(202)),
        (with(0, 0x82), RtcpError::Truncated),
        (with(3, 200), RtcpError::Truncated),
        (with(3, 4), RtcpError::Truncated),
        (padded, RtcpError::Padding),
        (vec![0xA0, 201, 0, 1, 0, 0, 0, 8], RtcpError::Padding),
        (vec![0x81, 201, 0, 1, 0, 0, 0, 8], RtcpError::Truncated),
    ];
    for (bytes, error) in cases {
        assert_eq!(Compound::parse(&bytes).err(), Some(error), "{bytes:02x?}");
    }
}

#[test]
fn rtp_and_rtcp_on_one_port_are_told_apart() {
    assert!(!is_rtcp(&[0x80, 0, 0, 0]));
    assert!(!is_rtcp(&[0x80, 0x80 | 101, 0, 0]));
    assert!(!is_rtcp(&[0x00, 200]));
    assert!(is_rtcp(&[0x80, 200, 0, 6]) && is_rtcp(&[0x81, 207, 0, 6]));
}

#[test]
fn random_bytes_never_panic() {
    let mut random = SmallRng::seed_from_u64(9);
    let good = written(&report());
    for _ in 0..200_000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        bytes.truncate(random.random_range(0..=bytes.len()));
        if let Ok(compound) = Compound::parse(&bytes) {
            compound.for_each(|packet| {
                if let RtcpPacket::ReceiverReport { blocks, .. } = packet {
                    blocks.about(THEIRS);
                }
            });
        }
    }
}
