"""The servers that other tests rely on do what they are told: die, come back, follow, take over, go back in time."""

from __future__ import annotations


def rows(cluster):
    return sorted(number for (number,) in cluster.execute("SELECT number FROM kept"))


def test_a_killed_server_comes_back_with_all_that_was_committed(new_cluster):
    cluster = new_cluster()
    cluster.execute("CREATE TABLE kept AS SELECT 1 AS number")
    cluster.kill()
    cluster.start()
    assert rows(cluster) == [1]


def test_a_synchronous_standby_takes_over_with_all_that_was_committed(new_cluster):
    primary = new_cluster()
    with primary.standby() as standby:
        primary.set(synchronous_standby_names="standby")
        primary.wait_for_standby()
        primary.execute("CREATE TABLE kept AS SELECT 1 AS number")
        primary.kill()
        standby.promote()
        standby.execute("INSERT INTO kept VALUES (2)")
        assert rows(standby) == [1, 2]


def test_a_copy_goes_back_to_a_moment_of_the_archive(new_cluster):
    cluster = new_cluster()
    cluster.settings.update(cluster.archiving())
    cluster.restart()
    cluster.execute("CREATE TABLE kept AS SELECT 1 AS number")
    backup = cluster.copy()
    cluster.execute("INSERT INTO kept VALUES (2)")
    ((moment,),) = cluster.execute("SELECT clock_timestamp()::text")
    cluster.execute("INSERT INTO kept VALUES (3)")
    cluster.archive_now()
    with cluster.restored(backup, moment) as restored:
        assert rows(restored) == [1, 2]
        assert rows(cluster) == [1, 2, 3]
