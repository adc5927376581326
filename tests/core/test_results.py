"""Results: nothing that was reported is lost, however long the run and whoever reports late."""

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from greenload.core import slots as slots_module
from greenload.core.messages import Report
from greenload.core.results import Results
from greenload.core.slots import MOST_SLOTS, Slot, sum_of_totals
from greenload.core.stats import Sample, Stats, sum_of
from greenload.core.worker_record import BUSY_CPU_PERCENT

LONG_S = 100_000  # more than a day

# What eight_slots patches is the same for every example, so it may stay from one to the next.
law = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def stats_of(requests, second=0, name="/albums"):
    stats = Stats()
    stats.sent = requests
    for _ in range(requests):
        stats.record(Sample("GET", name, second, second, second + 0.005, None, 100))
    return stats


def report(second, worker="one", requests=1, users=1, cpu_percent=10.0, counted=0, covered_s=1.0):
    stats = stats_of(requests, second)
    return Report(worker, 1, 1, float(second), second + covered_s, stats, users, cpu_percent, counted)


def results_of(reports):
    results = Results()
    for one in reports:
        results.add(one)
    return results


def plain(value):
    """Return all that a value holds, to compare."""
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if hasattr(value, "__slots__"):
        return {slot: plain(getattr(value, slot)) for slot in value.__slots__}
    return value


def sent_in(slots):
    return sum(slot.stats.sent for slot in slots)


def curve(results):
    return [(slot.first_s, slot.width_s, slot.stats.sent) for slot in results.slots]


@pytest.fixture
def eight_slots(monkeypatch):
    """Let there be room for eight slots only, so that a law meets the limit all the time."""
    monkeypatch.setattr(slots_module, "MOST_SLOTS", 8)


def test_the_kept_totals_are_those_of_all_names():
    results = results_of([report(0, requests=3), report(1, requests=4)])

    assert plain(results.total_tally) == plain(results.total.total())
    assert plain(sum_of_totals(results.last(1))) == plain(results.window(1, 2).total())


def test_many_names_are_kept_for_fewer_seconds_with_the_totals_exact(monkeypatch):
    monkeypatch.setattr(slots_module, "MOST_BUCKETS", 400 * (slots_module.TALLY_BUCKETS + 1))
    results = Results()

    for second in range(200):
        stats = Stats()
        for name in range(10):
            stats.add(stats_of(1, second, f"/{name}"))
        results.add(Report("one", 1, second + 1, float(second), second + 1.0, stats, 1, 1.0, 0))

    assert sum(len(slot.stats.tallies) for slot in results.slots) <= 420
    assert results.total.sent == sent_in(results.slots) == 2_000


def test_seconds_of_very_many_requests_are_kept_for_a_shorter_time_with_the_totals_exact(monkeypatch):
    monkeypatch.setattr(slots_module, "MOST_BUCKETS", 20_000)
    results = Results()

    for second in range(120):
        stats = Stats()
        for number in range(500):
            stats.sent += 1
            stats.record(Sample("GET", "/", second, second, second + 0.001 * (number + 1), None, 1))
        results.add(Report("one", 1, second + 1, float(second), second + 1.0, stats, 1, 1.0, 0))

    assert sum(slot.buckets for slot in results.slots) <= 20_000 + 520
    assert results.total.sent == sent_in(results.slots) == 60_000


# Second by second


def test_a_run_of_nothing_is_empty():
    results = Results()

    assert (results.slots, results.workers, results.users, results.elapsed_s) == ([], {}, 0, 0)
    assert plain(results.total) == plain(results.window(0, 10)) == plain(Stats())
    assert results.last(10) == []


def test_each_second_has_its_slot():
    results = results_of([report(0, requests=3), report(1, requests=5), report(2, requests=2)])

    assert curve(results) == [(0, 1, 3), (1, 1, 5), (2, 1, 2)]
    assert results.total.succeeded == results.total.sent == 10
    assert results.elapsed_s == 3


def test_reports_of_one_second_are_added_up():
    results = results_of([report(0, "one", requests=3, users=4), report(0, "two", requests=5, users=3)])

    assert curve(results) == [(0, 1, 8)]
    assert results.slots[0].users == results.users == 7


