"""A real single-node SLURM from Debian's packages, without systemd, cgroups or an accounting database."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = """
ClusterName=toy
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=600
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=10000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP
"""


def why_not() -> str | None:
    """Why no SLURM can be started here, or None."""
    if os.geteuid() != 0:
        return "SLURM test needs root"
    missing = [c for c in ("slurmctld", "slurmd", "munged", "sbatch") if shutil.which(c) is None]
    if missing:
        return f"SLURM test needs Debian's slurm-wlm and munge ({', '.join(missing)} missing)"
    return None


def _run(*command: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, **options)


def _host() -> str:
    """Short host name; made to resolve to the loopback address where it does not resolve."""
    host = socket.gethostname().split(".")[0]
    try:
        socket.gethostbyname(host)
    except OSError:
        with Path("/etc/hosts").open("a") as hosts:
            hosts.write(f"127.0.0.1 {host}\n")
    return host


@contextmanager
def slurm(folder: Path) -> Iterator[Path]:
    """Start munged, slurmctld and slurmd; yield the folder of their logs; stop them.

    The configuration must be /etc/slurm/slurm.conf: the executor drops SLURM_* variables inside jobs.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    _run("install", "-d", "-o", "munge", "-g", "munge", "-m", "755", "/run/munge", check=True)
    # `munge -n` asks a living daemon; a process list would also show dead ones
    started_munge = _run("munge", "-n").returncode != 0
    if started_munge:
        _run("runuser", "-u", "munge", "--", "munged", "--force", check=True)
    conf = Path("/etc/slurm/slurm.conf")
    before = conf.read_bytes() if conf.exists() else None
    conf.parent.mkdir(exist_ok=True)
    conf.write_text(CONF.format(host=_host(), folder=folder, cpus=os.cpu_count()))
    try:
        _run("slurmctld", "-f", str(conf), check=True)
        _run("slurmd", "-f", str(conf), check=True)
        deadline = time.monotonic() + 30
        while _run("sinfo", "-h", "-o", "%T").stdout.strip() != "idle":
            if time.monotonic() > deadline:
                logs = "".join(p.read_text()[-1500:] for p in folder.glob("*.log"))
                raise RuntimeError(f"SLURM did not come up: {logs}")
            time.sleep(0.3)
        yield folder
    finally:
        _run("scancel", "-u", "root")
        for name in ("slurmd", "slurmctld"):
            pid = folder / f"{name}.pid"
            if pid.exists():
                _run("kill", pid.read_text().strip())
        munge_pid = Path("/run/munge/munged.pid")
        if started_munge and munge_pid.exists():
            _run("kill", munge_pid.read_text().strip())
        if before is None:
            conf.unlink(missing_ok=True)
        else:
            conf.write_bytes(before)
