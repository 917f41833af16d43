"""Describe portraits by their emoji sequence."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Person", "describe"]

_SKIN = {
    "1F3FB": "light", "1F3FC": "medium-light", "1F3FD": "medium", "1F3FE": "medium-dark", "1F3FF": "dark",
}  # fmt: skip
_SIGN = {"2640": "woman", "2642": "man"}

# lead code point: name, then visible attributes
_LEADS = {
    "1F385": ("Santa Claus", "man hat beard white-hair"), "1F466": ("boy", "boy"), "1F467": ("girl", "girl"),
    "1F468": ("man", "man"), "1F469": ("woman", "woman"), "1F46E": ("police officer", "hat uniform"),
    "1F470": ("person with veil", "veil"), "1F471": ("person with blond hair", "blond-hair"),
    "1F472": ("person with skullcap", "hat"), "1F473": ("person wearing turban", "turban"),
    "1F474": ("old man", "man old white-hair"), "1F475": ("old woman", "woman old white-hair"),
    "1F476": ("baby", "baby"), "1F477": ("construction worker", "hat"), "1F478": ("princess", "woman crown"),
    "1F47C": ("baby angel", "baby halo"), "1F481": ("person tipping hand", "hand"), "1F482": ("guard", "hat uniform"),
    "1F486": ("person getting massage", "closed-eyes hand"), "1F487": ("person getting haircut", "scissors"),
    "1F575": ("detective", "hat"), "1F645": ("person gesturing no", "hand"), "1F646": ("person gesturing ok", "hand"),
    "1F647": ("person bowing", "bowing"), "1F64B": ("person raising hand", "hand"),
    "1F64D": ("person frowning", "frown"), "1F64E": ("person pouting", "frown"),
    "1F926": ("person facepalming", "hand face-covered"), "1F931": ("person breast-feeding", "woman baby"),
    "1F934": ("prince", "man crown"), "1F935": ("person in tuxedo", "suit"),
    "1F936": ("Mrs. Claus", "woman hat glasses white-hair"), "1F937": ("person shrugging", "hand"),
    "1F977": ("ninja", "face-covered"), "1F9B8": ("superhero", "eye-mask"), "1F9B9": ("supervillain", "eye-mask"),
    "1F9CC": ("troll", "fantasy"), "1F9CF": ("deaf person", "hand"), "1F9D1": ("person", "adult"),
    "1F9D2": ("child", "child"), "1F9D3": ("older person", "old white-hair"), "1F9D4": ("bearded person", "beard"),
    "1F9D5": ("woman with headscarf", "woman headscarf"), "1F9D6": ("person in steamy room", "steam"),
    "1F9D9": ("mage", "hat fantasy"), "1F9DA": ("fairy", "wings fantasy"), "1F9DB": ("vampire", "fantasy"),
    "1F9DD": ("elf", "fantasy"), "1F9DE": ("genie", "fantasy"), "1F9DF": ("zombie", "fantasy"),
    "1FAC5": ("person with crown", "crown"),
}  # fmt: skip

# code point joined to an adult: role, then visible attributes
_ROLES = {
    "2695": ("health worker", "health-worker"), "2696": ("judge", "judge"), "2708": ("pilot", "pilot hat uniform"),
    "1F33E": ("farmer", "farmer hat"), "1F373": ("cook", "cook hat"), "1F37C": ("feeding baby", "baby"),
    "1F384": ("Mx Claus", "hat"), "1F393": ("student", "student hat"), "1F3A4": ("singer", "singer"),
    "1F3A8": ("artist", "artist hat"), "1F3EB": ("teacher", "teacher glasses"),
    "1F3ED": ("factory worker", "factory-worker hat"), "1F4BB": ("technologist", "technologist glasses"),
    "1F4BC": ("office worker", "office-worker suit"), "1F527": ("mechanic", "mechanic hat"),
    "1F52C": ("scientist", "scientist goggles"), "1F680": ("astronaut", "astronaut helmet"),
    "1F692": ("firefighter", "firefighter hat"),
    "1F9B0": ("red hair", "red-hair"), "1F9B1": ("curly hair", "curly-hair"), "1F9B2": ("bald", "bald"),
    "1F9B3": ("white hair", "white-hair"),
}  # fmt: skip
_WITHOUT_SKIN = {"1F9CC", "1F9DE", "1F9DF"}


@dataclass(frozen=True)
class Person:
    """The person that a portrait shows.

    Arguments:
        name: readable, with sign and skin tone.
        subject: the drawing without sign and skin tone, whose variants are nearly the same picture.
        group: the skin tone; "yellow" if none is given.
        attributes: visible attributes.
    """

    name: str
    subject: str
    group: str
    attributes: tuple[str, ...]


def describe(code: str) -> Person | None:
    """Describe a code, such as ``1F469-1F3FD-200D-1F692``, a woman firefighter; None unless it is a portrait."""
    lead, *rest = [p for p in code.split("-") if p not in ("200D", "FE0F")]
    skin = [_SKIN[p] for p in rest if p in _SKIN]
    signs = [_SIGN[p] for p in rest if p in _SIGN]
    roles = [_ROLES[p] for p in rest if p in _ROLES]
    if lead not in _LEADS or len(skin) + len(signs) + len(roles) != len(rest) or max(len(skin), len(roles)) > 1:
        return None
    name, seen = _LEADS[lead]
    subject = name
    words = [*signs, *seen.split()]
    if roles:
        role, more = roles[0]
        name, subject, words = f"{name}: {role}", role, [*words, *more.split()]
    if signs:
        name = f"{signs[0]}: {name}"
    if skin:
        name, words = f"{name}, {skin[0]} skin", [*words, f"{skin[0]}-skin"]
    group = "other" if lead in _WITHOUT_SKIN else skin[0] if skin else "yellow"
    return Person(name, subject, group, tuple(dict.fromkeys(words)))
