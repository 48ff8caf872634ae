"""The type of a database's URL in settings."""

from typing import Any, NoReturn, Self

from pydantic import SecretStr


class SecretUrl(SecretStr):
    """A database's URL: masked like any `SecretStr`, and not to be pickled either."""

    def __eq__(self, other: object) -> bool:
        """Whether another secret text is the same."""
        return isinstance(other, SecretStr) and self.get_secret_value() == other.get_secret_value()

    def __hash__(self) -> int:
        """That of any secret text, since it may equal one."""
        return super().__hash__()

    def __reduce__(self) -> NoReturn:
        """Refuse, because a pickle holds the password."""
        raise TypeError("a database's URL holds a password and is not pickled: read the settings anew")

    def __copy__(self) -> Self:
        """Itself: it never changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: it never changes."""
        return self
