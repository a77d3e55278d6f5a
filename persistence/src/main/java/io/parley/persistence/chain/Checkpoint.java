package io.parley.persistence.chain;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * A signed word that an entity's journal went up to here, and what its chain's head was.
 *
 * @param atMillis when it was made, by the clock of the node that did
 * @param keyId which key has signed it
 * @param signature over all else
 */
@SuppressWarnings("ArrayRecordComponent") // read once, never compared
public record Checkpoint(
    String persistenceId, long sequence, Hash head, long atMillis, String keyId, byte[] signature) {

  /** What is signed. */
  static byte[] signed(ChainHead head, long atMillis, String keyId) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF("parley.checkpoint.v1");
      out.writeUTF(head.persistenceId());
      out.writeLong(head.sequence());
      out.write(head.hash().bytes());
      out.writeLong(atMillis);
      out.writeUTF(keyId);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of an array: only for an id of 64 KiB
    }
    return bytes.toByteArray();
  }

  byte[] signed() {
    return signed(new ChainHead(persistenceId, sequence, head), atMillis, keyId);
  }
}
