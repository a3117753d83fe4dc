"""Prints the PESQ score (ITU-T P.862) of the second WAV file against the first, both at 8 kHz."""

import sys
import wave

import numpy
import pesq


def samples(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1), path
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2")


print(pesq.pesq(8000, samples(sys.argv[1]), samples(sys.argv[2]), "nb"))
