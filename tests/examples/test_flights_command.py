"""The command ``python -m examples.flights``: what it prints, and what it leaves in its folder."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest

import provenance as p
import provenance_dask
from examples.flights import home, pipeline
from examples.flights.__main__ import CHANGED, main

ROOT = Path(__file__).parents[2]
SAMPLE = 0.02

pytestmark = pytest.mark.timeout(300)


def run_command(folder, *options):
    return subprocess.run(
        [sys.executable, "-m", "examples.flights", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def rows_of(printed):
    """The lines of the first table, a dict each."""
    lines = printed.splitlines()
    starts = [at for at, char in enumerate(lines[1]) if char == "-" and lines[1][at - 1 : at] != "-"]
    spans = [slice(start, end) for start, end in zip(starts, [*starts[1:], None], strict=True)]
    head = [lines[0][span].strip() for span in spans]
    body = lines[2 : lines.index("")]
    return [dict(zip(head, (line[span].strip() for span in spans), strict=True)) for line in body]


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """What the command printed, and its folder. The processes of a parallel test run share one run of it."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel else base) / "flights-command"
    folder.mkdir(exist_ok=True)
    printed = folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            finished = run_command(folder, "--sample", str(SAMPLE))
            assert finished.returncode == 0, finished.stderr
            printed.write_text(finished.stdout)
    return printed.read_text(), folder / home.DEFAULT


@pytest.fixture
def repo(done):
    repos = p.from_config(home.configuration(done[1]))["repos"]
    with p.using_repo(repos["flights"]) as repo:
        yield repo


def set_of(label):
    return p.load_set_by_labels({"job": "flights", "run": label})


def report_of(label):
    (report,) = [artifact for artifact in map(p.load_artifact, set_of(label)) if artifact.name == "report"]
    return report.value


def months_behind(result, function):
    """The months that calls of `function` behind a result were about."""
    calls = (artifact for artifact in p.dependencies(result) if artifact.name == function)
    return {artifact.inputs["kargs"]["month"] for artifact in calls}


def changed_cone():
    """The calls whose recipe differs once the setting is changed, and everything below the changed calls."""
    base = pipeline.build(sample=SAMPLE)
    other = pipeline.build(pipeline.with_option(pipeline.SETTINGS, *CHANGED), sample=SAMPLE)
    return {about for about, node in base.nodes.items() if node.key != other.nodes[about].key}


def test_the_report_needs_every_call_of_the_pipeline(repo):
    made = pipeline.build(sample=SAMPLE, seed=1)

    assert provenance_dask.plan(made.report).nodes == len(made.nodes)


def test_the_first_run_computes_every_call(done):
    first = rows_of(done[0])[0]
    nodes = str(len(pipeline.build(sample=SAMPLE).nodes))

    assert (first["nodes"], first["hits"], first["tasks"]) == (nodes, "0", nodes)
    assert first["seconds saved"] == "0.00"


def test_the_second_run_sends_nothing_to_the_scheduler(done):
    again = rows_of(done[0])[1]

    assert again["tasks"] == "0"
    assert again["hits"] == again["nodes"]


def test_the_third_run_computes_the_cone_below_the_changed_setting_only(done):
    third = rows_of(done[0])[2]
    cone = changed_cone()

    assert {about.split()[0] for about in cone} == {"fit", "score", "summary", "report"}
    assert int(third["tasks"]) == len(cone) == 2 * len(pipeline.TEST_MONTHS) + 2
    assert int(third["hits"]) == int(third["nodes"]) - len(cone)


def test_the_seconds_saved_are_the_recorded_durations_of_what_was_not_computed(done, repo):
    rows = rows_of(done[0])
    first, changed = set_of("first"), set_of("changed")

    for row, reused in [(rows[1], first), (rows[2], first & changed)]:
        recorded = sum(artifact.compute_duration for artifact in repo.batch_get_by_id(list(reused)))
        assert float(row["seconds saved"]) == pytest.approx(recorded, abs=0.006)


def test_the_first_two_runs_give_the_same_report_and_the_same_set(done, repo):
    pd.testing.assert_frame_equal(report_of("first"), report_of("again"))
    assert set_of("first").id == set_of("again").id


def test_the_changed_run_differs_in_the_row_of_the_changed_setting_only(done, repo):
    before, after = (report_of(label).set_index("setting").sort_index() for label in ("first", "changed"))
    differs = (before != after).any(axis=1)

    assert differs[differs].index.tolist() == [CHANGED[0]]


@pytest.mark.parametrize("label", ["first", "again", "changed"])
def test_the_set_of_a_run_is_found_by_its_labels_and_holds_every_call(done, repo, label):
    artifacts = set_of(label)

    assert len(artifacts) == len(pipeline.build(sample=SAMPLE).nodes)
    assert artifacts.id in done[0]


def test_no_model_has_seen_the_month_it_is_scored_on(repo):
    scores = [artifact for artifact in map(p.load_artifact, set_of("first")) if artifact.name == "score"]

    assert len(scores) == len(pipeline.SETTINGS) * len(pipeline.TEST_MONTHS)
    for score in scores:
        month = score.inputs["kargs"]["month"]
        first = month - pipeline.TRAINING_MONTHS - 1  # the rates of the first training month are from there
        seen = months_behind(score.inputs["kargs"]["model"], "flights_of_month")
        assert seen == set(range(max(first, 1), month))


def test_the_rates_among_the_features_of_a_month_are_those_of_the_month_before(repo):
    features = [artifact for artifact in map(p.load_artifact, set_of("first")) if artifact.name == "month_features"]

    assert len(features) == 12
    for artifact in features:
        (month,) = months_behind(artifact.inputs["kargs"]["flights"], "flights_of_month")
        rates = artifact.inputs["kargs"]["earlier_rates"]
        before = set() if rates is None else months_behind(rates, "flights_of_month")
        assert before == ({month - 1} if month > 1 else set())


def test_the_lineage_picture_is_an_svg_of_the_whole_pipeline(done):
    printed = done[0].splitlines()[-1].split(maxsplit=1)
    picture = ET.parse(printed[1]).getroot()
    boxes = [group for group in picture.iter("{http://www.w3.org/2000/svg}g") if group.get("class") == "node"]

    assert printed[0] == "lineage"
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(boxes) == len(pipeline.build(sample=SAMPLE).nodes)


def test_another_command_that_keeps_the_folder_computes_nothing(done, repo):
    again = run_command(done[1].parent, "--sample", str(SAMPLE), "--keep", "--workers", "1")

    assert [row["tasks"] for row in rows_of(again.stdout)] == ["0", "0", "0"]


def test_a_folder_that_something_else_made_is_refused_and_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")

    assert main(["--home", str(tmp_path)]) == 2
    assert "was not made by this example" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_the_example_made_is_emptied_unless_it_is_kept(tmp_path):
    folder = home.prepare(tmp_path / "made", keep=False)
    (folder / "artifacts.db").touch()

    assert (home.prepare(folder, keep=True) / "artifacts.db").exists()
    assert not (home.prepare(folder, keep=False) / "artifacts.db").exists()


@pytest.mark.parametrize("options", [["--sample", "0"], ["--sample", "1.5"], ["--workers", "0"]])
def test_options_that_make_no_sense_are_refused(capsys, options):
    with pytest.raises(SystemExit, match="2"):
        main(options)

    assert "must be" in capsys.readouterr().err
