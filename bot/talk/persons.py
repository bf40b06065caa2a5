"""Whom a question is about: 我老公可以领吗 and the follow-up that does not name him again. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

OWN = re.compile(r"我自己|我本人|(?:那|咁)我呢|我(?:想|要)(?:问|办)自己|(?:说|讲)回我")


def person_of(text: str, persons: Mapping[str, str], before: str = "") -> str:
    """Return how to name the person a question is about, ``""`` for whoever asks.

    ``persons`` maps what people say (老公) to how we say it back (您先生), in the order to try.
    """
    if OWN.search(text):
        return ""
    named = next(
        (name for said, name in persons.items() if re.search(rf"(?:我|俺)?(?:的|嘅|个)?{said}", text)), None
    )
    return before if named is None else named
