"""Whatever a secret looks like, it is masked where it would be shown and refused where it would be stored."""

import logging

import pytest

from analysis.errors import UserError
from search.config.secrets import MaskingFormatter, check_secrets, mask, without_credentials
from search.error_text import last_line, one_line
from tests.support.records import smoke

SECRETS = [
    "http://user:hunter2@host:5000/x",
    "postgresql://hunter2@host/db",
    "http://user:hun@ter2@host/x",
    "http://user:hun/ter2@host/x",
    "--set mlflow.tracking_uri=http://u:hunter2@h",
    "http://h/?password=hunter2&x=1",
    "https://h/x?X-Amz-Signature=hunter2&X-Amz-Credential=hunter2/20260101/us",
    "https://h/x?sv=2020&sig=hunter2%3D",
    "MLFLOW_TRACKING_TOKEN=hunter2",
    'password = "hunter2 with spaces"',
    "password: hunter2",
    '{"api_key": "hunter2"}',
    "AWS_SECRET_ACCESS_KEY=hunter2",
    "AccountKey=hunter2;EndpointSuffix=core",
    "Authorization: Bearer hunter2",
    "curl -H 'authorization: Basic hunter2'",
    "--api-key hunter2 --verbose",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2",
    "ghp_hunter2hunter2hunter2",
    "key AKIAHUNTER2HUNTER2AB",
    "sk-hunter2hunter2hunter2",
    "eyJhunter2xx.hunter2.hunter2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_masked(text):
    for found in (mask(text), one_line(ValueError(text)), last_line(ValueError(f"Traceback\n{text}"))):
        assert not any(part in found.lower() for part in ("hunter2", "hun@ter2", "hun/ter2", "ter2"))
    record = logging.LogRecord("mlflow", logging.ERROR, "", 1, text, (), None)
    assert "hunter2" not in MaskingFormatter().format(record).lower()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://user:pass@host:5000/x", "http://***@host:5000/x"),
        ("http://h/?password=abc&x=1", "http://h/?password=***&x=1"),
        ("MLFLOW_TRACKING_TOKEN=abc", "MLFLOW_TRACKING_TOKEN=***"),
    ],
)
def test_what_is_around_it_stays(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    ["http://host:5000", "s3://bucket/prefix", "package.tokens:TOKENS", "tasks/secret.py:NAME", "n = 4, β = 1e-3",
     "loss not finite at step 7", "file:///home/me/sweeps/quick", "hyperphase sweep --preset quick --set grid.seeds=2"],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("ray.address", "ray://me:hunter2@host:10001"),
        ("ray.storage", "s3://key:hunter2@bucket/prefix"),
        ("mlflow.tracking_uri", "https://host/?token=hunter2"),
        ("mlflow.tracking_uri", "http://me:hun@ter/2@host"),
        ("mlflow.experiment", "password=hunter2"),
    ],
)
def test_a_config_with_a_secret_is_refused(place, value):
    with pytest.raises(UserError, match=f"{place} holds a password") as caught:
        check_secrets(smoke(f'{place}="{value}"'))
    assert "hunter2" not in str(caught.value)


def test_an_address_to_connect_to():
    assert without_credentials("http://u:p@ss@host:1/a@b") == "http://host:1/a@b"
    assert without_credentials("http://host:1/a@b") == "http://host:1/a@b"
