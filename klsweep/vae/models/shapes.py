"""What the settings of models are made of, and what every model says of itself."""

from typing import Annotated, Literal

from pydantic import Field

Shape = tuple[int, ...]
Widths = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(strict=False, min_length=1)]
Width = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "tanh", "gelu", "silu"]
Values = Literal["quantities", "tokens", "any"]
"""What a model reads: numbers that measure something, numbers of words, or whatever it is given."""
