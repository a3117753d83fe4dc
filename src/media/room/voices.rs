//! CORE. What a room hears that is no member's: calls from elsewhere, and sounds.

use std::sync::Arc;

use crate::audio::Prompt;
use crate::audio::feed::FeedSource;
use crate::audio::live_resample::LIVE_SAMPLE_RATES;
use crate::audio::mixer::{Band, MAX_MIX_SAMPLES, frame_samples};
use crate::audio::playlist::PlaylistItem;
use crate::audio::voice::{Taken, Voice};
use crate::media::command::{Audience, StreamId};
use crate::media::core::Retired;

/// A call of which this room hears what it says.
pub(super) struct Feed {
    source: Box<FeedSource>,
    voice: Option<Box<Voice>>,
}

/// A sound for the members.
pub(super) struct Play {
    prompt: Arc<Prompt>,
    /// Samples played.
    position: usize,
    voice: Voice,
    except: Option<StreamId>,
}

impl Play {
    pub(super) fn new(prompt: Arc<Prompt>, to: Audience) -> Self {
        Self {
            voice: Voice::new(prompt.sample_rate()),
            prompt,
            position: 0,
            except: match to {
                Audience::All => None,
                Audience::AllBut(stream) => Some(stream),
            },
        }
    }

    /// Whether it has a sample rate that rooms take.
    pub(super) fn is_supported(&self) -> bool {
        LIVE_SAMPLE_RATES.contains(&self.prompt.sample_rate())
    }

    /// Whether `stream` does not hear it.
    pub(super) fn spares(&self, stream: StreamId) -> bool {
        self.except == Some(stream)
    }

    /// The current frame at `rate` hertz.
    pub(super) fn at(&self, rate: u32) -> &[i16] {
        self.voice.at(rate)
    }

    /// Adds one frame. False: it has ended.
    pub(super) fn advance(&mut self, bands: &mut [(Band, usize)]) -> bool {
        let pcm = self.prompt.pcm().get(self.position..).unwrap_or_default();
        if pcm.is_empty() {
            return false;
        }
        self.voice.set_frame(pcm);
        self.position += frame_samples(self.voice.rate());
        add(bands, &mut self.voice);
        true
    }

    pub(super) fn retired(self) -> Retired {
        Retired::Item(PlaylistItem::Prompt {
            prompt: self.prompt,
            looped: false,
        })
    }
}

impl Feed {
    pub(super) fn new(source: Box<FeedSource>) -> Self {
        Self {
            source,
            voice: None,
        }
    }

    pub(super) fn retired(self) -> Retired {
        Retired::Feed(self.source)
    }

    /// Whether nothing more is put into it.
    pub(super) fn is_closed(&self) -> bool {
        self.source.is_closed()
    }

    /// Leaves out what came while nobody was there to hear it.
    pub(super) fn catch_up(&mut self) {
        let mut pcm = [0; MAX_MIX_SAMPLES];
        while self.source.read(&mut pcm) > 0 {}
    }

    /// Adds one frame. False: there is nothing more to come.
    pub(super) fn advance(&mut self, bands: &mut [(Band, usize)]) -> bool {
        let closed = self.source.is_closed();
        let Some(rate) = self
            .source
            .rate()
            .filter(|rate| LIVE_SAMPLE_RATES.contains(rate))
        else {
            return !closed;
        };
        if let Some(voice) = self.voice.as_mut().filter(|voice| voice.rate() != rate) {
            fade_out(bands, voice);
            self.voice = None;
        }
        let voice = self.voice.get_or_insert_with(|| Box::new(Voice::new(rate)));
        let mut pcm = [0; MAX_MIX_SAMPLES];
        loop {
            match self.source.read(&mut pcm) {
                0 => break,
                count => voice.push(&pcm[..count]),
            }
        }
        let taken = voice.next_frame();
        if taken == Taken::Nothing {
            fade_out(bands, voice);
            return !closed;
        }
        if voice.apply_gain(f32::from(u8::from(taken == Taken::Speech))) {
            add(bands, voice);
        }
        true
    }
}

pub(super) fn add(bands: &mut [(Band, usize)], voice: &mut Voice) {
    for (band, _) in bands {
        voice.convert(band.rate());
        band.add(voice.at(band.rate()));
    }
}

/// Lets a voice fade away that says no more.
pub(super) fn fade_out(bands: &mut [(Band, usize)], voice: &mut Voice) {
    if voice.is_sounding() {
        for (band, _) in bands {
            band.fade_out(voice.at(band.rate()));
        }
        voice.stop();
    }
}