def test_seconds_without_a_report_have_no_slot():
    results = results_of([report(0), report(7)])

    assert curve(results) == [(0, 1, 1), (7, 1, 1)]


def test_a_report_that_begins_within_a_second_belongs_to_it():
    late = Report("one", 1, 1, 4.75, 6.0, stats_of(3, 4), 1, 10.0, 3)

    results = results_of([late])

    assert curve(results) == [(4, 1, 3)]
    assert results.elapsed_s == 6.0


def test_the_elapsed_time_is_the_latest_anybody_reported():
    results = results_of([report(9, "one"), report(3, "two")])

    assert results.elapsed_s == 10


def test_the_users_of_a_run_are_those_that_each_worker_last_had():
    results = results_of([report(0, "one", users=4), report(0, "two", users=5), report(1, "one", users=6)])

    assert results.users == 11
    assert [slot.users for slot in results.slots] == [9, 6]


def test_a_report_is_left_as_it_was():
    first = report(0, requests=3)

    results_of([first, first, report(0, requests=4)])

    assert plain(first.stats) == plain(stats_of(3))


some_reports = st.builds(
    report,
    second=st.integers(0, 40),
    worker=st.sampled_from(["one", "two", "three"]),
    requests=st.integers(0, 3),
    users=st.integers(0, 9),
)


@law
@given(st.lists(some_reports, max_size=30), st.randoms(use_true_random=False))
def test_reports_out_of_order_give_the_same_seconds(reports, random):
    shuffled = random.sample(reports, len(reports))

    assert curve(results_of(shuffled)) == curve(results_of(reports))
    assert plain(results_of(shuffled).total) == plain(sum_of(one.stats for one in reports))


