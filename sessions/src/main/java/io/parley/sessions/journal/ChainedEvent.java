package io.parley.sessions.journal;

import io.parley.persistence.chain.RawRow;
import io.parley.persistence.chain.Seal;
import io.parley.sessions.domain.SessionEvent;
import java.util.Arrays;

/**
 * An event and how it is stored. The bytes are decided once, before it is persisted, since the next
 * event's hash depends on them.
 *
 * @param serializer whose form the bytes have
 * @param bytes not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // compared by what is stored
public record ChainedEvent(SessionEvent event, int serializer, String manifest, byte[] bytes) {

  /** Whether it was stored with a seal; those of before there were any are not. */
  boolean isSealed() {
    return serializer == RawRow.SEALED;
  }

  Seal seal() {
    return Seal.of(bytes).orElseThrow(() -> new IllegalStateException("no seal in a sealed event"));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ChainedEvent that
        && serializer == that.serializer
        && manifest.equals(that.manifest)
        && Arrays.equals(bytes, that.bytes)
        && event.equals(that.event);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  /** Without the bytes: they hold what was said. */
  @Override
  public String toString() {
    return manifest;
  }
}
