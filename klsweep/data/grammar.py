"""Sentences of a small grammar: text that needs no file, and whose entropy is known to the digit.

A sentence has a subject, a number and a tense that all its words agree with, so there is something to say about the
whole of it that a latent code can hold and a decoder that sees only the words before has to find out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from klsweep.data.corpus import Corpus, CorpusPart
from klsweep.data.dataset import EmbeddedPart, TestShare
from klsweep.data.split import generator, held_out
from klsweep.data.vocabulary import Sentence
from klsweep.errors import DataError


@dataclass(frozen=True)
class Topic:
    """What a sentence is about: words that occur together, each as (singular, plural) or (present, plural, past)."""

    nouns: tuple[tuple[str, str], ...]
    verbs: tuple[tuple[str, str, str], ...]
    adjectives: tuple[str, ...]
    places: tuple[str, ...]


TOPICS = (
    Topic(
        nouns=(("cat", "cats"), ("horse", "horses"), ("goose", "geese"), ("fox", "foxes")),
        verbs=(("sleeps", "sleep", "slept"), ("hides", "hide", "hid"), ("feeds", "feed", "fed")),
        adjectives=("brown", "tame", "hungry"),
        places=("barn", "forest", "field"),
    ),
    Topic(
        nouns=(("cook", "cooks"), ("baker", "bakers"), ("guest", "guests"), ("waiter", "waiters")),
        verbs=(("eats", "eat", "ate"), ("waits", "wait", "waited"), ("works", "work", "worked")),
        adjectives=("busy", "polite", "tired"),
        places=("kitchen", "cellar", "garden"),
    ),
    Topic(
        nouns=(("ship", "ships"), ("sailor", "sailors"), ("boat", "boats"), ("captain", "captains")),
        verbs=(("turns", "turn", "turned"), ("sinks", "sink", "sank"), ("leaves", "leave", "left")),
        adjectives=("slow", "brave", "distant"),
        places=("harbour", "storm", "bay"),
    ),
)
"""Alike in their numbers of words, so that the entropy is that of the choices, whatever the topic."""

DETERMINERS = (("the", "a"), ("the", "some"))  # singular, plural
ADVERBS = ("often", "quietly")
WHEN = (("today", "now"), ("yesterday", "once"))  # of the present, of the past

LONGEST = 9  # determiner, adjective, noun, adverb, verb, "in", "the", place, when


def sentences(count: int, random: np.random.Generator) -> Iterator[Sentence]:
    """So many sentences, independent of each other; every choice has equal chances."""

    def chosen(options: "tuple[object, ...] | int") -> int:
        return int(random.integers(options if isinstance(options, int) else len(options)))

    for _ in range(count):
        topic, plural, past = TOPICS[chosen(TOPICS)], chosen(2), chosen(2)
        words = [DETERMINERS[plural][chosen(2)]]
        if chosen(2):
            words.append(topic.adjectives[chosen(topic.adjectives)])
        words.append(topic.nouns[chosen(topic.nouns)][plural])
        if chosen(2):
            words.append(ADVERBS[chosen(ADVERBS)])
        words.append(topic.verbs[chosen(topic.verbs)][2 if past else plural])
        if chosen(2):
            words += ["in", "the", topic.places[chosen(topic.places)]]
        if chosen(2):
            words.append(WHEN[past][chosen(2)])
        yield tuple(words)


def entropy_nats() -> float:
    """Of one sentence: the sum of its choices' entropies, the choice of a word that half the sentences have by half.

    The noun tells topic and number and the verb the tense, so no two ways of choosing give the same words.
    """
    topic = TOPICS[0]
    always = (len(TOPICS), 2, 2, 2, len(topic.nouns), len(topic.verbs))  # with number, tense and determiner
    sometimes = (len(topic.adjectives), len(ADVERBS), len(topic.places), 2)
    return sum(map(math.log, always)) + sum(math.log(2) + math.log(many) / 2 for many in sometimes)


class Grammar(EmbeddedPart, CorpusPart):
    """Sentences of 3 to 9 words of a grammar of 3 topics with agreement, drawn here; [n, words + 1] tokens, padded."""

    kind: Literal["grammar"] = "grammar"
    source: ClassVar[str] = (
        "drawn here; its entropy is 10.23 nats a sentence, which no model can beat on average"
    )

    size: Annotated[int, Field(gt=1)] = Field(
        default=4000, description="sentences in all three splits together"
    )
    test: TestShare = Field(default=0.2, description="share of `size` held out for testing")
    words: Annotated[int, Field(ge=LONGEST, le=1000)] = Field(
        default=LONGEST, description="words of a sentence at most; the longest has 9"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        testing = held_out(self.size, self.test)
        try:
            self.sizes(self.size - testing, testing)
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def name(self) -> str:
        """`grammar`."""
        return self.kind

    @property
    def test_share(self) -> float:
        """`test`."""
        return self.test

    def state(self, data_dir: Path | None = None) -> tuple[int, ...]:  # noqa: ARG002
        """Nothing: the sentences follow from the settings."""
        return ()

    def corpus(self, data_dir: Path | None = None) -> Corpus:  # noqa: ARG002
        """The sentences, by a stream of `split_seed`."""
        return Corpus(tuple(sentences(self.size, generator(self.split_seed, "sentences"))))
