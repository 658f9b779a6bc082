"""A watch that ends itself at a given write to disk, for the test of what a kill leaves behind.

    python watched_processes.py FRAMES TABLE EVENTS KILL_AT

KILL_AT counts the writes that are flushed to disk; 0: run to the end.
"""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from toy_naming import tagger_and_namer
from xscatter.advice.advisor import Advisor
from xscatter.sequences.stream import FrameStream
from xscatter.sources.folder import Folder
from xscatter.tagging import follow
from xscatter.tagging.journal import Journal
from xscatter.tagging.process_log import ProcessLog

CENTER = (31.5, 31.5)


# The first ring is named after the scan has seen it; the strain is seen by the network alone.
PLAN = {"crystallisation": (19, 28), "strain": (45, 52)}


def main(frames, table, events, kill_at):
    flushed, fsync = 0, os.fsync

    def counted(handle):
        nonlocal flushed
        flushed += 1
        if flushed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = counted
    follow.TOGETHER = 4
    tagger, namer = tagger_and_namer(PLAN)
    options = follow.FollowOptions(patience=0.1, once=True)
    read = {"center": CENTER}
    source = Folder(Path(frames), settle=0.01, read=read)
    table, events = Path(table), Path(events)
    stream, frames = FrameStream(record=False, namer=namer), events.with_suffix(".csv")
    with (
        closing(Journal(table, tagger.tags)) as journal,
        closing(ProcessLog(events, stream, table, source.frame, Advisor(), frames, tagger)) as log,
    ):
        for _ in follow.follow(tagger, source, journal, options, lambda line: None, log):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
