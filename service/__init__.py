"""The only place with a clock, a network, threads and settings."""

import os

# Before numpy is loaded by anything below: with two BLAS threads on a shared machine a small fit
# goes from a fraction of a second to many. An operator's own setting wins.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
