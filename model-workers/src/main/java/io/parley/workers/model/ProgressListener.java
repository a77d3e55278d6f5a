package io.parley.workers.model;

/**
 * Hears how a pull gets on. Called by the pulling thread. What it throws ends the pull, and leaves
 * the store as it was; so does an interrupt of that thread.
 */
public interface ProgressListener {
  /** Hears nothing. */
  ProgressListener NONE =
      new ProgressListener() {
        @Override
        public void step(String what) {}

        @Override
        public void bytes(long done, long total) {}
      };

  /** The next step begins, such as "downloading ...". */
  void step(String what);

  /**
   * Bytes of the step that are done.
   *
   * @param total 0 when it is not known
   */
  void bytes(long done, long total);
}
