import errno
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, StoreError
from tasks.store.objects import Objects
from tasks.store.store import Store

RACERS = 24


def race(objects: Objects, key: str) -> list[bool]:
    barrier = threading.Barrier(RACERS)

    def run(number: int) -> bool:
        barrier.wait()
        return objects.create(key, f"racer {number}".encode() * 100)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def test_of_many_racing_threads_exactly_one_creates(tmp_path: Path) -> None:
    objects = Objects(str(tmp_path))
    for attempt in range(20):
        won = race(objects, f"a/{attempt}")
        assert won.count(True) == 1
        assert objects.get(f"a/{attempt}") == f"racer {won.index(True)}".encode() * 100
    assert not [name for name in objects.names("a", hidden=True) if name.startswith(".")], "left something aside"


def _create(root: str, number: int, barrier) -> bool:
    objects = Objects(root)
    barrier.wait()
    return objects.create("a/b", f"{number}".encode())


def test_of_many_racing_processes_exactly_one_creates(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Manager().Barrier(6)
    with context.Pool(6) as pool:
        won = pool.starmap(_create, [(str(tmp_path), i, barrier) for i in range(6)])
    assert won.count(True) == 1
    assert Objects(str(tmp_path)).get("a/b") == f"{won.index(True)}".encode()


def test_equal_bytes_too_have_one_creator_on_disk(tmp_path: Path) -> None:
    objects = Objects(str(tmp_path))
    assert [objects.create("k", b"same"), objects.create("k", b"same")] == [True, False]


def test_s3_create_sends_if_none_match_and_has_one_winner(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(f"s3://{bucket}")
    sent: list[dict] = []
    call = type(objects.fs)._call_s3

    async def recorded(self, method, *args, **kwargs):
        sent.append({"method": method, **kwargs})
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(type(objects.fs), "_call_s3", recorded)
    won = race(objects, "a")
    assert won.count(True) == 1
    assert objects.get("a") == f"racer {won.index(True)}".encode() * 100
    puts = [request for request in sent if request["method"] == "put_object"]
    assert len(puts) == RACERS
    assert all(request["IfNoneMatch"] == "*" for request in puts)


def test_an_s3_put_that_meets_itself_on_a_retry_has_won(bucket: str) -> None:
    objects = Objects(f"s3://{bucket}")
    assert objects.create("a", b"mine")
    assert objects.create("a", b"mine")
    assert not objects.create("a", b"another's")
    assert objects.get("a") == b"mine"


def test_any_refusal_is_settled_by_reading_back(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects("memory://refusals")
    objects.put("taken", b"theirs")

    def refuse(*_, **__):
        raise OSError(errno.EINVAL, "At least one of the pre-conditions you specified did not hold")

    monkeypatch.setattr(objects.fs, "pipe_file", refuse)
    assert objects.create("taken", b"mine") is False
    assert objects.create("taken", b"theirs") is True
    with pytest.raises(StoreError, match=r"pre-conditions"):
        objects.create("free", b"mine")


def test_put_replaces_and_remove_forgives(any_store: Store) -> None:
    objects = any_store.objects
    objects.put("a/b/c", b"1")
    objects.put("a/b/c", b"2")
    assert objects.get("a/b/c") == b"2"
    assert objects.names("a") == ["b"]
    objects.remove("a")
    objects.remove("a")
    assert not objects.exists("a/b/c")
    assert objects.names("a") == []
    with pytest.raises(FileNotFoundError):
        objects.get("a/b/c")


def test_what_another_client_writes_is_seen_at_once(any_store: Store, s3_server: str) -> None:
    objects = any_store.objects
    objects.put("a/1", b"")
    assert objects.names("a") == ["1"]
    if objects.url("a").startswith("s3://"):
        import boto3

        bucket, _, prefix = objects.path.partition("/")
        boto3.client("s3", endpoint_url=s3_server).put_object(Bucket=bucket, Key=f"{prefix}/a/2", Body=b"")
    else:
        type(any_store)(any_store.root).objects.put("a/2", b"")
    assert objects.names("a") == ["1", "2"], "a listing came out of a cache"
    assert objects.exists("a/2")


def test_a_root_that_is_a_file_is_a_mistake(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.write_text("")
    with pytest.raises(ConfigurationError, match=f"store '{root}' is a file: give a folder or a URL by --store"):
        Objects(str(root))


def test_a_root_below_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / "store"
    objects = Objects(str(root))
    for act in (
        lambda: objects.get("a/b"),
        lambda: objects.put("a/b", b""),
        lambda: objects.create("a/b", b""),
        lambda: objects.names("a"),
    ):
        with pytest.raises(StoreError, match=rf"the store cannot .*{root}"):
            act()


def test_a_bucket_that_is_not_there_is_a_sentence(s3_server: str) -> None:
    objects = Objects("s3://no-such-bucket-here/store")
    with pytest.raises(StoreError, match=r"cannot write s3://no-such-bucket-here/store/a: .*does not exist"):
        objects.put("a", b"")
    with pytest.raises(StoreError, match=r"cannot write"):
        objects.create("a", b"")


def test_missing_credentials_are_a_sentence(s3_server: str, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    environment |= {"AWS_ENDPOINT_URL": s3_server, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    command = "from tasks.store.objects import Objects; Objects('s3://b/store').put('a', b'')"
    done = subprocess.run([sys.executable, "-c", command], env=environment, capture_output=True, text=True)
    assert "tasks.errors.StoreError: the store cannot write s3://b/store/a: Unable to locate credentials" in done.stderr


def test_an_unknown_protocol_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"store 's4://x'"):
        Objects("s4://x")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a file system, as root")
def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.decode()}")
    try:
        objects = Objects(str(disk))
        objects.put("a/kept", b"small")
        with pytest.raises(StoreError, match=r"cannot write .*a/big: No space left on device"):
            objects.put("a/big", bytes(1 << 20))
        assert objects.names("a", hidden=True) == ["kept"]
        assert objects.get("a/kept") == b"small"
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_file_over_the_quota_is_a_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    command = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from tasks.store.objects import Objects\n"
        f"Objects({str(tmp_path)!r}).put('a/big', bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert "StoreError: the store cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert Objects(str(tmp_path)).names("a", hidden=True) == []
