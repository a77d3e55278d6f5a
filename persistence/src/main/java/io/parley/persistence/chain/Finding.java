package io.parley.persistence.chain;

/**
 * Something in a journal that no Parley wrote.
 *
 * @param from number of the first event that it concerns
 * @param to number of the last
 * @param detail for people
 */
public record Finding(Kind kind, long from, long to, String detail) {

  /** What was done. */
  public enum Kind {
    /** What is stored is not what was sealed. */
    ALTERED,
    /** Numbers are left out. */
    MISSING,
    /** It is another event of the same entity. */
    MOVED,
    /** It is an event of another entity. */
    FOREIGN,
    /** A row that no writer of this entity can have stored. */
    ADDED,
    /** More rows are displaced by another writer's than one late write leaves behind. */
    DISPLACED,
    /** The journal ends before what a checkpoint has signed. */
    CUT,
    /** The chain is whole, and not the one that a checkpoint has signed. */
    REWRITTEN,
    /** A checkpoint that none of the known keys has signed. */
    BAD_CHECKPOINT
  }
}
