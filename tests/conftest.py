import signal

from hypothesis import settings

# A shell that starts the tests in the background lets them, and whatever they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is about time: on a busy machine each may take as long as it takes.
settings.register_profile("xscatter", deadline=None)
settings.load_profile("xscatter")

# With a process for each core, whole files are dealt out in this order: the longest come first, or
# one process would be alone with them in the end. Their fixtures are set up once a file.
LONGEST = (
    "test_learn_train.py",  # six minutes, more than a third of all
    "test_dag.py",
    "test_views.py",
    "test_report.py",
    "test_frames_tagger.py",
    "test_frames_watch.py",
)


def pytest_collection_modifyitems(items):
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))
