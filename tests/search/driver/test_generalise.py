"""hyperphase generalise: networks of trained hypernetworks at unseen dimensions, in a table and in the report."""

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.network import Network
from search.cli import main
from search.driver.generalise import generalise
from search.ledger import ledger
from search.ledger.read_training import to_record
from search.sweep import folder as folders
from search.sweep.experiment import experiment_of
from search.sweep.grid import expand
from search.sweep.tables import collect
from tests.support.records import smoke
from trainables.training.draw import draw_networks
from trainables.training.loop import Member, train_pack


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two real, if short, trainings at n = 3 and 2 in turn, and a failed one."""
    config = smoke("training.dimensions=[2]", "grid.betas=[1e-6]", "grid.seeds=3")
    folder = folders.create(tmp_path_factory.mktemp("swept"))
    folders.write_config(folder, config)
    points, recipe = expand(config), config.training.recipe()
    members = [Member(point.key, beta, point.seed) for point, beta in zip(points, (1e-6, 1e-6, 1e38), strict=True)]
    for trained in train_pack(3, members, recipe):
        ledger.write(folder.ledger, to_record(trained, recipe, 3))
    collect(folder, experiment_of(config))
    return config, folder


def test_a_row_a_training_and_dimension(swept):
    config, folder = swept
    table = pd.read_csv(generalise(config, folder, [], 3))
    done = sorted(point.key for point in expand(config)[:2])
    assert sorted(set(table["key"])) == done
    assert table.groupby("key")["dimension"].apply(list).loc[done[0]] == [2, 3, 4, 6, 9, 12]
    assert set(zip(table["trained_low"], table["trained_high"], strict=True)) == {(2, 3)}
    assert table[["right", "good"]].isin([0, 1 / 3, 2 / 3, 1]).to_numpy().all()


def test_the_errors_are_those_of_the_drawn_networks(swept):
    config, folder = swept
    row = pd.read_csv(generalise(config, folder, [5], 3)).iloc[0]
    record = ledger.read(ledger.record_path(folder.ledger, row["key"]))
    drawn = Network(*draw_networks(record.hypernetwork, config.training.recipe(), 5, draws=3))
    x = np.random.default_rng(1).standard_normal((20_000, 5))
    errors = ((drawn(x) - np.abs(x).sum(-1)) ** 2).mean(-1) / (5 * (1 - 2 / np.pi))
    assert row["relative_error"] == pytest.approx(np.median(errors), rel=0.15)
    assert row["good"] == (errors < 0.05).mean()


def test_the_command_puts_it_into_the_report(swept, capsys):
    _, folder = swept
    assert main.main(["generalise", str(folder.path), "--dimensions", "6", "2", "--draws", "2"]) == 0
    assert "generalisation.csv" in capsys.readouterr().out
    assert (folder.report / "generalisation.png").stat().st_size > 5000
    page = (folder.report / "index.html").read_text()
    assert 'href="#unseen"' in page and 'id="unseen"' in page


@pytest.mark.parametrize("options", [["--dimensions", "0"], ["--draws", "0"]])
def test_mistakes_are_one_line(swept, options, capsys):
    assert main.main(["generalise", str(swept[1].path), *options]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_network_itself_has_nothing_to_draw(tmp_path):
    config = smoke("training.trainable=mlp")
    with pytest.raises(UserError, match="nothing to draw"):
        generalise(config, folders.create(tmp_path), [], 2)


def test_only_the_tasks_own_algorithms_are_named(swept, tmp_path, monkeypatch):
    from analysis.algorithms import classify

    config, asked, read = smoke("training.task=maximum", "grid.betas=[1e-6]", "grid.seeds=1"), [], classify.read
    recipe, [point] = config.training.recipe(), expand(config)
    [trained] = train_pack(3, [Member(point.key, point.beta, point.seed)], recipe)
    folder = folders.create(tmp_path)
    ledger.write(folder.ledger, to_record(trained, recipe, 3))
    monkeypatch.setattr(classify, "read", lambda *a, **given: asked.append(given["names"]) or read(*a, **given))
    generalise(config, folder, [5], 3)
    assert [[one.name for one in names] for names in asked] == [["constant"]]
