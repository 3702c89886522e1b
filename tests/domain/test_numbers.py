"""Numbers in texts: only ASCII digits, although Python's own functions accept those of every script."""

from __future__ import annotations

import pytest

from connector.domain.numbers import decimal_number, is_digits, whole_number

NO_NUMBERS = ("", " 5", "1_0", "\u0663", "\uff15", "\u00b2", "5\n", "--5", "x", "nan", "inf", "0x10", "1e", ".")


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_other_texts_are_refused(text: str) -> None:
    assert not is_digits(text)
    for read in (whole_number, decimal_number):
        with pytest.raises(ValueError, match="must be a"):
            read(text)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 400])
def test_decimal_numbers_beyond_every_size_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        decimal_number(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("-5", -5), ("+5", 5)])
def test_whole_numbers_are_read(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(("text", "number"), [("20", 20.0), ("2.5", 2.5), (".5", 0.5), ("5.", 5.0), ("1e-2", 0.01)])
def test_decimal_numbers_are_read(text: str, number: float) -> None:
    assert decimal_number(text) == number
