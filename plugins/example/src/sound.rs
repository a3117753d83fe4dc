//! Sound that is made in memory.

use std::f64::consts::TAU;

use muleteer_sdk::module::*;

const SAMPLE_RATE: u32 = 8_000;
const MAX_MS: u32 = 10_000;

pub const BEEP: Action = action("example.beep", beep)
    .doc("Plays a tone of 440 Hz, for at most 10 s.")
    .parameters(&[need("milliseconds", Kind::Value)])
    .errno(&["arg"])
    .throws(&["file #path"])
    .example(Example {
        code: "example.beep(20)",
        expect: &[("errno", "")],
    });

fn beep(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let length: u32 = args.number(0)?;
    if length > MAX_MS {
        return Err(Failure::errno("arg", "a beep lasts 10 s at most"));
    }
    Ok(cx.play(Audio {
        name: "beep.wav",
        bytes: &tone(length),
        front: false,
        looped: false,
    }))
}

/// An application that beeps and hangs up.
const DIAGRAM: &str = "import(mod_example);
initial state START;
transition \"call\" START - sessionStart / example.beep(200); -> BEEP;
state BEEP;
transition \"over\" BEEP - noAudio / stop(true); -> BEEP;
transition \"bye\" (START, BEEP) - hangup / stop(false); -> BEEP;
";

pub fn diagrams(_: &Host) -> Result<Vec<Diagram>, String> {
    Ok(vec![Diagram {
        name: "example_beep".to_owned(),
        text: DIAGRAM.to_owned(),
    }])
}

/// A WAV file: 16-bit PCM, mono.
fn tone(milliseconds: u32) -> Vec<u8> {
    let samples = SAMPLE_RATE / 1_000 * milliseconds;
    let data = samples * 2;
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((data + 36).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    file.extend(
        [SAMPLE_RATE, SAMPLE_RATE * 2]
            .map(u32::to_le_bytes)
            .concat(),
    );
    file.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    for sample in 0..samples {
        let time = f64::from(sample) / f64::from(SAMPLE_RATE);
        let value = (time * 440.0 * TAU).sin() * 8_000.0;
        file.extend((value as i16).to_le_bytes());
    }
    file
}
