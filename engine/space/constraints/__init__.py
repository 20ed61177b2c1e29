"""The constraint language: phrases as a researcher would write them in the paper's Table 1 (docs/spaces.md)."""

from engine.space.constraints.phrase import Phrase, parse
from engine.space.constraints.token_stream import Vocabulary
from engine.space.constraints.tokens import PhraseError

__all__ = ["Phrase", "PhraseError", "Vocabulary", "parse"]
