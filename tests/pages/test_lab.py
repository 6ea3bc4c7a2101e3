"""The lab, as far as it can be tried without a browser."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.cells import CELLS
from rnn_explorer.engine.base import UnknownRun
from rnn_explorer.experiment import Experiment, TrainingSettings
from rnn_explorer.tasks import TASKS
from rnn_explorer.ui import controls, page_state, session
from tests.pages.conftest import run_of, wait_for

Open = Callable[..., AppTest]


def widget_keys(page: AppTest) -> set[str]:
    """The settings that the page shows a control for."""
    shown = (*page.selectbox, *page.slider, *page.select_slider, *page.number_input, *page.text_input, *page.toggle)
    keys = {widget.key for widget in (*shown, *page.button_group)}
    return {key.split(":")[1] for key in keys if key and key.startswith("set:")}


def control(page: AppTest, name: str):
    """The widget of a setting."""
    shown = (*page.selectbox, *page.slider, *page.select_slider, *page.number_input, *page.text_input, *page.toggle)
    return next(widget for widget in shown if widget.key and widget.key.startswith(f"set:{name}:"))


def button(page: AppTest, label: str):
    return next(button for button in page.button if button.label == label)


def sentences(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.warning, *page.error))


CELL_OF = dict(zip(TASKS.names(), itertools.cycle(CELLS.names()), strict=False))  # each cell with some tasks


@pytest.mark.parametrize("task, cell", CELL_OF.items())
def test_every_task_opens_with_the_controls_that_apply_and_gets_ready(open_lab: Open, task: str, cell: str) -> None:
    page = open_lab(task=task, cell=cell)
    experiment = Experiment.default(task).replace(cell=cell)
    expected = {spec.name for spec in experiment.specs() if experiment.applies(spec.name)}
    assert widget_keys(page) == expected - {"speed_limit"} | {"task"}, "pace and limit are one control"
    view = wait_for(page, lambda view: view.status != "starting")
    assert (view.status, view.step) == ("ready", 0)
    assert view.parameters > 0 and len(view.validation["step"]) == 1, "the untrained model is built and measured"
    assert (view.experiment.task, view.experiment.model.cell) == (task, cell)
    assert not sentences(page)


def test_every_setting_has_a_place_and_every_place_a_setting() -> None:
    experiment = Experiment.default()
    general = {spec.name for spec in (*experiment.model.specs(), *experiment.training.specs())}
    assert general == {*controls.MAIN, *controls.TRAINING, *controls.DETAILS, *controls.PACE}


def test_controls_carry_their_definitions_help(open_lab: Open) -> None:
    page = open_lab(task="adding")
    spec = next(spec for spec in Experiment.default().training.specs() if spec.name == "learning_rate")
    slider = control(page, "learning_rate")
    assert slider.label == spec.label
    assert slider.help.startswith(spec.help) and controls.LIVE_NOTE in slider.help
    hidden = control(page, "hidden_size")
    assert controls.NEW_MODEL_NOTE in hidden.help


def test_what_cannot_apply_is_not_shown(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru")
    assert not {"forget_bias", "nonlinearity", "dropout", "momentum", "embedding"} & widget_keys(page)
    assert "forget_bias" in widget_keys(open_lab(task="adding", cell="lstm"))
    assert "nonlinearity" in widget_keys(open_lab(task="adding", cell="rnn"))
    assert "bidirectional" not in widget_keys(open_lab(task="forecast"))


def test_the_address_holds_the_experiment_and_the_run(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", seq_len="20", pace="slow")
    assert page.query_params == {"task": "adding", "cell": "gru", "seq_len": "20", "run": run_of(page)}


def test_a_new_model_setting_starts_anew_and_is_in_the_address(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru")
    first = run_of(page)
    control(page, "hidden_size").set_value(64).run()
    assert run_of(page) != first
    assert page.query_params["hidden_size"] == "64"
    assert wait_for(page, lambda view: view.status == "ready").experiment.model.hidden_size == 64
    with pytest.raises(UnknownRun):
        session.engine().view(first)


def test_a_live_setting_reaches_the_run_at_once(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", steps="100000")
    wait_for(page, lambda view: view.status == "ready")
    run_id = run_of(page)
    button(page, "Play").click().run()
    wait_for(page, lambda view: view.step > 3)
    control(page, "learning_rate").set_value(0.01).run()
    assert run_of(page) == run_id
    view = wait_for(page, lambda view: view.experiment.training.learning_rate == 0.01)
    assert view.step > 3 and view.status == "training"
    assert page.query_params["learning_rate"] == "0.01"
    button(page, "Pause").click().run()
    wait_for(page, lambda view: view.status == "paused")


def test_the_pace_is_chosen_beside_the_buttons_and_stands_in_the_address(open_lab: Open) -> None:
    page = open_lab(task="adding", hidden_size="8", speed_limit="7", pace="slow")
    run_id, pace = run_of(page), control(page, "pace")
    assert pace.options[:2] == ["Slow", "Fast"] and "7 steps/s" in pace.options and pace.value == 7

    def training() -> TrainingSettings:
        assert run_of(page) == run_id
        return session.engine().view(run_id).experiment.training

    pace.set_value(1.0).run()
    assert page.query_params["speed_limit"] == "1.0" and training().speed_limit == 1
    control(page, "pace").set_value("fast").run()
    assert "speed_limit" not in page.query_params and page.query_params["pace"] == "fast"
    assert (training().pace, training().speed_limit) == ("fast", 0)
    control(page, "pace").set_value("slow").run()
    assert "pace" not in page.query_params and training().pace == "slow"


def test_a_run_is_slow_where_nothing_else_is_asked_for(open_lab: Open) -> None:
    page = open_lab(task="adding", pace="slow")
    assert control(page, "pace").value == "slow" and "pace" not in page.query_params


def test_choosing_a_task_brings_its_defaults(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", hidden_size="64")
    control(page, "task").set_value("digits").run()
    assert wait_for(page, lambda view: view.status == "ready").experiment == Experiment.default("digits")
    assert page.query_params == {"task": "digits", "run": run_of(page)}


def test_the_buttons_do_what_they_say(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="rnn", hidden_size="8", steps="120")
    wait_for(page, lambda view: view.status == "ready")
    button(page, "Step").click().run()
    assert wait_for(page, lambda view: view.status == "paused").step == 1
    button(page, "Epoch").click().run()
    assert wait_for(page, lambda view: view.status == "paused" and view.step > 1).step == 50
    button(page, "Play").click().run()
    view = wait_for(page, lambda view: view.status == "finished")
    assert view.step == 120 and view.test is not None
    button(page, "Reset").click().run()
    assert wait_for(page, lambda view: view.status == "ready").step == 0
    button(page, "Test").click().run()
    assert wait_for(page, lambda view: view.test is not None).step == 0


def test_step_and_epoch_can_be_pressed_while_it_trains(open_lab: Open) -> None:
    page = open_lab(task="adding", hidden_size="8", steps="100000")
    wait_for(page, lambda view: view.status == "ready")
    button(page, "Play").click().run()
    assert not button(page, "Step").disabled and not button(page, "Epoch").disabled
    button(page, "Epoch").click().run()
    assert wait_for(page, lambda view: view.status == "paused").step % 50 == 0
    assert button(page, "Play") is not None


def test_new_seed_makes_another_model(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="rnn")
    first = run_of(page)
    button(page, "New seed").click().run()
    assert run_of(page) != first
    assert page.query_params["seed"] == "1"


def test_shortcuts_leave_streamlits_own_keys_alone(open_lab: Open) -> None:
    page = open_lab()
    keys = {button.label: button.proto.shortcut for button in page.button if button.proto.shortcut}
    assert keys == {"Play": "p", "Step": "n", "Epoch": "e", "Reset": "x"}


def test_a_bad_value_falls_back_alone_and_is_told_in_a_sentence(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", hidden_size="5000", learning_rate="fast", color="red", pace="slow")
    experiment = session.engine().view(run_of(page)).experiment
    assert experiment == Experiment.from_query("task=adding&cell=gru")
    told = sentences(page)
    assert "hidden_size is '5000', but must be a whole number from 1 to 256." in told
    assert "learning_rate is 'fast'" in told
    assert "adding has no setting 'color'" in told


def test_an_unknown_task_falls_back_to_the_first(open_lab: Open) -> None:
    page = open_lab(task="weather", cell="gru", pace="slow")
    assert "task is 'weather'" in sentences(page)
    assert session.engine().view(run_of(page)).experiment == Experiment.from_query("cell=gru")


def test_a_model_too_large_is_refused_and_nothing_is_lost(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="lstm", num_layers="4", hidden_size="192", batch_size="512", pace="slow")
    # too large as it comes in the address: as little as can be is set back
    assert "too large" in sentences(page)
    assert "Set back to the default: batch_size=64; all else is as it was asked for." in sentences(page)
    asked = Experiment.from_query("task=adding&cell=lstm&num_layers=4&hidden_size=192")
    assert session.engine().view(run_of(page)).experiment == asked

    page = open_lab(task="adding", cell="lstm", num_layers="4", hidden_size="32", batch_size="512")
    before, run_id = session.engine().view(run_of(page)).experiment, run_of(page)
    control(page, "hidden_size").set_value(256).run()
    assert "too large" in sentences(page)
    assert run_of(page) == run_id and session.engine().view(run_id).experiment == before


def test_a_setting_that_does_nothing_here_says_so_in_its_place(open_lab: Open) -> None:
    page = open_lab(task="adding", dropout="0.5")
    told = [caption.value for caption in page.caption]
    assert "dropout=0.5 has no effect here: it acts between recurrent layers, and num_layers is 1." in told
    page = open_lab(task="adding", dropout="0.5", num_layers="2")
    assert not any("no effect" in caption.value for caption in page.caption)
    assert "single recurrent layer" in control(page, "dropout").help


def test_a_refused_text_stays_where_it_was_typed_with_a_sentence(open_lab: Open) -> None:
    page = open_lab(task="adding")
    run_id = run_of(page)
    dense = control(page, "dense")
    dense.set_value("64; 32").run()
    assert control(page, "dense").value == "64; 32"
    assert "dense is '64; 32', but must be 'none' or up to 4 whole numbers from 1 to 1024" in sentences(page)
    assert run_of(page) == run_id
    control(page, "dense").set_value("64, 32").run()
    assert not sentences(page)
    assert page.query_params["dense"] == "64,32"


def test_a_run_in_the_address_is_found_again(open_lab: Open) -> None:
    page = open_lab(visitor="anna", task="adding", cell="gru", steps="100000")
    button(page, "Play").click().run()
    wait_for(page, lambda view: view.step > 5)
    other = open_lab(visitor="anna", task="adding", run=run_of(page))
    assert run_of(other) == run_of(page)
    assert other.query_params["cell"] == "gru", "the run's own experiment counts"
    button(other, "Pause").click().run()
    assert wait_for(page, lambda view: view.status == "paused").step > 5


def test_a_change_made_in_another_tab_is_seen(open_lab: Open) -> None:
    page = open_lab(visitor="anna", task="adding", cell="gru")
    other = open_lab(visitor="anna", task="adding", run=run_of(page))
    control(other, "learning_rate").set_value(0.01).run()
    page.run()
    assert control(page, "learning_rate").value == 0.01
    assert page.query_params["learning_rate"] == "0.01"


def test_a_run_that_is_gone_is_started_anew_with_a_sentence(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", run="nosuchrun")
    assert "has expired" in sentences(page)
    assert wait_for(page, lambda view: view.status == "ready").experiment.model.cell == "gru"
    session.engine().command(run_of(page), "stop")
    page.run()
    assert "has expired" in sentences(page)
    assert wait_for(page, lambda view: view.status == "ready").experiment.model.cell == "gru"


def test_the_layer_summary_of_the_reference_program(open_lab: Open) -> None:
    page = open_lab(task="digits")
    wait_for(page, lambda view: view.status == "ready")
    (table,) = (element.value for element in page.markdown if element.value.startswith("| Layer"))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert [row[0] for row in rows] == ["input", "rnn (relu)", "dense (relu)", "dense (relu)", "softmax", "total"]
    assert [row[3] for row in rows] == ["0", "17,536", "8,256", "2,080", "330", "28,202"]
    assert [row[2] for row in rows] == ["0", "17,664", "8,256", "2,080", "330", "28,330"]
    assert any("28,202" in text.value and "bias" in text.value for text in page.markdown)


def test_about_names_source_license_and_baseline(open_lab: Open) -> None:
    page = open_lab(task="names")
    wait_for(page, lambda view: view.status == "ready")
    text = "\n".join(element.value for element in page.markdown)
    task = TASKS.get("names")
    assert task.source.license in text and task.reading_guide in text and "Memoryless baseline" in text


def test_settings_of_the_server_that_matter() -> None:
    text = (Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text()
    for line in ("postScriptGC = false", "maxUploadSize = 32", "gatherUsageStats = false", 'showErrorDetails = "none"'):
        assert re.search(rf"^{re.escape(line)}$", text, re.MULTILINE), line
    assert "[theme.light]" in text and "[theme.dark]" in text


def test_play_from_an_old_step_makes_a_branch_and_both_can_be_seen(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", seq_len="10", hidden_size="8", steps="6")
    wait_for(page, lambda view: view.status == "ready")
    button(page, "Play").click().run()
    first = wait_for(page, lambda view: view.status == "finished")
    assert not [box for box in page.selectbox if box.label == "Branch"]
    page.session_state["at"] = (first.run_id, 2)  # as the browser says it when somebody goes back
    page.run()
    button(page, "Play from step 2").click().run()
    page.run()
    branch = wait_for(page, lambda view: view.status == "finished")
    assert (branch.origin, branch.step) == ((first.run_id, 2), 6)
    assert branch.train["loss"].tolist() == first.train["loss"].tolist(), "the same settings give the same curve"
    assert page.query_params["run"] == branch.run_id
    choice = next(box for box in page.selectbox if box.label == "Branch")
    assert choice.value == branch.run_id
    choice.set_value(first.run_id).run()
    page.run()
    assert run_of(page) == first.run_id
    assert button(page, "Play") is not None
    assert not page.exception


def test_a_step_from_the_past_that_is_gone_is_told(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", seq_len="10", hidden_size="8")
    view = wait_for(page, lambda view: view.status == "ready")
    page.session_state["at"] = (view.run_id, 77)
    page.run()
    button(page, "Play from step 77").click().run()
    assert "Step 77 of this run is not kept" in "".join(toast.value for toast in page.toast)
    assert not page.exception
    assert session.engine().view(view.run_id).status == "ready"


def test_a_new_model_leaves_no_branch_behind(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="gru", seq_len="10", hidden_size="8")
    view = wait_for(page, lambda view: view.status == "ready")
    branch = session.engine().branch(view.run_id, 0, view.owner)
    control(page, "hidden_size").set_value(12).run()
    for run_id in (view.run_id, branch):
        with pytest.raises(UnknownRun):
            session.engine().view(run_id)


def test_a_browser_that_is_behind_does_not_bring_an_old_address_back(
    open_lab: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_lab(task="adding", hidden_size="8")
    old = dict(page.query_params)
    control(page, "hidden_size").set_value(12).run()
    run = run_of(page)
    for name, value in old.items():
        page.query_params[name] = value
    page.run()
    assert run_of(page) == run
    assert Experiment.from_dict(page.session_state["experiment"]).model.hidden_size == 12
    # A while later it is a person who goes back.
    monkeypatch.setattr(page_state, "BEHIND", 0.0)
    for name, value in old.items():
        page.query_params[name] = value
    page.run()
    assert Experiment.from_dict(page.session_state["experiment"]).model.hidden_size == 8


def test_a_message_can_be_closed_and_stays_closed(open_lab: Open) -> None:
    page = open_lab(task="adding", cell="nothing", hidden_size="many")
    assert len(page.warning) == 2
    first = page.warning[0].value
    page.button(key="close-problem-0").click().run()
    assert [each.value for each in page.warning] and first not in [each.value for each in page.warning]
    page.run()
    assert len(page.warning) == 1
