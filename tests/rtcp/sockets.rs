//! The same over real sockets.

use std::sync::mpsc;

use muleteer::media::{
    FiguresSink, MediaCommand, MediaConfig, MediaPool, RtcpParameters, StreamParameters,
};
use muleteer::rtp::Compound;

use crate::support::media::{looped, parameters, tone_prompt};
use crate::support::process::hundred_ports;
use crate::support::sockets::{LOOPBACK, PATIENCE, peer, receive};

#[test]
fn a_report_goes_by_the_port_above_that_of_rtp() {
    let pool = MediaPool::start(MediaConfig {
        threads: 1,
        ports: hundred_ports(),
        ..MediaConfig::default()
    })
    .unwrap();
    let stream = pool.open(LOOPBACK, Box::new(|_| true)).unwrap();
    let (rtp, rtcp) = (peer(), peer());
    let configured = StreamParameters {
        remote: Some(rtp.local_addr().unwrap()),
        rtcp: Some(RtcpParameters {
            mux: false,
            remote: Some(rtcp.local_addr().unwrap()),
        }),
        ..parameters()
    };
    stream
        .command(MediaCommand::Configure(Box::new(configured)))
        .unwrap();
    let prompt = tone_prompt(440.0, 100);
    stream
        .command(MediaCommand::Append(looped(&prompt)))
        .unwrap();
    let mut bytes = [0; 1_500];
    let (len, from) = receive(&rtcp, &mut bytes);
    assert_eq!(from.port(), stream.local_addr().port() + 1);
    assert!(Compound::parse(&bytes[..len]).is_ok());
    // Ours come back to it, and are not about us: they count, and say nothing.
    rtcp.send_to(&bytes[..len], from).unwrap();
    let received = loop {
        let (tell, told) = mpsc::channel();
        let sink = FiguresSink::new(move |figures| tell.send(figures).unwrap());
        stream.command(MediaCommand::Measure(sink)).unwrap();
        let figures = told.recv_timeout(PATIENCE).unwrap();
        assert!(figures.packets_sent > 0 && figures.packets_sent < 2_000);
        if pool.totals().rtcp_received > 0 {
            break figures;
        }
    };
    assert_eq!(received.round_trip, None);
    drop(stream);
    let (len, _) = receive(&rtcp, &mut bytes);
    assert!(Compound::parse(&bytes[..len]).is_ok(), "a BYE");
}
