"""From a place on the map to the district that serves it. Pure."""

from __future__ import annotations

import re

from connectors.stations import distance_km

_CITY = "广州"
# The city of an address; a street may have the character for "city" in its name too.
_CITY_OF = re.compile(r"(?:^|省)([^省市区县]{2,4})市")
_REACH_KM = 60.0

# Seat of each district government, degrees north and east (WGS 84, two decimals: about a kilometre).
_SEATS = {
    "越秀区": (23.13, 113.27),
    "荔湾区": (23.13, 113.24),
    "海珠区": (23.08, 113.32),
    "天河区": (23.12, 113.36),
    "白云区": (23.16, 113.27),
    "黄埔区": (23.18, 113.48),
    "番禺区": (22.94, 113.38),
    "花都区": (23.40, 113.22),
    "南沙区": (22.80, 113.53),
    "从化区": (23.55, 113.59),
    "增城区": (23.26, 113.81),
}


def district_of(label: str, place: tuple[float, float] | None) -> str:
    """Return the district of an address, else that whose seat is nearest; empty: not in Guangzhou."""
    city = _CITY_OF.search(label)
    if city is not None and city.group(1) != _CITY:
        return ""
    named = [district for district in _SEATS if district in label]
    if named:
        return named[0]
    if place is None:
        return ""
    nearest = min(_SEATS, key=lambda district: distance_km(place, _SEATS[district]))
    return nearest if distance_km(place, _SEATS[nearest]) <= _REACH_KM else ""
