package io.parley.workers.upstream;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import java.time.Duration;

/**
 * {@code parley.upstream}; the keys are explained in {@code reference.conf}.
 *
 * @param slots requests that run at once at one server
 * @param apiKey sent as a bearer token; empty: none is
 * @param connectTimeout for a connection
 * @param firstTokenTimeout how long a server may say nothing from a request to its first token
 * @param stallTimeout how long it may say nothing between two
 * @param probeInterval between two looks at its health
 * @param probeTimeout for an answer to one
 * @param retryMin the least wait when it has no room
 * @param retryMax the most
 */
public record UpstreamSettings(
    int slots,
    String apiKey,
    Duration connectTimeout,
    Duration firstTokenTimeout,
    Duration stallTimeout,
    Duration probeInterval,
    Duration probeTimeout,
    Duration retryMin,
    Duration retryMax) {
  private static final SettingsSection SECTION = new SettingsSection("parley.upstream");

  public UpstreamSettings {
    SECTION.requireBetween("slots", slots, 1, 4096);
    if (!apiKey.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new IllegalArgumentException(
          "parley.upstream.api-key must be printable ASCII without spaces");
    }
    SECTION.requirePositive("connect-timeout", connectTimeout);
    SECTION.requirePositive("first-token-timeout", firstTokenTimeout);
    SECTION.requirePositive("stall-timeout", stallTimeout);
    SECTION.requirePositive("probe-interval", probeInterval);
    SECTION.requirePositive("probe-timeout", probeTimeout);
    SECTION.requirePositive("retry-min", retryMin);
    SECTION.requireAtLeast("retry-max", retryMax, "retry-min", retryMin);
  }

  /**
   * Reads {@code parley.upstream}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static UpstreamSettings from(Config root) {
    return new UpstreamSettings(
        SECTION.integer(root, "slots"),
        SECTION.text(root, "api-key"),
        SECTION.duration(root, "connect-timeout"),
        SECTION.duration(root, "first-token-timeout"),
        SECTION.duration(root, "stall-timeout"),
        SECTION.duration(root, "probe-interval"),
        SECTION.duration(root, "probe-timeout"),
        SECTION.duration(root, "retry-min"),
        SECTION.duration(root, "retry-max"));
  }

  /**
   * The same with another number of slots.
   *
   * @throws IllegalArgumentException when it is not allowed
   */
  public UpstreamSettings withSlots(int other) {
    return new UpstreamSettings(
        other,
        apiKey,
        connectTimeout,
        firstTokenTimeout,
        stallTimeout,
        probeInterval,
        probeTimeout,
        retryMin,
        retryMax);
  }

  /** Without the key. */
  @Override
  public String toString() {
    return "UpstreamSettings[slots=" + slots + ", …]";
  }
}
