"""Unwrapped keys stay in memory briefly, few of them, and not in forked children."""

import os

from consent.encryption.datakeys import KeyCache, cache


def test_the_least_recently_used_owner_leaves_first() -> None:
    small = KeyCache(size=2)
    small.put("subject", {"a": {1: b"a"}})
    small.put("subject", {"b": {1: b"b"}})
    small.get("subject", ["a"])
    small.put("subject", {"c": {1: b"c"}})
    assert small.get("subject", ["a", "b", "c"]) == {"a": {1: b"a"}, "c": {1: b"c"}}


def test_keys_expire() -> None:
    expired = KeyCache(ttl_s=-1)
    expired.put("subject", {"a": {1: b"a"}})
    assert expired.get("subject", ["a"]) == {}


def test_owners_of_different_kinds_do_not_meet() -> None:
    kinds = KeyCache()
    kinds.put("subject", {"a": {1: b"a"}})
    assert kinds.get("day", ["a"]) == {}
    kinds.drop("subject", ["a"])
    assert kinds.get("subject", ["a"]) == {}


def test_a_forked_child_starts_without_keys() -> None:
    cache.put("subject", {"a": {1: b"a"}})
    child = os.fork()
    if child == 0:
        os._exit(0 if cache.get("subject", ["a"]) == {} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.get("subject", ["a"]) == {"a": {1: b"a"}}
