"""The lines between a spare viewer and its taker."""

import pytest

from hcs_protocol import (
    MalformedMessageError,
    SpareOffer,
    SpareRequest,
    decode_spare_offer,
    decode_spare_request,
    encode_spare,
)

REQUEST = SpareRequest(arguments=["--title", "Größe"], settings={"HCS_RUN": "7"}, folder="/data")


def test_each_is_one_line_and_comes_out_as_it_went_in() -> None:
    line = encode_spare(REQUEST)

    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_spare_request(line) == REQUEST
    assert decode_spare_offer(encode_spare(SpareOffer(pid=7))) == SpareOffer(pid=7)


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"[]\n", b"\xff\n", b'{"arguments": ["--title"]}\n', b"[" * 5000]
)
def test_what_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedMessageError, match="spare"):
        decode_spare_request(line)


def test_a_newer_peers_extra_field_is_skipped() -> None:
    assert decode_spare_offer(b'{"pid": 7, "mood": "fine"}\n') == SpareOffer(pid=7)
