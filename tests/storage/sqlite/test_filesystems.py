"""Where a database may lie."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from perdure.errors import UnsupportedFileSystemError
from perdure.storage.sqlite.filesystems import file_system_of, refuse_network_file_system
from perdure.storage.sqlite.opening import open_file

NETWORK = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre",
    "fuse.sshfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.s3fs", "fuse.rclone",
]  # fmt: skip

LOCAL = ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "f2fs", "fuseblk", "fuse.gocryptfs"]


def mounts_file(tmp_path: Path, *mounts: tuple[str, str]) -> Path:
    path = tmp_path / "mounts"
    path.write_text("".join(f"dev {place} {kind} rw,relatime 0 0\n" for place, kind in mounts), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", NETWORK)
def test_a_network_file_system_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    mounts = mounts_file(tmp_path, ("/", "ext4"), ("/share", kind))

    with pytest.raises(UnsupportedFileSystemError, match=f"/share/values.db is on {kind}"):
        refuse_network_file_system(Path("/share/values.db"), mounts=mounts)
    refuse_network_file_system(Path("/shared/values.db"), mounts=mounts)


@pytest.mark.parametrize("kind", LOCAL)
def test_a_local_file_system_is_accepted(tmp_path: Path, kind: str) -> None:
    refuse_network_file_system(Path("/data/values.db"), mounts=mounts_file(tmp_path, ("/", "nfs"), ("/data", kind)))


def test_the_deepest_mount_holds_a_path_and_a_later_one_hides_an_earlier(tmp_path: Path) -> None:
    mounts = mounts_file(
        tmp_path, ("/a/b", "xfs"), ("/", "ext4"), ("/a", "nfs"), ("/a/b", "btrfs"), (r"/with\040space", "cifs")
    )

    assert file_system_of(Path("/a/b/c"), mounts=mounts) == "btrfs"
    assert file_system_of(Path("/a/c"), mounts=mounts) == "nfs"
    assert file_system_of(Path("/with space/c"), mounts=mounts) == "cifs"
    assert file_system_of(Path("/c"), mounts=mounts) == "ext4"


def test_a_system_that_does_not_list_its_mounts_refuses_nothing(tmp_path: Path) -> None:
    refuse_network_file_system(Path("/share/values.db"), mounts=tmp_path / "missing")


def test_nothing_is_made_on_a_network_file_system(tmp_path: Path) -> None:
    mounts = mounts_file(tmp_path, ("/", "ext4"), (str(tmp_path / "share"), "nfs4"))

    with pytest.raises(UnsupportedFileSystemError):
        open_file(tmp_path / "share" / "values.db", lock_timeout=timedelta(0), mounts=mounts)

    assert not (tmp_path / "share").exists()
