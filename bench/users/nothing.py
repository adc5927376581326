"""A scenario for a master whose workers are simulated: nobody ever runs it."""

from greenload import User, task


class Nobody(User):
    """A class must be there to have users."""

    @task
    def nothing(self):
        """Do nothing."""
