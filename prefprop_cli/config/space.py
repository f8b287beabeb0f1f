"""What a stage of a sweep varies: keys of the configuration with values or bounds."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
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
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step = {self.step} is not above 0")
        if self.step is not None:
            self._see_that_high_is_reached(self.step)
        return self

    def _see_that_high_is_reached(self, given: int | float) -> None:
        """Count steps in decimals as they are written, as Optuna does."""
        low, high, step = (Decimal(str(value)) for value in (self.low, self.high, given))
        try:
            n_steps, rest = divmod(high - low, step)
        except InvalidOperation:
            raise ValueError(f"step = {given} is too small for {self.low} to {self.high}") from None
        if rest:
            advice = f"high = {high - rest} would fit" if n_steps else "a smaller step may fit"
            raise ValueError(
                f"step = {given} does not divide {self.low} to {self.high}, and both ends are to "
                f"be tried; {advice}"
            )


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
