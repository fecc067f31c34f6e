"""The one exception that means "the user can mend this"."""


class UserError(ValueError):
    """Bad input. Its message is one clear line; the command line prints it and exits with code 2."""
