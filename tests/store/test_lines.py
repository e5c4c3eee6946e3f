import json
import random

import pytest

from warmstart.basics import InputError
from warmstart.store._lines import check_format, seal, unseal


def test_a_chain_of_lines_comes_back():
    first, digest = seal({"a": 1.5}, "start")
    second, last = seal({"b": [None, "é"]}, digest)
    assert unseal(first, "start") == ({"a": 1.5}, digest)
    assert unseal(second, digest) == ({"b": [None, "é"]}, last)


def test_a_line_is_json_with_its_digest():
    line, digest = seal({"a": {"b": 1}}, "")
    assert json.loads(line) == {"a": {"b": 1}, "digest": digest}
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b"[1]\n", b'{"a":1,"digest":"0"}\n', b"\0" * 200])
def test_what_is_no_sealed_line_is_refused(line):
    with pytest.raises(ValueError, match="its digest does not match"):
        unseal(line, "start")


def test_a_line_behind_another_one_is_refused():
    line, _ = seal({"a": 1}, "start")
    with pytest.raises(ValueError, match="digest"):
        unseal(line, "star")


@pytest.mark.parametrize("seed", range(20))
def test_every_changed_byte_is_found(seed):
    generator = random.Random(seed)
    line, _ = seal({"score": 0.5, "note": "text"}, "start")
    place = generator.randrange(len(line))
    changed = bytearray(line)
    changed[place] ^= 1 << generator.randrange(8)
    with pytest.raises(ValueError, match="digest"):
        unseal(bytes(changed), "start")


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"format":2}', b'{"format":"9"}', b'{"format":1}', b"[" * 10**5])
def test_only_a_later_format_is_refused_before_the_digest_is_compared(line, tmp_path):
    check_format(line, tmp_path)
    with pytest.raises(InputError, match=r"has store format 3, "):
        check_format(b'{"format":3,"other":[]}', tmp_path)
