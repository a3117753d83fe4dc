//! Calls over loaded codecs, in virtual time.

use std::time::Duration;

use muleteer::codec::{CodecId, Codecs, Encoding, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES};
use muleteer::media::{MediaCommand, MediaFormat, Output};
use muleteer::rtp::PayloadType;
use muleteer::sdp::OfferAnswer;
use muleteer::session::call::capabilities;

use super::objects::{codec, loaded};
use crate::support::alloc::allocations_in;
use crate::support::audio::{self, SAMPLE_RATE, ms_of};
use crate::support::media::{PEER, Rig, looped, once, parameters, tone_prompt};
use crate::support::seams::assert_seamless;

/// A stream that sends and receives one format.
fn rig(format: MediaFormat) -> Rig {
    let mut rig = Rig::silent();
    let mut parameters = parameters();
    parameters.send_format = format;
    parameters.receive_formats = [format].into_iter().collect();
    rig.command(MediaCommand::Configure(Box::new(parameters)));
    rig
}

fn format(codec: CodecId, number: u8, fmtp: &str) -> MediaFormat {
    MediaFormat {
        payload_type: PayloadType::new(number).unwrap(),
        codec,
        variant: codec.variant(fmtp).unwrap(),
    }
}

/// What the peer heard, at 8 kHz.
fn heard(rig: &Rig, format: MediaFormat) -> Vec<i16> {
    let mut decoder = format.codec.decoder(format.variant).unwrap();
    let mut pcm = Vec::new();
    for packet in rig.audio() {
        assert_eq!(packet.payload_type, format.payload_type);
        let mut samples = [0; MAX_PACKET_SAMPLES];
        let count = decoder.decode(packet.payload, &mut samples).unwrap();
        pcm.extend_from_slice(&samples[..count]);
    }
    muleteer::audio::resample::resample(&pcm, format.codec.sample_rate(), SAMPLE_RATE).unwrap()
}

fn plays_and_echoes(format: MediaFormat) {
    let codec = format.codec;
    let mut rig = rig(format);
    let prompt = tone_prompt(440.0, 1_000);
    let ptime = Duration::from_millis(20);
    let (encoding, _) = Encoding::with_packet_time(codec, format.variant, ptime);
    prompt.encoded(encoding).unwrap();
    rig.command(MediaCommand::Append(once(&prompt)));
    rig.run_ms(1_200);
    let played = heard(&rig, format);
    assert!(
        ms_of(&played, 440.0) >= 940,
        "{codec}: {} ms",
        ms_of(&played, 440.0)
    );
    rig.world.sent.clear();

    rig.command(MediaCommand::SetOutput(Output::Echo));
    let said = audio::sine(440.0, 1_000);
    let rate = codec.sample_rate();
    let said = muleteer::audio::resample::resample(&said, SAMPLE_RATE, rate).unwrap();
    let mut encoder = codec.encoder(format.variant).unwrap();
    for frame in said.chunks_exact(rate as usize / 50) {
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let len = encoder.encode(frame, &mut payload);
        let ticks = codec.clock_rate().get() / 50;
        let datagram = rig.peer_packet(format.payload_type, ticks, &payload[..len]);
        rig.receive(PEER, &datagram);
        rig.run_ms(20);
    }
    rig.run_ms(200);
    let echoed = heard(&rig, format);
    assert!(
        ms_of(&echoed, 440.0) >= 900,
        "{codec}: {} ms",
        ms_of(&echoed, 440.0)
    );
}

#[test]
fn a_call_in_gsm_hears_a_prompt_and_itself() {
    plays_and_echoes(format(codec("GSM", 8_000), 3, ""));
}

#[test]
fn a_call_in_amr_wb_hears_a_prompt_and_itself() {
    plays_and_echoes(format(codec("AMR-WB", 16_000), 97, ""));
    plays_and_echoes(format(
        codec("AMR-WB", 16_000),
        97,
        "octet-align=1;mode-set=0,1,2",
    ));
}

#[test]
fn a_call_in_g726_hears_a_prompt_and_itself() {
    plays_and_echoes(format(codec("G726-32", 8_000), 96, ""));
}

#[test]
fn a_peer_that_asks_for_a_lower_mode_hears_it_from_the_next_packets_on() {
    let amr = format(codec("AMR", 8_000), 97, "octet-align=1");
    let prompt = tone_prompt(440.0, 330);
    let ptime = Duration::from_millis(20);
    let (encoding, _) = Encoding::with_packet_time(amr.codec, amr.variant, ptime);
    prompt.encoded(encoding).unwrap();
    follows_requests(amr, MediaCommand::SetOutput(Output::Echo));
    follows_requests(amr, MediaCommand::Append(looped(&prompt)));
}

