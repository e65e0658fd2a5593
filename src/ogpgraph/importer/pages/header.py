"""The header zone: which line belongs to which field, and where the zone ends even when headings are lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from ogpgraph.importer.pages.extraction import Line, Remark, Span, split_lines
from ogpgraph.importer.pages.header_labels import RATING_FIELDS, LabelMatch, guess_label, is_field_value, match_label
from ogpgraph.importer.pages.heading_splitter import HEADINGS, split_at_headings
from ogpgraph.importer.pages.labels import Labels
from ogpgraph.importer.pages.text_normalization import normalize_policy_area

_LONGEST = 400  # lines; a header is some thirty, more with long lists of institutions
_LOOK_AHEAD = 3
_LOOK_AHEAD_IN_SUMMARY = 15
_LOOK_AHEAD_IN_BROKEN = 12
_BROKEN = 60  # characters; a shorter line was not broken for want of room
_SHORT = 5  # words; a longer line is no rating

LIST_FIELDS = frozenset(("INSTITUTIONS_INVOLVED", "OGP_VALUE", "PRIMARY_POLICY_AREA", "PRIMARY_SECTOR"))
_INSTITUTIONS = frozenset(("LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS"))


@dataclass(slots=True)
class HeaderField:
    """A label that was found and the lines of its value."""

    name: str
    line: Line
    values: list[Line] = field(default_factory=list)

    @property
    def span(self) -> Span | None:
        """The raw value, from its first line to its last."""
        return Span(self.values[0].start, self.values[-1].end) if self.values else None


@dataclass(slots=True)
class Header:
    """The fields in page order, the sentences of an inception report's summary, and where the body begins."""

    fields: dict[str, HeaderField] = field(default_factory=dict)
    summary: list[Line] = field(default_factory=list)
    body: int = 0
    remarks: list[Remark] = field(default_factory=list)

    def value(self, name: str) -> Span | None:
        """Return the raw value of a field, None where the field is missing or empty."""
        return self.fields[name].span if name in self.fields else None


def read_header(text: str, start: int, labels: Labels) -> Header:
    """Read the zone that begins at `start`, behind the title."""
    pieces = [
        piece for line in split_lines(text, start)[:_LONGEST] for piece in split_at_headings(line, labels, "header")
    ]
    return _Zone(pieces, labels).read(len(text))


class _Zone:
    """Walks the lines once; what is neither label nor value is a remark, or the body when no label follows."""

    def __init__(self, pieces: list[Line], labels: Labels) -> None:
        self.pieces = pieces
        self.labels = labels
        self.header = Header()
        self.current: HeaderField | None = None

    def read(self, end: int) -> Header:
        self.header.body = end
        for place, piece in enumerate(self.pieces):
            match = self.match_field(piece)
            if match and self.is_new(match):
                self.start_field(piece, match)
                if match.field == "DESCRIPTION":
                    self.header.body = self.pieces[place + 1].start if place + 1 < len(self.pieces) else end
                    return self.header
            elif self.continues_value(piece, place):
                assert self.current is not None
                self.current.values.append(piece)
            elif not self.header_continues(place, match):
                self.header.body = piece.start
                return self.header
            else:
                self.handle_unmatched(piece, match)
        return self.header

    def match_field(self, piece: Line) -> LabelMatch | None:
        return match_label(piece.text, self.labels) or guess_label(piece.text, self.labels)

    def is_new(self, match: LabelMatch) -> bool:
        return match.field not in self.header.fields

    def start_field(self, piece: Line, match: LabelMatch) -> None:
        self.current = HeaderField(match.field, piece)
        value = piece.slice(match.value_start)
        if value.text:
            self.current.values.append(value)
        if match.guessed:
            self.add_remark(piece, "label-guessed")
        self.header.fields[match.field] = self.current

    def continues_value(self, piece: Line, place: int) -> bool:
        """Tell whether a line without label is (more of) the value of the field before it."""
        if self.current is None or self.current.name in HEADINGS - {"POLICY_AREAS"}:
            return False
        name, values = self.current.name, self.current.values
        if name in RATING_FIELDS or name == "STATUS":
            return not values and self.may_be_rating(name, piece, place)
        if name in LIST_FIELDS:
            return not values or values[-1].is_bullet == piece.is_bullet
        if not values:
            return name == "POLICY_AREAS" or (self.label_ahead(place, _LOOK_AHEAD) and self.may_be_value(piece))
        if name in _INSTITUTIONS and values[-1].is_bullet and piece.is_bullet:
            return True
        return piece.number == values[-1].number + 1 and self.continues_list(name, piece, place)

    def may_be_value(self, piece: Line) -> bool:
        """Tell a value from a line with a label of its own that no list knows; right below a label it is a value."""
        assert self.current is not None
        head, colon, _ = piece.text.partition(":")
        return not colon or len(head.split()) > _SHORT or piece.number <= self.current.line.number + 1

    def may_be_rating(self, name: str, piece: Line, place: int) -> bool:
        known = is_field_value(name, piece.text, self.labels)
        return known or (len(piece.text.split()) <= _SHORT and self.label_ahead(place, 1))

    def continues_list(self, name: str, piece: Line, place: int) -> bool:
        if name == "POLICY_AREAS":
            assert self.current is not None
            last_area = self.current.values[-1].text.rpartition(",")[2]
            return self.are_areas(piece.text) or self.are_areas(f"{last_area} {piece.text}")
        if name == "IRM_REPORT":
            return bool(self.labels.report_noun.search(piece.text.casefold()))
        assert self.current is not None
        last, label = self.current.values[-1], self.current.line
        # A long list whose lines were broken goes on for longer.
        broken = len(label.text if last.number == label.number else last.text) >= _BROKEN
        return name in _INSTITUTIONS and self.label_ahead(place, _LOOK_AHEAD_IN_BROKEN if broken else _LOOK_AHEAD)

    def are_areas(self, text: str) -> bool:
        words = [normalize_policy_area(part) for part in text.split(",")]
        known = sum(word in self.labels.policy_areas.meanings for word in words)
        return 2 * known >= len(words)

    def label_ahead(self, place: int, far: int) -> bool:
        ahead = (self.match_field(piece) for piece in self.pieces[place + 1 : place + 1 + far])
        return any(match and self.is_new(match) for match in ahead)

    def header_continues(self, place: int, match: LabelMatch | None) -> bool:
        in_summary = "INCEPTION_REPORT_SUMMARY" in self.header.fields and match is None
        return self.label_ahead(place, _LOOK_AHEAD_IN_SUMMARY if in_summary else _LOOK_AHEAD)

    def handle_unmatched(self, piece: Line, match: LabelMatch | None) -> None:
        if match is None and "INCEPTION_REPORT_SUMMARY" in self.header.fields:
            self.header.summary.append(piece)
            return
        self.add_remark(piece, "label-twice" if match else "unknown-line")

    def add_remark(self, piece: Line, kind: str) -> None:
        self.header.remarks.append(Remark(piece.number, kind, piece.text[:200]))
