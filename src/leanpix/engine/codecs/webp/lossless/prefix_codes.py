"""Prefix codes of WebP's lossless format (RFC 9649, section 3.7): made from counts, and written down as lengths."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LONGEST, _LONGEST_OF_LENGTHS = 15, 7
_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_LEAST_LENGTHS = 4
_SIMPLE_SYMBOLS = 256
_REPEATED, _FEW_ZEROS, _MANY_ZEROS = 16, 17, 18
_FIRST_REPEATED = 8
"""What a repetition repeats before any length was written."""


@dataclass(slots=True)
class Bits:
    """Bits in a row, the first one lowest: whole bytes, and count (under 8) bits that are held back."""

    whole: bytearray = field(default_factory=bytearray)
    held: int = 0
    count: int = 0

    def put(self, value: int, count: int) -> None:
        """Add count bits."""
        self.held |= value << self.count
        full, self.count = divmod(self.count + count, 8)
        if full:
            self.whole += (self.held & ((1 << 8 * full) - 1)).to_bytes(full, "little")
            self.held >>= 8 * full

    def filled(self) -> bytearray:
        """All of them, with noughts up to a whole byte; nothing can be put behind."""
        return self.whole + bytes([self.held]) * (self.count > 0)


@dataclass(frozen=True, slots=True)
class PrefixCode:
    """The code of each symbol, its first bit lowest, and its length: 0 for what does not occur or needs no bits."""

    codes: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, counts: Sequence[int], longest: int = _LONGEST) -> PrefixCode:
        """The shortest code for symbols that occur so often."""
        lengths = _lengths(counts, longest)
        return cls(_canonical(lengths), lengths)


def put_code(bits: Bits, counts: Sequence[int]) -> PrefixCode:
    """Write down the code for symbols that occur so often, and return it."""
    code = PrefixCode.of(counts)
    used = [symbol for symbol, count in enumerate(counts) if count] or [0]
    if len(used) <= 2 and used[-1] < _SIMPLE_SYMBOLS:  # noqa: PLR2004 - one or two have a form of their own
        bits.put(1 | (len(used) - 1) << 1 | 1 << 2, 3)
        for symbol in used:
            bits.put(symbol, 8)
    else:
        # Of a single symbol the length is written, though it takes no bits.
        _put_lengths(bits, code.lengths if len(used) > 1 else [int(count > 0) for count in counts])
    return code


def _lengths(counts: Sequence[int], longest: int) -> tuple[int, ...]:
    """Huffman's lengths; where one is too long, seldom symbols are taken to occur more often."""
    floor, lengths = 1, [longest + 1]
    while max(lengths) > longest:
        lengths = [0] * len(counts)
        number = itertools.count()
        trees = [(max(count, floor), next(number), [symbol]) for symbol, count in enumerate(counts) if count]
        heapq.heapify(trees)
        while len(trees) > 1:
            one, other = heapq.heappop(trees), heapq.heappop(trees)
            for symbol in one[2] + other[2]:
                lengths[symbol] += 1
            heapq.heappush(trees, (one[0] + other[0], next(number), one[2] + other[2]))
        floor *= 2
    return tuple(lengths)


def _canonical(lengths: Sequence[int]) -> tuple[int, ...]:
    codes, code, last = [0] * len(lengths), 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        code <<= length - last
        codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
        code, last = code + 1, length
    return tuple(codes)


def _put_lengths(bits: Bits, lengths: Sequence[int]) -> None:
    runs = list(_runs(lengths))
    counts = [0] * len(_ORDER)
    for symbol, _, _ in runs:
        counts[symbol] += 1
    code = PrefixCode.of(counts, _LONGEST_OF_LENGTHS)
    own = code.lengths if sum(map(bool, counts)) > 1 else [int(count > 0) for count in counts]
    written = max(_LEAST_LENGTHS, *(place + 1 for place, symbol in enumerate(_ORDER) if own[symbol]))
    bits.put((written - _LEAST_LENGTHS) << 1, 5)
    for symbol in _ORDER[:written]:
        bits.put(own[symbol], 3)
    bits.put(0, 1)  # every symbol has a length
    for symbol, extra, extra_bits in runs:
        bits.put(code.codes[symbol], code.lengths[symbol])
        bits.put(extra, extra_bits)


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Lengths and how often they repeat, as (symbol, extra, bits of extra)."""
    last = _FIRST_REPEATED
    for length, group in itertools.groupby(lengths):
        count = len(list(group))
        if length and length != last:
            yield length, 0, 0
            last, count = length, count - 1
        forms = [(_REPEATED, 3, 2)] if length else [(_MANY_ZEROS, 11, 7), (_FEW_ZEROS, 3, 3)]
        for symbol, least, extra_bits in forms:
            while count >= least:
                repeated = min(count, least + (1 << extra_bits) - 1)
                yield symbol, repeated - least, extra_bits
                count -= repeated
        yield from itertools.repeat((length, 0, 0), count)
