"""The verdict: each reason for doubt, and what is no reason."""

from dataclasses import replace

import pytest

from greenload.core.messages import Report
from greenload.core.offer import Offer
from greenload.core.results import Results
from greenload.core.stats import Sample, Stats
from greenload.core.verdict import FEWEST_TICKS, MOST_BUSY_S, SHORTEST_WAIT_US, Doubt, Verdict, judge, judge_so_far

JARGON = ("hub", "loop", "greenlet", "percentile", "p99", "lag")


def stats_of(service_us=1_000, requests=100, lags_us=(), error=None):
    stats = Stats()
    stats.sent = requests
    for _ in range(requests):
        stats.record(Sample("GET", "/albums", 0.0, 0.0, service_us / 1e6, error, 100))
    for lag_us in lags_us:
        stats.lag.record(lag_us)
    return stats


def report(second=0, worker="one", stats=None, cpu_percent=10.0, counted=None):
    stats = stats_of() if stats is None else stats
    counted = stats.succeeded + stats.failed if counted is None else counted
    return Report(worker, 1, 1, float(second), second + 1.0, stats, 1, cpu_percent, counted)


def verdict_on(*reports):
    results = Results()
    for one in reports:
        results.add(one)
    return judge(results)


def busy(worker, cpu_percents):
    """Return a report for each of some seconds with that much of the core used, counted as it should be."""
    return [
        report(second, worker, cpu_percent=cpu_percent, counted=100 * (second + 1))
        for second, cpu_percent in enumerate(cpu_percents)
    ]


def test_a_run_without_a_reason_for_doubt_is_valid():
    verdict = verdict_on(report(stats=stats_of(lags_us=[50] * 100)))

    assert verdict == Verdict(())
    assert verdict.status == "valid"


def test_a_reason_makes_it_suspect():
    assert Verdict((Doubt("the numbers do not add up", True),)).status == "suspect"


# Nothing measured


def test_a_run_in_which_no_request_ended_is_suspect():
    verdict = judge(Results())

    assert verdict.reasons == ("no request ended, so there is nothing to judge",)


def test_a_run_with_only_unfinished_requests_is_suspect():
    stats = Stats()
    stats.sent = 1
    stats.record_unfinished("GET", "/albums", 5.0)

    assert verdict_on(report(stats=stats)).reasons == ("no request ended, so there is nothing to judge",)


def test_requests_that_all_failed_are_no_reason_for_doubt():
    """The generator did its work; that the server did not is the result."""
    assert verdict_on(report(stats=stats_of(error="HTTP 503"))).status == "valid"


# Lag


@pytest.mark.parametrize(("lag_us", "status"), [(100, "valid"), (101, "suspect")])
def test_lag_over_a_tenth_of_the_median_response_time_is_a_reason(lag_us, status):
    verdict = verdict_on(report(stats=stats_of(service_us=1_000, lags_us=[lag_us] * 100)))

    assert verdict.status == status


@pytest.mark.parametrize(("late", "status"), [(10, "valid"), (11, "suspect")])
def test_lag_once_in_more_than_a_hundred_times_is_no_reason(late, status):
    lags_us = [20] * (1_000 - late) + [900] * late

    assert verdict_on(report(stats=stats_of(lags_us=lags_us))).status == status


@pytest.mark.parametrize(("ticks", "status"), [(99, "valid"), (100, "suspect")])
def test_fewer_than_a_hundred_ticks_say_nothing_of_one_in_a_hundred(ticks, status):
    verdict = verdict_on(report(stats=stats_of(service_us=1_000, lags_us=[500] * ticks)))

    assert verdict.status == status


def test_lag_of_a_generator_that_sent_nothing_is_no_reason():
    stats = stats_of(requests=0, lags_us=[5_000] * 100)

    assert verdict_on(report(stats=stats)).reasons == ("no request ended, so there is nothing to judge",)


def test_lag_is_compared_with_failed_requests_too():
    """All but one timed out after 5 s: 10 ms of lag do not matter beside that."""
    stats = stats_of(service_us=5_000_000, lags_us=[10_000] * 100, error="timed out")
    stats.add(stats_of(service_us=1_000, requests=1))

    assert verdict_on(report(stats=stats)).status == "valid"


def test_lag_matters_when_all_requests_failed_too():
    stats = stats_of(service_us=1_000, lags_us=[500] * 100, error="HTTP 503")

    assert verdict_on(report(stats=stats)).status == "suspect"