@law
@given(st.lists(some_reports, max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_a_window_is_the_sum_of_the_seconds_in_it(reports, from_s, to_s):
    results = results_of(reports)

    expected = sum_of(one.stats for one in reports if from_s <= one.second < to_s)

    assert plain(results.window(from_s, to_s)) == plain(expected)


@law
@given(st.lists(some_reports, max_size=30), st.integers(0, 40))
def test_windows_side_by_side_are_the_total(reports, middle_s):
    results = results_of(reports)

    parts = [results.window(0, middle_s), results.window(middle_s, 41)]

    assert plain(sum_of(parts)) == plain(results.total)


def test_the_last_seconds_are_counted_from_the_last_one_reported():
    results = results_of(report(second, requests=second) for second in range(20))

    assert sent_in(results.last(1)) == 19
    assert sent_in(results.last(3)) == 17 + 18 + 19
    assert sent_in(results.last(100)) == sum(range(20))


def test_the_last_seconds_are_seconds_not_reports():
    results = results_of([report(0, requests=3), report(17, requests=5), report(19, requests=7)])

    assert sent_in(results.last(2)) == 7
    assert sent_in(results.last(3)) == 12


def test_a_percentile_of_a_window_is_computed_from_its_counts_not_from_percentiles():
    """Nine fast requests in one second and one slow in the next: the median is fast; a mean of medians would not be."""
    slow = Stats()
    slow.record(Sample("GET", "/albums", 1, 1, 2, None, 100))

    results = results_of([report(0, requests=9), Report("one", 1, 1, 1.0, 2.0, slow, 1, 10.0, 10)])

    assert results.window(0, 2).total().ended().response.percentile(50) == pytest.approx(5_000, rel=0.001)


# In flight


def balance(second, worker, sent, ended):
    """A report of a worker that sent so many requests in a second in which so many came to their end."""
    stats = stats_of(ended, second)
    stats.sent = sent
    return Report(worker, 1, second + 1, float(second), second + 1.0, stats, 1, 10.0, 0)


def balances(steps):
    """Return reports of two workers, who each report every second, and what is under way at the end of each."""
    under_way, reports, in_flight = {"one": 0, "two": 0}, [], []
    for second, step in enumerate(steps):
        for worker, (sent, part) in zip(under_way, step, strict=True):
            ended = (under_way[worker] + sent) * part // 3
            under_way[worker] += sent - ended
            reports.append(balance(second, worker, sent, ended))
        in_flight.append(sum(under_way.values()))
    return reports, in_flight


a_step = st.tuples(st.integers(0, 5), st.integers(0, 3))


@law
@given(st.lists(st.tuples(a_step, a_step), min_size=1, max_size=40))
@pytest.mark.usefixtures("eight_slots")
def test_at_the_end_of_each_slot_in_flight_is_what_began_until_then_and_did_not_end(steps):
    reports, in_flight = balances(steps)

    results = results_of(reports)

    assert results.in_flight == in_flight[-1]
    assert [slot.in_flight for slot in results.slots] == [
        in_flight[slot.first_s + slot.width_s - 1] for slot in results.slots
    ]


def test_requests_cut_off_are_not_in_flight():
    stats = stats_of(1)
    stats.sent = 3
    stats.record_unfinished("GET", "/albums", 0.5)

    results = results_of([Report("one", 1, 1, 0.0, 1.0, stats, 1, 10.0, 1)])

    assert results.in_flight == results.slots[0].in_flight == 1


def test_what_a_lost_worker_had_under_way_is_not_in_flight_until_it_is_back():
    results = results_of([balance(0, "one", 5, 2), balance(0, "two", 4, 0)])

    results.lose("one", 6.0)
    lost = results.in_flight
    results.find("one")

    assert (lost, results.in_flight) == (4, 7)
    results.add(balance(7, "two", 0, 0))
    assert results.slots[-1].in_flight == 4


# A run of days


@pytest.fixture(scope="module")
def long_run():
    """Something sent in most seconds, and a request that ended in every tenth."""
    results, kinds_of_second = Results(), [stats_of(int(number == 0)) for number in range(10)]
    for number, stats in enumerate(kinds_of_second):
        stats.sent = number
    for second in range(LONG_S):
        results.add(Report("one", 1, 1, float(second), second + 1.0, kinds_of_second[second % 10], 1, 10.0, 0))
    return results


def test_after_days_the_totals_are_exact(long_run):
    assert long_run.total.sent == sum(second % 10 for second in range(LONG_S))
    assert long_run.total.succeeded == LONG_S // 10
    assert long_run.elapsed_s == LONG_S


def test_after_days_the_slots_are_few_and_lose_nothing(long_run):
    assert len(long_run.slots) <= MOST_SLOTS
    assert plain(long_run.window(0, LONG_S)) == plain(long_run.total)


def test_after_days_the_slots_follow_each_other_without_a_gap(long_run):
    ends_s = [slot.first_s + slot.width_s for slot in long_run.slots]

    assert [slot.first_s for slot in long_run.slots] == [0, *ends_s[:-1]]
    assert ends_s[-1] == LONG_S


def test_after_days_the_last_minutes_are_there_by_the_second(long_run):
    recent = long_run.slots[-MOST_SLOTS // 2 :]

    assert [slot.width_s for slot in recent] == [1] * (MOST_SLOTS // 2)
    assert [slot.stats.sent for slot in recent] == [slot.first_s % 10 for slot in recent]
    assert sent_in(long_run.last(60)) == sum(second % 10 for second in range(LONG_S - 60, LONG_S))


def test_after_days_what_is_older_is_coarser(long_run):
    widths_s = [slot.width_s for slot in long_run.slots]

    assert sum(widths_s[:50]) > sum(widths_s[50:100]) > sum(widths_s[100:150]) > 50


def test_after_days_no_slot_is_wider_than_a_tenth_of_its_age(long_run):
    """Or the curve of a long run is one point and the last hour."""
    too_wide = [
        slot.width_s for slot in long_run.slots if slot.width_s > 1 and slot.width_s > (LONG_S - slot.first_s) / 10
    ]

    assert too_wide == []


@law
@given(st.lists(some_reports, max_size=60))
@example([report(second) for second in (0, 2, 4, 6, 8, 10, 12, 14, 1)])
@pytest.mark.usefixtures("eight_slots")
def test_however_seconds_come_in_the_slots_are_few_and_lose_nothing(reports):
    results = results_of(reports)

    assert len(results.slots) <= 8
    assert plain(sum_of(slot.stats for slot in results.slots)) == plain(results.total)
    assert plain(results.total) == plain(sum_of(one.stats for one in reports))


@law
@given(st.lists(some_reports, max_size=60))
@pytest.mark.usefixtures("eight_slots")
def test_however_seconds_come_in_slots_ascend_and_do_not_overlap(reports):
    slots = results_of(reports).slots

    for early, late in itertools.pairwise(slots):
        assert early.first_s + early.width_s <= late.first_s


def test_a_late_report_of_a_gap_that_makes_the_slots_too_many_is_not_lost():
    """The slot that was made for it was itself taken in by its neighbour at once."""
    results = results_of(report(second) for second in range(0, 2 * MOST_SLOTS, 2))

    results.add(report(1, requests=5))

    assert results.window(0, 2 * MOST_SLOTS).sent == results.total.sent == MOST_SLOTS + 5


def test_a_late_report_finds_the_coarse_slot_that_holds_its_second():
    results = results_of(report(second) for second in range(MOST_SLOTS + 1))
    slots = len(results.slots)

    results.add(report(1, "two", requests=5))

    assert len(results.slots) == slots
    assert curve(results)[0] == (0, results.slots[0].width_s, results.slots[0].width_s + 5)


def test_a_slot_takes_in_the_next_with_the_gap_between_them():
    early = Slot(4, 2, stats_of(3), {"one": 7})

    early.append(Slot(9, 1, stats_of(2), {"one": 8}))

    assert (early.first_s, early.width_s, early.stats.sent, early.users) == (4, 6, 5, 8)


def test_a_coarse_slot_has_the_users_of_its_end():
    """Worker "one" was lost, and "two" took its users: there were never 30."""
    early = Slot(0, 1, Stats(), {"one": 10, "two": 10})

    early.append(Slot(1, 1, Stats(), {"two": 20}))

    assert early.users == 20


# Workers


def test_a_worker_is_remembered_with_its_most_users_and_its_requests():
    reports = [report(0, users=3, requests=2), report(1, users=9, requests=5), report(2, users=4, requests=1)]

    record = results_of(reports).workers["one"]

    assert (record.users, record.most_users, record.requests) == (4, 9, 8)


def test_failed_requests_of_a_worker_are_requests_too():
    stats = stats_of(2)
    stats.record(Sample("GET", "/albums", 0, 0, 1, "HTTP 503", 0))

    record = results_of([Report("one", 1, 1, 0.0, 1.0, stats, 1, 10.0, 3)]).workers["one"]

    assert record.requests == record.counted == 3


def test_the_mean_of_cpu_is_weighted_by_the_time_it_was_measured_over():
    reports = [report(0, cpu_percent=100, covered_s=3.0), report(3, cpu_percent=20, covered_s=1.0)]

    record = results_of(reports).workers["one"]

    assert record.cpu_mean_percent == pytest.approx(80)
    assert record.cpu_max_percent == 100


def test_a_moment_too_short_for_the_clock_of_the_processor_is_not_the_maximum_of_cpu():
    reports = [report(0, cpu_percent=60, covered_s=0.5), report(1, cpu_percent=400, covered_s=0.4)]

    record = results_of(reports).workers["one"]

    assert record.cpu_max_percent == 60


def test_a_worker_that_never_covered_any_time_has_a_mean_of_0():
    record = results_of([report(0, cpu_percent=50, covered_s=0.0)]).workers["one"]

    assert record.cpu_mean_percent == 0


@pytest.mark.parametrize(
    ("cpu_percents", "busy_s"),
    [
        ([95, 95, 95], 3),
        ([95, 95, 10, 95], 2),
        ([95, 10, 95, 95, 95, 95, 10], 4),
        ([BUSY_CPU_PERCENT] * 5, 0),
        ([BUSY_CPU_PERCENT + 0.1] * 5, 5),
        ([], 0),
    ],
)
def test_a_worker_was_busy_for_its_longest_time_on_end_above_the_limit(cpu_percents, busy_s):
    reports = [report(second, cpu_percent=cpu_percent) for second, cpu_percent in enumerate([10, *cpu_percents])]

    assert results_of(reports).workers["one"].busy_s == busy_s


def test_two_workers_busy_in_turn_are_not_one_busy_on_end():
    reports = [report(second, ("one", "two")[second % 2], cpu_percent=95) for second in range(6)]
    reports += [report(second, ("two", "one")[second % 2], cpu_percent=10) for second in range(6)]
    in_order = sorted(reports, key=lambda one: one.second)

    assert [record.busy_s for record in results_of(in_order).workers.values()] == [1, 1]


# The line that adds up


def test_numbers_that_add_up_say_so():
    stats = stats_of(3)
    stats.record(Sample("GET", "/albums", 0, 0, 1, "HTTP 503", 0))
    stats.record_unfinished("GET", "/albums", 0.5)
    stats.sent = 5

    sums = results_of([Report("one", 1, 1, 0.0, 1.0, stats, 1, 10.0, 4)]).reconcile()

    assert (sums.sent, sums.succeeded, sums.failed, sums.unfinished) == (5, 3, 1, 1)
    assert (sums.planned, sums.dropped) == (5, 0)
    assert (sums.counted_by_workers, sums.merged, sums.missing) == (4, 4, ())
    assert sums.adds_up


@pytest.mark.parametrize("sent", [2, 4])
def test_more_or_fewer_sent_than_ended_and_unfinished_does_not_add_up(sent):
    stats = stats_of(3)
    stats.sent = sent

    sums = results_of([Report("one", 1, 1, 0.0, 1.0, stats, 1, 10.0, 3)]).reconcile()

    assert not sums.adds_up
    assert sums.missing == ()


def test_a_worker_whose_requests_did_not_all_arrive_is_named_with_their_number():
    reports = [report(0, "one", requests=3, counted=3), report(0, "two", requests=3, counted=7)]

    sums = results_of(reports).reconcile()

    assert {gap.worker: gap.requests for gap in sums.missing} == {"two": 4}
    assert (sums.counted_by_workers, sums.merged) == (10, 6)
    assert not sums.adds_up


def test_a_worker_whose_requests_arrived_twice_is_named_too():
    sums = results_of([report(0, requests=3, counted=3), report(0, requests=3, counted=3)]).reconcile()

    assert {gap.worker: gap.requests for gap in sums.missing} == {"one": -3}
    assert not sums.adds_up


def test_one_worker_too_many_does_not_make_up_for_another_with_too_few():
    reports = [report(0, "one", requests=3, counted=5), report(0, "two", requests=5, counted=3)]

    sums = results_of(reports).reconcile()

    assert sums.counted_by_workers == sums.merged
    assert {gap.worker: gap.requests for gap in sums.missing} == {"one": 2, "two": -2}
    assert not sums.adds_up


def in_order(worker, requests):
    """Return the reports of a worker as it sends them, second by second, with its own running count."""
    counted = list(itertools.accumulate(requests))
    return [report(second, worker, number, counted=counted[second]) for second, number in enumerate(requests)]


some_requests = st.lists(st.integers(0, 3), max_size=12)


@law
@given(some_requests, some_requests, st.randoms(use_true_random=False))
@pytest.mark.usefixtures("eight_slots")
def test_however_the_reports_of_workers_interleave_what_they_counted_is_what_was_merged(ones, twos, random):
    queues = {"one": in_order("one", ones), "two": in_order("two", twos)}
    turns = random.sample(["one"] * len(ones) + ["two"] * len(twos), len(ones) + len(twos))

    sums = results_of(queues[worker].pop(0) for worker in turns).reconcile()

    assert sums.adds_up
    assert sums.sent == sums.merged == sums.counted_by_workers == sum(ones) + sum(twos)


def test_looking_changes_nothing_and_what_comes_afterwards_is_added():
    results = results_of([report(0, "one", requests=3, users=4)])

    before = (results.total.sent, curve(results))
    results.add(report(0, "two", requests=5, users=2))
    results.add(report(1, "one", requests=1))

    assert before == (3, [(0, 1, 3)])
    assert (results.total.sent, curve(results)) == (9, [(0, 1, 8), (1, 1, 1)])
    assert results.slots[0].users_on == {"one": 4, "two": 2}
    assert plain(results.total_tally) == plain(results.total.total()) == plain(sum_of_totals(results.slots))


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=40))
def test_when_somebody_looks_does_not_matter(steps):
    looked_at, left_alone = Results(), Results()

    for second, looks in steps:
        looked_at.add(report(second, requests=2))
        left_alone.add(report(second, requests=2))
        if looks:
            assert looked_at.total.sent == sent_in(looked_at.slots)

    assert plain(looked_at.total) == plain(left_alone.total)
    assert curve(looked_at) == curve(left_alone)


# The warm-up


@law
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.booleans()), max_size=40), st.integers(0, 20))
@pytest.mark.usefixtures("eight_slots")
def test_what_was_measured_is_all_but_the_seconds_of_the_warm_up_however_old_they_are(steps, warmup_s):
    results = Results(warmup_s)

    for second, requests, looks in steps:
        results.add(report(second, requests=requests))
        if looks:
            assert results.measured.sent <= results.total.sent

    measured = sum_of(stats_of(requests, second) for second, requests, _ in steps if second >= warmup_s)
    assert plain(results.measured) == plain(measured)
    assert plain(results.measured_tally) == plain(measured.total())
    assert results.total.sent == results.reconcile().sent == sum(requests for _, requests, _ in steps)


