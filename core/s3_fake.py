"""The part of S3 that ``core.s3`` speaks, as a server in memory: for tests and for trying it out.

Paths ``/bucket/key``; GET (whole and ranges), PUT with checked SHA-256, HEAD, DELETE, ListObjectsV2 in pages.
Signatures are not verified. https://docs.aws.amazon.com/AmazonS3/latest/API
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from aiohttp import web

_PAGE = 3
_CHECKSUM = "x-amz-checksum-sha256"


@dataclass
class FakeS3:
    """``objects``: bucket/key → (content, digest, time). ``broken``: every answer is a 503."""

    objects: dict[str, tuple[bytes, str, datetime]] = field(default_factory=dict)
    broken: bool = False
    damages: bool = False  # keeps something else than what was sent

    def app(self) -> web.Application:
        """Return the server."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if self.broken:
            return _fault(503, "SlowDown")
        if request.method == "GET" and "/" not in path.rstrip("/"):
            return self._list(path.rstrip("/"), request)
        if request.method == "PUT":
            return self._put(path, _unchunked(await request.read(), request), request)
        if path not in self.objects:
            return _fault(404, "NoSuchKey") if request.method != "DELETE" else web.Response(status=204)
        if request.method == "DELETE":
            del self.objects[path]
            return web.Response(status=204)
        return self._get(path, request)

    def _put(self, path: str, body: bytes, request: web.Request) -> web.Response:
        digest = hashlib.sha256(body)
        said = request.headers.get(_CHECKSUM, "")
        if said and said != base64.b64encode(digest.digest()).decode():
            return _fault(400, "BadDigest")
        kept = body[:-1] if self.damages else body
        told = request.headers.get("x-amz-meta-sha256", "")
        self.objects[path] = (kept, told, datetime.now(UTC).replace(microsecond=0))
        return web.Response(headers={"ETag": f'"{digest.hexdigest()[:32]}"'})

    def _get(self, path: str, request: web.Request) -> web.Response:
        body, digest, at = self.objects[path]
        headers = {
            "Last-Modified": at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "x-amz-meta-sha256": digest,
            "Accept-Ranges": "bytes",
        }
        if request.method == "HEAD":
            return web.Response(headers={**headers, "Content-Length": str(len(body))})
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", "")):
            start, end = int(match[1]), int(match[2] or len(body) - 1)
            return web.Response(status=206, body=body[start : end + 1], headers=headers)
        return web.Response(body=body, headers=headers)

    def _list(self, bucket: str, request: web.Request) -> web.Response:
        prefix = f"{bucket}/{request.query.get('prefix', '')}"
        after = request.query.get("continuation-token", "")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page = keys[:_PAGE]
        items = "".join(
            f"<Contents><Key>{escape(key.removeprefix(bucket + '/'))}</Key>"
            f"<Size>{len(self.objects[key][0])}</Size>"
            f"<LastModified>{self.objects[key][2].strftime('%Y-%m-%dT%H:%M:%S.000Z')}</LastModified></Contents>"
            for key in page
        )
        more = len(keys) > _PAGE
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        return _xml(
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>"
        )


def _unchunked(body: bytes, request: web.Request) -> bytes:
    """Take ``aws-chunked`` framing off (SigV4 streaming)."""
    if "aws-chunked" not in request.headers.get("Content-Encoding", ""):
        return body
    parts, rest = [], body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.split(b";")[0] or b"0", 16)
        if size == 0:
            break
        parts.append(rest[:size])
        rest = rest[size + 2 :]
    return b"".join(parts)


def _xml(text: str, status: int = 200) -> web.Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'
    return web.Response(body=body.encode(), status=status, content_type="application/xml")


def _fault(status: int, code: str) -> web.Response:
    return _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>", status)
