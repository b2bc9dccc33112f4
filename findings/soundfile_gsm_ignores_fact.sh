#!/bin/sh
# soundfile 0.14.0 (libsndfile 1.2.2), the length of a WAV file in GSM 6.10 or G.721.
#
# Behaviour: libsndfile writes the true number of samples into the file's fact chunk, and does not look there when it reads. It counts
# whole blocks: a file of 1000 samples comes back with 1280 or 1080, the coder's ringing in the rest. IMA ADPCM has the count of
# whole blocks in its fact chunk already: at 24 kHz, where a block is 2041 samples, the true length is in the file nowhere.
# Ogg Vorbis, Ogg Opus and MP3 by the same library give 1000. Lengths compared sample by sample, and losses of aligned pairs, are off.
#
# Seen (1000 samples; fact chunk and samples read): GSM610 1000 and 1280, G721_32 1000 and 1080, IMA_ADPCM 2041 and 2041; Vorbis, Opus
#   and MP3 1000
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m pip install -q --target "$folder" "soundfile==0.14.0" "numpy==2.4.6" "cffi==2.1.1"
PYTHONPATH="$folder" "${PYTHON:-python3}" - <<'PY'
import io
import struct
import numpy as np
import soundfile

def write_and_read(container, kind, rate):
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(1000) / rate)
    file = io.BytesIO()
    soundfile.write(file, tone, rate, format=container, subtype=kind)
    content = file.getvalue()
    place = content.find(b"fact")
    fact = struct.unpack_from("<I", content, place + 8)[0] if container == "WAV" and place > 0 else None
    file.seek(0)
    samples = soundfile.read(file)[0]
    print(f"soundfile {soundfile.__version__} ({soundfile.__libsndfile_version__})  {kind:16s} {rate} Hz: fact {fact}, read {len(samples)}")
    return fact, samples

for kind, blocks in (("GSM610", 1280), ("G721_32", 1080)):
    fact, samples = write_and_read("WAV", kind, 8000)
    assert fact == 1000, "the fact chunk holds another count now"
    assert len(samples) == blocks, "the length read is another one now"
    assert np.abs(samples[1000:]).max() > 0.01, "the rest of the block is silent now"
assert write_and_read("WAV", "IMA_ADPCM", 24000)[0] == 2041, "IMA ADPCM has another count in its fact chunk now"
for container, kind in (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")):
    assert len(write_and_read(container, kind, 24000)[1]) == 1000, "Vorbis, Opus and MP3 keep the length no more"
PY
