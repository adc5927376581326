"""Stats: what is recorded is counted once, and the sum does not depend on how it is grouped."""

import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenload.core import kinds as kinds_module
from greenload.core.histogram import Histogram
from greenload.core.kinds import MOST_KIND_CHARACTERS, MOST_KINDS, OTHER, Kinds, kind_of
from greenload.core.phases import PHASES
from greenload.core.stall import Stall
from greenload.core.stats import Sample, Stats, Tally, Timings, sum_of

# What three_kinds patches is the same for every example, so it may stay from one to the next.
law = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(law, max_examples=60)


def sample(method="GET", name="/albums", intended_s=1.0, started_s=1.0, ended_s=1.005, error=None, received_bytes=100):
    return Sample(method, name, intended_s, started_s, ended_s, error, received_bytes)


def stats_of(samples):
    stats = Stats()
    for one in samples:
        stats.record(one)
    return stats


def kinds_of(occurrences):
    kinds = Kinds()
    for kind, second in occurrences:
        kinds.count(kind, second)
    return kinds


def plain(value):
    """Return all that a value holds, to compare."""
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if hasattr(value, "__slots__"):
        return {slot: plain(getattr(value, slot)) for slot in value.__slots__ if not slot.startswith("_")}
    return value


def counts(kinds):
    return [(kind, occurrences.count) for kind, occurrences in kinds]


def phase_count(stats, phase):
    return sum(
        tally.phases.histograms[phase].count
        for tally in stats.tallies.values()
        if tally.phases is not None and phase in tally.phases.histograms
    )


@pytest.fixture
def three_kinds(monkeypatch):
    """Let there be room for three kinds only, so that a law meets the limit all the time."""
    monkeypatch.setattr(kinds_module, "MOST_KINDS", 3)


words = st.sampled_from(["a", "b", "c", "aa", "ab", "timed out", "HTTP 503", OTHER])
seconds = st.integers(0, 100)
waits_s = st.integers(0, 10_000).map(lambda milliseconds: milliseconds / 1_000)


@st.composite
def samples(draw):
    intended_s = draw(waits_s)
    started_s = intended_s + draw(waits_s)
    ended_s = started_s + draw(waits_s)
    method, name = draw(st.sampled_from(["GET", "POST"])), draw(st.sampled_from(["/", "/albums"]))
    return Sample(method, name, intended_s, started_s, ended_s, draw(st.none() | words), draw(st.integers(0, 10**6)))


@st.composite
def some_stats(draw):
    stats = stats_of(draw(st.lists(samples(), max_size=6)))
    for age_s in draw(st.lists(waits_s, max_size=2)):
        stats.record_unfinished("GET", draw(st.sampled_from(["/", "/slow"])), age_s)
    for phase, took_s in draw(st.lists(st.tuples(st.sampled_from(PHASES), waits_s), max_size=4)):
        stats.record_phase("GET", draw(st.sampled_from(["/", "/slow"])), phase, took_s)
    for word, second in draw(st.lists(st.tuples(words, seconds), max_size=5)):
        stats.exceptions.count(word, second)
    for lag_us in draw(st.lists(st.integers(0, 10**6), max_size=3)):
        stats.lag.record(lag_us)
    stats.sent = draw(st.integers(0, 100))
    stats.users_died = draw(st.integers(0, 100))
    stats.missed_slots = draw(st.integers(0, 100))
    stats.longest_stall = draw(st.none() | st.builds(Stall, st.sampled_from([0.5, 1.0]), st.integers(0, 3)))
    return stats


# Recording


def test_service_time_is_from_started_and_response_time_from_intended():
    stats = stats_of([sample(intended_s=1.0, started_s=3.0, ended_s=3.005)])

    timings = stats.tallies["GET", "/albums"].succeeded
    assert (timings.service.min_us, timings.service.max_us) == (5_000, 5_000)
    assert (timings.response.min_us, timings.response.max_us) == (2_005_000, 2_005_000)


@law
@given(samples())
def test_the_response_time_is_never_below_the_service_time(one):
    ended = stats_of([one]).total().ended()

    assert ended.response.min_us >= ended.service.min_us


@pytest.mark.parametrize(
    ("intended_s", "started_s", "ended_s"),
    [(2, 1, 3), (1, 3, 2), (3, 2, 1), (2, 1, 1), (math.nan, 1, 2), (1, math.nan, 2), (1, 2, math.nan)],
)
def test_times_out_of_order_are_refused_and_nothing_is_counted(intended_s, started_s, ended_s):
    stats = Stats()

    with pytest.raises(ValueError, match="cannot have been intended, started, ended"):
        stats.record(sample(intended_s=intended_s, started_s=started_s, ended_s=ended_s, error="HTTP 503"))

    assert plain(stats) == plain(Stats())


