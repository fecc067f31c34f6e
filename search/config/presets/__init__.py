"""The configs that come with hyperphase."""

from pathlib import Path

PRESETS = Path(__file__).parent


def preset_names() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))
