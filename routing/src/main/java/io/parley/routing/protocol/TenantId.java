package io.parley.routing.protocol;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.regex.Pattern;

/**
 * Who owns a session. Every cache, queue and row is keyed by it.
 *
 * @param value 1 to 64 characters of {@code A-Z a-z 0-9 _ -}
 */
public record TenantId(@JsonValue String value) {
  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9_-]{1,64}");

  /** The one tenant of a node where nobody logs in. */
  public static final TenantId DEFAULT = new TenantId("default");

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public TenantId {
    if (!ALLOWED.matcher(value).matches()) {
      throw new IllegalArgumentException("a tenant id is 1 to 64 of A-Z a-z 0-9 _ -");
    }
  }

  @Override
  public String toString() {
    return value;
  }
}
