"""Whether a tracking server answers."""

import re
import urllib.error
import urllib.request

from analysis.errors import UserError
from search.config.secrets import mask, without_credentials

ANSWER_SECONDS = 5.0  # in which a tracking server must answer


def check_tracking(uri: str) -> None:
    """UserError, in seconds, if the tracking server at `uri` does not answer or refuses us; other stores pass."""
    if not re.match(r"https?://", uri):
        return
    address = without_credentials(uri.rstrip("/"))
    host = mask(address).split("/")[2]
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search?max_results=1")
    try:
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        text = error.read(500).decode(errors="replace")
        if error.code == 403 and "host" in text.lower():
            raise UserError(
                f"the tracking server refuses the name {host}: start it with --allowed-hosts {host}"
            ) from None
        if error.code not in (401, 403):  # credentials are MLflow's own affair: it knows where they are
            raise UserError(f"the tracking server at {host} answers {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"no tracking server at {host}: {getattr(reason, 'strerror', None) or reason}") from None
