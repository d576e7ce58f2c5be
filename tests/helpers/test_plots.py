"""Pictures say in words what they show, and are drawn from what there is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from matplotlib.colors import to_hex

from helpers import emulator, layers, plots
from helpers.errors import LabError
from helpers.lab import Lab


def shown(picture: plots.Picture) -> list[str]:
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def bars(picture: plots.Picture) -> list[tuple[float, float]]:
    patches = picture.figure.axes[0].patches
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in patches]


def test_timeline_draws_every_span_in_seconds() -> None:
    picture = plots.timeline({"call": (0, 1.5), "runs": [(2, 3), (0.5, 1)]}, title="Who waits")
    assert bars(picture) == [(0, 1.5), (0.5, 1.0), (2.0, 3.0)]
    assert picture.figure.axes[0].get_xlabel() == "seconds"
    assert shown(picture) == ["1.50 s", "2 times"]
    assert picture.words == "Who waits. call: 0.00 to 1.50 s; runs: 2 times, 0.50 to 3.00 s."


def test_of_many_rows_the_first_and_the_last_are_spoken() -> None:
    words = plots.timeline({f"run {n}": (0, n) for n in range(1, 11)}, title="t").words
    assert words.startswith("t. run 1: 0.00 to 1.00 s; run 2")
    assert words.endswith("run 3: 0.00 to 3.00 s; 6 more; run 10: 0.00 to 10.00 s.")


def test_a_very_short_span_stays_visible() -> None:
    [(_, short), _] = bars(plots.timeline({"call": (0, 0.0001), "run": (0, 10)}, title="t"))
    assert short >= 0.03


def test_rows_differ_in_colour_and_in_hatching() -> None:
    picture = plots.timeline({"a": (0, 1), "b": (0, 1), "c": (0, 1)}, title="t")
    patches = picture.figure.axes[0].patches
    assert len({patch.get_facecolor() for patch in patches}) == 3
    assert len({patch.get_hatch() for patch in patches}) == 3


@pytest.fixture
def shop(localstack: emulator.Endpoint, account: str) -> Lab:
    """A bus with a queue that is there, one that is not, and a rule that is switched off."""
    lab = Lab(localstack, account)
    events = lab.client("events")
    events.create_event_bus(Name="orders-bus")
    lab.rule_to_queue("paid", bus="orders-bus", pattern={"source": ["shop"]})
    events.put_rule(
        Name="sent", EventBusName="orders-bus", EventPattern='{"source": [""]}', State="DISABLED"
    )
    lab.rule_to_queue("lost", bus="orders-bus", pattern={"source": ["shop"]})
    lab.client("sqs").delete_queue(QueueUrl=f"{localstack.url}/{account}/lost")
    return lab


def test_architecture_is_drawn_from_the_account(shop: Lab) -> None:
    picture = plots.architecture(shop, title="The road")
    assert {"event bus\norders-bus", "rule\npaid", "rule (disabled)\nsent"} <= set(shown(picture))
    assert "queue (missing)\nlost" in shown(picture)
    assert picture.words == (
        "The road: event bus orders-bus to rule paid, rule sent (disabled), rule lost;"
        " rule paid to queue paid; rule lost to queue lost (missing)."
    )


def test_architecture_shows_what_leads_to_a_resource_and_from_it(shop: Lab) -> None:
    picture = plots.architecture(shop, title="t", around="paid")
    assert set(shown(picture)) == {"event bus\norders-bus", "rule\npaid", "queue\npaid"}
    with pytest.raises(KeyError, match="nothing that is called 'unpaid'"):
        plots.architecture(shop, title="t", around="unpaid")


def test_journey_tells_of_each_rule_what_became_of_the_event(shop: Lab) -> None:
    entry = {"Source": "shop", "DetailType": "Paid", "Detail": "{}", "EventBusName": "orders-bus"}
    (told,) = shop.client("events").put_events(Entries=[entry])["Entries"]
    shop.advance("PT0S")
    words = plots.journey(shop, told["EventId"], title="t").words
    assert "bus orders-bus: accepted" in words
    assert "rule sent: no match: the rule is DISABLED" in words
    assert "to queue paid: delivered" in words
    assert "to queue lost: 1 attempt, NO_RESOURCE; dropped" in words
    with pytest.raises(LabError, match="knows no event"):
        plots.journey(shop, "unknown", title="t")


def test_layers_go_from_left_to_right_and_pass_boxes_by() -> None:
    layout = layers.place(["c", "b", "a"], [("a", "b"), ("b", "c"), ("a", "c"), ("c", "b")])
    assert [layout.places[name][0] for name in "abc"] == [0, 1, 2]
    passes = layout.ways["a", "c"][1]
    assert passes[0] == 1 and passes != layout.places["b"]


def test_shows_a_png_with_words_for_those_who_do_not_see_it(monkeypatch: Any) -> None:
    sent: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr(
        plots, "display", lambda data, raw, metadata=None: sent.append((data, metadata or {}))
    )
    picture = plots.timeline({"call": (0, 1)}, title="Who waits")
    picture._ipython_display_()
    (image, metadata), (words, _) = sent
    assert image["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == picture.words
    assert words["text/plain"] == "In words: Who waits. call: 0.00 to 1.00 s."


def test_bars_draw_and_speak_each_count() -> None:
    picture = plots.bars({"sent": 25, "arrived": 12}, title="Lost on the way", unit="events")
    assert bars(picture) == [(0, 25), (0, 12)]
    assert picture.figure.axes[0].get_xlabel() == "events"
    assert picture.words == "Lost on the way. In events: sent 25, arrived 12."


def test_ladder_has_a_dot_for_each_attempt_and_writes_the_waits() -> None:
    picture = plots.ladder({"a": [0, 1, 3], "b": []}, title="Waits", unit="hours")
    assert [list(line.get_xdata()) for line in picture.figure.axes[0].lines] == [[0, 1, 3], []]
    assert shown(picture) == ["1.0", "2.0"]
    assert picture.words == "Waits. In hours: a: 3 times, at 0.0, 1.0, 3.0; b: never."


def test_of_many_attempts_the_first_and_the_last_are_spoken() -> None:
    picture = plots.ladder({"a": list(range(10))}, title="t", unit="hours")
    assert picture.words == "t. In hours: a: 10 times, at 0.0, 1.0, 2.0, 6 more, 9.0."


def test_grid_writes_each_value_and_shades_numbers() -> None:
    picture = plots.grid({"r": {"a": 0, "b": 4}, "s": {"b": 2}}, title="Runs", marked={("r", "b")})
    assert shown(picture) == ["0", "4", "", "2"]
    none, most, missing, _ = picture.figure.axes[0].patches
    assert none.get_facecolor() == missing.get_facecolor() == (1, 1, 1, 1)
    assert most.get_linewidth() > none.get_linewidth()
    assert picture.words == "Runs. r: a 0, b 4; s: b 2."


def test_grid_gives_each_word_a_colour() -> None:
    picture = plots.grid({"r": {"a": "yes", "b": "no", "c": "yes"}}, title="t")
    yes, no, again = (patch.get_facecolor() for patch in picture.figure.axes[0].patches)
    assert yes == again != no


def test_calendar_has_a_cell_for_each_day_and_the_first_time_of_it() -> None:
    moments = [datetime(2026, 11, day, hour, tzinfo=UTC) for day in (3, 4, 17) for hour in (9, 12)]
    picture = plots.calendar(moments, title="When")
    assert len(picture.figure.axes[0].patches) == 21
    assert shown(picture).count("09:00 +1") == 3
    assert "17. Nov" in shown(picture)
    assert picture.words.startswith("When. Tue 03 Nov 09:00, Tue 03 Nov 12:00")


@pytest.mark.parametrize("nothing", ["", "–"])
def test_grid_gives_a_word_the_same_colour_wherever_nothing_stands(nothing: str) -> None:
    """Readers compare one picture with the next."""
    for row in ({"a": nothing, "b": "match"}, {"b": "match", "a": nothing}):
        picture = plots.grid({"r": row}, title="t")
        colours = [to_hex(patch.get_facecolor()) for patch in picture.figure.axes[0].patches]
        assert dict(zip(row, colours, strict=True))["b"] == "#56b4e9"
