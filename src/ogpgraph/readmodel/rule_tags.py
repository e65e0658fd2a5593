"""The tags that one rule gives to one aggregate. They follow the changes of the paths that the rule depends on.

A change has the groups of the changed paths derived anew, and nothing else: the other groups are needed, once, where a
group contributes something else than before, because several groups may contribute the same tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ogpgraph.domain.readings import Readings
from ogpgraph.readmodel.dimension_tags import NO_SPANS, DatedTag, DimensionTags, TagDifference
from ogpgraph.readmodel.group_tags import contents_at, derive_field, derive_group
from ogpgraph.readmodel.tag_rules import DerivedRule, FieldRule, Span, Spans, TagRule, TypeRules

Groups = Mapping[str, Sequence[str]]
"""Some groups of a rule, each with its paths, or those of them that changed."""


class RuleTags:
    """The tags of one rule for one aggregate. Groups are derived when they are first needed."""

    def __init__(self, rules: TypeRules, rule: TagRule) -> None:
        self._rules = rules
        self._rule = rule
        self._paths: dict[str, list[str]] | None = None
        self._groups: dict[str, Spans] = {}
        self._dimensions: dict[str, DimensionTags] | None = None

    def list_all(self, readings: Readings, groups: Groups) -> Iterator[DatedTag]:
        """Yield all tags of the present state, whose readings and groups are given."""
        return (tag for dimension in self._complete(readings, groups).values() for tag in dimension.list_all())

    def move(self, before: Readings, after: Readings, touched: Groups) -> Iterator[TagDifference]:
        """Follow a change from one state to the next, at the given paths; yields the difference by dimension."""
        changed: dict[str, Spans] = {}
        for group, paths in touched.items():
            if self._is_read_alike(before, after, paths):
                continue
            own = self._paths_of(before, group)
            all_paths = [*own, *(path for path in paths if path not in own)]
            spans = self._derive(after, group, all_paths)
            if spans != self._spans_of(before, group):
                changed[group] = spans
            if self._paths is not None:
                self._paths[group] = all_paths
        if changed:
            yield from self._replace(self._complete(before, None), changed)

    def _is_read_alike(self, before: Readings, after: Readings, paths: Iterable[str]) -> bool:
        """Return whether the rule gives the same tags after a change at some paths, as where other texts are read."""
        rule, stated = self._rule, before.timeline.aggregate.claims
        return isinstance(rule, DerivedRule) and all(
            path in stated and contents_at(rule, before, path) == contents_at(rule, after, path) for path in paths
        )

    def _replace(self, dimensions: dict[str, DimensionTags], changed: Mapping[str, Spans]) -> Iterator[TagDifference]:
        ended = _join_spans([self._groups.get(group, NO_SPANS) for group in changed])
        begun = _join_spans(list(changed.values()))
        self._groups |= changed
        for dimension in dict.fromkeys((*ended, *begun)):
            old, new = ended.get(dimension, ()), begun.get(dimension, ())
            if old != new:
                yield _dimension_of(dimensions, dimension).replace(old, new)

    def _complete(self, readings: Readings, groups: Groups | None) -> dict[str, DimensionTags]:
        """Return the tags of all dimensions, of all groups, which are listed unless they are given."""
        if self._dimensions is None:
            dimensions = self._dimensions = dict[str, DimensionTags]()
            for group, paths in (groups or self._list_groups(readings)).items():
                if group not in self._groups:
                    self._groups[group] = self._derive(readings, group, paths)
            for spans in self._groups.values():
                for dimension, own in spans.items():
                    _dimension_of(dimensions, dimension).add(own)
        return self._dimensions

    def _spans_of(self, readings: Readings, group: str) -> Spans:
        if (spans := self._groups.get(group)) is None and self._dimensions is not None:
            return NO_SPANS  # all groups are derived that have a path
        if spans is None:
            paths = self._paths_of(readings, group)
            is_there = bool(paths) or self._rule.has_one_group
            spans = self._groups[group] = self._derive(readings, group, paths) if is_there else NO_SPANS
        return spans

    def _paths_of(self, readings: Readings, group: str) -> Sequence[str]:
        if isinstance(self._rule, FieldRule):
            return (group,)
        if self._paths is None:
            self._paths = self._list_groups(readings)
        return self._paths.get(group, ())

    def _list_groups(self, readings: Readings) -> dict[str, list[str]]:
        return self._rules.list_groups(self._rule, readings.timeline.aggregate.claims)

    def _derive(self, readings: Readings, group: str, paths: Sequence[str]) -> Spans:
        if isinstance(self._rule, FieldRule):
            return derive_field(self._rule, group, readings[group])
        assert isinstance(self._rule, DerivedRule)
        return derive_group(self._rule, readings, sorted(paths))  # so that it is remembered, however they are listed


def _dimension_of(dimensions: dict[str, DimensionTags], name: str) -> DimensionTags:
    if (found := dimensions.get(name)) is None:
        found = dimensions[name] = DimensionTags(name)
    return found


def _join_spans(groups: Sequence[Spans]) -> Spans:
    """Return what several groups have, by dimension."""
    if len(groups) == 1:  # nearly always
        return groups[0]
    joined: dict[str, tuple[Span, ...]] = {}
    for spans in groups:
        for dimension, own in spans.items():
            joined[dimension] = joined.get(dimension, ()) + own
    return joined
