"""From bytes to canonical text: the page's own words in plain lines, without what belongs to the site around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.pages.header_labels import match_label
from ogpgraph.importer.pages.html import exceeds_nesting_limit, extract_visible_text, is_html
from ogpgraph.importer.pages.labels import Labels, load_labels, supported_languages
from ogpgraph.importer.pages.siblings import split_sibling_list

TITLE_PATTERN = re.compile(r"^(?P<title>.*)\((?P<code>[A-Za-z]{2,4}\d{4})\)[\s*★✪]*$")
_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n\t]")
_BLANK_LINES = re.compile(r"\n{3,}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_TOOLTIP = re.compile(r"^(?P<heading>\s*\S.{2,40}?)(?:\si)+$")
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_HEADER = 200  # lines within which a header ends
_NEAR = 25  # lines below the title within which a label must come
_ENOUGH_LABELS = 3


@dataclass(frozen=True, slots=True)
class CanonicalPage:
    """A page's canonical text, that of the list of the member's commitments apart, and lines outside of both."""

    text: str
    siblings: str
    outside: tuple[str, ...]


def canonicalize_page(data: bytes, *, limit_bytes: int) -> CanonicalPage:
    """Return the canonical text of a published commitment page; raises UnreadableInput with the reason."""
    if len(data) > limit_bytes:
        raise UnreadableInput(f"too large: {len(data)} bytes, the limit is {limit_bytes}")
    text = decode_page(data)
    lines = normalize_lines(_extract_html_text(text) if is_html(text) else text)
    labels = load_labels(supported_languages()[0])
    title = find_title_line(lines, labels)
    lines = _remove_site_lines(lines, title, labels)
    own, listed, outside = split_sibling_list(lines, labels)
    behind = tuple(line for line in outside if not labels.is_site_line(line))
    return CanonicalPage(_join_lines(own), _join_lines(listed), behind)


def _extract_html_text(markup: str) -> str:
    if exceeds_nesting_limit(markup):
        raise UnreadableInput("markup that nests too deeply to be a page")
    return extract_visible_text(markup)


def decode_page(data: bytes) -> str:
    """Return the text of UTF-8 (or of UTF-16 that says so); raises UnreadableInput for anything else."""
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8-sig")
    if encoding == "utf-8-sig" and b"\x00" in data[:65536]:
        raise UnreadableInput("not text: it holds zero bytes")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = "UTF-16" if encoding == "utf-16" else "UTF-8"
        raise UnreadableInput(f"broken {name} at byte {error.start}: {error.reason}") from None
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise UnreadableInput("empty: there is no text in it")
    if control := _CONTROL.search(text):
        raise UnreadableInput(f"not text: control character {ord(control.group()):#04x} at character {control.start()}")
    return text


def normalize_lines(text: str) -> list[str]:
    """Return the lines with line ends and blanks made alike; NBSP and its kin become blanks that people can read."""
    unix = _BLANKS.sub(" ", _LINE_ENDS.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in unix.split("\n"))).split("\n")


def find_title_line(lines: list[str], labels: Labels) -> int:
    """Return the index of the title line: it ends in a code, and labels follow."""
    candidates = [index for index, line in enumerate(lines) if TITLE_PATTERN.match(line.strip())]
    following = {index: _count_labels(lines[index + 1 :], labels) for index in candidates[:50]}
    for index, found in following.items():
        if found >= _ENOUGH_LABELS:
            return index
    if any(following.values()) or (candidates and len(lines) - candidates[0] < _NEAR):
        raise UnreadableInput("truncated page: a title line with a code, but not the labels that follow it")
    if _count_labels(lines, labels) >= _ENOUGH_LABELS:
        raise UnreadableInput("not a commitment page: labels, but no title line that ends in a code such as (FR0043)")
    raise UnreadableInput("not a commitment page: no title line that ends in a code such as (FR0043), and no labels")


def _count_labels(lines: list[str], labels: Labels) -> int:
    near = [line for line in lines[: 4 * _NEAR] if line.strip()][:_NEAR]
    found = (match_label(line.strip(), labels) for line in near)
    return len({match.field for match in found if match})


def _remove_site_lines(lines: list[str], title: int, labels: Labels) -> list[str]:
    """Drop the site's own lines above the title, the tooltips of the header's headings, and all behind the trap."""
    above = [line for line in lines[:title] if not labels.is_site_line(line)]
    # Whatever follows the link that bans robots is not the page's.
    end = next((place for place in range(title, len(lines)) if labels.prefix_length(lines[place], "trap")), len(lines))
    below = min(title + _HEADER, end)
    return [*above, *_remove_tooltips(lines[title:below], labels), *lines[below:end]]


def _remove_tooltips(lines: list[str], labels: Labels) -> list[str]:
    kept: list[str] = []
    for line in lines:
        tooltip = _TOOLTIP.match(line)
        if line.strip() == "i" and _is_heading(_last_line(kept), labels):
            continue
        kept.append(tooltip["heading"] if tooltip and _is_heading(tooltip["heading"], labels) else line)
    return kept


def _last_line(lines: list[str]) -> str:
    return next((line for line in reversed(lines) if line.strip()), "")


def _is_heading(text: str, labels: Labels) -> bool:
    match = match_label(text.strip(), labels)
    return match is not None and match.field in ("DESIGN", "IMPLEMENTATION") and match.value_start >= len(text.strip())


def _join_lines(lines: list[str]) -> str:
    text = _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
    return text + "\n" if text else ""
