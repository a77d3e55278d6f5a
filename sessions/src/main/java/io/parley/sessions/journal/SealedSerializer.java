package io.parley.sessions.journal;

import akka.serialization.SerializerWithStringManifest;
import io.parley.persistence.chain.RawRow;
import io.parley.persistence.chain.Seal;
import java.io.NotSerializableException;

/**
 * Stores sealed events: the bytes are there already. The manifest is that of the payload, which has
 * the form that {@link SessionSerializer} gives it.
 */
public final class SealedSerializer extends SerializerWithStringManifest {
  private final SessionSerializer payloads = new SessionSerializer();

  @Override
  public int identifier() {
    return RawRow.SEALED;
  }

  @Override
  public String manifest(Object value) {
    return sealed(value).manifest();
  }

  @Override
  public byte[] toBinary(Object value) {
    return sealed(value).bytes();
  }

  private static ChainedEvent sealed(Object value) {
    if (value instanceof ChainedEvent event && event.isSealed()) {
      return event;
    }
    throw new IllegalArgumentException("no sealed event: " + value.getClass().getName());
  }

  @Override
  public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
    if (Seal.of(bytes).isEmpty()) {
      throw new NotSerializableException(
          "a stored '"
              + manifest
              + "' has a seal that this version of Parley does not know, or one that was altered");
    }
    return new ChainedEvent(
        payloads.event(Seal.payload(bytes), manifest), RawRow.SEALED, manifest, bytes);
  }
}
