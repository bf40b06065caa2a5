"""The parts of the transport that need no socket: causes, addresses, sessions, keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CallError
from core.types import Disposition
from voice.transport.addresses import parse_hostport, resolve
from voice.transport.causes import disposition_for
from voice.transport.keys import KeyReceiver, digit_from_info, press
from voice.transport.sdp import NoCommonCodec, read_target, write_answer, write_offer

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"


@pytest.mark.parametrize("code", range(300, 700))
def test_every_final_status_has_a_disposition_of_an_unanswered_call(code: int) -> None:
    """Whatever a peer answers, the attempt can be stored."""
    assert disposition_for(code) in {
        Disposition.BUSY,
        Disposition.REJECTED,
        Disposition.NO_ANSWER,
        Disposition.UNREACHABLE,
        Disposition.EMPTY_NUMBER,
        Disposition.MEDIA_FAILED,
        Disposition.FAILED,
    }


def test_the_documented_table_is_the_one_in_force() -> None:
    """docs/sip.md lists codes and dispositions; each line holds."""
    text = (Path(__file__).parents[3] / "docs" / "sip.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \|[^|]*\| `(\w+)` \|", text, flags=re.MULTILINE)
    pairs = [(int(code), name) for codes, name in rows for code in codes.split(",")]
    assert len(pairs) > 15
    assert [(code, str(disposition_for(code))) for code, _ in pairs] == pairs


def test_a_q850_cause_outranks_the_code_a_gateway_chose() -> None:
    """Switched off (cause 20) is not 'temporarily unavailable'; an unknown cause changes nothing."""
    assert disposition_for(480, ['Q.850;cause=20;text="x"']) is Disposition.POWERED_OFF
    assert disposition_for(503, ["SIP ;cause=200", "q.850 ; cause = 1"]) is Disposition.EMPTY_NUMBER
    assert disposition_for(486, ["Q.850;cause=126", "junk"]) is Disposition.BUSY


@pytest.mark.parametrize(
    ("address", "uri", "host", "port"),
    [
        ("sip:li@192.0.2.1", "sip:li@192.0.2.1", "192.0.2.1", 5060),
        (
            "SIP:li@pbx.example:5080;transport=tcp",
            "sip:li@pbx.example:5080;transport=tcp",
            "pbx.example",
            5080,
        ),
        ("sip:[2001:db8::1]:5070", "sip:[2001:db8::1]:5070", "2001:db8::1", 5070),
        ("138-0013 8000", "sip:13800138000@trunk.example", "trunk.example", 5060),
        ("tel:+86 138 0013 8000", "sip:+8613800138000@trunk.example", "trunk.example", 5060),
        ("*86#", "sip:*86%23@trunk.example", "trunk.example", 5060),
    ],
)
def test_addresses(address: str, uri: str, host: str, port: int) -> None:
    """SIP URIs are dialled directly, telephone numbers through the trunk."""
    target = resolve(address, "trunk.example")
    assert (target.uri, target.host, target.port) == (uri, host, port)


def test_a_number_needs_a_trunk() -> None:
    """The hint names the setting."""
    with pytest.raises(CallError) as caught:
        resolve("13800138000")
    assert "NUANYE_SIP_TRUNK" in caught.value.hint
    assert "138" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_address_can_smuggle_a_header(address: str) -> None:
    """Whatever stands in a list, the request line stays one line of visible characters."""
    try:
        target = resolve(address, "trunk.example:5062")
    except CallError:
        return
    assert re.fullmatch(r"sip:[!-~]+", target.uri)


@pytest.mark.parametrize("value", ["", "a b", "host:0", "host:70000", "host:x", "[::1"])
def test_bad_trunks_are_named(value: str) -> None:
    """A malformed trunk is a call error with a hint."""
    with pytest.raises(CallError):
        parse_hostport(value)


def test_our_offer_prefers_a_law_and_is_readable_by_ourselves() -> None:
    """A-law, then mu-law, then telephone-events; the answer to it takes the first."""
    offer = write_offer("192.0.2.9", 30000, 1)
    assert "m=audio 30000 RTP/AVP 8 0 101\r\n" in offer
    answer = write_answer(offer, "192.0.2.8", 32000, 1)
    target = read_target(answer)
    assert (target.host, target.port, target.codec, target.dtmf_type) == ("192.0.2.8", 32000, 8, 101)


def test_an_answer_mirrors_other_streams_as_refused() -> None:
    """Video keeps its place with port 0; dynamic numbers for events are echoed."""
    offer = HEAD + (
        "m=video 4000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
        "m=audio 5000 RTP/AVP 9 0 110\r\na=rtpmap:110 telephone-event/8000\r\na=sendonly\r\n"
    )
    answer = write_answer(offer, "192.0.2.8", 32000, 3)
    assert re.findall(r"m=(\w+) (\d+) \S+ ([\d ]+)\r\n", answer) == [
        ("video", "0", "96"),
        ("audio", "32000", "0 110"),
    ]
    assert "a=recvonly" in answer
    assert read_target(offer).held


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not a session",
        HEAD,
        HEAD + "m=audio 5000 RTP/AVP 9 18\r\n",
        HEAD + "m=audio 0 RTP/AVP 8\r\n",
        HEAD + "m=audio 5000 RTP/SAVP 8\r\n",
        HEAD + "m=audio x RTP/AVP 8\r\n",
        HEAD + "m=audio 5000 RTP/AVP 8\r\na=rtpmap:eight PCMA/8000\r\n",
        HEAD.replace("192.0.2.7\r\nt", "media.example\r\nt") + "m=audio 5000 RTP/AVP 8\r\n",
        HEAD.replace("c=IN IP4 192.0.2.7\r\n", "") + "m=audio 5000 RTP/AVP 8\r\n",
    ],
)
def test_unusable_sessions_are_refused_by_name(body: str) -> None:
    """Malformed, without audio, refused, encrypted, or without G.711."""
    with pytest.raises(NoCommonCodec):
        read_target(body)


def test_old_style_hold_counts_as_hold() -> None:
    """RFC 2543 peers hold with the address 0.0.0.0."""
    held = read_target(HEAD.replace("c=IN IP4 192.0.2.7", "c=IN IP4 0.0.0.0") + "m=audio 5000 RTP/AVP 8\r\n")
    assert held.held
    assert held.silent


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("Application/DTMF-Relay; x=y", "signal = 11", "#"),
        ("application/dtmf-relay", "Signal=77", ""),
        ("application/dtmf", "*", "*"),
        ("application/dtmf", "d", "D"),
        ("application/dtmf", "hello", ""),
        ("text/plain", "5", ""),
    ],
)
def test_keys_in_info_bodies(kind: str, body: str, digit: str) -> None:
    """Both body types in use, and nothing else."""
    assert digit_from_info(kind, body) == digit


def test_a_key_is_reported_once_however_often_it_is_repeated() -> None:
    """All packets of one press share a time stamp; losing the last ones changes nothing."""
    receiver = KeyReceiver()
    heard = [receiver.digit(stamp, body) for stamp in (160, 4000) for body in list(press("7"))[:-3]]
    assert [digit for digit in heard if digit] == ["7", "7"]
    assert receiver.digit(9000, b"\x01") == ""
    with pytest.raises(ValueError, match="no such key"):
        list(press("x"))
