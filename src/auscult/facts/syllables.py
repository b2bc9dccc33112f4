"""About how many syllables a text has, in many languages, from its letters alone.

Vowels are counted where they are written; scripts that write syllables, or leave vowels out, are
counted by their letters. It is no phonology: English has 15 % more vowel groups than syllables.
"""

from __future__ import annotations

import re
import unicodedata

VOWELS = frozenset("aeiouyæœøıаеёиоуыэюяєіїαεηιουωωა ეიოუ".replace(" ", ""))
"""Of the Latin, Cyrillic, Greek and Georgian alphabets, without their marks."""
CONSONANT_SCRIPTS = ("ARABIC", "HEBREW", "SYRIAC")
"""Scripts that mostly leave the vowels out."""
SYLLABIC_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ETHIOPIC")
"""Scripts of which a sign is a syllable, or a mora."""
INDIC_SCRIPTS = (
    *("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU", "KANNADA"),
    *("MALAYALAM", "SINHALA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"),
)
"""Scripts of which a letter is a consonant with a vowel, until a mark changes that."""
SYLLABLES_PER_CONSONANT = 0.6
"""Of a script without vowels. Chosen, not measured."""
SYLLABLES_PER_INDIC_LETTER = 0.75
"""Letters that lose their vowel, or stand for one, taken off. Chosen, not measured."""
SYLLABLES_PER_DIGIT = 1.6
"""Of a number read aloud, mean of several languages. Chosen, not measured."""
SYLLABLES_PER_CAPITAL = 1.2
"""Of letters that are spelled out. Chosen, not measured."""


def count_syllables(text: str) -> float:
    """About how many syllables are said."""
    return sum(_count_word(word) for word in re.findall(r"\w+", text))


def _count_word(word: str) -> float:
    if len(word) > 1 and word.isupper() and word.isascii() and word.isalpha() and len(word) <= 4:
        return SYLLABLES_PER_CAPITAL * len(word)
    total, was_vowel, has_alphabet = 0.0, False, False
    for letter in unicodedata.normalize("NFC", word.lower()):
        if unicodedata.category(letter).startswith("M"):
            continue
        script, *_, size = (unicodedata.name(letter, "") + " ?").split()[:3]
        is_vowel = unicodedata.normalize("NFD", letter)[0] in VOWELS
        if letter.isdigit():
            total += SYLLABLES_PER_DIGIT
        elif script in CONSONANT_SCRIPTS:
            total += SYLLABLES_PER_CONSONANT
        elif script in INDIC_SCRIPTS:
            total += SYLLABLES_PER_INDIC_LETTER
        elif script in SYLLABIC_SCRIPTS:
            total += size != "SMALL"  # HIRAGANA LETTER SMALL YA belongs to the sign before it
        else:
            total += is_vowel and not was_vowel
            has_alphabet = True
        was_vowel = is_vowel
    return max(total, 1.0) if has_alphabet else total
