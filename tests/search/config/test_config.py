"""Configs: what is accepted, and that every mistake is one clear line."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import UserError
from search.config import schema
from search.config.load import dump, load, parse, preset_names
from search.config.messages import ConfigError


@pytest.mark.parametrize("preset", preset_names())
def test_presets_load_and_survive_a_round_trip(preset):
    loaded = load(preset=preset)
    assert parse(tomllib.loads(dump(loaded))) == loaded


def test_the_papers_grid():
    paper = load(preset="paper")
    assert paper.grid.dimensions == (16,) and len(paper.grid.seeds) == 33
    assert paper.training.recipe().hidden(16) == 48
    assert paper.grid.betas == tuple(float(f"1e{k}") for k in range(-12, 1))  # exact decades: exact keys


def test_the_quick_preset_reaches_from_one_to_a_billionth():
    quick = load(preset="quick")
    assert max(quick.grid.betas) == 1 and min(quick.grid.betas) == 1e-9 and 0.1 in quick.grid.betas
    assert len(quick.grid.dimensions) >= 3


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("grid.betas=[1, -2]", ["grid.betas[1]", "greater than 0", "-2"]),
        ("grid.betas=[0]", ["grid.betas[0]", "greater than 0"]),
        ("grid.betas=[nan]", ["grid.betas[0]", "finite"]),
        ("grid.betas=[inf]", ["grid.betas[0]", "finite"]),
        ("grid.betas=[]", ["grid.betas is empty"]),
        ("grid.betas=1e-3", ["grid.betas", "list"]),
        ("grid.betas=[1e-3, 0.001]", ["grid.betas", "0.001 is given twice"]),
        ("grid.betas={from=1, to=2}", ["grid.betas.count is missing"]),
        ("grid.betas={from=1, to=2, count=3, by=1}", ["unknown key 'grid.betas.by'"]),
        ("grid.betas={from=-1, to=2, count=3}", ["grid.betas.from", "greater than 0"]),
        ("grid.seeds=0", ["grid.seeds is empty"]),
        ("grid.seeds=[]", ["grid.seeds is empty"]),
        ("grid.seeds=[1, 1]", ["grid.seeds", "1 is given twice"]),
        ("grid.seeds=true", ["grid.seeds"]),
        ("grid.seeds=[-1]", ["grid.seeds[0]"]),
        ("grid.seeds=10000000000", ["grid.seeds", "at most"]),
        ("grid.dimensions=[]", ["grid.dimensions is empty"]),
        ("grid.dimensions=[4.5]", ["grid.dimensions[0]", "integer"]),
        ("grid.dimensions=[0]", ["grid.dimensions[0]"]),
        ("grid.seed=3", ["unknown key 'grid.seed'", "did you mean 'seeds'"]),
        ("trainin.steps=3", ["unknown key 'trainin'", "'training'"]),
        ("training.stepz=3", ["unknown key 'training.stepz'", "'steps'"]),
        ("training.steps=0", ["training.steps"]),
        ("training.steps=fast", ["training.steps", "'fast'"]),
        ("training.device=gpu", ["training.device", "'gpu'"]),
        ("training.task=median", ["training.task", "unknown task 'median'", "l1_norm"]),
        ("ray.cpus=0", ["ray.cpus"]),
        ("mlflow.url=x", ["unknown key 'mlflow.url'"]),
        ("ray.cpus=[", ["--set ray.cpus=[", "not a TOML value"]),
        ("steps=3", ["section.key=value"]),
        ("training.steps", ["section.key=value"]),
    ],
)
def test_mistakes_are_one_clear_line(setting, words):
    with pytest.raises(ConfigError) as caught:
        load(preset="smoke", settings=[setting])
    message = str(caught.value)
    assert "\n" not in message and isinstance(caught.value, UserError)
    for word in words:
        assert word in message


def test_a_syntax_error_names_its_line(tmp_path):
    (tmp_path / "bad.toml").write_text("[grid]\nbetas = [0.1]\nseeds == 3\n")
    with pytest.raises(ConfigError, match=r"bad.toml: TOML syntax error: .*line 3"):
        load(file=tmp_path / "bad.toml")


def test_a_missing_file_and_section(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(file=tmp_path / "absent.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(ConfigError, match="grid is missing"):
        load(file=tmp_path / "empty.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(file=tmp_path / "latin.toml")


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"unknown preset 'quik'; known: .*paper.*quick.*smoke"):
        load(preset="quik")


def test_settings_have_toml_types():
    loaded = load(
        preset="smoke",
        settings=[
            "grid.seeds=[3, 5]",
            "training.device=cpu",
            "training.learning_rate=1e-2",
            'mlflow.tracking_uri="http://localhost:5000"',
            "mlflow.experiment=mine",
            "ray.address=localhost:6379",
        ],
    )
    assert loaded.grid.seeds == (3, 5)
    assert (loaded.training.device, loaded.training.learning_rate) == ("cpu", 1e-2)
    assert loaded.mlflow.tracking_uri == "http://localhost:5000" and loaded.mlflow.experiment == "mine"
    assert loaded.ray.address == "localhost:6379"


def test_the_last_setting_wins_and_a_log_grid_can_be_changed_in_part():
    loaded = load(preset="quick", settings=["grid.betas.count=4", "grid.seeds=4", "grid.seeds=2"])
    assert loaded.grid.betas == (1e-9, 1e-6, 1e-3, 1) and loaded.grid.seeds == (0, 1)


def test_the_device_is_no_part_of_the_recipe():
    loaded = load(preset="smoke", settings=["training.device=cpu"])
    assert "device" not in loaded.training.recipe().model_dump()


@given(st.text())
def test_any_text_survives_the_dump(text):
    loaded = parse({"grid": {"betas": [1.0], "seeds": 1, "dimensions": [3]}, "mlflow": {"experiment": "x" + text}})
    assert parse(tomllib.loads(dump(loaded))) == loaded


@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 40))
def test_a_log_grid_is_even_and_keeps_its_ends(low, high, count):
    values = schema.LogGrid.model_validate({"from": low, "to": high, "count": count}).values()
    assert len(values) == count
    assert values[0] == pytest.approx(low, rel=1e-5) and values[-1] == pytest.approx(high, rel=1e-5)
