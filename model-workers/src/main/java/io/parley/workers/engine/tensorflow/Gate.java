package io.parley.workers.engine.tensorflow;

/** What is done with a gate of the feed-forward part before it opens its value. */
enum Gate {
  SILU(1),
  /** In its approximation by the hyperbolic tangent. */
  GELU(2);

  private final int number;

  Gate(int number) {
    this.number = number;
  }

  /** By which Parley's operations know it; 0 is none. */
  int number() {
    return number;
  }
}
