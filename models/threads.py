"""TensorFlow as a process starts with it: loaded, and on how many cores."""

import os

from common.processes import quiet_native_output


def load_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, at a moment that the caller chooses; it doesn't greet."""
    with quiet_native_output():
        import tensorflow  # noqa: F401


def limit_threads(n_threads: int) -> None:
    """Let TensorFlow and BLAS use at most so many cores; to be called before the first operation in a process.

    Several heads are trained side by side, each in its own process: without a limit each would start as
    many threads as the machine has cores, and they would stand in each other's way.
    """
    # Boosted trees, whose library is loaded later.
    os.environ["OMP_NUM_THREADS"] = str(n_threads)
    import scipy.linalg  # noqa: F401 - its BLAS, which compiled loops call, can be limited only once it is loaded
    import tensorflow as tf
    from threadpoolctl import threadpool_limits

    threadpool_limits(n_threads, user_api="blas")
    tf.config.threading.set_intra_op_parallelism_threads(n_threads)
    tf.config.threading.set_inter_op_parallelism_threads(n_threads)
