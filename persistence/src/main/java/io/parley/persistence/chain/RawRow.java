package io.parley.persistence.chain;

/**
 * A row of the journal, as it is stored.
 *
 * @param sequence its number in the entity's journal
 * @param writer of which incarnation of the entity it is
 * @param storedAtMillis when it was written, by the writer's clock
 * @param bytes not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // read once, never compared
public record RawRow(
    long sequence,
    String writer,
    long storedAtMillis,
    int serializer,
    String manifest,
    byte[] bytes) {
  /** The serializer of sealed events, in all journals for ever. */
  public static final int SEALED = 7_102_502;

  boolean isSealed() {
    return serializer == SEALED;
  }
}
