"""Settings of every test process."""

import os

# As the command line does: tiny matrix products do not wait for threads. Set before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
