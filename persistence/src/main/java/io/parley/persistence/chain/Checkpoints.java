package io.parley.persistence.chain;

/** Where entities leave signed checkpoints of their chains. */
@FunctionalInterface
public interface Checkpoints {
  /** None are made. */
  Checkpoints NONE = head -> {};

  /**
   * A good moment for one: something ended, and all up to here is stored. It returns at once; when
   * the checkpoint cannot be written, the next one covers what this would have.
   */
  void add(ChainHead head);
}
