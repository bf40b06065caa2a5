"""`nuanye call` with engines that need no model: ``python -m tests.voice.call_process URI``."""

from __future__ import annotations

import sys

import voice.assembly as assembly
import voice.engines.factory as factory
from nuanye.commands.call import call
from voice.engines.scripted import ScriptedRecognizer, ToneSynthesizer

if __name__ == "__main__":
    assembly.make_recognizer = lambda _: ScriptedRecognizer(lambda start, end: "是我")
    factory.make_synthesizer = lambda _: ToneSynthesizer()
    call(sys.argv[1], name="陈小明", json="--json" in sys.argv)
