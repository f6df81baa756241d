"""What is closed leaves no thread of the Kafka client behind: one that runs while its process ends may crash it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CLOSED_AND_KEPT = """
import glob, sys
from pathlib import Path
from infra.eventlog.kafka import KafkaLog

keys = KafkaLog(sys.argv[1], sys.argv[2]).keys()
list(keys.items())
keys.close()
print(sorted(name for path in glob.glob("/proc/self/task/*/comm") if (name := Path(path).read_text().strip()).startswith("rdk")))
"""


def test_the_data_keys_end_with_all_their_clients(kafka_bootstrap: str, environment: str) -> None:
    command = [sys.executable, "-c", CLOSED_AND_KEPT, kafka_bootstrap, environment]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert done.stdout == "[]\n", done.stdout
