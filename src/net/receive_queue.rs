//! How much waits in a socket's receive queue: a socket option that no library we use has.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd};

/// Memory of the receive queue that is taken, in percent of what the socket may take. Up to 25 of them may
/// be those of datagrams read a moment ago, since Linux gives their memory back in batches.
///
/// # Errors
/// The system does not know the option, which Linux has since 4.12.
pub(super) fn percent(socket: &impl AsFd) -> io::Result<u32> {
    let mut memory = [0u32; libc::SK_MEMINFO_DROPS as usize + 1];
    let mut bytes = size_of_val(&memory) as libc::socklen_t;
    // SAFETY: the descriptor is open while `socket` is borrowed; the kernel writes at most `bytes` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            memory.as_mut_ptr().cast(),
            &mut bytes,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let taken = u64::from(memory[libc::SK_MEMINFO_RMEM_ALLOC as usize]);
    let room = u64::from(memory[libc::SK_MEMINFO_RCVBUF as usize]).max(1);
    Ok((taken * 100 / room).min(100) as u32)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::disallowed_types)]
mod tests {
    use std::net::UdpSocket;

    use super::percent;

    #[test]
    fn a_queue_fills_and_is_emptied() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(percent(&receiver).unwrap(), 0);
        receiver.set_nonblocking(true).unwrap();
        for _ in 0..10_000 {
            sender
                .send_to(&[0; 1000], receiver.local_addr().unwrap())
                .unwrap();
        }
        assert!(percent(&receiver).unwrap() > 80);
        let mut buffer = [0; 2000];
        while receiver.recv(&mut buffer).is_ok() {}
        assert!(percent(&receiver).unwrap() < 30);
    }
}
