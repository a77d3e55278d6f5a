package io.parley.node.chaos;

/** A run that cannot go on: something that must come did not. */
final class ChaosException extends RuntimeException {
  private static final long serialVersionUID = 1;

  ChaosException(String message) {
    super(message);
  }
}
