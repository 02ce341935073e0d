# SPDX-License-Identifier: ISC
"""Users that the configuration maps to host accounts. The daemon runs in a mount
namespace of its own with an /etc/passwd that the test wrote, so that no account of the
machine is used or made."""

import os

import pytest

from daemon import Daemon, NET_UID

PASSWD = f"""root:x:0:0:root:/root:/bin/sh
toor:x:0:0:another root:/root:/bin/sh
rootgroup:x:4711:0:in group 0:/:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
old:x:999:999:a system account:/:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
netd:x:{NET_UID}:{NET_UID}:our own service:/:/bin/sh
worker:x:54321:54322:an account:/home/worker:/bin/sh
"""
GROUP = "root:x:0:worker\nshadow:x:42:worker\nworkers:x:54322:\nothers:x:54399:worker\n"


@pytest.fixture
def prefix(tmp_path):
    (tmp_path / "passwd").write_text(PASSWD)
    (tmp_path / "group").write_text(GROUP)
    return ["unshare", "-m", "sh", "-c",
            f"mount --bind {tmp_path}/passwd /etc/passwd && "
            f"mount --bind {tmp_path}/group /etc/group && exec \"$@\"", "sh"]


def test_job_of_a_mapped_user_runs_as_the_account(prefix):
    options = {"User": "alice account=worker"}
    with Daemon(users=("alice", "bob"), options=options, prefix=prefix) as d:
        alice = d.api("alice")
        assert alice.sh(f"id -u; echo x > {d.pub}/a; echo $HOME; id -G") \
            == b"0\n/home/worker\n0\n"
        st = os.stat(d.pub / "a")
        assert (st.st_uid, st.st_gid) == (54321, 54322)
        # The account's own groups on the host are not the job's.
        assert alice.sh("grep ^Groups: /proc/self/status").split() == [b"Groups:"]
        for which, outside in (("uid_map", 54321), ("gid_map", 54322)):
            rows = [line.split() for line in alice.sh(f"cat /proc/self/{which}").splitlines()]
            assert [b"0", b"%d" % outside, b"1"] in rows
            assert not [r for r in rows if int(r[1]) == 0]
        # Nobody else is changed by it, and a name alone maps nothing.
        d.api("bob").sh(f"echo x > {d.pub}/b")
        assert os.stat(d.pub / "b").st_uid >= 1879048192


@pytest.mark.parametrize("account", ["root", "toor", "rootgroup", "daemon", "old", "nobody",
                                     "netd", "no-such-account"])
def test_account_that_no_job_may_have(prefix, account):
    """The daemon does not start, and names the account."""
    d = Daemon(users=("alice",), options={"User": f"alice account={account}"}, prefix=prefix,
               start=False)
    try:
        with pytest.raises(AssertionError):
            d.start()
        assert account in d.log()
    finally:
        d.proc = None
        d.close()


def test_a_users_name_is_no_account(prefix):
    """worker has a certificate, and an account of that name is on the host: no matter."""
    with Daemon(users=("worker",), prefix=prefix) as d:
        d.api("worker").sh(f"echo x > {d.pub}/w")
        assert os.stat(d.pub / "w").st_uid >= 1879048192
