"""Weather, without a network: a forecast that is the same every time you ask."""

import zlib
from typing import Literal

from orchestrator import tool

SKIES = ("sunny", "cloudy", "light rain", "windy", "foggy")


@tool
def forecast(city: str, days: int = 1, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Forecast the weather of a city.

    Args:
        city: Name of the city, for example Hangzhou.
        days: How many days from today, 1 to 7.
        unit: Unit of the temperatures.
    """
    seed = zlib.crc32(city.casefold().encode())
    lines: list[str] = []
    for day in range(max(1, min(days, 7))):
        degrees = 12 + (seed >> day) % 17
        shown = f"{degrees} °C" if unit == "celsius" else f"{degrees * 9 // 5 + 32} °F"
        lines.append(f"{city}, day {day + 1}: {SKIES[(seed + day) % len(SKIES)]}, {shown}")
    return "\n".join(lines)
