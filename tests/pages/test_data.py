"""The data page, as far as it can be tried without a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError, Spec
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.ui import session
from tests.pages.conftest import run_of, wait_for

Open = Callable[..., AppTest]


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.caption, *page.subheader))


def button(page: AppTest, label: str):
    return next(button for button in page.button if button.label == label)


def box(page: AppTest, label: str):
    return next(box for box in page.selectbox if box.label == label)


def sizes(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def shown(page: AppTest) -> Experiment:
    """The experiment of the run."""
    return session.engine().view(run_of(page)).experiment


def compare(page: AppTest, spec: Spec) -> None:
    """Choose a setting in "Setting", and check what is shown of the data under its two values."""
    box(page, "Setting").set_value(spec.name).run()
    assert not page.exception
    own = shown(page).task.startswith("own_")
    if own and page.warning:  # the example does not bear every question, and says so
        return
    assert not page.warning
    if "The same data under both values." in texts(page):
        assert own
        return
    assert spec.help in texts(page) and len(page.get("plotly_chart")) == 4, spec.name
    assert "(the default)" in texts(page)


@pytest.mark.parametrize("task", TASKS.names())
def test_every_task_is_shown_with_all_that_is_known_of_it(open_lab: Open, task: str) -> None:
    page = open_lab(page="data", task=task)
    kind, text = TASKS.get(task), texts(page)
    for words in (kind.title, kind.summary, kind.teaches, kind.reading_guide, kind.why_memory):
        assert words in text
    assert kind.source.citation in text and kind.source.url in text and kind.source.license[1:] in text
    assert kind.finite == (sizes(page)["Training set"] != "endless")
    charts = len(page.get("plotly_chart"))
    assert charts == (4 if kind.settings_class.specs() else 2)
    assert not page.exception and not page.warning and not page.error
    run, before = run_of(page), shown(page)
    free = {spec.name for spec in kind.settings_class.specs() if spec.is_free_text}  # these name parts of a file
    if kind.settings_class.specs():
        assert not free & set(box(page, "Setting").options)
        compare(page, next(spec for spec in reversed(kind.settings_class.specs()) if spec.name not in free))
    assert (run_of(page), shown(page)) == (run, before), "looking changes nothing"


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS.names())
def test_every_setting_of_a_task_is_compared(open_lab: Open, task: str) -> None:
    page = open_lab(page="data", task=task)
    for spec in TASKS.get(task).settings_class.specs():
        if not spec.is_free_text:
            compare(page, spec)


def test_another_task_is_looked_at_without_touching_the_run(open_lab: Open) -> None:
    page = open_lab(page="data", task="adding", seq_len="20")
    run = run_of(page)
    assert sizes(page)["Time steps"] == "20"
    box(page, "Look at the data of").set_value("names").run()
    assert sizes(page)["Training set"] == "5,562" and sizes(page)["Time steps"] == "2 to 16"
    assert run_of(page) == run and shown(page).task == "adding"
    assert not [pressed for pressed in page.button if pressed.label in ("Play", "small training set")]
    button(page, "Train on this task").click().run()
    assert shown(page) == Experiment.default("names") and run_of(page) != run
    assert button(page, "small training set") and not page.exception


def test_the_runs_own_settings_are_shown_and_can_be_set_here(open_lab: Open) -> None:
    page = open_lab(page="data", task="digits", train_size="300")
    assert sizes(page)["Training set"] == "300"
    box(page, "Setting").set_value("pixels").run()
    assert "a sequence: 8 time steps → **64 time steps**" in texts(page)
    button(page, "Use it for the run").click().run()
    assert shown(page).get("pixels") is True and shown(page).get("train_size") == 300
    assert page.query_params["pixels"] == "true" and sizes(page)["Time steps"] == "64"
    next(slider for slider in page.sidebar.select_slider if slider.key.startswith("set:hidden_size")).set_value(
        16
    ).run()
    assert shown(page).model.hidden_size == 16 and not page.exception


def test_a_setting_that_has_no_effect_here_is_shown_where_it_has(open_lab: Open) -> None:
    page = open_lab(page="data", task="forecast")
    box(page, "Setting").set_value("noise").run()
    assert "Here with series “noisy_sine”." in texts(page)
    button(page, "Use it for the run").click().run()
    assert (shown(page).get("series"), shown(page).get("noise")) == ("noisy_sine", 0.3)


def test_overfitting_and_its_cures_are_set_up_by_buttons(open_lab: Open) -> None:
    page = open_lab(page="data", task="names", pace="slow")
    button(page, "small training set").click().run()
    assert (shown(page).get("train_size"), shown(page).get("epochs"), shown(page).get("steps")) == (500, 60, 0)
    assert sizes(page)["Training set"] == "500" and "Press Play and watch" in texts(page)
    run = run_of(page)
    button(page, "and weight decay").click().run()
    assert shown(page).get("weight_decay") == 0.003 and run_of(page) == run, "it applies at once"
    button(page, "stop early").click().run()
    assert shown(page).get("patience") == 5 and run_of(page) == run
    assert "**Stopping early**" in texts(page) and "**Weight decay**" in texts(page)
    button(page, "and dropout").click().run()
    assert (shown(page).get("num_layers"), shown(page).get("dropout")) == (2, 0.5) and run_of(page) != run
    assert shown(page).get("patience") == 5, "cures are taken together"
    button(page, "✓ stop early").click().run()
    assert shown(page).get("patience") == 0
    slider = next(slider for slider in page.select_slider if (slider.key or "").startswith("data:train_size"))
    slider.set_value(64).run()
    assert shown(page).get("train_size") == 64 and sizes(page)["Training set"] == "64"
    button(page, "back to the defaults").click().run()
    assert shown(page) == Experiment.default("names") and not page.exception


def test_the_run_is_trained_here_and_stops_early(open_lab: Open) -> None:
    query = dict(train_size="40", hidden_size="12", dense="8", learning_rate="0.03", epochs="40", patience="2")
    page = open_lab(page="data", task="digits", **query)
    wait_for(page, lambda view: view.status == "ready")
    button(page, "Play").click().run()
    view = wait_for(page, lambda view: view.status == "finished")
    assert view.message.startswith("Stopped early: the validation loss has not improved since epoch ")
    assert view.step < view.target and view.test is not None


@pytest.mark.parametrize(
    "error", [DataError("Bring a file first."), SettingError("column", "x", "one of a, b", "There is no column x.")]
)
def test_data_that_cannot_be_had_are_told_in_a_sentence(
    open_lab: Open, monkeypatch: pytest.MonkeyPatch, error: UserError
) -> None:
    page = open_lab(task="adding")

    def refuse(task: object) -> None:
        raise error

    monkeypatch.setattr("rnn_explorer.analysis.data.compute.report", refuse)
    page.switch_page("data.py").run()
    assert [warning.value for warning in page.warning] == [str(error)]
    assert not page.exception


def test_a_fault_of_ours_is_logged_and_told_in_one_plain_sentence(
    open_lab: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = open_lab(task="adding")

    def fail(task: object) -> None:
        raise ValueError("axes don't match array")

    monkeypatch.setattr("rnn_explorer.analysis.data.compute.report", fail)
    page.switch_page("data.py").run()
    (told,) = [error.value for error in page.error]
    assert told.startswith("These data could not be looked at, by a fault of the program")
    assert not page.warning and not page.exception
    assert "axes don't match array" in caplog.text
