"""The training loop and what it needs."""


def __getattr__(name: str):
    """`draw_networks`, for MLflow models logged when this was a module; they expect networks with named arrays."""
    if name != "draw_networks":
        raise AttributeError(f"module 'trainables.training' has no attribute {name!r}")
    from types import SimpleNamespace

    from trainables.training import draw

    def draw_networks(hypernetwork, recipe, *arguments, **settings):
        recipe = recipe.stored(recipe.model_dump(include=recipe.model_fields_set))  # not today's defaults
        drawn = draw.draw_networks(hypernetwork, recipe, *arguments, **settings)
        return [SimpleNamespace(**dict(zip(drawn._fields, arrays, strict=True))) for arrays in zip(*drawn, strict=True)]

    return draw_networks
