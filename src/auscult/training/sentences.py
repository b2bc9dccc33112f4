"""The text that the training speech says: short sentences of several languages, built from parts,
and others held out.

A training sentence is subject + predicate + ending. The held-out sentences are written separately,
with other words and another structure, so that a measurement on them is not a measurement on known
phrases.
"""

from __future__ import annotations

import random
from itertools import product

Parts = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

PARTS: dict[str, Parts] = {
    "es": (
        (
            "La vecina",
            "Mi hermano",
            "El viejo marinero",
            "Una joven doctora",
            "Nuestro equipo",
            "El gato negro",
            "Aquella chica",
        ),
        (
            "compró siete naranjas",
            "busca un libro antiguo",
            "quiere viajar",
            "escribió una carta larga",
            "toca la guitarra",
            "perdió las llaves",
            "cuenta historias",
        ),
        (
            "en el mercado.",
            "cerca de la playa.",
            "antes de la lluvia.",
            "con mucha paciencia.",
            "bajo los árboles.",
            "todos los jueves.",
            "por el camino del pueblo.",
        ),
    ),
    "en-us": (
        (
            "The young engineer",
            "My older sister",
            "A quiet stranger",
            "Their little dog",
            "The whole village",
            "Our teacher",
            "The captain",
        ),
        (
            "found a broken radio",
            "walks very slowly",
            "sings a familiar song",
            "bought fresh bread",
            "is watching the birds",
            "lost the yellow map",
            "thinks about music",
        ),
        (
            "behind the house.",
            "on a cold morning.",
            "without any help.",
            "near the old bridge.",
            "after the long journey.",
            "every single week.",
            "with great pleasure.",
        ),
    ),
    "fr": (
        (
            "Le boulanger",
            "Ma grand-mère",
            "Un vieux pêcheur",
            "La petite fille",
            "Notre voisin",
            "Le chat gris",
            "Cette femme",
        ),
        (
            "prépare du pain chaud",
            "cherche son chapeau",
            "raconte une histoire",
            "regarde les étoiles",
            "joue du piano",
            "achète des fleurs",
            "parle doucement",
        ),
        (
            "dans la cuisine.",
            "au bord de la rivière.",
            "avant le dîner.",
            "chaque dimanche matin.",
            "sous un grand arbre.",
            "avec beaucoup de joie.",
            "près du jardin public.",
        ),
    ),
    "de": (
        (
            "Der alte Lehrer",
            "Meine Schwester",
            "Ein junger Musiker",
            "Die kleine Katze",
            "Unser Nachbar",
            "Das Kind",
            "Die Ärztin",
        ),
        (
            "sucht einen Schlüssel",
            "kauft frische Brötchen",
            "schreibt einen Brief",
            "spielt leise Klavier",
            "hört dem Regen zu",
            "trinkt heißen Tee",
            "erzählt eine Geschichte",
        ),
        (
            "vor dem Haus.",
            "am frühen Morgen.",
            "ohne große Eile.",
            "hinter der Brücke.",
            "jeden zweiten Freitag.",
            "mit viel Vergnügen.",
            "unter den hohen Bäumen.",
        ),
    ),
    "it": (
        (
            "Il nonno",
            "La mia amica",
            "Un giovane pittore",
            "Il cane bianco",
            "La maestra",
            "Questo ragazzo",
            "Il postino",
        ),
        (
            "legge un giornale",
            "prepara la cena",
            "canta una canzone",
            "guarda il mare",
            "cerca gli occhiali",
            "compra le mele",
            "racconta un sogno",
        ),
        (
            "nella piazza grande.",
            "vicino alla stazione.",
            "prima della pioggia.",
            "ogni mercoledì sera.",
            "con molta calma.",
            "sotto il portico.",
            "insieme agli amici.",
        ),
    ),
    "pt-br": (
        (
            "A professora",
            "Meu irmão",
            "Um velho pescador",
            "O menino",
            "Nossa vizinha",
            "O cachorro",
            "Aquela cantora",
        ),
        (
            "comprou laranjas doces",
            "procura um livro",
            "toca violão",
            "escreveu uma carta",
            "olha para o mar",
            "perdeu o chapéu",
            "conta uma história",
        ),
        (
            "na feira da cidade.",
            "perto da praia.",
            "antes da chuva.",
            "todas as manhãs.",
            "com muita alegria.",
            "debaixo da árvore.",
            "sem nenhuma pressa.",
        ),
    ),
    "te": (
        (
            "మా అమ్మ",
            "ఆ చిన్న పిల్ల",
            "మన గురువు",
            "నా స్నేహితుడు",
            "ఒక రైతు",
            "ఆ ముసలాయన",
            "మా చెల్లి",
        ),
        (
            "పాత పుస్తకం",
            "మంచి పాట",
            "కొత్త ఇల్లు",
            "ఎర్రని పువ్వులు",
            "తియ్యని పండ్లు",
            "పొడవైన ఉత్తరం",
            "చల్లని నీళ్ళు",
        ),
        (
            "చూస్తోంది.",
            "తెచ్చారు.",
            "అడుగుతున్నారు.",
            "ఊరిలో కొన్నారు.",
            "ఉదయం చూశారు.",
            "పిల్లలకు ఇచ్చారు.",
            "మరచిపోయారు.",
        ),
    ),
}

HELD_OUT: dict[str, tuple[str, ...]] = {
    "es": (
        "Hoy hablamos despacio, para que la voz se oiga clara.",
        "Mañana por la tarde iremos al museo de ciencias.",
        "¿Dónde está el puente que cruza el río?",
    ),
    "en-us": (
        "Seven ships left the harbour before anyone noticed.",
        "Please close the window, it is getting dark outside.",
        "What would you like to drink with your lunch?",
    ),
    "fr": (
        "Demain nous irons visiter le musée de la ville.",
        "Quelle heure est-il, s'il vous plaît ?",
    ),
    "de": ("Morgen fahren wir gemeinsam in die Berge.", "Wo finde ich bitte den nächsten Bahnhof?"),
    "it": ("Domani partiremo presto per la montagna.", "Quanto costa il biglietto del treno?"),
    "pt-br": ("Amanhã vamos visitar o museu de ciências.", "Onde fica a estação mais próxima?"),
    "te": ("రేపు మేము నది దాటి వెళ్తాము.", "మీరు ఎక్కడ ఉంటున్నారు?"),
}


def draw_training_sentences(language: str, count: int, seed: int) -> list[str]:
    """`count` different sentences of the language, drawn from all combinations of its parts."""
    subjects, predicates, endings = PARTS[language]
    all_sentences = [" ".join(parts) for parts in product(subjects, predicates, endings)]
    return random.Random(f"{seed} {language}").sample(all_sentences, count)
