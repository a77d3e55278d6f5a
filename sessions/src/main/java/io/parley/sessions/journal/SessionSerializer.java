package io.parley.sessions.journal;

import akka.serialization.SerializerWithStringManifest;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.cbor.CBORFactory;
import com.fasterxml.jackson.dataformat.cbor.CBORGenerator;
import com.fasterxml.jackson.dataformat.cbor.databind.CBORMapper;
import io.parley.sessions.domain.Session;
import io.parley.sessions.domain.SessionEvent;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.UncheckedIOException;

/**
 * Writes events and snapshots of sessions as CBOR, under manifests that name a form and its
 * version. Fields that a form does not know are skipped; fields that are missing get their default.
 *
 * <p>Events are the payload of what {@link SealedSerializer} stores; in journals of before there
 * were seals they are all that is stored.
 */
public final class SessionSerializer extends SerializerWithStringManifest {
  /** Stored with every event; never changes. */
  private static final int IDENTIFIER = 7_102_501;

  private final Manifests manifests = new Manifests();
  private final ObjectMapper mapper =
      new CBORMapper(
              CBORFactory.builder()
                  // a broken surrogate must not make a session that can never be stored again
                  .enable(CBORGenerator.Feature.LENIENT_UTF_ENCODING)
                  .build())
          .setSerializationInclusion(JsonInclude.Include.NON_NULL)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  @Override
  public int identifier() {
    return IDENTIFIER;
  }

  @Override
  public String manifest(Object value) {
    return manifests.writer(value).manifest();
  }

  @Override
  public byte[] toBinary(Object value) {
    try {
      return mapper.writeValueAsBytes(manifests.writer(value).store().apply(value));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + manifest(value), e);
    }
  }

  /** The stored form as a tree, for people and exports. */
  public JsonNode readable(Object value) {
    return mapper.valueToTree(manifests.writer(value).store().apply(value));
  }

  /**
   * Reads what is stored under this serializer's id: an event without a seal, or a snapshot.
   *
   * @throws NotSerializableException also for a snapshot that lacks the chain's head: without it
   *     the session is made from all its events, which tell it
   */
  @Override
  public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
    Object value = restore(bytes, manifest);
    if (value instanceof SessionEvent event) {
      return new ChainedEvent(event, IDENTIFIER, manifest, bytes);
    }
    if (value instanceof Session) {
      throw new NotSerializableException(
          "a '" + manifest + "' lacks the chain's head and is passed over");
    }
    return value;
  }

  /** The event in a payload. */
  SessionEvent event(byte[] bytes, String manifest) throws NotSerializableException {
    if (restore(bytes, manifest) instanceof SessionEvent event) {
      return event;
    }
    throw new NotSerializableException("a stored '" + manifest + "' is no event");
  }

  /** What the bytes mean. */
  Object restore(byte[] bytes, String manifest) throws NotSerializableException {
    Class<? extends Manifests.Form> form = manifests.form(manifest);
    try {
      return mapper.readValue(bytes, form).restore();
    } catch (IOException | RuntimeException e) {
      var unreadable = new NotSerializableException("cannot read a stored '" + manifest + "'");
      unreadable.initCause(e);
      throw unreadable;
    }
  }
}
