"""One compression under way: what is to be made, from which pixels, and what the source's own file offers."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import numpy as np

from leanpix.domain.keep import Keep
from leanpix.domain.own_mark import mark_of, marked
from leanpix.domain.request import DEFAULT_TARGET_SCORE, CompressionOptions
from leanpix.engine.budget import Budget, Effort
from leanpix.engine.codecs.base import Codec, Encoded, Encoder, Goal, OverBytesError, Raster
from leanpix.engine.codecs.beside import Beside
from leanpix.engine.codecs.need import Criterion, Need
from leanpix.engine.codecs.offers import Facts
from leanpix.engine.codecs.priors import CHEAPLY_PACKED_BITS
from leanpix.engine.codecs.runs import EncoderRuns
from leanpix.engine.codecs.source_loss import AS_GOOD_AS, AT_SCORE, TOLD_BY_TABLES, SourceLoss, source_loss
from leanpix.engine.content.samples import texture
from leanpix.engine.facts import Limits
from leanpix.engine.goals.plan import keeps_dimensions, may_keep_file, may_race_file
from leanpix.engine.judging.meter import QualityMeter
from leanpix.engine.reading.headers.png_chunks import searched_bytes
from leanpix.engine.reading.picture import Picture
from leanpix.engine.reading.probe import probe
from leanpix.engine.resources import resource_budget

_ROOMS = ((1.0, 6.0), (20.0, 4.0), (40.0, 2.2), (60.0, 1.4), (72.0, 1.0), (100.0, 1.0))
"""How many times its bound the worst place may have, by the quality or the score that is asked for: who asks for less
sees more (docs/decisions/0170)."""


_COLOUR_ROOMS = (
    (1.0, 6.0),
    (20.0, 4.0),
    (40.0, 2.2),
    (60.0, 1.4),
    (72.0, 1.0),
    (80.0, 1.0),
    (90.0, 0.55),
    (100.0, 0.35),
)
"""The same for thin coloured things, which are the first that who asks for more looks at."""

_FAINT_ROOMS = ((1.0, 6.0), (20.0, 4.0), (40.0, 1.8), (60.0, 1.4), (72.0, 1.0), (100.0, 1.0))
"""The same for what is faint and may be gone altogether, which is 2 times its bound: a watermark, a grid."""

_SPARED_BY_ITSELF = 0.85
"""Of that room, where nobody asked for a quality: the lightness of thin letters, which is not measured, goes with the
setting, and a mean over much plain ground lets that be coarse (docs/decisions/0302)."""


_BITS = 8
"""Of a sample in a result without loss."""

_OWN_RESULT = Limits(max_side_px=1 << 30, max_total_pixels=1 << 60, max_frames=1 << 30)
"""Whatever was made here may be looked at."""


def room_for(wanted: float, rooms: tuple[tuple[float, float], ...]) -> float:
    """By a quality or a score."""
    return float(np.interp(wanted, [at for at, _ in rooms], [room for _, room in rooms]))


@dataclass(slots=True)
class EncodeContext:
    """The frozen facts of a compression, and what is made at most once: the repacked file, the quality meter."""

    source: bytes
    options: CompressionOptions
    picture: Picture
    raster: Raster
    codec: Codec
    effort: Effort
    budget: Budget
    beside: Beside
    need: Need = field(init=False)
    loss: SourceLoss = field(init=False, default=SourceLoss())
    is_at_target: bool = field(init=False, default=False)
    meter: QualityMeter = field(init=False)
    _kept: list[Encoded | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.need = self._need()
        self.meter = QualityMeter(self.raster)

    def _need(self) -> Need:
        """What the options ask for: the one place that says what automatic quality aims at, and by which criteria.

        Sizes are those of the pixels' file, without what is put beside them. A target score counts where neither a
        quality nor a size is asked for.
        """
        options, room, target, spared = self.options, self.beside.room_bytes, {}, 0.0
        wanted = options.quality or options.target_score or DEFAULT_TARGET_SCORE
        if options.is_automatic:
            self.loss = source_loss(self.source, self.picture.probe).at_scale(self._scale)
            self.is_at_target = self.keeps_format_and_dimensions and self.may_keep_file and self.loss.is_at(wanted)
            target = {Criterion.SCORE: self.loss.aim(wanted)}
            spared = min(AS_GOOD_AS, self.loss.aim(wanted) - wanted)
        return Need(
            setting=options.quality,
            max_bytes=None if options.max_bytes is None else max(1, options.max_bytes - room),
            least=target,
            never_over_bytes=max(1, len(self.source) - room) if self.keeps_format_and_dimensions else None,
            keeps_dimensions=options.changes_dimensions,
            room=room_for(wanted, _ROOMS),
            colour_room=room_for(wanted, _COLOUR_ROOMS) * (_SPARED_BY_ITSELF if options.is_automatic else 1.0),
            faint_room=room_for(wanted, _FAINT_ROOMS),
            unmendable=self.codec.unmendable,
            spared=spared,
            promised=None if options.quality is None else self.codec.promised_score(self.raster, options.quality),
        )

    @property
    def _scale(self) -> float:
        """The result's side as a share of the source's."""
        probe = self.picture.probe
        return max(self.picture.width_px / probe.width_px, self.picture.height_px / probe.height_px)

    def open(self, raster: Raster, *, bits_per_pixel: float | None = None) -> EncoderRuns:
        """Encoder runs on this context's raster or on another size of it."""
        need = self.need
        if need.max_bytes is not None and bits_per_pixel is None:
            bits_per_pixel = need.max_bytes * 8 / raster.total_pixels
        goal = Goal(
            need.setting,
            bits_per_pixel,
            need.least.get(Criterion.SCORE),
            self.budget.left_s,
            self.raster.total_pixels,
            self._is_looked_at,
        )
        return EncoderRuns(self.codec.open(raster, self.effort, goal), self.budget)

    def _is_looked_at(self) -> bool:
        """Whether an encode is scored, or its worst place looked for; of those to a size hardly one is."""
        if self.need.max_bytes is not None:
            return False
        return Criterion.SCORE in self.need.least or (self.need.room is not None and self.meter.is_at_risk)

    @property
    def keeps_format_and_dimensions(self) -> bool:
        """Whether the result must not be larger than the source."""
        return self.picture.probe.format.same_output is self.codec.format and keeps_dimensions(self.picture)

    @property
    def is_decoded_smaller(self) -> bool:
        """Whether the picture was decoded at fewer pixels than it is asked for, for its size leaves no more."""
        return not self.options.changes_dimensions and not keeps_dimensions(self.picture)

    @property
    def setting(self) -> float | None:
        """The quality to encode at: what was asked, or the source's own where format and dimensions stay.

        A quality above the source's own would only spend bytes on the faults that the source has already.
        """
        asked, own = self.need.setting, self.picture.probe.quality
        if asked is None or own is None or not self.keeps_format_and_dimensions:
            return asked
        return min(asked, own)

    def kept_file(self) -> Encoded | None:
        """The source's own file without metadata, where it shows the same picture; made when first asked for."""
        if not self._kept:
            kept = self._repacked() if self.may_keep_file else None
            if kept is None and self.is_at_target:
                kept = Encoded(self.codec.stripped(self._wanted_source), "source", is_lossless=True)
            self._kept.append(kept)
        return self._kept[0]

    def cheaply_kept_bytes(self) -> int | None:
        """What the source's file takes packed anew, if that costs a fraction of an encode; None: more, or it may not.

        Packing costs by the file's bytes, an encode and a look at it by the picture's pixels. At a quality: by itself
        more means are tried, and the last of them takes the fewest bytes at times.
        """
        is_counted = self.need.setting is not None and self.codec.counts_repacking
        if not (is_counted and self.may_keep_file and may_race_file(self.picture)):
            return None
        bits_per_pixel = 8 * self.codec.source_size(self.source).picture_bytes / self.raster.total_pixels
        kept = self.kept_file() if bits_per_pixel <= CHEAPLY_PACKED_BITS else None
        return None if kept is None else len(kept.data)

    def is_kept_file_over(self, most_bytes: int) -> bool:
        """Whether the source's file takes more than that, as far as counting tells; what was made to tell is kept."""
        if self._kept:
            return self._kept[0] is not None and len(self._kept[0].data) > most_bytes
        if not self.codec.counts_repacking or not self.may_keep_file:
            return False
        if len(self.codec.stripped(self._wanted_source)) <= most_bytes:
            return False
        try:
            self._kept.append(self._repacked(most_bytes))
        except OverBytesError:
            return True
        return False

    @property
    def may_keep_file(self) -> bool:
        """Whether the source's own file shows the same picture as the result would."""
        is_laid_on_colour = self.options.background is not None and self.picture.probe.has_alpha
        is_bound_to_profile = self._has_unwanted_profile and not self.picture.says_srgb
        return (
            not is_laid_on_colour and not is_bound_to_profile and may_keep_file(self.picture, self.codec.takes_file_of)
        )

    @property
    def _has_unwanted_profile(self) -> bool:
        return self.picture.probe.has_profile and Keep.PROFILE not in self.options.keep

    @property
    def _wanted_source(self) -> bytes:
        """The source's file, without its profile where that is not to be kept."""
        return self.codec.without_profile(self.source) if self._has_unwanted_profile else self.source

    def facts(self, runs: EncoderRuns) -> Facts:
        """What the codec's offers rest on."""
        encoder, probe, need = runs.encoder, self.picture.probe, self.need
        needs_lossless = need.setting is not None and need.setting >= encoder.lossless_from
        # Where no loss is allowed the file, profile and all 16 bits included, loses less than what was converted.
        is_usable = self.may_keep_file and (needs_lossless or may_race_file(self.picture))
        return Facts(
            pixels=self.raster.total_pixels,
            frames=self.raster.frames,
            source_bytes=len(self.source),
            is_source_lossless=probe.is_lossless,
            usable_source=self.codec.source_size(self.source) if is_usable else None,
            needs_lossless=needs_lossless,
            looks_drawn=functools.cache(lambda: self.may_be_drawn(encoder)),
            bytes_a_pixel=self._likely_bytes_a_pixel(runs),
            searched_bytes=self._searched_bytes,
            source_format=probe.format,
        )

    @property
    def _searched_bytes(self) -> int:
        """What the pixels take in a file that was packed with care, if it holds just these."""
        probe = self.picture.probe
        holds_these = keeps_dimensions(self.picture) and probe.bits <= _BITS and not probe.is_animated
        return searched_bytes(self.source) if holds_these else 0

    def may_be_drawn(self, encoder: Encoder) -> bool:
        """Whether every pixel kept may be the smallest: of what looks drawn, and of hard edges all over."""
        return encoder.is_screen_content or texture(self.raster.pixels).has_hard_edges

    def _likely_bytes_a_pixel(self, runs: EncoderRuns) -> float:
        """Of a lossy encode: what a size has room for, else what is typical at the quality or the score."""
        need = self.need
        if need.max_bytes is not None:
            return need.max_bytes / self.raster.total_pixels
        return runs.typical_bytes_a_pixel(self.setting, need.least.get(Criterion.SCORE))

    def known_again(self, encoded: Encoded, most_bytes: int | None) -> bytes:
        """An encode's file; with a mark where automatic quality would not know it for being at its target already.

        So it is of what is finer than its score takes, for the sake of a place: by its tables it is worth another pass.
        """
        if not self.options.is_automatic or encoded.is_lossless or self.codec.format not in TOLD_BY_TABLES:
            return encoded.data
        target = self.options.target_score or DEFAULT_TARGET_SCORE
        if source_loss(encoded.data, probe(encoded.data, _OWN_RESULT)).is_at(target):
            return encoded.data
        data = marked(encoded.data, f"{AT_SCORE} {round(target)}")
        return data if most_bytes is None or len(data) <= most_bytes else encoded.data

    @property
    def memory_bytes(self) -> int:
        """What was set aside for this picture."""
        return resource_budget(self.picture.probe, self.options).memory_bytes

    def _repacked(self, most_bytes: int | None = None) -> Encoded | None:
        source, note = self._wanted_source, mark_of(self.source)
        repacked = self.codec.repack(source, self.effort, self.budget.left_s(), most_bytes)
        if repacked is None or self.picture.probe.format.same_output is not self.codec.format:
            return repacked
        if len(repacked.data) >= len(source):  # it was packed better before: then its own bytes, less metadata
            repacked = Encoded(self.codec.stripped(source), "source", is_lossless=True)
        if note is not None:
            repacked = replace(repacked, data=marked(repacked.data, note))  # it is no metadata of anybody's
        return repacked if len(repacked.data) <= len(self.source) else None
