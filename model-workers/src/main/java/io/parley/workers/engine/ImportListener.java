package io.parley.workers.engine;

/**
 * Hears how far a load has come. Called from the loading thread; must not block. Steps that are
 * skipped, because an earlier load has done them, are not reported. What it throws ends the load,
 * and leaves nothing half made.
 */
@FunctionalInterface
public interface ImportListener {
  /** Hears nothing. */
  ImportListener NONE = (step, done, total) -> {};

  /** A long step of a load. */
  enum Step {
    /** The native libraries are unpacked; units are bytes. */
    UNPACK_NATIVES,
    /** The model file is converted; units are tensors. */
    CONVERT_MODEL
  }

  void progress(Step step, long done, long total);
}
