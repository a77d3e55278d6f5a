package io.parley.routing.protocol;

import java.util.regex.Pattern;

/**
 * A conversation. The tenant is part of the identity: the same value under another tenant is
 * another session.
 *
 * @param value 1 to 64 characters of {@code A-Z a-z 0-9}; opaque and hard to guess
 */
public record SessionId(TenantId tenant, String value) {
  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9]{1,64}");

  public SessionId {
    if (!ALLOWED.matcher(value).matches()) {
      throw new IllegalArgumentException("a session id is 1 to 64 of A-Z a-z 0-9");
    }
  }

  /** The id of the sharded entity and, behind the type's name, of its journal. */
  public String entityId() {
    return tenant.value() + "/" + value;
  }

  /**
   * The inverse of {@link #entityId()}.
   *
   * @throws IllegalArgumentException when the text is not an entity id
   */
  public static SessionId fromEntityId(String entityId) {
    int slash = entityId.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("not an entity id");
    }
    return new SessionId(new TenantId(entityId.substring(0, slash)), entityId.substring(slash + 1));
  }

  @Override
  public String toString() {
    return entityId();
  }
}