def test_lag_is_explained_with_both_numbers_and_what_to_do():
    [reason] = verdict_on(report(stats=stats_of(service_us=1_000, lags_us=[500] * 100))).reasons

    assert "1 in 100 times it woke 0.50 ms or more after it should have" in reason
    assert "over 10% of the median response time (1.00 ms)" in reason
    assert "use fewer users" in reason


@pytest.mark.parametrize(("service_us", "status"), [(SHORTEST_WAIT_US - 1, "valid"), (SHORTEST_WAIT_US, "suspect")])
def test_lag_cannot_be_in_requests_too_short_to_wait_for_anything(service_us, status):
    """`measure` around nothing: no other green thread runs between its beginning and its end."""
    verdict = verdict_on(report(stats=stats_of(service_us=service_us, lags_us=[500] * 100)))

    assert verdict.status == status


def test_lag_is_compared_with_the_service_time_where_requests_waited_for_their_turn():
    """Arrivals wait for seconds for a generator that cannot keep up: beside that, no lag would be long."""
    stats = Stats()
    stats.sent = 100
    for _ in range(100):
        stats.record(Sample("GET", "/albums", 0.0, 3.0, 3.010, None, 100))
        stats.lag.record(150_000)

    [reason] = verdict_on(report(stats=stats)).reasons

    assert "it woke 150.00 ms or more" in reason
    assert "over 10% of the median service time (10.00 ms)" in reason


# Arrivals


def offer_of(dropped, started=900, queued=100):
    return Offer(started + dropped, started, dropped, queued, 10.0)


def test_up_to_one_arrival_in_a_thousand_may_be_dropped():
    results = Results()
    results.add(report())

    assert judge(results, offer_of(dropped=1, started=999)).status == "valid"
    assert judge(results, offer_of(dropped=2, started=998)).status == "suspect"


def test_a_rate_that_was_not_reached_is_reported_with_what_to_do():
    results = Results()
    results.add(report())

    [reason] = judge(results, offer_of(dropped=100)).reasons

    assert reason.startswith("the rate was not reached: 100 of 1000 arrivals (10.0%) were dropped")
    assert "allow more users (--max-users)" in reason
    assert "generator" not in reason


@pytest.mark.parametrize(("cpu_percents", "lag_us"), [([99] * 3, 50), ([10] * 3, 5_000)], ids=["busy", "late"])
def test_a_rate_that_the_generator_could_not_make_is_not_put_down_to_the_server(cpu_percents, lag_us):
    results = Results()
    for one in busy("one", cpu_percents):
        results.add(one)
    for _ in range(FEWEST_TICKS):
        results.total.lag.record(lag_us)

    generator, dropped = judge(results, offer_of(dropped=100)).reasons

    assert generator.startswith("the generator")
    assert "that is the generator's doing, at least in part, and need not be the server's: see above" in dropped
    assert "use more workers" in dropped
    assert "--max-users" not in dropped


def test_a_rate_that_was_not_reached_though_there_might_have_been_more_users_needs_no_more_users():
    results = Results()
    results.add(report())

    [reason] = judge(results, offer_of(dropped=100, queued=0)).reasons

    assert "not for want of users: the generator was held up, or users take long to start" in reason
    assert "--max-users" not in reason


def test_a_rate_that_was_not_reached_for_users_that_could_not_go_on_needs_no_more_users():
    results = Results()
    results.add(report())
    results.total.users_died = 15

    died, dropped = judge(results, offer_of(dropped=100)).reasons

    assert died.startswith("15 times a user could not go on")
    assert dropped.endswith(
        "nobody was free to begin them in time; users that could not go on begin nothing: see above"
    )


def test_arrivals_of_lost_workers_are_a_reason_and_so_are_those_begun_twice():
    results = Results()
    results.add(report())

    [missing] = judge(results, Offer(1_000, 900, 0, 0, 10.0)).reasons
    [twice] = judge(results, Offer(1_000, 1_020, 0, 0, 10.0)).reasons

    assert missing.startswith("100 of 1000 arrivals were due at workers that were lost or had left, and no report")
    assert twice.startswith("20 arrivals were begun twice")


