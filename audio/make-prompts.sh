#!/bin/bash
# Makes the shipped prompts again from their texts: 16 kHz, 16 bit, mono.
#
# The same versions of espeak-ng and sox make the same bytes, so a change of a text shows as a change
# of its file alone. Needs: espeak-ng, sox. Run by `make prompts`.
set -euo pipefail
cd "$(dirname "$0")"

# Slower than espeak-ng's default of 175 words a minute: a telephone takes away the consonants.
words_per_minute=150

# speak FILE TEXT
#
# Silence at both ends is cut to 50 ms, so that prompts can be strung together. Levels are evened
# out a little (6 dB of upward compression) before the peak is set to -3 dBFS, or a short word would
# be louder than a sentence.
speak() {
    mkdir -p "$(dirname "$1")"
    espeak-ng -v en-us -s "$words_per_minute" --stdout "$2" |
        sox -R -V1 -t wav - -c 1 -b 16 "$1" \
            rate -h 16000 highpass 80 \
            compand 0.01,0.1 6:-60,-60,-40,-28,-20,-14,0,-6 0 -60 0.02 \
            silence 1 0.005 0.5% reverse silence 1 0.005 0.5% reverse \
            pad 0.05 0.05 gain -n -3
}

speak demo/menu.wav "Welcome to Muleteer. Press one for an announcement, two to hear your digits read back, nine to say goodbye."
speak demo/announcement.wav "This announcement is a file in the audio folder. A state diagram decides when you hear it, and what happens next."
speak demo/enter_digits.wav "Please enter some digits, and finish with the pound key."
speak demo/you_entered.wav "You have entered"
speak demo/nothing_heard.wav "I did not hear a key."
speak demo/invalid.wav "There is nothing behind that key."
speak demo/goodbye.wav "Thank you for calling. Goodbye."

digits=(zero one two three four five six seven eight nine)
for digit in "${!digits[@]}"; do
    speak "digits/$digit.wav" "${digits[$digit]}"
done
speak digits/star.wav "star"
speak digits/hash.wav "pound"

# What utils.playCountRight needs for the numbers up to 9999. An x number is said behind tens.
units=(zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen)
for number in "${!units[@]}"; do
    speak "numbers/$number.wav" "${units[$number]}"
done
tens=(twenty thirty forty fifty sixty seventy eighty ninety)
for ten in "${!tens[@]}"; do
    speak "numbers/$((ten + 2))0.wav" "${tens[$ten]}"
done
for unit in {1..9}; do
    speak "numbers/x$unit.wav" "${units[$unit]}"
    speak "numbers/${unit}00.wav" "${units[$unit]} hundred"
    speak "numbers/${unit}000.wav" "${units[$unit]} thousand"
done

# What the announcement diagram plays: for sip:welcome@..., and where no file fits.
speak welcome.wav "Welcome. This is Muleteer, a media server that is programmed with state diagrams."
speak default.wav "The announcement that you asked for is not available here."

# What the conference diagram plays: alone in a room, and when somebody comes or goes.
speak conference/first_participant.wav "You are the first in this conference. Please wait for the others."

# chime FILE FIRST SECOND: two short tones of these pitches, quiet enough to talk over.
chime() {
    mkdir -p "$(dirname "$1")"
    {
        sox -R -V1 -n -r 16000 -c 1 -t f32 - synth 0.12 sine "$2" fade t 0.01 0.12 0.05
        sox -R -V1 -n -r 16000 -c 1 -t f32 - synth 0.16 sine "$3" fade t 0.01 0.16 0.1
    } | sox -R -V1 -t f32 -r 16000 -c 1 - -b 16 "$1" gain -n -15
}
chime conference/joined.wav 660 880
chime conference/left.wav 880 660