fn follows_requests(amr: MediaFormat, output: MediaCommand) {
    let mut rig = rig(amr);
    rig.command(output);
    let mut says = |request: u8, packets: usize| {
        rig.world.sent.clear();
        for _ in 0..packets {
            // A request, and a frame of 12.2 kb/s.
            let payload = [&[request << 4, 0x3c][..], &[0; 31]].concat();
            let datagram = rig.peer_packet(amr.payload_type, 160, &payload);
            rig.receive(PEER, &datagram);
            rig.run_ms(20);
        }
        rig.audio().last().map(|packet| packet.payload.len())
    };
    assert_eq!(says(15, 20), Some(1 + 1 + 31));
    assert_eq!(says(0, 20), Some(1 + 1 + 12), "4.75 kb/s");
    assert_eq!(says(9, 20), Some(1 + 1 + 12), "there is no such mode");
    assert_eq!(says(15, 20), Some(1 + 1 + 31));
}

#[test]
fn a_steady_tick_with_a_loaded_codec_allocates_nothing() {
    for format in [
        format(codec("GSM", 8_000), 3, ""),
        format(codec("AMR-WB", 16_000), 97, ""),
    ] {
        let mut encoder = format.codec.encoder(format.variant).unwrap();
        let mut decoder = format.codec.decoder(format.variant).unwrap();
        let pcm = vec![500; format.codec.sample_rate() as usize / 50];
        let (mut payload, mut heard) = ([0; MAX_PAYLOAD_BYTES], [0; MAX_PACKET_SAMPLES]);
        let allocated = allocations_in(|| {
            for _ in 0..10 {
                let len = encoder.encode(&pcm, &mut payload);
                decoder.decode(&payload[..len], &mut heard).unwrap();
                decoder.conceal(&mut heard[..pcm.len()]);
            }
        });
        assert_eq!(allocated, 0, "{}", format.codec);
    }
}

/// The answer to an offer of these audio lines.
fn answer(formats: &str, lines: &[&str]) -> String {
    let codecs = Codecs::new(
        CodecId::BUILT_IN
            .into_iter()
            .chain(loaded().iter().copied()),
    );
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {formats}\r\n{}\r\n",
        lines.join("\r\n")
    );
    let local = "203.0.113.5:10000".parse().unwrap();
    let capabilities = capabilities(&codecs);
    let answer = OfferAnswer::new(7).answer(offer.as_bytes(), &capabilities, local);
    answer.unwrap().0
}

#[test]
fn loaded_codecs_are_agreed_on() {
    let text = answer("3", &["a=sendrecv"]);
    assert!(text.contains("m=audio 10000 RTP/AVP 3\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:3 GSM/8000\r\n"), "{text}");
    let text = answer("2", &["a=sendrecv"]);
    assert!(text.contains("a=rtpmap:2 G721/8000\r\n"), "{text}");
    let text = answer("100", &["a=rtpmap:100 amr-wb/16000/1"]);
    assert!(text.contains("m=audio 10000 RTP/AVP 100\r\n"), "{text}");
    // Both payload formats, as 3GPP phones offer them, and one that we do not have.
    let offered = [
        "a=rtpmap:101 AMR/8000",
        "a=fmtp:101 mode-set=0,2,4,7",
        "a=rtpmap:102 AMR/8000",
        "a=fmtp:102 octet-align=1",
        "a=rtpmap:103 AMR/8000",
        "a=fmtp:103 octet-align=1; interleaving=4",
    ];
    let text = answer("101 102 103", &offered);
    assert!(text.contains("RTP/AVP 101 102\r\n"), "{text}");
    let fmtp = "a=fmtp:101 mode-set=0,2,4,7; mode-change-capability=2\r\n";
    assert!(text.contains(fmtp), "{text}");
    let fmtp = "a=fmtp:102 octet-align=1; mode-change-capability=2\r\n";
    assert!(text.contains(fmtp), "{text}");
    let text = answer("18", &["a=fmtp:18 annexb=yes"]);
    assert!(text.contains("a=fmtp:18 annexb=no\r\n"), "{text}");
}

#[test]
fn no_seam_is_heard_where_sounds_meet() {
    for &codec in loaded() {
        let number = codec.static_payload_type();
        let number = number.unwrap_or(PayloadType::new(97).unwrap());
        assert_seamless(MediaFormat::new(number, codec));
    }
}
