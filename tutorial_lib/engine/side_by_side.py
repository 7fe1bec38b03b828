"""Several iterators at once, each a training by itself, told as if they took turns."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def side_by_side(
    makers: Sequence[Callable[[], Iterator[Item]]], *, turn: int | None = None
) -> Iterator[tuple[int, Item]]:
    """Yield what several iterators yield, so many items of each in turn.

    Args:
        makers: Each makes an iterator, in the process that runs it. What they yield does not
            depend on each other.
        turn: How many items, 1 or more; None: all of the first, and then those of the next.

    Yields:
        The maker's number, from 0, and the item.
    """
    field = deque(enumerate(makers))
    running = deque((number, make()) for number, make in field)
    while running:
        number, items = running.popleft()
        taken = 0
        for item in items:
            yield number, item
            taken += 1
            if taken == turn:
                running.append((number, items))
                break
