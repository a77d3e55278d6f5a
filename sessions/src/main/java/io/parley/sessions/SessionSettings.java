package io.parley.sessions;

import com.typesafe.config.Config;
import io.parley.routing.SettingsSection;
import io.parley.sessions.domain.SessionLimits;
import java.time.Duration;

/** What {@code parley.session} says; the keys are explained in {@code reference.conf}. */
public record SessionSettings(
    int shards,
    SessionLimits limits,
    Timeouts timeouts,
    Backoff retry,
    Duration adoptionLease,
    Reads reads,
    Duration passivateAfter,
    long memoryBudgetBytes,
    Backoff journalRetry,
    int snapshotEvery,
    int snapshotsKept,
    Resume resume) {

  private static final SettingsSection SECTION = new SettingsSection("parley.session");

  /** How long a turn's phases may take. */
  public record Timeouts(Duration queue, Duration firstToken, Duration stall, Duration turn) {}

  /** How a turn is read. */
  public record Reads(Duration waitMax, int tokensMax, long bytesMax, int waitingMax) {}

  /** How turns that nobody asks for are found again. */
  public record Resume(Duration interval, int perSecond) {}

  /** A wait that doubles. */
  public record Backoff(Duration min, Duration max) {
    /** The wait before the {@code n}-th retry, from 1. */
    Duration wait(int n) {
      int doublings = Math.min(Math.max(n, 1) - 1, 20);
      Duration wait = min.multipliedBy(1L << doublings);
      return wait.compareTo(max) < 0 ? wait : max;
    }
  }

  /**
   * Reads the settings.
   *
   * @throws IllegalArgumentException when a value is wrong; the message names the key and what it
   *     allows
   */
  public static SessionSettings from(Config config) {
    return new SessionSettings(
        count(config, "shards", 1, 10_000),
        new SessionLimits(
            count(config, "max-turns", 1, 100_000),
            bytes(config, "max-session-bytes", 1024, maxSessionBytes(config)),
            bytes(config, "max-stored-bytes", 1024, 15L << 20),
            count(config, "max-attempts", 1, 1000)),
        new Timeouts(
            duration(config, "queue-timeout"),
            duration(config, "first-token-timeout"),
            duration(config, "stall-timeout"),
            duration(config, "turn-timeout")),
        backoff(config, "retry"),
        duration(config, "adoption-lease"),
        new Reads(
            duration(config, "read.wait"),
            count(config, "read.max-tokens", 1, 100_000),
            bytes(config, "read.max-bytes", 1024, 1 << 20),
            count(config, "read.max-waiting", 1, 100_000)),
        duration(config, "passivate-after"),
        bytes(config, "memory-budget", 16L << 20, 1L << 40),
        backoff(config, "journal-retry"),
        count(config, "snapshot.every", 1, 1_000_000),
        count(config, "snapshot.keep", 1, 100),
        new Resume(
            duration(config, "resume.interval"), count(config, "resume.per-second", 1, 100_000)));
  }

  /** A fourth of what a remote message may hold; see {@code reference.conf}. */
  private static long maxSessionBytes(Config config) {
    return config.getBytes("akka.remote.artery.advanced.maximum-frame-size") / 4;
  }

  private static int count(Config config, String key, int min, int max) {
    int value = SECTION.integer(config, key);
    SECTION.requireBetween(key, value, min, max);
    return value;
  }

  private static long bytes(Config config, String key, long min, long max) {
    long value = SECTION.bytes(config, key);
    SECTION.requireBetween(key, value, min, max);
    return value;
  }

  private static Duration duration(Config config, String key) {
    Duration value = SECTION.duration(config, key);
    SECTION.requireAtLeast(key, value, "1 ms", Duration.ofMillis(1));
    SECTION.requireAtMost(key, value, "24 h", Duration.ofHours(24));
    return value;
  }

  private static Backoff backoff(Config config, String key) {
    Duration min = duration(config, key + ".min-backoff");
    Duration max = duration(config, key + ".max-backoff");
    SECTION.requireAtLeast(key + ".max-backoff", max, key + ".min-backoff", min);
    return new Backoff(min, max);
  }
}
