"""`python -m voice` with engines that need no model: run as ``python -m tests.voice.worker_process``."""

from __future__ import annotations

import voice.__main__ as door
import voice.assembly as assembly
import voice.engines.factory as factory
from voice.engines.scripted import ScriptedRecognizer, ToneSynthesizer
from voice.words import load_words

if __name__ == "__main__":
    assembly.make_recognizer = lambda _: ScriptedRecognizer(lambda start, end: "是我")
    assembly.words_with_endings = lambda _: load_words()
    factory.make_synthesizer = lambda _: ToneSynthesizer()
    door.main()
