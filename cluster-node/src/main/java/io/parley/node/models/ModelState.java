package io.parley.node.models;

import java.util.Locale;

/**
 * Where a model is in its life.
 *
 * <pre>
 * FETCHING → LOADING → WARMING → SERVING → DRAINING → gone
 *     └─────────┴─────────┴→ FAILED
 *     └─────────┴─────────┴→ CANCELLING → gone   (unloaded before it served)
 * SERVING → LOADING → SERVING   (its engine broke, and its worker loads it again)
 * </pre>
 */
public enum ModelState {
  /** It is looked for in the store, and brought into it. */
  FETCHING,
  /** It waits for its turn to be loaded, or is loaded. */
  LOADING,
  /** Its first steps run. */
  WARMING,
  /** Its worker takes turns. */
  SERVING,
  /** It was unloaded: nothing new begins, what runs may end. */
  DRAINING,
  /** It was unloaded before it served: what is under way ends where it safely can. */
  CANCELLING,
  /** It could not be loaded; kept until it is loaded again or unloaded. */
  FAILED;

  /** Its name on the wire and on a terminal. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
