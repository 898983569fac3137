"""Quantities as people write them on the command line: `10/s`, `90d`."""

from __future__ import annotations

import re
from typing import Any

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhdwy])")
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)/([smh])")
_LONGEST = 100 * _SECONDS["y"]


class Duration(click.ParamType[float]):
    """`30m`, `12h`, `90d`, `2w` or `1y`; in Python: seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = _DURATION.fullmatch(str(value))
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
        if not 0 < seconds <= _LONGEST:
            self.fail(f"'{value}' is no duration: write a number and a unit, such as 12h, 90d or 1y", param, ctx)
        return float(seconds)


class Rate(click.ParamType[float]):
    """`10/s`, `600/m` or `5000/h`; in Python: per second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        found = _RATE.fullmatch(str(value))
        rate = float(found[1]) / _SECONDS[found[2]] if found else 0.0
        if rate <= 0:
            self.fail(f"'{value}' is no rate: write requests and a unit of time, such as 10/s or 600/m", param, ctx)
        return rate
