"""Reads a stereo recording and says what a listener would notice."""

import array
import io
import math
import wave


class Recording:
    """Left (channel 0): what came from the peer of the recorded leg; right (1): what it heard, from us or from an agent.
    Raises ValueError when it is no playable WAV file."""

    def __init__(self, content):
        try:
            with wave.open(io.BytesIO(content)) as wav:
                self.channels, self.rate = wav.getnchannels(), wav.getframerate()
                self.width, self.frames = wav.getsampwidth(), wav.getnframes()
                data = wav.readframes(self.frames)
        except (wave.Error, EOFError) as error:
            raise ValueError(f"not playable: {error}") from error
        if len(data) != self.frames * self.channels * self.width:
            raise ValueError(f"cut: header says {self.frames} frames, {len(data)} bytes are there")
        self._samples = array.array("h", data) if self.width == 2 else array.array("h")
        self.seconds = self.frames / self.rate

    def level(self, channel, every=1):
        """Level of one channel in dBm0 over all its time, by every n-th sample; -inf for digital silence."""
        samples = self._samples[channel::self.channels * every]
        energy = sum(s * s for s in samples) / max(1, len(samples))
        return 10 * math.log10(energy / (32124 ** 2 / 2)) + 3.14 if energy > 0 else -math.inf
