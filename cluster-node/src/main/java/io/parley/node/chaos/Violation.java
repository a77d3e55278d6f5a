package io.parley.node.chaos;

/**
 * Something that must not be.
 *
 * @param check which promise it breaks
 * @param about the session or the node
 */
record Violation(Check check, String about, String detail) {

  /** What is checked. */
  enum Check {
    /** The journal has each sequence number once, from 1 on. */
    JOURNAL_WHOLE,
    /** No incarnation of a session begins to write behind the first write of the next one. */
    ONE_WRITER,
    /** Each turn starts once, its tokens have no gap, and it ends once. */
    TURN_SOUND,
    /** What a client knows to have begun is in the journal once, under its key. */
    ACKNOWLEDGED,
    /** What a client saw is what is in the journal, each token once, in order. */
    STREAM,
    /** What a client saw was in the journal before. */
    SHOWN_MEANS_STORED,
    /** What a client was told of the end is what the journal says. */
    END,
    /** No turn fails because of a fault. */
    NO_FAILURE,
    /** Every client gets its answer. */
    ANSWERED,
    /** Only the answers that are documented, with what is documented about them. */
    DOCUMENTED,
    /** No node ends that nobody ended. */
    NODE_LIVES
  }

  @Override
  public String toString() {
    return check + " " + about + ": " + detail;
  }
}