def test_times_that_are_equal_are_in_order():
    stats = stats_of([sample(intended_s=1, started_s=1, ended_s=1)])

    assert stats.succeeded == 1


def test_succeeded_and_failed_are_counted_apart():
    stats = stats_of([sample(ended_s=1.001), sample(ended_s=1.002), sample(ended_s=1.9, error="timed out")])

    tally = stats.tallies["GET", "/albums"]
    assert (stats.succeeded, stats.failed, tally.requests) == (2, 1, 3)
    assert tally.succeeded.service.max_us == tally.succeeded.response.max_us == 2_000
    assert tally.failed.service.min_us == tally.failed.response.min_us == 900_000


@law
@given(st.lists(samples()))
def test_succeeded_and_failed_are_all_requests(some):
    stats = stats_of(some)

    failures = sum(one.error is not None for one in some)
    assert (stats.succeeded, stats.failed) == (len(some) - failures, failures)
    assert stats.total().requests == stats.total().ended().service.count == len(some)
    assert stats.total().ended().response.count == len(some)
    assert stats.total().failures.total() == failures
    assert stats.total().received_bytes == sum(one.received_bytes for one in some)


def test_each_name_and_method_has_its_own_tally():
    some = [sample("GET", "/"), sample("POST", "/"), sample("GET", "/albums"), sample("GET", "/")]

    stats = stats_of(some)

    assert {key: tally.requests for key, tally in stats.tallies.items()} == {
        ("GET", "/"): 2,
        ("POST", "/"): 1,
        ("GET", "/albums"): 1,
    }


def test_a_failure_is_counted_by_its_kind_in_the_second_it_ended():
    some = [
        sample(started_s=3.0, ended_s=3.9, error="no answer after 100 ms"),
        sample(started_s=7.0, ended_s=8.1, error="no answer after 250 ms"),
    ]

    [(kind, occurrences)] = stats_of(some).total().failures

    assert kind == "no answer after N ms"
    assert (occurrences.count, occurrences.first_s, occurrences.last_s) == (2, 3, 8)


def test_a_success_has_no_kind_of_failure():
    stats = stats_of([sample()])

    assert len(stats.total().failures) == 0


def test_a_request_cut_off_is_counted_with_its_age_and_as_nothing_else():
    stats = Stats()

    stats.record_unfinished("GET", "/slow", 2.5)

    assert (stats.unfinished, stats.succeeded, stats.failed, stats.total().requests) == (1, 0, 0, 0)
    assert stats.tallies["GET", "/slow"].unfinished.max_us == 2_500_000


def test_a_phase_is_counted_under_its_name_and_as_nothing_else():
    stats = Stats()

    stats.record_phase("GET", "/", "connect", 0.002)
    stats.record_phase("GET", "/", "connect", 0.004)

    [tally] = stats.tallies.values()
    assert [(phase, held.count, held.max_us) for phase, held in tally.phases.histograms.items()] == [
        ("connect", 2, 4_000)
    ]
    assert (stats.total().requests, stats.sent, stats.unfinished) == (0, 0, 0)


def test_where_no_phase_was_recorded_there_is_nothing_to_hold_it():
    total = sum_of([stats_of([sample()]), stats_of([sample(error="timed out")])])

    assert [tally.phases for tally in total.tallies.values()] == [None]
    assert total.total().phases is None


def test_what_phases_take_in_memory_is_counted_with_the_rest():
    stats = stats_of([sample()])
    before = stats.total().buckets

    stats.record_phase("GET", "/albums", "tls", 0.002)
    stats.record_phase("GET", "/albums", "receive_new", 0.002)
    stats.record_phase("GET", "/albums", "receive_new", 0.004)

    assert stats.total().buckets == before + 3


def test_new_stats_have_counted_nothing():
    stats = Stats()

    assert (stats.sent, stats.succeeded, stats.failed, stats.unfinished, stats.users_died) == (0, 0, 0, 0, 0)
    assert plain(stats.total()) == plain(Tally())


# Adding


@law
@given(st.lists(st.lists(samples(), max_size=8), max_size=6))
@pytest.mark.usefixtures("three_kinds")
def test_however_samples_are_grouped_the_sum_is_what_recording_them_all_gives(groups):
    parts = [stats_of(group) for group in groups]

    assert plain(sum_of(parts)) == plain(stats_of(itertools.chain(*groups)))


