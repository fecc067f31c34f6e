"""The one exception that means "the user can mend this"."""


class TrainableError(ValueError):
    """Bad input: a task, a recipe or a device that is not there. Its message is one clear line."""
