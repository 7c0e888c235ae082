"""Whether a JPEG's scans together hold the whole picture.

libjpeg shows what it has: of a progressive file that was cut short and ended again properly, a blur or a gray
picture. The headers of the scans tell what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

_DC = 0
_LAST_AC = 63


def are_complete(components: bytes, scans: Iterable[bytes], *, is_progressive: bool) -> bool:
    """Whether every coefficient of every component is sent to its last bit.

    components: their ids in the frame header. scans: the payloads of the SOS segments. Raises IndexError where a
    payload is cut short.
    """
    missing = {(name, number) for name in components for number in range(_LAST_AC + 1 if is_progressive else 1)}
    for scan in scans:
        count = scan[0]
        names = scan[1 : 1 + 2 * count : 2]
        first, last, bits = scan[1 + 2 * count], scan[2 + 2 * count], scan[3 + 2 * count]
        if not is_progressive:
            missing -= {(name, _DC) for name in names}
        elif bits & 15 == 0:
            missing -= {(name, number) for name in names for number in range(first, last + 1)}
    return not missing