# Files, ports


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("too many open files", ["open files: 3 requests", "ulimit -n"]),
        ("OSError: [Errno 24] Too many open files", ["open files: 3 requests"]),
        ("cannot assign requested address", ["local ports: 3 requests", "ip_local_port_range"]),
    ],
)
def test_requests_that_found_no_file_or_port_left_are_a_reason_that_says_what_to_raise(error, words):
    stats = stats_of(requests=3, error=error)
    stats.add(stats_of(requests=100))

    [reason] = verdict_on(report(stats=stats)).reasons

    assert all(each in reason for each in words)


def test_a_server_that_says_it_has_too_many_open_files_is_no_reason():
    stats = stats_of(error="the server said: too many open files")

    assert verdict_on(report(stats=stats)).status == "valid"


# Unfinished


@pytest.mark.parametrize(("unfinished", "status"), [(1, "valid"), (2, "suspect")])
def test_more_than_one_unfinished_request_in_a_thousand_is_a_reason(unfinished, status):
    stats = stats_of(requests=1_000 - unfinished)
    for _ in range(unfinished):
        stats.record_unfinished("GET", "/albums", 5.0)
    stats.sent = 1_000

    assert verdict_on(report(stats=stats)).status == status


def test_unfinished_requests_are_counted_with_their_part_of_all():
    stats = stats_of(requests=95)
    for _ in range(5):
        stats.record_unfinished("GET", "/albums", 5.0)
    stats.sent = 100

    [reason] = verdict_on(report(stats=stats)).reasons

    assert reason.startswith("5 of 100 requests (5.0%) had not ended when they were cut off")


# The calendar clock


@pytest.mark.parametrize(("step_s", "words"), [(3_600.0, "forward by 3600.0 s"), (-0.5, "back by 0.5 s")])
def test_a_clock_that_was_set_is_a_reason_that_names_the_worker_and_the_step(step_s, words):
    stepped = replace(report(7, "two"), clock_step_s=step_s)

    [reason] = verdict_on(report(7, "one"), stepped, report(8, "one", counted=200)).reasons

    assert f"the clock of two was set {words} in second 7" in reason
    assert "durations are not" in reason


def test_of_several_steps_the_largest_is_named():
    steps_s = [1.0, -5.0, 2.0]
    stepped = [
        replace(report(second, counted=100 * (second + 1)), clock_step_s=each) for second, each in enumerate(steps_s)
    ]

    [reason] = verdict_on(*stepped).reasons

    assert "back by 5.0 s in second 1" in reason


# CPU


def test_a_worker_out_of_breath_is_a_reason():
    verdict = verdict_on(*busy("one", [99] * MOST_BUSY_S))

    assert verdict.status == "suspect"


@pytest.mark.parametrize(
    "cpu_percents", [[99] * (MOST_BUSY_S - 1), [99, 99, 10, 99, 99], [90] * 10], ids=["short", "with a rest", "at 90 %"]
)
def test_a_worker_that_gets_its_breath_is_no_reason(cpu_percents):
    assert verdict_on(*busy("one", cpu_percents)).status == "valid"


def test_the_busiest_worker_is_named_with_how_long_it_was_and_what_to_do():
    [reason] = verdict_on(*busy("one", [99] * 3), *busy("two", [99] * 7), *busy("three", [10] * 9)).reasons

    assert "two used over 90 % of its core for 7 s on end" in reason
    assert "use fewer users" in reason


# Numbers


def test_numbers_that_do_not_add_up_are_a_reason_that_shows_them():
    stats = stats_of(requests=3)
    stats.record(Sample("GET", "/albums", 0, 0, 0.1, "timed out", 0))
    stats.record_unfinished("GET", "/albums", 0.5)
    stats.sent = 9

    verdict = verdict_on(report(stats=stats))

    assert verdict.reasons[-1] == (
        "the numbers do not add up: 9 requests were sent, but 3 succeeded + 1 failed + 1 unfinished"
    )


def test_missing_requests_are_a_reason_that_names_each_worker():
    verdict = verdict_on(report(worker="one", counted=103), report(worker="two"), report(worker="three", counted=104))

    assert verdict.reasons == ("requests are missing: 3 of one, 4 of three",)


def test_requests_that_arrived_twice_are_not_called_missing():
    verdict = verdict_on(report(counted=100), report(counted=100))

    assert verdict.status == "suspect"
    assert "missing: -" not in verdict.reasons[0]


# So far


