"""The stations near a place, from a list that the operator provides. Pure but for the file.

A CSV file in UTF-8 with the columns ``name``, ``address``, ``latitude``, ``longitude`` (degrees in GCJ-02, as
WeChat and its maps give them).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError

_EARTH_KM = 6371.0
_COLUMNS = ("name", "address", "latitude", "longitude")


@dataclass(frozen=True, slots=True)
class Station:
    """A place where residents are served; degrees north and east."""

    name: str
    address: str
    latitude: float
    longitude: float


def load_stations(path: Path) -> tuple[Station, ...]:
    """Read the list. Raises ``ConfigError`` naming the line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"stations_file: cannot be read ({type(error).__name__})") from error
    found = []
    for number, row in enumerate(rows, 2):
        try:
            name, address = (row[column].strip() for column in _COLUMNS[:2])
            latitude, longitude = (float(row[column]) for column in _COLUMNS[2:])
        except (KeyError, ValueError, AttributeError, TypeError):
            raise ConfigError(f"stations_file, line {number}: needs {', '.join(_COLUMNS)}") from None
        if not name or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise ConfigError(f"stations_file, line {number}: no name, or not on earth")
        found.append(Station(name, address, latitude, longitude))
    return tuple(found)


def nearest(
    stations: Sequence[Station], place: tuple[float, float], *, count: int = 3, reach_km: float = 20.0
) -> tuple[tuple[Station, float], ...]:
    """Return up to ``count`` stations within ``reach_km`` and their distance in km, nearest first."""
    away = [(station, distance_km(place, (station.latitude, station.longitude))) for station in stations]
    reached = [item for item in away if item[1] <= reach_km]
    return tuple(sorted(reached, key=lambda item: item[1])[:count])


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two places (degrees north, east)."""
    north, east = math.radians(other[0] - one[0]), math.radians(other[1] - one[1])
    across = math.cos(math.radians(one[0])) * math.cos(math.radians(other[0])) * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(math.sin(north / 2) ** 2 + across))
