"""Ids: sortable, and readable back from the UUID that some dialects show."""

from __future__ import annotations

import uuid

import pytest
from bonafide.ids import from_uuid, new_id, to_uuid
from hypothesis import given
from hypothesis import strategies as st

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ULIDS = st.integers(0, (1 << 122) - 1).map(
    lambda number: "an_" + "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
)


@given(ULIDS)
def test_every_id_comes_back_from_its_uuid(own: str) -> None:
    text = to_uuid(own)
    assert from_uuid(text, "an") == own
    assert from_uuid(text.upper(), "an") == own
    assert str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4


@given(st.uuids(version=4))
def test_every_random_uuid_reads_as_an_id_that_makes_it_again(random: uuid.UUID) -> None:
    assert to_uuid(from_uuid(str(random), "an")) == str(random)


def test_a_fresh_id_fits_and_later_ids_sort_later_in_both_spellings() -> None:
    early, late = "an_01kg9q2d00xv4t8w6j5y3m1n7p", new_id("an")
    assert to_uuid(early) < to_uuid(late)
    assert from_uuid(to_uuid(late), "an") == late


@pytest.mark.parametrize(
    "text",
    ["", "x", "3fa85f64-5717-1562-b3fc-2c963f66afa6", "3fa85f64-5717-4562-c3fc-2c963f66afa6",
     "{3fa85f64-5717-4562-b3fc-2c963f66afa6}", "3fa85f6457174562b3fc2c963f66afa6"],
)  # fmt: skip
def test_what_is_no_uuid_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        from_uuid(text, "an")


@pytest.mark.parametrize("own", ["an_1", "", "an_7" + "z" * 25, "an_" + "u" * 26])
def test_what_is_no_ulid_is_refused(own: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        to_uuid(own)
