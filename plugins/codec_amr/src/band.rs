//! What differs between AMR and AMR-WB.

use crate::library::{Decode, Encode, Library, State};
use crate::payload::{NO_DATA, header};

/// Bytes of the largest stored frame: AMR-WB at 23.85 kb/s.
pub(crate) const MAX_STORED: usize = 61;

/// One of the two codecs.
pub(crate) trait Band: Send + 'static {
    const NAME: &str;
    const RATE: u32;
    const FRAME_SAMPLES: usize = Self::RATE as usize / 50;
    /// Number of speech modes; the highest is one less.
    const MODES: usize;
    /// A stored frame of which nothing arrived.
    const LOST: [u8; MAX_STORED];

    /// Speech or silence bits of a frame type; `None` for one that is not sent in RTP.
    fn speech_bits(frame_type: u8) -> Option<usize>;
    fn encoder() -> Option<State>;
    fn decoder() -> Option<State>;
    /// What works on the states of [`Band::encoder`] and [`Band::decoder`].
    ///
    /// Both take one frame of samples; the first writes at most [`MAX_STORED`] bytes, and the second
    /// reads no more.
    fn functions(library: &Library) -> (Encode, Decode);

    /// Writes a frame as it is stored; `None` when the library fails. `pcm` is changed.
    fn encode(
        encoder: &mut State,
        mode: u8,
        pcm: &mut [i16],
        stored: &mut [u8; MAX_STORED],
    ) -> Option<()> {
        let (encode, _) = Self::functions(Library::opened()?);
        assert_eq!(pcm.len(), Self::FRAME_SAMPLES);
        // SAFETY: one frame is read and changed; no frame is longer than the buffer. Without
        // discontinuous transmission.
        let written = unsafe {
            let (state, out) = (encoder.as_ptr(), stored.as_mut_ptr());
            encode(state, mode.into(), pcm.as_mut_ptr(), out, 0)
        };
        is_whole(written, Self::speech_bits(mode))
    }

    /// Decodes a stored frame into one frame of samples.
    fn decode(decoder: &mut State, stored: &[u8; MAX_STORED], out: &mut [i16]) {
        let Some(library) = Library::opened() else {
            return;
        };
        let (_, decode) = Self::functions(library);
        assert_eq!(out.len(), Self::FRAME_SAMPLES);
        // SAFETY: no frame is longer than the buffer; one frame of samples is written.
        unsafe { decode(decoder.as_ptr(), stored.as_ptr(), out.as_mut_ptr(), 0) }
    }
}

/// A stored frame without bits.
const fn empty(frame_type: u8) -> [u8; MAX_STORED] {
    let mut stored = [0; MAX_STORED];
    stored[0] = header(frame_type);
    stored
}

/// Whether the library wrote a frame of `bits`, with its header.
fn is_whole(written: i32, bits: Option<usize>) -> Option<()> {
    let expected = 1 + bits?.div_ceil(8);
    (usize::try_from(written) == Ok(expected)).then_some(())
}

/// AMR, 8 kHz: 4.75 to 12.2 kb/s.
pub(crate) struct Narrow;

/// Speech bits by mode, and of a silence descriptor (3GPP TS 26.101 §4.2).
const NARROW_BITS: [usize; 9] = [95, 103, 118, 134, 148, 159, 204, 244, 39];

impl Band for Narrow {
    const NAME: &str = "AMR";
    const RATE: u32 = 8_000;
    const MODES: usize = 8;
    const LOST: [u8; MAX_STORED] = empty(NO_DATA);

    fn speech_bits(frame_type: u8) -> Option<usize> {
        match frame_type {
            NO_DATA => Some(0),
            _ => NARROW_BITS.get(usize::from(frame_type)).copied(),
        }
    }

    fn encoder() -> Option<State> {
        let library = Library::opened()?;
        // SAFETY: without discontinuous transmission.
        State::new(
            unsafe { (library.nb_encoder_init)(0) },
            library.nb_encoder_exit,
        )
    }

    fn decoder() -> Option<State> {
        let library = Library::opened()?;
        // SAFETY: no conditions.
        State::new(
            unsafe { (library.nb_decoder_init)() },
            library.nb_decoder_exit,
        )
    }

    fn functions(library: &Library) -> (Encode, Decode) {
        (library.nb_encode, library.nb_decode)
    }
}

/// AMR-WB, 16 kHz: 6.6 to 23.85 kb/s.
pub(crate) struct Wide;

/// Speech bits by mode, and of a silence descriptor (3GPP TS 26.201 §4.2).
const WIDE_BITS: [usize; 10] = [132, 177, 253, 285, 317, 365, 397, 461, 477, 40];
/// The frame type of a frame that was lost on the way.
const SPEECH_LOST: u8 = 14;

impl Band for Wide {
    const NAME: &str = "AMR-WB";
    const RATE: u32 = 16_000;
    const MODES: usize = 9;
    const LOST: [u8; MAX_STORED] = empty(SPEECH_LOST);

    fn speech_bits(frame_type: u8) -> Option<usize> {
        match frame_type {
            SPEECH_LOST | NO_DATA => Some(0),
            _ => WIDE_BITS.get(usize::from(frame_type)).copied(),
        }
    }

    fn encoder() -> Option<State> {
        let library = Library::opened()?;
        // SAFETY: no conditions.
        State::new(
            unsafe { (library.wb_encoder_init)() },
            library.wb_encoder_exit,
        )
    }

    fn decoder() -> Option<State> {
        let library = Library::opened()?;
        // SAFETY: no conditions.
        State::new(
            unsafe { (library.wb_decoder_init)() },
            library.wb_decoder_exit,
        )
    }

    fn functions(library: &Library) -> (Encode, Decode) {
        (library.wb_encode, library.wb_decode)
    }
}
