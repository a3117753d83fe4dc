#![allow(clippy::disallowed_methods, reason = "tests need some instant")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::transform::{Aes, Prf, SessionKeys, Transform};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn master(suite: SrtpSuite, text: &str) -> MasterKey {
    MasterKey::new(suite, &hex(text)).unwrap()
}

/// Of RFC 3711 §B.3, which the vectors of libsrtp use too.
const KEY: &str = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6";
const LONG_KEY: &str = "E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6C173
    C317F2DABE357793 B6960B3AABE6";
const GCM_KEY: &str = "000102030405060708090A0B0C0D0E0F A0A1A2A3A4A5A6A7A8A9AAAB";

fn some_key(suite: SrtpSuite, seed: u8) -> MasterKey {
    let bytes: Vec<u8> = (0..suite.master_bytes() as u8).map(|n| n ^ seed).collect();
    MasterKey::new(suite, &bytes).unwrap()
}

fn plain_key(master: MasterKey) -> SrtpKey {
    SrtpKey { master, mki: None }
}

/// An RTP packet that says so.
fn packet(ssrc: u32, number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(number.to_be_bytes());
    packet.extend(u32::from(number).wrapping_mul(160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn seal(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = [plain, &[0; MAX_SRTP_OVERHEAD]].concat();
    let len = sender.protect(&mut buffer, plain.len()).unwrap();
    buffer.truncate(len);
    buffer
}

fn seal_control(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = [plain, &[0; MAX_SRTP_OVERHEAD]].concat();
    let len = sender.protect_control(&mut buffer, plain.len()).unwrap();
    buffer.truncate(len);
    buffer
}

fn open(
    receiver: &mut SrtpReceiver,
    now: Instant,
    datagram: &[u8],
) -> Result<Vec<u8>, SrtpRefusal> {
    let mut out = [0; 1_500];
    let len = receiver.unprotect(now, datagram, &mut out)?;
    Ok(out[..len].to_vec())
}

fn open_control(receiver: &mut SrtpReceiver, datagram: &[u8]) -> Result<Vec<u8>, SrtpRefusal> {
    let mut out = [0; 1_500];
    let len = receiver.unprotect_control(Instant::now(), datagram, &mut out)?;
    Ok(out[..len].to_vec())
}

fn pair(suite: SrtpSuite) -> (SrtpSender, SrtpReceiver) {
    let key = some_key(suite, 7);
    let receiver = SrtpReceiver::new(plain_key(key.clone()));
    (SrtpSender::new(key), receiver)
}

#[test]
fn rfc3711_b_2_key_stream_of_aes_in_counter_mode() {
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let iv = u128::from_str_radix("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000", 16).unwrap();
    let mut stream = vec![0; 0xFF02 * 16];
    Aes::new(&key).key_stream(iv, &mut stream);
    let block = |n: usize| stream[n * 16..][..16].to_vec();
    assert_eq!(block(0), hex("E03EAD0935C95E80E166B16DD92B4EB4"));
    assert_eq!(block(1), hex("D23513162B02D0F72A43A2FE4A5F97AB"));
    assert_eq!(block(2), hex("41E95B3BB0A2E8DD477901E4FCA894C0"));
    assert_eq!(block(0xFEFF), hex("EC8CDF7398607CB0F2D21675EA9EA1E4"));
    assert_eq!(block(0xFF00), hex("362B7C3C6773516318A077D7FC5073AE"));
    assert_eq!(block(0xFF01), hex("6A2CC3787889374FBEB4C81B17BA6C44"));
}

#[test]
fn rfc3711_b_3_session_keys() {
    let key = master(SrtpSuite::Aes128CmSha1Tag80, KEY);
    let derive = |label, len| {
        let mut derived = vec![0; len];
        Prf::new(&key).fill(label, &mut derived);
        derived
    };
    assert_eq!(derive(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE
        E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25
        6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(derive(1, 94), hex(auth));
}

const RTP: &str = "800F1234DECAFBADCAFEBABE ABABABABABABABABABABABABABABABAB";
const RTCP: &str = "81C8000BCAFEBABE ABABABABABABABABABABABABABABABAB";

#[test]
fn packets_of_libsrtp_are_ours() {
    use SrtpSuite::{Aes128CmSha1Tag32, Aes128CmSha1Tag80, Aes128Gcm, Aes256CmSha1Tag80};
    let head = "800F1234DECAFBADCAFEBABE";
    let cases = [
        (
            master(Aes128CmSha1Tag80, KEY),
            "4E55DC4CE79978D88CA4D215949D2402 B78D6ACC99EA179B8DBB",
        ),
        (
            master(Aes128CmSha1Tag32, KEY),
            "4E55DC4CE79978D88CA4D215949D2402 B78D6ACC",
        ),
        (
            master(Aes256CmSha1Tag80, LONG_KEY),
            "0098219F7EBDBA1C3D22F4936F1EAC99 06F6B227C84961A7B428",
        ),
        (
            master(Aes128Gcm, GCM_KEY),
            "C5002EDE04CFDD2EB91159E0880AA06E D2976826F796B201DF3131A127E8A392",
        ),
    ];
    for (key, sealed) in cases {
        let sealed = hex(&format!("{head}{sealed}"));
        let name = key.suite().name();
        let mut sender = SrtpSender::new(key.clone());
        assert_eq!(seal(&mut sender, &hex(RTP)), sealed, "{name}");
        let mut receiver = SrtpReceiver::new(plain_key(key));
        let opened = open(&mut receiver, Instant::now(), &sealed);
        assert_eq!(opened, Ok(hex(RTP)), "{name}");
    }
}

#[test]
fn control_packets_of_libsrtp_are_ours() {
    use SrtpSuite::{Aes128CmSha1Tag32, Aes128CmSha1Tag80, Aes128Gcm};
    let cm = "81C8000BCAFEBABE 7128035BE487B9BDBEF89041F977A5A8 80000001 993E08CD54D6C1230798";
    let gcm = "81C8000BCAFEBABE C98B8B5DF0392A55852B6C21AC8E7025
        C52C6FBEA2B3B446EA31123BA88CE61E 80000001";
    let cases = [
        (master(Aes128CmSha1Tag80, KEY), cm),
        (master(Aes128CmSha1Tag32, KEY), cm),
        (master(Aes128Gcm, GCM_KEY), gcm),
    ];
    for (key, sealed) in cases {
        let mut sender = SrtpSender::new(key.clone());
        // libsrtp begins to count at 1.
        seal_control(&mut sender, &hex(RTCP));
        assert_eq!(seal_control(&mut sender, &hex(RTCP)), hex(sealed));
        let mut receiver = SrtpReceiver::new(plain_key(key));
        assert_eq!(open_control(&mut receiver, &hex(sealed)), Ok(hex(RTCP)));
        let again = open_control(&mut receiver, &hex(sealed));
        assert_eq!(again, Err(SrtpRefusal::Replayed));
    }
}

#[test]
fn no_bit_of_a_packet_can_be_changed() {
    for suite in SrtpSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let sealed = seal(&mut sender, &packet(9, 500, &[1; 24]));
        let control = seal_control(&mut sender, &hex(RTCP));
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(open(&mut receiver, Instant::now(), &forged).is_err());
        }
        for bit in 0..control.len() * 8 {
            let mut forged = control.clone();
            forged[bit / 8] ^= 0x80 >> (bit % 8);
            assert!(open_control(&mut receiver, &forged).is_err());
        }
        for len in 0..sealed.len() {
            assert!(open(&mut receiver, Instant::now(), &sealed[..len]).is_err());
        }
        assert!(open(&mut receiver, Instant::now(), &sealed).is_ok());
        assert!(open_control(&mut receiver, &control).is_ok());
    }
}

#[test]
fn rfc3711_3_3_2_what_has_come_before_is_refused() {
    for suite in SrtpSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let now = Instant::now();
        let sealed: Vec<_> = (0..400)
            .map(|number| seal(&mut sender, &packet(9, number, b"audio")))
            .collect();
        assert!(open(&mut receiver, now, &sealed[200]).is_ok());
        // The window is 128 packets, the latest included.
        assert!(open(&mut receiver, now, &sealed[200 - 127]).is_ok());
        let refused = Err(SrtpRefusal::Replayed);
        for number in [200, 200 - 127, 200 - 128, 0] {
            assert_eq!(
                open(&mut receiver, now, &sealed[number]),
                refused,
                "{number}"
            );
        }
        assert!(open(&mut receiver, now, &sealed[399]).is_ok());
        assert_eq!(open(&mut receiver, now, &sealed[200]), refused);
    }
}

#[test]
fn the_roll_over_counter_survives_many_wraps_with_loss_and_reordering() {
    let (mut sender, mut receiver) = pair(SrtpSuite::Aes128Gcm);
    let now = Instant::now();
    let mut random = SmallRng::seed_from_u64(3);
    let mut held = None;
    for number in 60_000..400_000u32 {
        let plain = packet(9, number as u16, &number.to_be_bytes());
        let sealed = seal(&mut sender, &plain);
        match random.random_range(0..10) {
            0 => {}
            1 if held.is_none() => held = Some((plain, sealed)),
            _ => {
                assert_eq!(open(&mut receiver, now, &sealed), Ok(plain), "{number}");
                if let Some((plain, sealed)) = held.take_if(|_| random.random_range(0..5) == 0) {
                    let opened = open(&mut receiver, now, &sealed);
                    assert!(opened == Ok(plain) || opened == Err(SrtpRefusal::Replayed));
                }
            }
        }
    }
}

#[test]
fn a_peer_that_wrapped_unheard_is_understood() {
    let (mut sender, mut receiver) = pair(SrtpSuite::Aes128CmSha1Tag80);
    seal(&mut sender, &packet(9, 65_535, b"lost"));
    let sealed = seal(&mut sender, &packet(9, 0, b"heard"));
    assert!(open(&mut receiver, Instant::now(), &sealed).is_ok());
}

#[test]
fn a_peer_that_nobody_listened_to_for_hours_is_understood() {
    // Packets in three hours; the number of the next one is ahead of the last one heard, or behind it.
    for unheard in [540_000u32, 8 * 65_536 - 100] {
        let (mut sender, mut receiver) = pair(SrtpSuite::Aes128CmSha1Tag80);
        let now = Instant::now();
        let first = seal(&mut sender, &packet(9, 300, b"first"));
        assert!(open(&mut receiver, now, &first).is_ok());
        for number in 301..300 + unheard {
            seal(&mut sender, &packet(9, number as u16, b""));
        }
        let later = now + Duration::from_secs(3 * 60 * 60);
        assert!(open(&mut receiver, later, &packet(9, 303, &[5; 40])).is_err());
        // Whoever forges cannot make us search for each packet.
        let next = seal(&mut sender, &packet(9, (300 + unheard) as u16, b"next"));
        assert!(open(&mut receiver, later, &next).is_err());
        let later = later + Duration::from_millis(200);
        assert!(open(&mut receiver, later, &next).is_ok());
        let refused = Err(SrtpRefusal::Replayed);
        assert_eq!(open(&mut receiver, later, &next), refused);
        assert!(open(&mut receiver, later, &first).is_err());
    }
}

#[test]
fn each_ssrc_has_counters_of_its_own_up_to_a_limit() {
    let key = some_key(SrtpSuite::Aes128CmSha1Tag80, 7);
    let mut receiver = SrtpReceiver::new(plain_key(key.clone()));
    let now = Instant::now();
    let sealed: Vec<_> = (0..33)
        .map(|ssrc| {
            seal(
                &mut SrtpSender::new(key.clone()),
                &packet(ssrc, 40_000, b""),
            )
        })
        .collect();
    for sealed in &sealed[..32] {
        assert!(open(&mut receiver, now, sealed).is_ok());
        assert_eq!(open(&mut receiver, now, sealed), Err(SrtpRefusal::Replayed));
    }
    let refused = open(&mut receiver, now, &sealed[32]);
    assert_eq!(refused, Err(SrtpRefusal::TooManySources));
    assert_eq!(
        open(&mut receiver, now, &sealed[0]),
        Err(SrtpRefusal::Replayed)
    );
}

#[test]
fn a_change_of_the_key_loses_no_packet() {
    let (old, new) = (
        some_key(SrtpSuite::Aes128CmSha1Tag80, 1),
        some_key(SrtpSuite::Aes256Gcm, 2),
    );
    let mut sender = SrtpSender::new(old.clone());
    let mut receiver = SrtpReceiver::new(plain_key(old));
    let now = Instant::now();
    let say = |sender: &mut SrtpSender, number| seal(sender, &packet(9, number, b"audio"));
    let (first, second, third, late) = (
        say(&mut sender, 65_533),
        say(&mut sender, 65_534),
        say(&mut sender, 65_535),
        say(&mut sender, 0),
    );
    assert!(open(&mut receiver, now, &first).is_ok());
    receiver.rekey(&plain_key(new.clone()));
    // Ours is told, the peer's has not come yet.
    assert!(open(&mut receiver, now, &second).is_ok());
    sender.rekey(&new);
    let rekeyed = say(&mut sender, 1);
    assert!(open(&mut receiver, now, &rekeyed).is_ok());
    assert!(open(&mut receiver, now, &third).is_ok());
    assert_eq!(
        open(&mut receiver, now, &second),
        Err(SrtpRefusal::Replayed)
    );
    let later = now + Duration::from_secs(2);
    assert!(open(&mut receiver, later, &late).is_err());
    let next = say(&mut sender, 2);
    assert!(open(&mut receiver, later, &next).is_ok());
}

#[test]
fn a_peer_may_go_on_counting_with_a_new_key() {
    let (old, new) = (
        some_key(SrtpSuite::Aes128CmSha1Tag80, 1),
        some_key(SrtpSuite::Aes128CmSha1Tag80, 2),
    );
    // One that counts roll-overs with the new key from the beginning stands for it.
    let (mut sender, mut other) = (SrtpSender::new(old.clone()), SrtpSender::new(new.clone()));
    let mut receiver = SrtpReceiver::new(plain_key(old));
    let now = Instant::now();
    for number in 0..200_000u32 {
        let plain = packet(9, number as u16, b"");
        assert!(open(&mut receiver, now, &seal(&mut sender, &plain)).is_ok());
        seal(&mut other, &plain);
    }
    receiver.rekey(&plain_key(new));
    let sealed = seal(&mut other, &packet(9, 200_000u32 as u16, b"new"));
    assert!(open(&mut receiver, now, &sealed).is_ok());
}

#[test]
fn a_master_key_identifier_has_to_be_that_of_the_key() {
    for suite in SrtpSuite::ALL {
        let key = some_key(suite, 7);
        let mki = Mki::new(0x1234, 4);
        let mut receiver = SrtpReceiver::new(SrtpKey {
            master: key.clone(),
            mki,
        });
        let mut sender = SrtpSender::new(key);
        let now = Instant::now();
        let (plain, control) = (packet(9, 1, b"audio"), hex(RTCP));
        let sealed = seal(&mut sender, &plain);
        assert!(open(&mut receiver, now, &sealed).is_err());
        let tag = match suite {
            SrtpSuite::Aes128Gcm | SrtpSuite::Aes256Gcm => 0,
            SrtpSuite::Aes128CmSha1Tag32 | SrtpSuite::Aes256CmSha1Tag32 => 4,
            _ => 10,
        };
        let with_mki = |sealed: &[u8], mki: u32, tag: usize| {
            let (body, tag) = sealed.split_at(sealed.len() - tag);
            [body, &mki.to_be_bytes(), tag].concat()
        };
        let wrong = with_mki(&sealed, 0x1235, tag);
        assert_eq!(open(&mut receiver, now, &wrong), Err(SrtpRefusal::Forged));
        let right = with_mki(&sealed, 0x1234, tag);
        assert_eq!(open(&mut receiver, now, &right), Ok(plain));

        let sealed = seal_control(&mut sender, &control);
        let tag = if tag == 0 { 0 } else { 10 };
        assert!(open_control(&mut receiver, &with_mki(&sealed, 1, tag)).is_err());
        let right = with_mki(&sealed, 0x1234, tag);
        assert_eq!(open_control(&mut receiver, &right), Ok(control));
    }
    assert_eq!(Mki::new(256, 1), None);
    assert_eq!(Mki::new(1, 0), None);
    assert_eq!(Mki::new(1, 17), None);
    assert!(Mki::new(u128::MAX, 16).is_some());
}

#[test]
fn a_header_extension_and_contributing_sources_stay_readable() {
    // RFC 3711 §3.1: encryption begins behind them. Sealed by hand, for we never send any.
    let key = some_key(SrtpSuite::Aes128CmSha1Tag80, 7);
    let keys = SessionKeys::derive(&key);
    let Transform::Cm(cm) = &keys.rtp else {
        unreachable!("the suite is AES-CM")
    };
    let mut plain = packet(9, 1, b"");
    plain[0] = 0x91;
    plain.extend([0, 0, 0, 77, 0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
    plain.extend(b"audio");
    let mut sealed = plain.clone();
    cm.apply(9, 1, &mut sealed[24..]);
    let mut tag = [0; 10];
    cm.sign(&sealed, &[0; 4], &mut tag);
    sealed.extend(tag);
    let mut receiver = SrtpReceiver::new(plain_key(key));
    assert_eq!(open(&mut receiver, Instant::now(), &sealed), Ok(plain));
}

#[test]
fn a_packet_without_room_for_its_tag_is_not_sent() {
    let (mut sender, _) = pair(SrtpSuite::Aes128CmSha1Tag80);
    let mut packet = packet(9, 1, b"audio");
    let len = packet.len();
    assert_eq!(sender.protect(&mut packet, len), None);
    assert_eq!(sender.protect_control(&mut packet, len), None);
    assert_eq!(sender.protect(&mut [0; 64], 11), None);
    assert_eq!(sender.protect_control(&mut [0; 64], 7), None);
}

#[test]
fn keys_are_not_printed() {
    let key = some_key(SrtpSuite::Aes128Gcm, 0x41);
    let keys = SrtpKeys {
        send: key.clone(),
        receive: plain_key(key),
    };
    let printed = format!("{keys:?} {:?}", KeySource::new([0x41; 32]));
    assert!(
        !printed.contains("65") && !printed.contains("0x"),
        "{printed}"
    );
}

#[test]
fn a_key_source_repeats_nothing() {
    let source = KeySource::new([1; 32]);
    let suite = SrtpSuite::Aes256CmSha1Tag80;
    let key = source.key("call", 1, suite);
    assert_eq!(key, source.key("call", 1, suite));
    for other in [
        source.key("call", 2, suite),
        source.key("call2", 1, suite),
        KeySource::new([2; 32]).key("call", 1, suite),
    ] {
        assert_ne!(key, other);
    }
    assert_ne!(key.bytes()[..14], key.bytes()[32..]);
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened_and_is_not_what_it_was(
        suite in prop::sample::select(SrtpSuite::ALL.to_vec()),
        ssrc in any::<u32>(),
        number in any::<u16>(),
        payload in prop::collection::vec(any::<u8>(), 16..1_400),
    ) {
        let (mut sender, mut receiver) = pair(suite);
        let plain = packet(ssrc, number, &payload);
        let sealed = seal(&mut sender, &plain);
        prop_assert!(sealed.len() <= plain.len() + MAX_SRTP_OVERHEAD);
        prop_assert_ne!(&sealed[12..plain.len()], &plain[12..]);
        prop_assert_eq!(open(&mut receiver, Instant::now(), &sealed), Ok(plain));
    }

    #[test]
    fn any_bytes_are_refused(
        suite in prop::sample::select(SrtpSuite::ALL.to_vec()),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (_, mut receiver) = pair(suite);
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3F | 0x80;
        }
        prop_assert!(open(&mut receiver, Instant::now(), &bytes).is_err());
        prop_assert!(open_control(&mut receiver, &bytes).is_err());
    }
}
