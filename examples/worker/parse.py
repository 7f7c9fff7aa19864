"""Parses the measurements and the cloned notes; prints one JSON object."""

import csv
import json
import pathlib
import statistics
import subprocess
import sys


def main(measurements: str, notes: str) -> None:
    by_station: dict[str, list[float]] = {}
    rows = gaps = 0
    with open(measurements, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows += 1
            if row["temperature_c"]:
                by_station.setdefault(row["station"], []).append(float(row["temperature_c"]))
            else:
                gaps += 1
    stations = {
        name: {
            "n": len(values),
            "mean": round(statistics.fmean(values), 3),
            "stdev": round(statistics.stdev(values), 3),
            "min": min(values),
            "max": max(values),
        }
        for name, values in sorted(by_station.items())
    }
    log = subprocess.run(["git", "-C", notes, "log", "--format=%s"], check=True, capture_output=True, text=True)
    json.dump(
        {
            "rows": rows,
            "gaps": gaps,
            "stations": stations,
            "notes": sorted(path.stem for path in pathlib.Path(notes).glob("*.md")),
            "commits": len(log.stdout.splitlines()),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
