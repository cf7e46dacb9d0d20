"""Which processes are certainly no more."""

from reconciler.cluster.lease_process import has_ended, own_process


def test_the_mark_of_a_process() -> None:
    own = own_process()
    machine, pid, start = own.split(".")
    assert not has_ended(own)
    assert has_ended(f"{machine}.{pid}.{int(start) + 1}")
    assert not has_ended(f"{machine[::-1]}.{pid}.1")
    for odd in ("", "..", f"{machine}..", f"{machine}.0.1", f"{machine}.-1.1", f"{machine}.x.1"):
        assert not has_ended(odd), odd
    assert not has_ended(f"{machine}.{'9' * 30}.1")