@few
@given(some_stats(), some_stats())
@pytest.mark.usefixtures("three_kinds")
def test_adding_is_commutative(a, b):
    assert plain(sum_of([a, b])) == plain(sum_of([b, a]))


@few
@given(some_stats(), some_stats(), some_stats())
@pytest.mark.usefixtures("three_kinds")
def test_adding_is_associative(a, b, c):
    assert plain(sum_of([sum_of([a, b]), c])) == plain(sum_of([a, sum_of([b, c])]))


@few
@given(some_stats())
@pytest.mark.usefixtures("three_kinds")
def test_adding_empty_stats_changes_nothing(stats):
    assert plain(sum_of([stats, Stats()])) == plain(sum_of([Stats(), stats])) == plain(stats)


@few
@given(some_stats(), some_stats())
@pytest.mark.usefixtures("three_kinds")
def test_what_is_added_is_left_as_it_was(a, b):
    total, before = sum_of([a]), (plain(a), plain(b))

    total.add(b)
    total.add(b)

    assert (plain(a), plain(b)) == before


@few
@given(some_stats(), some_stats())
def test_every_number_of_a_sum_is_the_sum_of_the_numbers(a, b):
    total = sum_of([a, b])

    for number in ("sent", "users_died", "missed_slots", "succeeded", "failed", "unfinished"):
        assert getattr(total, number) == getattr(a, number) + getattr(b, number)
    assert total.lag.count == a.lag.count + b.lag.count
    assert total.exceptions.total() == a.exceptions.total() + b.exceptions.total()
    assert total.total().received_bytes == a.total().received_bytes + b.total().received_bytes
    for phase in PHASES:
        assert phase_count(total, phase) == phase_count(a, phase) + phase_count(b, phase)


def test_a_total_does_not_change_what_it_is_the_total_of():
    stats = stats_of([sample("GET", "/"), sample("GET", "/albums", error="timed out")])
    before = plain(stats)

    stats.total().ended().add(stats.total().failed)

    assert plain(stats) == before


@few
@given(st.lists(some_stats(), min_size=1, max_size=5))
def test_the_longest_stall_of_a_sum_is_the_longest_of_the_parts_and_of_equally_long_ones_the_first(parts):
    stalls = [part.longest_stall for part in parts if part.longest_stall is not None]

    longest = sum_of(parts).longest_stall

    assert longest == min(stalls, key=lambda stall: (-stall.length_s, stall.from_s), default=None)


# Kinds


@law
@given(st.lists(st.tuples(words, seconds)), st.lists(st.tuples(words, seconds)))
@pytest.mark.usefixtures("three_kinds")
def test_whichever_kinds_come_first_the_same_ones_are_kept(some, more):
    a, b, whole = kinds_of(some), kinds_of(more), kinds_of(some + more)

    a.add(b)

    assert plain(a) == plain(whole) == plain(kinds_of(reversed(some + more)))


@law
@given(st.lists(st.tuples(words, seconds), min_size=1))
@pytest.mark.usefixtures("three_kinds")
def test_no_occurrence_is_lost_when_kinds_are_too_many(some):
    kinds = kinds_of(some)

    assert kinds.total() == len(some)
    assert len(kinds) == len(list(kinds)) <= 4
    assert min(occurrences.first_s for _, occurrences in kinds) == min(second for _, second in some)
    assert max(occurrences.last_s for _, occurrences in kinds) == max(second for _, second in some)


@pytest.mark.usefixtures("three_kinds")
def test_the_shortest_kinds_are_kept_and_the_rest_together_is_other():
    kinds = kinds_of([("a long story", 1), ("bb", 2), ("c", 3), ("another long story", 4), ("aa", 5), ("c", 6)])

    assert counts(kinds) == [("c", 2), ("aa", 1), ("bb", 1), (OTHER, 2)]
    assert [(others.first_s, others.last_s) for kind, others in kinds if kind == OTHER] == [(1, 4)]


@pytest.mark.usefixtures("three_kinds")
def test_a_kind_that_was_dropped_stays_among_the_others():
    kinds = kinds_of([("dropped", 1), ("a", 1), ("b", 1), ("c", 1), ("dropped", 1)])

    assert counts(kinds) == [("a", 1), ("b", 1), ("c", 1), (OTHER, 2)]


def test_the_most_frequent_kind_comes_first_and_equally_frequent_ones_by_name():
    kinds = kinds_of([("b", 1), ("a", 1), ("c", 1), ("c", 2)])

    assert counts(kinds) == [("c", 2), ("a", 1), ("b", 1)]


