"""Damage to XML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.stress.damage.kinds import Hit, Means, kind
from tests.stress.damage.text import written

_LAUGHS: Final = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@kind(".xml")
def xml_entities(path: Path, means: Means) -> Hit:
    """A document type whose entities grow a billionfold, or read a file outside."""
    text = path.read_text(errors="replace")
    text = re.sub(r"^<\?xml.*?\?>|<!DOCTYPE.*?>", "", text, flags=re.DOTALL)
    secret = (means.outside / "secret.xml").as_uri()
    declared = (
        f'<!ENTITY a0 "ha">{_LAUGHS}',
        f'<!ENTITY a9 SYSTEM "{secret}">',
        f'<!ENTITY % a9 SYSTEM "{secret}"> %a9;',
        '<!ENTITY a9 SYSTEM "/dev/zero">',
    )[means.pick(4)]
    text = re.sub(r">([^<>]+)<", ">&a9;<", text, count=1)
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE x [{declared}]>{text}')
    return Hit(told=f"entities: {declared[:60]}", removed=True)


@kind(".xml")
def xml_text(path: Path, means: Means) -> Hit:
    """An element has another text."""
    content = path.read_bytes()
    texts = [*re.finditer(rb">([^<>]*)</", content)]
    if not texts:
        return Hit(told="nothing left to change")
    found = texts[means.pick(len(texts))]
    value = written(means.value)
    value = value.replace(b"&", b"&amp;").replace(b"<", b"&lt;") if means.pick(4) else value
    path.write_bytes(content[: found.start(1)] + value + content[found.end(1) :])
    return Hit(told=f"{found[0][:30]!r} at {found.start()} is {value[:40]!r}")


@kind(".xml")
def xml_element(path: Path, means: Means) -> Hit:
    """An innermost element is missing, there twice, or has another name."""
    content = path.read_bytes()
    elements = [*re.finditer(rb"<(\w+)[^<>]*>[^<>]*</\1>", content)]
    if not elements:
        return Hit(told="nothing left to change")
    found, how = elements[means.pick(len(elements))], means.pick(3)
    other = (b"", found[0] * 2, found[0].replace(found[1], b"other"))[how]
    path.write_bytes(content[: found.start()] + other + content[found.end() :])
    return Hit(told=f"{found[0][:30]!r} {('dropped', 'twice', 'renamed')[how]}", removed=True)


@kind(".xml")
def xml_deep(path: Path, means: Means) -> Hit:
    """Elements nested a hundred thousand deep, or a hundred thousand attributes."""
    content = path.read_bytes()
    place = content.find(b">", means.pick(max(len(content) // 2, 1))) + 1
    attributes = b" ".join(b'a%d="1"' % n for n in range(100_000))
    bomb = b"<a>" * 100_000 + b"</a>" * 100_000 if means.pick(2) else b"<a " + attributes + b"/>"
    path.write_bytes(content[:place] + bomb + content[place:])
    return Hit(told=f"{bomb[:12]!r}... at {place}", removed=True)
