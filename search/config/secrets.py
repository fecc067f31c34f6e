"""No password or token leaves a config: they are masked, and refused where they would be stored."""

import re

from analysis.errors import UserError
from search.config.schema import Config

CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
SECRET_PARAMETERS = re.compile(r"(?i)\b([\w.-]*(?:password|passwd|secret|token|credential)[\w.-]*)=[^\s&;'\"]+")


def mask(text: str) -> str:
    """`text` without user:password@ of addresses and values of password=, token=, … ."""
    return SECRET_PARAMETERS.sub(r"\1=***", CREDENTIALS.sub("***@", text))


def check_secrets(config: Config) -> None:
    """The config is copied into the sweep's folder, so it must not hold passwords."""
    uri, place = config.mlflow.tracking_uri or "", config.ray.storage or ""
    if mask(uri) != uri:
        raise UserError(
            "mlflow.tracking_uri holds a password: give the address by the variable MLFLOW_TRACKING_URI instead"
        )
    if mask(place) != place:
        raise UserError("ray.storage holds a password: give it by the store's own variables instead")