def test_while_a_run_goes_on_requests_under_way_and_arrivals_not_yet_reported_are_no_reason():
    stats = stats_of(requests=3)
    stats.sent = 5
    results = Results()
    results.add(report(stats=stats))
    offer = Offer(planned=50, started=5, dropped=0, queued=0, duration_s=1.0)

    assert judge(results, offer).status == "suspect"
    assert judge_so_far(results, offer) == Verdict(())


def test_while_a_run_goes_on_lag_drops_and_lost_workers_are_reasons_already():
    results = Results()
    results.add(report(stats=stats_of(lags_us=[500] * 100)))
    results.lose("one", 3.0)
    offer = Offer(planned=50, started=40, dropped=10, queued=0, duration_s=1.0)

    reasons = judge_so_far(results, offer).reasons

    assert [reason.split(":")[0] for reason in reasons[:2]] == [
        "the generator itself was late", "workers were lost, and what they did after their last report is missing"
    ]  # fmt: skip
    assert "dropped" in reasons[2]


# All together


def test_every_reason_is_given_not_only_the_first():
    stats = stats_of(lags_us=[500] * 100)
    stats.sent = 7

    verdict = verdict_on(*busy("one", [99] * 3), report(3, "two", stats))

    assert [reason.split(":")[0] for reason in verdict.reasons] == [
        "the generator itself was late",
        "the generator was out of breath",
        "the numbers do not add up",
    ]


def test_reasons_are_in_words_for_somebody_who_never_heard_of_lag():
    stats = stats_of(lags_us=[500] * 100)
    stats.sent = 7
    every_reason = [*verdict_on(*busy("one", [99] * 3), report(3, "two", stats)).reasons, *judge(Results()).reasons]
    every_reason += verdict_on(report(counted=103)).reasons
    scarce = stats_of(error="too many open files")
    scarce.add(stats_of(error="cannot assign requested address"))
    scarce.record_unfinished("GET", "/albums", 5.0)
    scarce.sent += 1
    every_reason += verdict_on(replace(report(stats=scarce), clock_step_s=9.0)).reasons

    words = " ".join(every_reason).replace(",", "").replace(";", "").split()

    assert len(every_reason) == 9
    assert not set(JARGON) & set(words)


def test_what_ended_in_the_warm_up_and_how_late_the_generator_was_then_is_not_judged():
    stats = Stats()
    stats.record(Sample("GET", "/", 0.0, 0.0, 0.001, None, 0))
    stats.sent = 1
    for _ in range(FEWEST_TICKS):
        stats.lag.record(900_000)
    results = Results(warmup_s=1)
    results.add(Report("one", 1, 1, 0.0, 1.0, stats, 1, 10.0, 1))

    in_the_warm_up = judge(results)
    later = Stats()
    later.record(Sample("GET", "/", 1.0, 1.0, 1.001, None, 0))
    later.sent = 1
    results.add(Report("one", 1, 2, 1.0, 2.0, later, 1, 10.0, 2))

    assert in_the_warm_up.reasons == ("no request ended from 1 s on, so there is nothing to judge",)
    assert judge(results).status == "valid"


# Whose reason it is


def test_what_was_late_or_busy_or_miscounted_was_the_generator():
    late = verdict_on(report(stats=stats_of(lags_us=[500] * 100)))
    out_of_breath = verdict_on(*busy("one", [99] * MOST_BUSY_S))
    no_files = verdict_on(report(stats=stats_of(error="OSError: [Errno 24] Too many open files")))
    miscounted = verdict_on(report(counted=103))

    for verdict in (late, out_of_breath, no_files, miscounted):
        assert verdict.generator_reasons == verdict.reasons != ()


def test_what_was_dropped_or_never_ended_may_be_the_servers_slowness():
    stats = stats_of()
    stats.sent += 10
    for _ in range(10):
        stats.record_unfinished("GET", "/albums", 5.0)
    cut_off = verdict_on(report(stats=stats))
    dropped = judge(Results(), Offer(planned=1000, started=900, dropped=100, queued=100, duration_s=10.0))

    for verdict in (cut_off, dropped):
        assert verdict.reasons != ()
        assert verdict.generator_reasons == ()


def test_arrivals_that_are_missing_are_missing_from_the_generator():
    verdict = judge(Results(), Offer(planned=1000, started=900, dropped=0, queued=0, duration_s=10.0))

    assert "100 of 1000 arrivals were due at workers that were lost" in verdict.generator_reasons[0]
