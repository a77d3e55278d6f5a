package io.parley.node;

/** Hears what a start is doing, for people who wait for it. Called by several threads. */
public interface StartupReporter {
  /** Begins a step; others may be under way. */
  Step begin(String what);

  /** One step of a start. */
  interface Step {
    /** How far it is, in any unit; {@code total} of 0 or less is unknown. */
    void progress(long done, long total);

    /** It ended well; {@code detail} may be empty. */
    void done(String detail);
  }
}
