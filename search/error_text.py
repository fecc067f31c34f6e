"""An exception as one line."""

from search.config.secrets import mask


def one_line(error: BaseException) -> str:
    """The first line of an error's message, without credentials."""
    lines = mask(str(error)).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 200 else text[:200] + " …"


def last_line(error: BaseException) -> str:
    """The last line of an error's message, where Ray's and boto's tracebacks say what happened."""
    lines = [line.strip() for line in mask(str(error)).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("For further information visit ")]  # pydantic's last one
    return lines[-1] if lines else type(error).__name__
