import signal

from hypothesis import settings

# A shell that starts the tests in the background lets them, and whatever they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is about time: on a busy machine each may take as long as it takes.
settings.register_profile("xscatter", deadline=None)
settings.load_profile("xscatter")
