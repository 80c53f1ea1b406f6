"""Printed output is compared number by number: its last digits depend on the machine's BLAS and compiler."""

from __future__ import annotations

import doctest
import re

_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
# A number that is no part of a word, and its error if it has one: 0.235 ± 0.003.
_NUMBERS = re.compile(rf"(?<![\w.]){_NUMBER}(?:\s*±\s*{_NUMBER})?")
# Modules and BLAS kernels agree to this (test_codebase.py: test_both_modules_agree_to_rounding).
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


class PrintedNumbers(doctest.OutputChecker):
    """Numbers may differ by a unit of their last printed place, or by their printed error."""

    def check_output(self, want, got, optionflags):
        numbers = iter(_NUMBERS.finditer(want))
        # Numbers that agree are put in the words of the wanted ones; the rest is a matter of letters.
        got = _NUMBERS.sub(lambda match: _in_words_of(next(numbers, None), match), got)
        return super().check_output(want, got, optionflags)


def _in_words_of(wanted, found):
    if wanted is None:
        return found[0]
    value, error = wanted.groups()
    if error is None or found[2] is None:
        same = error == found[2] and _agree(value, found[1])
    else:
        same = _agree(value, found[1], float(error)) and _agree(error, found[2])
    return (wanted if same else found)[0]


def _agree(want, got, error=0.0):
    """Integers are exact; others agree to a unit of the last printed place, or to the printed error."""
    units = [unit for unit in (_last_place(want), _last_place(got)) if unit]
    if not units:
        return int(want) == int(got)
    # Numbers that differ by rounding are printed up to one unit apart; 1.001 for the rounding of their text.
    tolerance = max(1.001 * min(units), error, _RELATIVE * abs(float(want)), _ABSOLUTE)
    return abs(float(got) - float(want)) <= tolerance


def _last_place(number):
    digits, _, exponent = number.lower().partition("e")
    if "." not in digits and not exponent:
        return 0.0
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
