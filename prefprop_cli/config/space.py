"""What a stage of a sweep varies: keys of the configuration with values or bounds."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

_BOUNDS = {"low", "high"}


class Range(BaseModel):
    """The values of a key from `low` to `high`, both of which may be tried.

    With `log`, the logarithm of a value is drawn rather than the value. `step` is the distance of
    values, from `low` on to `high`; the default is 1 for integers, and any for numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @model_validator(mode="after")
    def _can_be_drawn_from(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low = {self.low} is not below high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log = true needs low > 0, and no step")
        if self.step is None:
            return self
        low, high, step = (Decimal(str(value)) for value in (self.low, self.high, self.step))
        if step <= (high - low) / 10**20:  # a decimal has 28 digits
            raise ValueError(f"step = {self.step} is too small for {low} to {high}")
        if rest := (high - low) % step:  # in decimals, as Optuna counts
            fit = f"high = {high - rest} would fit" if step <= high - low else "take a smaller one"
            raise ValueError(f"step = {step} does not divide {low} to {high}, as it must; {fit}")
        return self


def has_bounds(value: object) -> bool:
    """Whether `value` is bounds, or a table with some in it."""
    return isinstance(value, dict) and (
        bool(value.keys() & _BOUNDS) or any(map(has_bounds, value.values()))
    )


def dotted(stage: Any) -> Any:
    """A stage with `train.lr = …`, which is a table in a table, as if the key were in quotes."""
    if not isinstance(stage, dict):
        return stage
    flat: dict[str, object] = {}
    for name, value in stage.items():
        if isinstance(value, dict) and not value.keys() & _BOUNDS:
            flat |= {f"{name}.{key}": values for key, values in value.items()}
        else:
            flat[name] = value
    return flat


def without(search: Any, stages: Sequence[object]) -> list[object]:
    """The stages without the keys of a search; those that had no other are left out."""
    left = [
        {key: values for key, values in dotted(stage).items() if key not in search}
        if isinstance(stage, dict)
        else stage
        for stage in stages
    ]
    return [stage for stage in left if stage != {}]


Candidates = Annotated[
    Annotated[list[object], Field(min_length=1), Tag("values")] | Annotated[Range, Tag("range")],
    Discriminator(lambda value: "range" if isinstance(value, dict | Range) else "values"),
    WithJsonSchema({"type": "array", "minItems": 1}),
]
Space = Annotated[dict[str, Candidates], Field(min_length=1), BeforeValidator(dotted)]
