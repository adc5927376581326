"""No row is anybody's twice, whatever is lost, doubled or begun anew."""

from hypothesis import given
from hypothesis import strategies as st

from greenload.core.grants import Granted, Grants
from greenload.core.messages import Claim


def claim(worker="one", number=1, rows="accounts", count=3, epoch=7):
    return Claim(worker, epoch, number, rows, count)


def test_claims_are_given_one_row_after_the_other():
    grants = Grants()

    granted = [grants.grant(each)[0] for each in (claim(), claim("two", count=5), claim(number=2, count=1))]

    assert [(each.first, each.size) for each in granted] == [(0, 3), (3, 5), (8, 1)]


def test_a_claim_whose_answer_was_lost_is_answered_the_same():
    grants = Grants()
    first = grants.grant(claim())
    grants.grant(claim("two"))

    again = grants.grant(claim())

    assert first == (Granted("accounts", "one", 7, 1, 0, 3), True)
    assert again == (first[0], False)


def test_a_claim_that_comes_late_and_again_takes_no_rows():
    grants = Grants()
    grants.grant(claim(number=1))
    last, _ = grants.grant(claim(number=2))

    assert grants.grant(claim(number=1)) == (last, False)
    assert grants.grant(claim(number=3))[0].first == 6


def test_a_worker_that_was_started_anew_gets_rows_of_its_own():
    grants = Grants()
    grants.grant(claim(epoch=7))

    granted, is_new = grants.grant(claim(epoch=8))

    assert (granted.first, is_new) == (3, True)


def test_two_sets_of_rows_are_counted_apart():
    grants = Grants()
    grants.grant(claim(rows="accounts"))

    granted, _ = grants.grant(claim(number=2, rows="albums"))

    assert granted.first == 0


def test_what_was_granted_is_known_to_who_goes_on():
    grants = Grants()
    granted = [grants.grant(each)[0] for each in (claim(), claim("two"))]

    other = Grants(granted)

    assert other.grant(claim()) == (granted[0], False)
    assert other.grant(claim(number=2))[0].first == 6


deeds = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from(["claim", "claim", "lose", "double", "late", "resume"]),
        st.sampled_from(["accounts", "albums"]),
        st.integers(1, 10_000),
    ),
    max_size=40,
)


@given(deeds)
def test_no_two_claims_are_given_the_same_row(done):
    grants, kept, said, got = Grants(), [], {}, {}

    def ask(wanted):
        granted, is_new = grants.grant(wanted)
        if is_new:
            kept.append(granted)
        return granted

    for worker, deed, rows, count in done:
        claims = said.setdefault(worker, [])
        if deed == "resume":
            grants = Grants(kept)
        elif deed == "late":
            if claims:
                ask(claims[0])
        else:
            claims.append(claim(worker, len(claims) + 1, rows, count))
            answers = [ask(claims[-1]) for _ in range(1 if deed == "claim" else 2)]
            assert set(answers) == {answers[0]}
            got[worker, len(claims)] = answers[0]

    for rows in ("accounts", "albums"):
        spans = sorted((each.first, each.first + each.size) for each in got.values() if each.rows == rows)
        assert [first for first, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
