"""What a person types, turned into values: durations, stages, counts. Says what to write instead when it cannot."""

from __future__ import annotations

from typing import Any

import click

from greenload.core.shape import Shape, ShapeError, parse_duration_s, parse_stages


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.4
    """Seconds, from 30s, 2m, 1h20m, 500ms or a plain number."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration_s(str(value))
        except ShapeError as error:
            self.fail(str(error), param, ctx)


class Stages(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A Shape, from USERS@DURATION,..."""

    name = "stages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shape:
        if isinstance(value, Shape):
            return value
        try:
            return parse_stages(str(value))
        except ShapeError as error:
            self.fail(str(error), param, ctx)