def test_of_a_text_that_differs_each_time_no_more_than_most_kinds_and_other_are_kept():
    kinds = kinds_of((f"no album called {'x' * length}", 1) for length in range(1_000))

    assert len(kinds) == MOST_KINDS + 1
    assert counts(kinds)[-1] == (OTHER, 1_000 - MOST_KINDS)


def test_exactly_most_kinds_are_all_kept():
    kinds = kinds_of((f"no album called {'x' * length}", 1) for length in range(MOST_KINDS))

    assert len(kinds) == MOST_KINDS
    assert OTHER not in dict(kinds)


# What is one kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("timed out", "timed out"),
        ("timed out after 30 s", "timed out after N s"),
        ("timed out after 2.75 s", "timed out after N.N s"),
        ("no album 1234", "no album N"),
        ("album1234 is gone", "albumN is gone"),
        ("<Album object at 0x7f3a2c>", "<Album object at N>"),
        ("<Album object at 0x7F3A2C>", "<Album object at N>"),
        ("no album 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "no album N"),
        ("/albums/6f9619ff-8b86-d011-b42d-00cf4fc964ff: gone", "/albums/N: gone"),
        ("two\n lines\tand  blanks ", "two lines and blanks"),
        ("", ""),
    ],
)
def test_what_differs_between_failures_of_a_kind_is_masked(error, kind):
    assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("no album 6F9619FF-8B86-D011-B42D-00CF4FC964FF", "no album N"),
        ("no album_6f9619ff-8b86-d011-b42d-00cf4fc964ff", "no album_N"),
    ],
)
def test_a_uuid_is_masked_however_it_is_written(error, kind):
    assert kind_of(error) == kind


@pytest.mark.parametrize("status", [404, 429, 500, 502, 503])
def test_the_status_is_the_kind_and_stays(status):
    assert kind_of(f"HTTP {status}") == f"HTTP {status}"


def test_the_status_stays_and_other_numbers_beside_it_do_not():
    assert kind_of("HTTP 503 after 12 ms, 3 tries") == "HTTP 503 after N ms, N tries"


def test_failures_of_two_statuses_are_two_kinds():
    stats = stats_of([sample(error="HTTP 500"), sample(error="HTTP 503"), sample(error="HTTP 503")])

    assert counts(stats.total().failures) == [("HTTP 503", 2), ("HTTP 500", 1)]


@law
@given(st.text(max_size=50))
def test_a_kind_is_one_line_without_numbers(error):
    kind = kind_of(error)

    assert kind == " ".join(kind.split())
    assert not any(character.isdecimal() for character in kind)


@pytest.mark.parametrize("text", ["x", "x 1 ", "0x1f ", "é"])
def test_a_kind_is_cut_at_most_kind_characters(text):
    assert len(kind_of(text * 10_000)) <= MOST_KIND_CHARACTERS


@law
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_two_failures_that_differ_in_a_number_are_one_kind(one, other):
    assert kind_of(f"no album {one} here") == kind_of(f"no album {other} here")


def test_lag_is_a_histogram_of_its_own():
    stats, expected = Stats(), Histogram()
    for lag_us in (300, 400):
        stats.lag.record(lag_us)
        expected.record(lag_us)

    assert plain(stats.lag) == plain(expected)
    assert plain(stats.total()) == plain(Tally())


# Two clocks that agree


def test_one_histogram_is_both_clocks_until_they_first_differ():
    timings = Timings()

    timings.record(5_000, 5_000)
    alike = timings.are_alike
    timings.record(5_000, 9_000)

    assert (alike, timings.are_alike) == (True, False)
    assert (timings.service.count, timings.service.max_us) == (2, 5_000)
    assert (timings.response.count, timings.response.min_us, timings.response.max_us) == (2, 5_000, 9_000)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2))), st.lists(st.tuples(st.integers(1, 9), st.just(0))))
def test_adding_timings_is_recording_everything_whether_the_clocks_agree_or_not(one, two):
    for first, second in ((one, two), (two, one)):
        added, other, straight = Timings(), Timings(), Timings()
        for timings, pairs in ((added, first), (other, second), (straight, first + second)):
            for service_us, late_us in pairs:
                timings.record(service_us, service_us + late_us)

        added.add(other)

        assert added.are_alike == straight.are_alike
        assert (added.service.counts, added.response.counts) == (straight.service.counts, straight.response.counts)
        assert added.response.sum_us == straight.response.sum_us
