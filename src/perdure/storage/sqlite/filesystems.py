"""Which file system a path is on; a network's are refused.

SQLite's write-ahead log needs memory shared between processes, and its locks and ours need a kernel that sees every
opener. Over a network neither holds, and two machines destroy a database without any error.
"""

from __future__ import annotations

import re
from pathlib import Path

from perdure.errors import UnsupportedFileSystemError

MOUNTS = Path("/proc/self/mounts")

_NETWORK = re.compile(
    r"(fuse\.)?(nfs\d?|cifs|smb\w*|9p|afs|kafs|sshfs|glusterfs|ceph(-fuse)?|lustre|beegfs|gpfs|pvfs2|orangefs|davfs2?"
    r"|s3fs|s3backer|gcsfuse|goofys|rclone|mount-s3|blobfuse2?|juicefs|objectivefs|seaweedfs|moosefs|mfs|ncpfs|coda)"
)


def refuse_network_file_system(path: Path, *, mounts: Path = MOUNTS) -> None:
    """Check that a path is on a disk of this machine.

    Args:
        path: An absolute path; the file need not exist.
        mounts: The list of mounts in the form of fstab(5); when it cannot be read, nothing is refused.

    Raises:
        UnsupportedFileSystemError: It is on a network file system.
    """
    kind = file_system_of(path, mounts=mounts)
    if kind is not None and _NETWORK.fullmatch(kind):
        raise UnsupportedFileSystemError(f"{path} is on {kind}. {UnsupportedFileSystemError().message}")


def file_system_of(path: Path, *, mounts: Path = MOUNTS) -> str | None:
    """Name the type of the file system that holds a path, or ``None`` if the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    found: tuple[int, str] | None = None
    for line in lines:
        _, place, kind, *_ = line.split(" ")
        mounted = Path(_unescape(place))
        depth = len(mounted.parts)
        # The deepest mount holds the path; of two at one place, the later one hides the other.
        if path.is_relative_to(mounted) and (found is None or depth >= found[0]):
            found = (depth, kind)
    return None if found is None else found[1]


def _unescape(place: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), place)
