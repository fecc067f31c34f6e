"""No password, token or key leaves a config, an address or an error: masked where shown, refused where stored."""

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError

if TYPE_CHECKING:
    from search.config.schema import Config

HIDDEN = "***"
# user:password@ and token@ of an address; a password may hold any character but white space, @ and / included
CREDENTIALS = re.compile(r"(?<=://)[^\s\"'<>]*@")
_SECRET = (
    r"[\w.%-]{0,64}(?:passw(?:or)?d|passwd|passphrase|pwd|secret|token|credential|(?:api|access|account|private)[_-]?key"
    r"|signature|\bsig\b|\bauth\b)[\w.%-]*"
)
_IS = r"""(?:["']?\s*=\s*|["']\s*:\s*|:\s+)"""
MASKS = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(-----END [A-Z0-9 ]*-----|\Z)", re.S), HIDDEN),
    (CREDENTIALS, f"{HIDDEN}@"),
    # Authorization: Bearer …, also as a parameter or in quotes
    (re.compile(r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)?)\s*[^\s\"']+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}"), rf"\1 {HIDDEN}"),
    # password=…, "token": "…", secret: …, --api-key …; not token:NAME, which may be an object in a module
    (
        re.compile(rf"(?i)({_SECRET}{_IS})(\"[^\"]*\"|'[^']*'|[^\s&;,\"']+)"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(?i)(--{_SECRET}\s+)[^\s\"']+"), rf"\1{HIDDEN}"),
    # tokens with a maker's mark: GitHub, GitLab, Slack, AWS, Google, OpenAI and others, Hugging Face, JSON web tokens
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}"
            r"|AIza[\w-]{30,}|sk-[\w-]{16,}|hf_\w{16,}|eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*)"
        ),
        HIDDEN,
    ),
)


# a setting that is one, by its name: db_password, api_token; not tokenizer or token_count
SECRET_KEY = re.compile(
    r"(?i)(?:.*[_-])?(?:passw(?:or)?d|pwd|passphrase|secret|token|credentials?|(?:api|access|account|private)[_-]?key)"
)


def mask(text: str) -> str:
    """`text` without credentials of addresses, values of password=, token=, … , private keys and known tokens."""
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


class MaskingFormatter(logging.Formatter):
    """A formatter for logs on the disk: no line holds credentials."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def without_credentials(address: str) -> str:
    """An address to connect to: its user and password, which end at the last @ of its authority (RFC 3986), cut off."""
    return re.sub(r"(?<=://)[^/?#\s]*@", "", address)


def check_secrets(config: "Config") -> None:
    """The config is copied into the sweep's folder, so it must not hold passwords. UserError names the place."""
    remedies = {
        "mlflow.tracking_uri": "give the address by the variable MLFLOW_TRACKING_URI instead",
        "ray.address": "give the token by Ray's own variables (RAY_AUTH_TOKEN_PATH) instead",
        "ray.storage": "give it by the store's own variables instead",
    }
    for place, text in _texts(config.model_dump()):
        if mask(text) != text or (text and SECRET_KEY.fullmatch(place.rpartition(".")[2])):
            raise UserError(f"{place} holds a password: {remedies.get(place, 'it would be stored in the sweep')}")


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, text) of every text in nested tables and lists."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, place)
