"""The order book: the same orders every time, so that every total can be computed beforehand."""

from __future__ import annotations

from pydantic import BaseModel

_GOODS = {"tea": 450, "cup": 1200, "kettle": 5900, "honey": 780, "spoon": 310, "scone": 290}
ORDER_PLACED = "order.placed"
CHANNELS = ("mail", "text message")

PHOTO, PAPERS, SIGNATURE = "photo", "papers", "signature"
_EXTRAS = {1: [PHOTO], 3: [PAPERS], 5: [SIGNATURE]}


class Item(BaseModel):
    """Some pieces of one thing; the price of one is in cents."""

    name: str
    pieces: int
    price: int


class Order(BaseModel):
    """What a customer wants; ``extras`` are what not everybody does."""

    number: int
    customer: str
    items: list[Item]
    extras: list[str]

    @property
    def subject(self) -> str:
        """What evidence calls it."""
        return f"order {self.number}"

    @property
    def total(self) -> int:
        """What the customer pays, in cents."""
        return sum(item.pieces * item.price for item in self.items)

    @property
    def is_declined_at_first(self) -> bool:
        """Whether the customer's card is refused the first time, as one in five is."""
        return self.number % 5 == 0


def order_book(count: int) -> list[Order]:
    """Make orders 1 to ``count``."""
    return [_order(number) for number in range(1, count + 1)]


def _order(number: int) -> Order:
    names = list(_GOODS)
    chosen = [names[(number + 5 * place) % len(names)] for place in range(1 + number % 3)]
    return Order(
        number=number,
        customer=f"customer{number}@example.com",
        items=[Item(name=name, pieces=1 + (number + len(name)) % 4, price=_GOODS[name]) for name in chosen],
        extras=_EXTRAS.get(number % 8, []),
    )
