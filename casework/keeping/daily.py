"""What the casework process does by the day: it makes partitions and deletes what is over."""

from __future__ import annotations

import asyncio

from casework.keeping.retention import Retention
from casework.partitions import Partitions
from casework.store import Store
from core.errors import BadInput, StorageError
from core.logs import get_log
from core.s3 import open_recordings
from core.settings import Settings

EVERY_S = 600.0

_log = get_log("keeping")


async def keep_house(store: Store, settings: Settings, stop: asyncio.Event) -> None:
    """Look every ten minutes whether today's run is still to be done; an outage is waited out."""
    retention, partitions = store.part(Retention), store.part(Partitions)
    files = open_recordings(settings)
    while not stop.is_set():
        try:
            for month in await partitions.ensure():
                _log.info("partition_made", month=month)
            if await retention.claim_day():
                await retention.run(settings, files, dry_run=False)
        except (StorageError, BadInput) as error:
            _log.warning("retention_waits", code=error.code)
        try:
            await asyncio.wait_for(stop.wait(), EVERY_S)
        except TimeoutError:
            continue
