package io.parley.node.audit.reproduce;

import java.util.Iterator;

/** Where histories come from. */
public interface HistorySource {
  /**
   * All of them, from the first; each is read when it is asked for.
   *
   * @throws io.parley.node.StartupException in one line, also while iterating, when they cannot be
   *     read
   */
  Iterator<SessionHistory> histories();
}
