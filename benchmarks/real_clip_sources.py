"""Where the real recordings come from: Debian's packages, and speech engines with what they speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PACKAGES: Mapping[str, str] = {
    "asterisk-core-sounds-en-wav": "prompts",
    "asterisk-core-sounds-es-wav": "prompts",
    "asterisk-core-sounds-fr-wav": "prompts",
    "asterisk-core-sounds-it-wav": "prompts",
    "asterisk-core-sounds-ru-wav": "prompts",
    "asterisk-core-sounds-en-gsm": "prompts",
    "asterisk-core-sounds-it-gsm": "prompts",
    "asterisk-prompt-es-co": "prompts",
    "asterisk-prompt-fr-armelle": "prompts",
    "festvox-ru": "speech",
    "fillets-ng-data-cs": "speech",
    "fillets-ng-data-nl": "speech",
    "klettres-data": "speech",
    "ktuberling-data": "speech",
    "pocketsphinx-testdata": "speech",
    "tuxpaint-stamps-default": "speech",
    "asterisk-moh-opsound-wav": "music",
    "fretsonfire-songs-muldjord": "music",
    "warzone2100-music": "music",
    "asc-music": "music",
    "drascula-music": "music",
    "planetblupi-music-ogg": "music",
    "singularity-music": "music",
    "btanks-data": "game",
    "colobot-common-sounds": "game",
    "endless-sky-data": "game",
    "extremetuxracer-data": "game",
    "fillets-ng-data": "game",
    "freedroid-data": "game",
    "frozen-bubble-data": "game",
    "hedgewars-data": "game",
    "lincity-ng-data": "game",
    "neverball-data": "game",
    "pingus-data": "game",
    "supertux-data": "game",
    "trackballs-data": "game",
    "wordwarvi-sound": "game",
    "zaz-data": "game",
    "hydrogen-data": "notes",
    "lmms-common": "notes",
    "lomiri-sounds": "signals",
    "oxygen-sounds": "signals",
    "psi-plus-sounds": "signals",
    "sound-icons": "signals",
    "sound-theme-freedesktop": "signals",
}
"""Package, and what kind of sound is in it."""
FRESH_PACKAGES: Mapping[str, str] = {
    "asterisk-core-sounds-ru-gsm": "prompts",
    "asterisk-prompt-it-menardi-wav": "prompts",
    "pysiogame": "speech",
    "tuxpaint-data": "speech",
    "fretsonfire-songs-sectoid": "music",
    "hyperrogue-music": "music",
    "pushover-data": "music",
    "tuxmath-data": "music",
    "tuxtype-data": "music",
    "abe-data": "game",
    "boswars-data": "game",
    "chromium-bsu-data": "game",
    "circuslinux-data": "game",
    "criticalmass-data": "game",
    "gnubg-data": "game",
    "granatier": "game",
    "holotz-castle-data": "game",
    "kgoldrunner": "game",
    "kolf": "game",
    "lbreakout2-data": "game",
    "lugaru-data": "game",
    "pokerth-data": "game",
    "rafkill-data": "game",
    "ri-li-data": "game",
    "scorched3d-data": "game",
    "tuxfootball": "game",
    "ufoai-sound": "game",
    "xblast-tnt-sounds": "game",
    "xmoto-data": "game",
    "eiskaltdcpp-sounds": "signals",
    "gajim": "signals",
    "linphone-common": "signals",
    "mumble": "signals",
    "pidgin-data": "signals",
}
"""The same for packages that came after the rules: both halves of their files are reported, apart from the others."""
ENGINES: Mapping[str, Sequence[Sequence[str]]] = {
    "engine-flite": [
        ["flite", "-voice", voice, "-o", "{file}", "-t", "{text}"]
        for voice in ("awb", "kal", "rms", "slt")
    ],
    "engine-festival": [
        ["text2wave", "-o", "{file}", "-eval", f"(voice_{voice})", "{text_file}"]
        for voice in (
            "kal_diphone",
            "pc_diphone",
            "czech_dita",
            "suo_fi_lj_diphone",
            "msu_ru_nsh_clunits",
        )
    ],
    "engine-espeak-ng": [
        ["espeak-ng", "-v", voice, "-w", "{file}", "{text}"]
        for voice in ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "tr", "en+f3", "de+f2")
    ],
}
"""Folder of the cache, and the commands that speak into it; what is not installed is left out.

Debian's packages: flite, festival, festvox-kallpc16k, festvox-itapc16k, festvox-czech-dita,
festvox-suopuhe-lj, festvox-ru, espeak-ng.
"""
SENTENCES = (
    "A short sentence, spoken once.",
    "The station closes at half past nine, so please be there early.",
    "Seven red boats lie in the harbour. Nobody knows who left them there, and nobody asks.",
    "Is this the right platform for the train to the coast? Yes, it leaves in four minutes.",
    "One, two, three, four, five, six, seven, eight, nine, ten.",
    "Through the window came the smell of fresh bread, rain on warm stones, and a distant song.",
)
