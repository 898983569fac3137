"""Orders of a shop, as a stand-in for a real system."""

from orchestrator import ToolError, tool

_ORDERS = {"A-17": "packed", "B-4": "on its way, arrives tomorrow", "C-99": "delivered on Monday"}


@tool
def status(order: str) -> dict[str, str]:
    """Tell how far an order is.

    Args:
        order: The number of the order, for example A-17.
    """
    if order not in _ORDERS:
        raise ToolError(f"There is no order {order!r}; ask for the number on the receipt.")
    return {"order": order, "status": _ORDERS[order]}
