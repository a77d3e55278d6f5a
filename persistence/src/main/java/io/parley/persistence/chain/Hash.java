package io.parley.persistence.chain;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/** A SHA-256. */
public final class Hash {
  /** How many bytes it has. */
  public static final int BYTES = 32;

  /**
   * What is hashed begins with its purpose, so that no hash can stand for another kind of thing.
   */
  private static final byte[] ANCHOR = ascii("parley.chain.v1 begin\0");

  private static final byte[] EVENT = ascii("parley.chain.v1 event\0");

  private final byte[] bytes;

  private Hash(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * A hash that was stored.
   *
   * @throws IllegalArgumentException when it has another length
   */
  public static Hash of(byte[] stored) {
    if (stored.length != BYTES) {
      throw new IllegalArgumentException("a hash has " + BYTES + " bytes, not " + stored.length);
    }
    return new Hash(stored.clone());
  }

  /** Where the chain of an entity begins. */
  static Hash anchor(String persistenceId) {
    MessageDigest sha = sha256();
    sha.update(ANCHOR);
    sha.update(persistenceId.getBytes(StandardCharsets.UTF_8));
    return new Hash(sha.digest());
  }

  /**
   * The hash of an event: over the one before and all that makes it this event at this place.
   *
   * @param bytes what is stored, less the event's own hash
   */
  static Hash event(
      Hash before,
      String persistenceId,
      long sequence,
      int serializer,
      String manifest,
      byte[] bytes,
      int length) {
    byte[] id = persistenceId.getBytes(StandardCharsets.UTF_8);
    byte[] form = manifest.getBytes(StandardCharsets.UTF_8);
    MessageDigest sha = sha256();
    sha.update(EVENT);
    sha.update(before.bytes);
    // every part of free length follows its length: no two events have one input
    ByteBuffer fixed = ByteBuffer.allocate(4 * Integer.BYTES + Long.BYTES);
    fixed.putInt(id.length).putLong(sequence).putInt(serializer).putInt(form.length).putInt(length);
    sha.update(fixed.array());
    sha.update(id);
    sha.update(form);
    sha.update(bytes, 0, length);
    return new Hash(sha.digest());
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  public byte[] bytes() {
    return bytes.clone();
  }

  /** The first four bytes, to tell one thing from another where nothing depends on it. */
  int tag() {
    return ByteBuffer.wrap(bytes).getInt();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Hash hash && Arrays.equals(bytes, hash.bytes);
  }

  @Override
  public int hashCode() {
    return tag();
  }

  /** In hex. */
  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes);
  }
}
