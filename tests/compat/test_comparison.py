"""What counts as harm: a test that ends worse with the app than without it."""

import pytest

from compat.comparison import Difference, compare, differences
from compat.runs import Result


def results(**outcomes):
    return {test: Result(test, outcome) for test, outcome in outcomes.items()}


def verdict(without, given, listed=()):
    found = compare(results(**without), results(**given), listed)
    new, stale = [result.test for result in found.new], [item.test for item in found.stale]
    return found.is_good, new, [item.test for item in found.listed], stale


def excuse(test):
    return Difference("django", "*", "orm", test, "a reason")


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_test_that_no_longer_passes_is_a_new_failure(outcome):
    assert verdict({"a": "passed", "b": "passed"}, {"a": outcome, "b": "passed"}) == (False, ["a"], [], [])


def test_test_that_is_not_run_is_a_new_failure():
    assert verdict({"a": "passed", "b": "passed"}, {"b": "passed"}) == (False, ["a"], [], [])


def test_failure_that_is_not_in_the_run_without_the_app_is_new():
    given = {"a": "passed", "process 0": "failed"}
    assert verdict({"a": "passed"}, given) == (False, ["process 0"], [], [])


def test_test_that_fails_without_the_app_is_no_concern():
    assert verdict({"a": "failed", "b": "passed"}, {"a": "failed", "b": "passed"}) == (True, [], [], [])


def test_run_of_nothing_is_not_good():
    assert verdict({}, {}) == (False, [], [], [])
    assert verdict({"a": "failed"}, {"a": "failed"}) == (False, [], [], [])


def test_listed_failure_is_excused():
    found = verdict({"a": "passed", "b": "passed"}, {"a": "failed", "b": "passed"}, [excuse("a")])
    assert found == (True, [], ["a"], [])


def test_listed_test_that_passes_is_stale():
    assert verdict({"a": "passed"}, {"a": "passed"}, [excuse("a")]) == (False, [], [], ["a"])


def test_listed_test_that_is_not_there_or_fails_without_the_app_is_left_alone():
    assert verdict({"a": "passed"}, {"a": "passed"}, [excuse("b")]) == (True, [], [], [])
    both = {"a": "failed", "b": "passed"}
    assert verdict(both, both, [excuse("a")]) == (True, [], [], [])


def test_each_line_of_the_list_has_a_reason(tmp_path):
    differences()
    file = tmp_path / "differences.txt"
    file.write_text("# a comment\n\ndjango * orm queries.tests.Some.test_one # because\n")
    assert differences(file) == [Difference("django", "*", "orm", "queries.tests.Some.test_one", "because")]
    file.write_text("django * orm queries.tests.Some.test_one\n")
    with pytest.raises(ValueError, match=r"differences.txt, line 1: .* is no difference\. Write: suite,"):
        differences(file)
