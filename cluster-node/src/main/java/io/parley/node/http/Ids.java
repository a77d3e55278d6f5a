package io.parley.node.http;

import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import io.parley.sessions.SessionCommand.Item;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Ids as clients see them. All are derived from the session's value and the turn's number, so no
 * node needs a table to find what an id means. Malformed ids are simply not found.
 */
public final class Ids {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
  private static final int VALUE_CHARS = 32; // 160 bits

  private static final Pattern SESSION = Pattern.compile("sess_([A-Za-z0-9]{1,64})");
  private static final Pattern CONVERSATION = Pattern.compile("conv_([A-Za-z0-9]{1,64})");
  private static final Pattern RESPONSE =
      Pattern.compile("resp_([A-Za-z0-9]{1,64})_([1-9][0-9]{0,8})");
  private static final Pattern TURN = Pattern.compile("[1-9][0-9]{0,8}");

  private Ids() {}

  /** A turn of a session. */
  public record TurnId(SessionId session, int turn) {}

  /** A new id, hard to guess. */
  public static SessionId newSession(TenantId tenant) {
    byte[] bytes = new byte[20];
    RANDOM.nextBytes(bytes);
    return new SessionId(tenant, base32(bytes));
  }

  /** The session of an idempotency key: the same on every node. */
  public static SessionId sessionOfKey(TenantId tenant, String key) {
    return new SessionId(tenant, base32(sha256(tenant.value() + "\n" + key)));
  }

  /** The session of a request that names none: its key's, or a new one. */
  static SessionId sessionFor(TenantId tenant, Optional<String> key) {
    return key.map(k -> sessionOfKey(tenant, k)).orElseGet(() -> newSession(tenant));
  }

  /** A random word, for request ids and keys that the client did not give. */
  public static String random() {
    byte[] bytes = new byte[15];
    RANDOM.nextBytes(bytes);
    return base32(bytes);
  }

  /** A short, stable name for a text. */
  public static String digest(String text) {
    return base32(sha256(text));
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }

  private static String base32(byte[] bytes) {
    StringBuilder out = new StringBuilder(VALUE_CHARS);
    int buffer = 0;
    int bits = 0;
    for (int i = 0; i < bytes.length && out.length() < VALUE_CHARS; i++) {
      buffer = (buffer << 8 | (bytes[i] & 0xff)) & 0xfff;
      bits += 8;
      while (bits >= 5 && out.length() < VALUE_CHARS) {
        bits -= 5;
        out.append(BASE32.charAt(buffer >> bits & 31));
      }
    }
    return out.toString();
  }

  public static String session(SessionId id) {
    return "sess_" + id.value();
  }

  public static String conversation(SessionId id) {
    return "conv_" + id.value();
  }

  public static String response(SessionId id, int turn) {
    return "resp_" + id.value() + "_" + turn;
  }

  public static String completion(SessionId id, int turn) {
    return "chatcmpl-" + id.value() + "-" + turn;
  }

  /** The message that a turn generates. */
  public static String output(SessionId id, int turn) {
    return "msg_" + id.value() + "_" + turn;
  }

  /** The item of the call that a turn generates. */
  public static String callItem(SessionId id, int turn) {
    return "fc_" + id.value() + "_" + turn;
  }

  /** What the call that a turn generates is named by. */
  public static String call(SessionId id, int turn) {
    return "call_" + id.value() + "_" + turn;
  }

  /** A message that a turn was asked with. */
  public static String input(SessionId id, int turn, int index) {
    return output(id, turn) + "_i" + index;
  }

  /** A message of a conversation, by where it came from. */
  public static String item(SessionId id, Item item) {
    return switch (item.origin()) {
      case HISTORY -> "msg_" + id.value() + "_h" + item.index();
      case ADDITION -> "msg_" + id.value() + "_a" + item.number() + "_i" + item.index();
      case INPUT -> input(id, item.number(), item.index());
      case OUTPUT -> output(id, item.number());
    };
  }

  public static SessionId parseSession(TenantId tenant, String id) {
    return new SessionId(tenant, match(SESSION, id, "session").group(1));
  }

  public static SessionId parseConversation(TenantId tenant, String id) {
    return new SessionId(tenant, match(CONVERSATION, id, "conversation").group(1));
  }

  public static TurnId parseResponse(TenantId tenant, String id) {
    Matcher parts = match(RESPONSE, id, "response");
    return new TurnId(new SessionId(tenant, parts.group(1)), Integer.parseInt(parts.group(2)));
  }

  public static int parseTurn(String number) {
    return Integer.parseInt(match(TURN, number, "turn").group());
  }

  private static Matcher match(Pattern pattern, String id, String what) {
    Matcher matcher = pattern.matcher(id);
    if (!matcher.matches()) {
      throw ApiException.notFound("There is no such " + what + ".");
    }
    return matcher;
  }
}
