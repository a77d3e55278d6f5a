package io.parley.persistence.chain;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * A sealed event as it is stored: a byte with the version of this form, four that tell the entity,
 * eight with the event's number, the payload, and the event's hash, which chains it to the one
 * before.
 *
 * <p>The hash is stored with the event that it belongs to, not with the next: so an event that was
 * altered is known by itself, also the last one, and what comes after it can still be checked.
 * Entity and number are under the hash anyway; they are in the form so that a row which is at the
 * wrong place can be told from one that was altered.
 *
 * @param entity {@link Hash#tag} of the entity's anchor
 * @param sequence the event's number, as its writer gave it
 */
public record Seal(int entity, long sequence, Hash hash) {
  private static final byte VERSION = 1;
  private static final int HEADER = 1 + Integer.BYTES + Long.BYTES;

  /**
   * Seals what is to be stored next.
   *
   * @param serializer id of the serializer that the row will name
   * @return what is to be stored
   */
  public static byte[] stored(ChainHead head, int serializer, String manifest, byte[] payload) {
    byte[] stored = new byte[HEADER + payload.length + Hash.BYTES];
    int body = HEADER + payload.length;
    long sequence = head.sequence() + 1;
    ByteBuffer.wrap(stored)
        .put(VERSION)
        .putInt(Hash.anchor(head.persistenceId()).tag())
        .putLong(sequence)
        .put(payload);
    Hash hash =
        Hash.event(head.hash(), head.persistenceId(), sequence, serializer, manifest, stored, body);
    System.arraycopy(hash.bytes(), 0, stored, body, Hash.BYTES);
    return stored;
  }

  /** The seal of stored bytes; empty when they have another form. */
  public static Optional<Seal> of(byte[] stored) {
    if (stored.length < HEADER + Hash.BYTES || stored[0] != VERSION) {
      return Optional.empty();
    }
    ByteBuffer in = ByteBuffer.wrap(stored, 1, HEADER - 1);
    return Optional.of(
        new Seal(
            in.getInt(),
            in.getLong(),
            Hash.of(Arrays.copyOfRange(stored, stored.length - Hash.BYTES, stored.length))));
  }

  /** The payload of sealed bytes. */
  public static byte[] payload(byte[] stored) {
    return Arrays.copyOfRange(stored, HEADER, stored.length - Hash.BYTES);
  }

  /** Whether the hash is that of this row behind {@code before}. */
  boolean follows(Hash before, String persistenceId, RawRow row) {
    return hash.equals(
        Hash.event(
            before,
            persistenceId,
            row.sequence(),
            row.serializer(),
            row.manifest(),
            row.bytes(),
            row.bytes().length - Hash.BYTES));
  }
}
