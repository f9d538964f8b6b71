"""The rules that every event class keeps, and the examples that are derived from its types."""

from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from contracts import event as events
from contracts import generate
from contracts.event import Event, Moment, Quantity, Region, every_event, subject_field
from contracts.generate import example_of, example_text
from contracts.needs import NeedClosed


class Dish(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(max_length=3)]
    quantity: Literal["a spoon", "a bowl"]


class ReviewWritten(Event, frozen=True, kw_only=True):
    review_id: UUID
    region: Region
    quantity: Quantity
    stars: Annotated[int, Meta(ge=1, le=5)]
    debt: Annotated[int, Meta(le=-5)]
    dozens: Annotated[int, Meta(gt=12, multiple_of=12)]
    share: float
    reason: Literal["late", "early"] | None
    code: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["ABC"])]
    day: date
    dishes: Annotated[list[Dish], Meta(min_length=1)]
    written_at: Moment | None = None


def event_class(name: str, fields: dict[str, Any]) -> type[Event]:
    made: type[Event] = msgspec.defstruct(name, list(fields.items()), bases=(Event,), frozen=True, kw_only=True)
    return made


def test_example_is_derived_from_types_where_no_value_is_known() -> None:
    example: Any = example_of(ReviewWritten)
    assert (example.version, example.region, example.quantity) == (1, "510903100208", 50)
    assert (example.stars, example.debt, example.dozens, example.share) == (1, -5, 24, 0.0)
    assert (example.reason, example.code, example.day) == ("late", "ABC", date(2026, 3, 20))
    assert example.dishes == [Dish(name="nam", quantity="a spoon")]
    assert example.written_at is not None
    assert example_of(ReviewWritten) == example


@pytest.mark.parametrize(
    ("hint", "fault"),
    [
        (Annotated[str, Meta(pattern="^[A-Z]{3}$")], "no example of CodeGiven: code has a type that allows no guess"),
        (Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["abc"])], "no example of CodeGiven: Expected `str` matching regex"),
        (Annotated[int, Meta(examples=["one"])], r"no example of CodeGiven: Expected `int`, got `str` - at `\$.code`"),
        (Annotated[int, Meta(ge=9, examples=[1])], "no example of CodeGiven: Expected `int` >= 9"),
        (Annotated[int, Meta(ge=9, le=8)], "no example of CodeGiven: Expected `int` <= 8"),
        (dict[str, int], "code has a type that allows no guess"),
    ],
)
def test_example_that_its_own_type_refuses_is_an_error(hint: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        example_of(event_class("CodeGiven", {"code_id": UUID, "code": hint}))


def test_generating_refuses_a_planted_example_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = event_class("CodeGiven", {"code_id": UUID, "code": Annotated[int, Meta(examples=["one"])]})
    monkeypatch.setattr(generate, "every_event", lambda: {"need_closed": NeedClosed, "code_given": wrong})
    with pytest.raises(ValueError, match="no example of CodeGiven"):
        generate.files()


def test_example_is_decoded_again_as_a_listener_does(monkeypatch: pytest.MonkeyPatch) -> None:
    valid = example_of(NeedClosed)
    assert '"reason": "met_elsewhere"' in example_text(NeedClosed)
    monkeypatch.setattr(generate, "example_of", lambda event: msgspec.structs.replace(valid, reason="because"))
    with pytest.raises(ValueError, match="Invalid enum value 'because'"):
        example_text(NeedClosed)


def test_unfit_plausible_value_gives_way_to_a_derived_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(generate.PLAUSIBLE, "unit", 7)
    example: Any = example_of(NeedClosed)
    assert example.unit == "unit"


def test_event_with_a_subclass_is_refused_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match=r"NeedReopened is a subclass of the event NeedClosed.*move the common fields to an abstract event"):

        class NeedReopened(NeedClosed, frozen=True, kw_only=True):
            reopened_at: Moment


def test_abstract_event_has_subclasses_but_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    class _OfReview(Event, frozen=True, kw_only=True):
        review_id: UUID

    class _OfLongReview(_OfReview, frozen=True, kw_only=True):
        pages: int

    class ReviewPrinted(_OfLongReview, frozen=True, kw_only=True):
        copies: int

    with pytest.raises(TypeError, match="ReviewBound is a subclass of the event ReviewPrinted"):

        class ReviewBound(ReviewPrinted, frozen=True, kw_only=True):
            pass

    here = SimpleNamespace(__name__=__name__, _OfReview=_OfReview, _OfLongReview=_OfLongReview, ReviewPrinted=ReviewPrinted)
    monkeypatch.setattr(events, "import_module", lambda name: here)
    assert every_event.__wrapped__() == {"review_printed": ReviewPrinted}


def test_event_without_an_id_is_refused_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless = event_class("WeatherChanged", {"degrees": int})
    with pytest.raises(TypeError, match="WeatherChanged has no field that ends in `_id`"):
        subject_field(nameless)
    here = SimpleNamespace(__name__=nameless.__module__, WeatherChanged=nameless)
    monkeypatch.setattr(events, "import_module", lambda name: here)
    with pytest.raises(TypeError, match="WeatherChanged has no field that ends in `_id`"):
        every_event.__wrapped__()
