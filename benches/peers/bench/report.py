"""Says what was measured: as a table for people, as JSON for everything else."""

import json
import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

HEADER = (
    f"{'':26}{'wall s':>10}{'cpu s':>9}{'far cpu':>9}{'MiB':>8}{'far MiB':>9}"
    f"{'sent':>12}{'received':>12}{'store':>14}{'runs':>6}"
)


def machine(directory):
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1])
    where = ["findmnt", "-n", "-o", "FSTYPE,OPTIONS", "--target", directory]
    mount = subprocess.run(where, capture_output=True, text=True, check=False).stdout
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": memory // 1024,
        "kernel": platform.release(),
        "filesystem": mount.strip(),
        "load": os.getloadavg()[0],
    }


def versions(programs, env):
    """What each program says of itself, the first line."""
    said = {}
    for program in programs:
        done = subprocess.run(
            program.version, shell=True, env=env, capture_output=True, text=True, check=False
        )
        lines = (done.stdout + done.stderr).strip().splitlines()
        said[program.name] = lines[0] if lines else "?"
    return said


def document(args, scene, programs, results):
    """Everything, for a file."""
    return {
        "machine": machine(scene.dir),
        "versions": versions(programs, scene.near),
        "mail": scene.written | {"mean": scene.mean, "seed": args.seed},
        "rows": args.rows,
        "results": [result.as_json() for result in results],
    }


def head(document):
    for name in ["machine", "versions", "mail"]:
        for key, value in document[name].items():
            print(f"{name} {key}: {value}")
    print()


def line(result):
    """One line of the table."""
    show = lambda form, number: format(number, form) if number is not None else ""  # noqa: E731
    figures = [
        f"{show('.4f', result.median('wall')):>10}",
        f"{show('.3f', result.median('cpu')):>9}",
        f"{show('.2f', result.median('far_cpu')):>9}",
        f"{show('.1f', result.median('memory')):>8}",
        f"{show('.1f', result.median('far_memory')):>9}",
        f"{show(',.0f', result.median('sent')):>12}",
        f"{show(',.0f', result.median('received')):>12}",
        f"{show(',', result.store):>14}",
        f"{len(result.runs) or '':>6}",
    ]
    notes = [result.note]
    if result.protocol is not None:
        notes.append(f"{result.protocol} bytes of protocol")
    return f"  {result.peer:24}{''.join(figures)}  {'; '.join(filter(None, notes))}".rstrip()


def heading(row, text):
    print(f"\n{row}: {text}\n{HEADER}", flush=True)


def say(text):
    print(text, flush=True)


def warn(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def save(path, content):
    Path(path).write_text(json.dumps(content, indent=1) + "\n")
