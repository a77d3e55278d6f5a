package io.parley.node.http;

import io.parley.routing.protocol.TenantId;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Who may call. The file has one key a line, {@code <sha256 in hex> <tenant> [name]}; {@code #}
 * begins a comment. Keys are random and long, so a plain hash is enough: there is nothing to guess.
 */
public final class ApiKeys {
  private static final SecureRandom RANDOM = new SecureRandom();

  private final List<Entry> entries;

  private record Entry(byte[] hash, TenantId tenant) {}

  private ApiKeys(List<Entry> entries) {
    this.entries = List.copyOf(entries);
  }

  /** Nobody logs in: every caller is the default tenant. */
  public static ApiKeys none() {
    return new ApiKeys(List.of());
  }

  /**
   * Reads a file of keys.
   *
   * @throws IllegalArgumentException when a line has another form, or there is no key in it
   * @throws IOException when the file cannot be read
   */
  public static ApiKeys read(Path file) throws IOException {
    List<Entry> entries = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
      number++;
      String content = line.strip();
      if (!content.isEmpty() && !content.startsWith("#")) {
        entries.add(entry(file, number, content));
      }
    }
    if (entries.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no API key");
    }
    return new ApiKeys(entries);
  }

  private static Entry entry(Path file, int number, String content) {
    List<String> words = List.of(content.split("\\s+", 3));
    try {
      if (words.size() >= 2 && words.get(0).length() == 64) {
        return new Entry(HexFormat.of().parseHex(words.get(0)), new TenantId(words.get(1)));
      }
    } catch (IllegalArgumentException e) {
      // said below, with the place
    }
    throw new IllegalArgumentException(
        file + " line " + number + " is not '<sha256 in hex> <tenant> [name]'");
  }

  public boolean isEmpty() {
    return entries.isEmpty();
  }

  /** Whose key this is. It compares with every entry, so the time taken says nothing. */
  public Optional<TenantId> tenantOf(String key) {
    byte[] hash = sha256(key);
    TenantId found = null;
    for (Entry entry : entries) {
      if (MessageDigest.isEqual(entry.hash(), hash)) {
        found = entry.tenant();
      }
    }
    return Optional.ofNullable(found);
  }

  /** A key's hash in hex, as it stands in the file. */
  static String hashOf(String key) {
    return HexFormat.of().formatHex(sha256(key));
  }

  /**
   * A key that was just made.
   *
   * @param key what the caller keeps; it is stored nowhere
   * @param line what goes into the file
   */
  public record NewKey(String key, String line) {}

  /** Makes a key of 256 random bits. */
  public static NewKey create(TenantId tenant, String name) {
    byte[] secret = new byte[32];
    RANDOM.nextBytes(secret);
    String key = "pk-" + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    String label = name.strip().replaceAll("\\s+", " ");
    String line = HexFormat.of().formatHex(sha256(key)) + " " + tenant.value();
    return new NewKey(key, label.isEmpty() ? line : line + " " + label);
  }

  private static byte[] sha256(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
