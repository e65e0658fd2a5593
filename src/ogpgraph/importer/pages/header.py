"""The header of a page: its fields, and where it ends even when headings are lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from ogpgraph.importer.pages.extraction import Remark
from ogpgraph.importer.pages.label_matching import (
    HEADINGS,
    RATING_FIELDS,
    LabelMatch,
    guess_label,
    is_field_value,
    match_label,
    split_at_labels,
)
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text import Line, Span, fold, is_continued, normalize_policy_area, quote, split_lines
from ogpgraph.importer.pages.values import YEAR, parse_partial_date

_MAX_LINES = 400  # a header has some thirty, more with long lists of institutions
_LOOK_AHEAD = 3  # lines in which the next label must come, or else the header has ended
_LOOK_AHEAD_IN_SUMMARY = 15
_LOOK_AHEAD_FOR_STATED = 30
_LONGEST_STRAY_LINE = 200  # characters; a longer line is prose
_SHORTEST_BROKEN_LINE = 36  # characters; a shorter line ends where its text does
_MOST_LABEL_WORDS = 5
_LIST_FIELDS = frozenset(("INSTITUTIONS_INVOLVED", "OGP_VALUE", "PRIMARY_POLICY_AREA", "PRIMARY_SECTOR"))
INSTITUTION_FIELDS = frozenset(("LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS", "INSTITUTIONS_INVOLVED"))
_LEAD_AND_SUPPORT = INSTITUTION_FIELDS - {"INSTITUTIONS_INVOLVED"}
_AREA_FIELDS = frozenset(("POLICY_AREAS", "PRIMARY_POLICY_AREA"))
REPORT_FIELDS = ("IRM_REPORT", "INCEPTION_REPORT", "END_OF_COMMITMENT_REPORT")
_DATE_FIELDS = frozenset(("COMMITMENT_START", "COMMITMENT_END"))


@dataclass(slots=True)
class HeaderField:
    """A field or heading that was found, and the lines of its value.

    A value `is_doubtful` where a line behind it, which no rule recognizes, may be the rest of it.
    """

    name: str
    line: Line
    values: list[Line] = field(default_factory=list)
    is_doubtful: bool = False

    @property
    def last_line(self) -> Line:
        """The last line of the field."""
        return self.values[-1] if self.values else self.line

    @property
    def span(self) -> Span | None:
        """The value as written, from its first line to its last, None where it is empty."""
        return Span(self.values[0].start, self.values[-1].end) if self.values else None


@dataclass(slots=True)
class Header:
    """The fields in page order, the text of an inception report's summary, and the position where the body begins."""

    fields: dict[str, HeaderField] = field(default_factory=dict)
    summary: list[Line] = field(default_factory=list)
    body: int = 0
    remarks: list[Remark] = field(default_factory=list)

    def value(self, name: str) -> Span | None:
        """Return the value of a field as written, None where the field is missing or empty."""
        return self.fields[name].span if name in self.fields else None

    @property
    def is_clear(self) -> bool:
        """Whether every line of it was recognized, and it has what the header of every page has."""
        return not self.remarks and bool(self.fields.keys() & {"POLICY_AREAS", "PRIMARY_POLICY_AREA"})


def parse_header(text: str, start: int, labels: Labels) -> Header:
    """Return the header that begins at `start`, behind the title."""
    lines = split_lines(text, start)[:_MAX_LINES]
    pieces = [piece for line in lines for piece in split_at_labels(line, labels, "header")]
    return _HeaderParser(pieces, labels).parse(len(text))


def is_stated_label(text: str, labels: Labels) -> bool:
    """Return whether a line is certainly a field of a header: a label, and behind it a value that only it can have."""
    match = match_label(text, labels)
    value = text[match.value_start :].strip() if match else ""
    if match is None or not value:
        return False
    if match.field == "ACTION_PLAN_CYCLE":
        return bool(YEAR.fullmatch(value))
    return is_field_value(match.field, value, labels)


