"""What each stage of the flights example makes of its input, without cache and cluster."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from examples.flights import cleaning, data, features, models, scores

TIMES = ["2013-01-01T10:00:00Z", "2013-01-01T10:00:00Z", "2013-02-02T11:00:00Z"]


def plain(function):
    return inspect.unwrap(function)


@pytest.fixture
def raw_flights():
    return pd.DataFrame(
        {
            "year": 2013,
            "month": [1, 1, 2],
            "day": [1, 1, 2],
            "hour": [5, 5, 6],
            "minute": [15, 29, 0],
            "arr_delay": [11.0, np.nan, 16.0],
            "carrier": ["UA", "AA", "UA"],
            "origin": ["EWR", "JFK", "LGA"],
            "dest": ["IAH", "MIA", "ATL"],
            "tailnum": ["N1", "N2", "N2"],
            "distance": [1400, 1089, 762],
            "time_hour": TIMES,
        }
    )


@pytest.fixture
def raw_weather():
    calm = dict.fromkeys(cleaning.WEATHER, 1.0)
    rows = [
        {**calm, "origin": "EWR", "wind_dir": 90.0, "wind_speed": 10.0, "wind_gust": np.nan, "time_hour": TIMES[0]},
        {**calm, "origin": "JFK", "wind_dir": 0.0, "wind_speed": 1048.4, "wind_gust": np.nan, "time_hour": TIMES[0]},
        {**calm, "origin": "EWR", "wind_dir": 0.0, "wind_speed": 99.0, "wind_gust": 99.0, "time_hour": TIMES[0]},
    ]
    return pd.DataFrame(rows)


def month_of_flights(late, carrier="UA", hour=5):
    return pd.DataFrame(
        {
            **dict.fromkeys(features.NUMBERS, 1.0),
            "late": late,
            "carrier": pd.Categorical([carrier] * len(late), categories=["AA", "UA"]),
            "origin": pd.Categorical(["EWR"] * len(late)),
            "dest": pd.Categorical(["IAH"] * len(late)),
            "hour": hour,
            "month": 1,
            "time_hour": pd.to_datetime([TIMES[0]] * len(late), utc=True),
        }
    )


def test_a_sample_is_a_share_of_the_file_in_its_order():
    release = data.installed_release()
    whole = plain(data.load_flights)(release, 1.0, 7)
    some = plain(data.load_flights)(release, 0.01, 7)

    assert len(whole) == 336_776
    assert len(some) == 3_368
    assert some["month"].is_monotonic_increasing == whole["month"].is_monotonic_increasing
    pd.testing.assert_frame_equal(some, plain(data.load_flights)(release, 0.01, 7))
    assert not some.equals(plain(data.load_flights)(release, 0.01, 8))


def test_the_loaders_refuse_another_release_than_the_installed_one():
    with pytest.raises(LookupError, match=r"release 0\.0\.0 of the data set is not installed here"):
        plain(data.load_planes)("0.0.0")


def test_flights_that_did_not_arrive_are_dropped(raw_flights):
    flights = plain(cleaning.clean_flights)(raw_flights)

    assert flights["dest"].tolist() == ["IAH", "ATL"]
    assert flights["departure_minute"].tolist() == [315, 360]
    assert flights["weekday"].tolist() == [1, 5]


@pytest.mark.parametrize(("minutes", "late"), [(15, [False, True]), (10, [True, True]), (16, [False, False])])
def test_a_flight_is_late_when_it_arrives_more_than_so_many_minutes_after_its_time(raw_flights, minutes, late):
    assert plain(cleaning.clean_flights)(raw_flights, minutes)["late"].tolist() == late


def test_impossible_winds_are_unknown_and_no_gust_means_the_steady_wind(raw_weather):
    weather = plain(cleaning.clean_weather)(raw_weather).set_index("origin")

    assert weather.loc["EWR", "wind_gust"] == 10.0
    assert weather.loc["EWR", "wind_east"] == pytest.approx(10.0)
    assert weather.loc["EWR", "wind_north"] == pytest.approx(0.0)
    assert weather.loc["JFK", ["wind_speed", "wind_gust", "wind_north", "wind_east"]].isna().all()


def test_joins_keep_every_flight_and_leave_unknown_what_was_not_recorded(raw_flights, raw_weather):
    planes = pd.DataFrame({"tailnum": ["N1", "N9"], "year": [2003.0, np.nan], "seats": [150, 20]})
    flights = plain(cleaning.clean_flights)(raw_flights)

    joined = plain(cleaning.join_weather)(flights, plain(cleaning.clean_weather)(raw_weather))
    joined = plain(cleaning.join_planes)(joined, plain(cleaning.clean_planes)(planes))

    assert joined["dest"].tolist() == ["IAH", "ATL"]
    assert joined["wind_speed"].tolist() == [10.0, pytest.approx(np.nan, nan_ok=True)]
    assert joined["plane_age"].tolist() == [10.0, pytest.approx(np.nan, nan_ok=True)]
    assert joined["origin"].dtype == flights["origin"].dtype


def test_rates_are_drawn_to_the_average_where_flights_are_few():
    flights = pd.concat([month_of_flights([True] * 10, "UA"), month_of_flights([False] * 10, "AA")], ignore_index=True)

    rates = plain(features.late_rates)(flights, 10)

    assert rates["carrier"].to_dict() == {"UA": 0.75, "AA": 0.25}
    assert rates["hour"].to_dict() == {5: 0.5}


def test_features_are_rated_by_the_month_before_only():
    rates = plain(features.late_rates)(month_of_flights([True, True, False, False], "UA", hour=5), 0)
    now = pd.concat([month_of_flights([True], "UA", hour=5), month_of_flights([False], "AA", hour=6)])

    made = plain(features.month_features)(now.reset_index(drop=True), rates)

    assert made["late_by_carrier"].tolist() == [0.5, pytest.approx(np.nan, nan_ok=True)]
    assert made["late_by_hour"].tolist() == [0.5, pytest.approx(np.nan, nan_ok=True)]
    assert made["departures_that_hour"].tolist() == [2.0, 2.0]
    assert set(made[features.NUMBERS].dtypes) == {np.dtype("float32")}


def test_the_first_month_has_no_rates():
    made = plain(features.month_features)(month_of_flights([True, False]), None)

    assert made[[f"late_by_{column}" for column in features.RATED_BY]].isna().all(axis=None)


@pytest.mark.parametrize(("kind", "options"), [("linear", {}), ("tree", {}), ("boosting", {"max_iter": 5})])
def test_every_kind_of_model_tells_late_flights_and_is_the_same_each_time(kind, options):
    late = [True, False] * 200
    flights = month_of_flights(late)
    month = plain(features.month_features)(flights, plain(features.late_rates)(flights))
    month["precip"] = np.where(late, 1.0, 0.0).astype("float32")
    setting = models.Setting("any", kind, options)

    first = plain(models.score)(plain(models.fit)(month, setting, 3), month, 8)
    second = plain(models.score)(plain(models.fit)(month, setting, 3), month, 8)

    assert first["roc_auc"] == 1.0
    assert (first["month"], first["flights"], first["late"]) == (8, 400, 200)
    assert first == second


def test_a_summary_weighs_each_month_by_its_flights():
    months = [
        {"month": 7, "flights": 300, "late": 30, "roc_auc": 0.8, "average_precision": 0.4, "brier": 0.1},
        {"month": 8, "flights": 100, "late": 10, "roc_auc": 0.4, "average_precision": 0.2, "brier": 0.3},
    ]

    row = plain(scores.summarise)(models.Setting("deep", "tree", {"max_depth": 9, "ccp_alpha": 0.0}), months)

    assert row["roc_auc"] == pytest.approx(0.7)
    assert row["brier"] == pytest.approx(0.15)
    assert (row["worst_month"], row["worst_roc_auc"]) == (8, 0.4)
    assert (row["setting"], row["options"]) == ("deep", "ccp_alpha=0.0, max_depth=9")


def test_the_report_lists_the_best_setting_first():
    rows = [{"setting": name, "roc_auc": auc} for name, auc in [("b", 0.6), ("c", 0.7), ("a", 0.6)]]

    assert plain(scores.report)(rows)["setting"].tolist() == ["c", "a", "b"]