def test_the_time_that_was_measured_begins_with_the_end_of_the_warm_up():
    results = Results(warmup_s=2)

    lengths = []
    for second in range(4):
        results.add(report(second))
        lengths.append(results.measured_s)

    assert lengths == [0.0, 0.0, 1.0, 2.0]
    assert results.elapsed_s == 4.0


def test_without_a_warm_up_all_was_measured_and_is_counted_once():
    results = results_of([report(0, requests=3), report(1, requests=4)])

    assert results.measured is results.total
    assert results.total.sent == results.measured.sent == 7
    assert results.measured_tally.requests == 7


# What is measured begins anew


deeds = st.one_of(
    st.tuples(st.just("report"), st.integers(0, 40), st.integers(1, 3)),
    st.tuples(st.just("reset"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
)


@law
@given(st.lists(deeds, max_size=60), st.integers(0, 20))
@pytest.mark.usefixtures("eight_slots")
def test_what_was_measured_is_all_seconds_from_the_last_reset_on_in_whatever_order_they_are_reported(done, warmup_s):
    results, from_s = Results(warmup_s), warmup_s
    reported = []

    for what, second, requests in done:
        if what == "report":
            results.add(report(second, requests=requests))
            reported.append((second, requests))
        elif what == "reset":
            from_s = results.reset(second)
            assert from_s >= second
            assert all(from_s > before for before, _ in reported)
            assert results.measured.sent == results.measured_tally.requests == 0
        else:
            assert results.measured.sent <= results.total.sent

    measured = sum_of(stats_of(requests, second) for second, requests in reported if second >= from_s)
    assert results.warmup_s == from_s
    assert plain(results.measured) == plain(measured)
    assert plain(results.measured_tally) == plain(measured.total())
    assert plain(results.total) == plain(sum_of(stats_of(requests, second) for second, requests in reported))
    assert results.reconcile().sent == sum(requests for _, requests in reported)


def test_a_reset_during_the_warm_up_ends_it():
    results = Results(warmup_s=30)
    results.add(report(0))

    assert results.reset(3) == 3

    results.add(report(2))
    results.add(report(3, requests=5))
    assert (results.measured.sent, results.total.sent, results.measured_s) == (5, 7, 1.0)


def test_a_reset_before_anything_was_reported_leaves_out_a_second_all_the_same():
    results = Results()

    assert results.reset(0) == 1

    results.add(report(0))
    assert (results.measured.sent, results.total.sent) == (0, 1)


def test_what_was_counted_before_a_reset_is_still_to_be_kept():
    results = Results()
    results.add(report(0, requests=3))

    results.reset(1)

    assert [(second, stats.sent) for second, stats in results.take_seconds()] == [(0, 3)]