class _HeaderParser:
    """Assigns each line to a field, once, in page order.

    A line that is neither label nor value is remarked, or begins the body where no label follows it closely.
    """

    def __init__(self, pieces: list[Line], labels: Labels) -> None:
        self._pieces = pieces
        self._labels = labels
        self._header = Header()
        self._current: HeaderField | None = None

    def parse(self, end: int) -> Header:
        self._header.body = end
        for place, piece in enumerate(self._pieces):
            match = self._match_field(piece)
            if match and self._is_new(match):
                self._start_field(piece, match)
                # The heading may stand above the last fields, where lines were mixed up.
                if match.field == "DESCRIPTION" and not self._is_stated_ahead(place, 1):
                    self._header.body = self._pieces[place + 1].start if place + 1 < len(self._pieces) else end
                    return self._header
            elif match is None and self._current and self._continues_value(self._current, piece, place):
                self._current.values.append(piece)
            elif not self._header_continues(place, match):
                self._header.body = piece.start
                return self._header
            else:
                self._add_unassigned(piece, match)
        return self._header

    def _match_field(self, piece: Line) -> LabelMatch | None:
        return match_label(piece.text, self._labels) or guess_label(piece.text, self._labels)

    def _is_new(self, match: LabelMatch) -> bool:
        return match.field not in self._header.fields

    def _start_field(self, piece: Line, match: LabelMatch) -> None:
        self._current = HeaderField(match.field, piece)
        value = piece.slice(match.value_start)
        if value.text:
            self._current.values.append(value)
        if match.guessed:
            self._remark(piece, "label-guessed")
        self._header.fields[match.field] = self._current

    def _continues_value(self, current: HeaderField, piece: Line, place: int) -> bool:
        """Return whether a line without a label belongs to the value of the field before it."""
        name, values = current.name, current.values
        if name in HEADINGS - {"POLICY_AREAS"}:
            return False
        # A rating is one line, a list may be several, and whether a line belongs to it depends on the kind of list.
        if name in RATING_FIELDS or name == "STATUS":
            return not values and is_field_value(name, piece.text, self._labels)
        if name in _LIST_FIELDS:
            if name == "INSTITUTIONS_INVOLVED" and self._is_of_closed_list(piece):
                return False
            return values[-1].is_bullet == piece.is_bullet if values else self._may_begin_list(current, piece, place)
        if not values:
            return self._may_begin(current, piece, place)
        if name in _LEAD_AND_SUPPORT and values[-1].is_bullet and piece.is_bullet:
            return not self._is_of_closed_list(piece)
        return piece.number == values[-1].number + 1 and self._continues_list(current, piece, place)

    def _may_begin_list(self, current: HeaderField, piece: Line, place: int) -> bool:
        """Return whether a line is the first item of a list: a line without a bullet is none above others with one."""
        following = self._pieces[place + 1 : place + 2]
        return piece.is_bullet or (
            self._may_begin(current, piece, place) and not (following and following[0].is_bullet)
        )

    def _may_begin(self, current: HeaderField, piece: Line, place: int) -> bool:
        """Return whether a line below a label may be its value: by the words that such a value has."""
        name, text, labels = current.name, piece.text, self._labels
        if labels.begins_label(text):  # a label that was cut
            return False
        if name in _AREA_FIELDS:
            # Areas that are all new are recognized by their place only.
            is_alone = piece.number <= current.line.number + 2 and self._is_label_ahead(place, 1)
            return self._are_policy_areas(text) or (is_alone and not self._are_policy_areas_ahead(place))
        if not self._is_label_ahead(place, _LOOK_AHEAD):
            return False
        if name == "ACTION_PLAN_CYCLE":
            return bool(YEAR.fullmatch(text))
        if name in INSTITUTION_FIELDS:
            if self._is_of_closed_list(piece):
                return False
            return piece.is_bullet or self._is_organisation(piece) or labels.is_listed(text, "no_institution")
        if name == "ACTION_PLAN":
            return bool(labels.plan_word.search(fold(text))) or labels.is_listed(text, "no_plan")
        if name in REPORT_FIELDS:
            return bool(labels.report_noun.search(fold(text))) or is_field_value("VERIFIABLE", text, labels)
        if name == "OGP_VALUE":
            return labels.ogp_values.match_all(text) is not None
        return name in _DATE_FIELDS and parse_partial_date(text, labels) is not None

    def _continues_list(self, current: HeaderField, piece: Line, place: int) -> bool:
        name, last = current.name, current.values[-1]
        if name == "POLICY_AREAS":
            last_area = last.text.rpartition(",")[2]
            return self._are_policy_areas(piece.text) or self._are_policy_areas(f"{last_area} {piece.text}")
        goes_on = is_continued(last.text, piece.text, self._labels.small_words) or piece.text[0].isdigit()
        if name in (*REPORT_FIELDS, "ACTION_PLAN"):
            is_report = name in REPORT_FIELDS and bool(self._labels.report_noun.search(fold(piece.text)))
            return self._is_label_ahead(place, _LOOK_AHEAD) and (goes_on or is_report)
        if name not in _LEAD_AND_SUPPORT:
            return False
        # Behind a long line it is the rest of a name, or another one: nobody knows.
        before = current.line if last.number == current.line.number else last
        is_item = len(before.text) < _SHORTEST_BROKEN_LINE and self._is_organisation(piece)
        return is_item and self._is_label_ahead(place, _LOOK_AHEAD)

    def _is_organisation(self, piece: Line) -> bool:
        return bool(self._labels.organisation.search(fold(piece.text))) and not self._is_of_closed_list(piece)

    def _is_of_closed_list(self, piece: Line) -> bool:
        """Return whether a line has only policy areas, or only OGP values: those of a list whose label is lost."""
        text = piece.strip_bullet().text
        spellings = [normalize_policy_area(part) for part in text.split(",")]
        are_areas = all(spelling in self._labels.policy_areas.meanings for spelling in spellings)
        return are_areas or self._labels.ogp_values.match_all(text) is not None

    def _are_policy_areas(self, text: str) -> bool:
        spellings = [normalize_policy_area(part) for part in text.split(",")]
        # Half of them: crawls contain new areas that are not listed yet.
        known = sum(spelling in self._labels.policy_areas.meanings for spelling in spellings)
        return 2 * known >= len(spellings)

    def _are_policy_areas_ahead(self, place: int) -> bool:
        return any(self._are_policy_areas(piece.text) for piece in self._pieces[place + 1 : place + 1 + _LOOK_AHEAD])

    def _is_label_ahead(self, place: int, distance: int) -> bool:
        ahead = (self._match_field(piece) for piece in self._pieces[place + 1 : place + 1 + distance])
        return any(match and self._is_new(match) for match in ahead)

    def _is_stated_ahead(self, place: int, distance: int) -> bool:
        """Return whether a field with a value that only it can have follows, and no prose comes before it."""
        for piece in self._pieces[place + 1 : place + 1 + distance]:
            if len(piece.text) > _LONGEST_STRAY_LINE:
                return False
            match = match_label(piece.text, self._labels)
            if match and self._is_new(match) and is_stated_label(piece.text, self._labels):
                return True
        return False

    def _header_continues(self, place: int, match: LabelMatch | None) -> bool:
        in_summary = "INCEPTION_REPORT_SUMMARY" in self._header.fields and match is None
        if self._is_label_ahead(place, _LOOK_AHEAD_IN_SUMMARY if in_summary else _LOOK_AHEAD):
            return True
        # However many lines nobody knows: a field behind them belongs to the header.
        return self._is_stated_ahead(place, _LOOK_AHEAD_FOR_STATED)

    def _add_unassigned(self, piece: Line, match: LabelMatch | None) -> None:
        if match is None and "INCEPTION_REPORT_SUMMARY" in self._header.fields:
            self._header.summary.append(piece)
            return
        if self._current and self._may_be_rest(self._current, piece, match):
            self._current.is_doubtful = True
        self._remark(piece, "label-twice" if match else "unknown-line")

    def _may_be_rest(self, current: HeaderField, piece: Line, match: LabelMatch | None) -> bool:
        """Return whether a line may be the rest of a value that is broken in two: the next line, without a label."""
        if not current.values or piece.number > current.last_line.number + 1:
            return False
        if match:  # a heading that is repeated may be the last word of a value
            return match.field in HEADINGS and len(current.last_line.text) >= _SHORTEST_BROKEN_LINE
        head, colon, _ = piece.text.partition(":")
        return not colon or len(head.split()) > _MOST_LABEL_WORDS

    def _remark(self, piece: Line, kind: str) -> None:
        self._header.remarks.append(Remark(piece.number, kind, quote(piece.text)))
