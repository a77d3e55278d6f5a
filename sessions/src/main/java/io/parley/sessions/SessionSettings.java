package io.parley.sessions;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
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
    Backoff journalRetry,
    int snapshotEvery,
    int snapshotsKept,
    Resume resume) {

  private static final String ROOT = "parley.session.";

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
    int value;
    try {
      value = config.getInt(ROOT + key);
    } catch (ConfigException e) {
      throw wrong(key, "a whole number from " + min + " to " + max, e);
    }
    if (value < min || value > max) {
      throw wrong(key, "a whole number from " + min + " to " + max, null);
    }
    return value;
  }

  private static long bytes(Config config, String key, long min, long max) {
    long value;
    try {
      value = config.getBytes(ROOT + key);
    } catch (ConfigException e) {
      throw wrong(key, "a size from " + min + " to " + max + " bytes", e);
    }
    if (value < min || value > max) {
      throw wrong(key, "a size from " + min + " to " + max + " bytes", null);
    }
    return value;
  }

  private static Duration duration(Config config, String key) {
    Duration value;
    try {
      value = config.getDuration(ROOT + key);
    } catch (ConfigException e) {
      throw wrong(key, "a duration from 1 ms to 24 h", e);
    }
    if (value.toMillis() < 1 || value.toHours() > 24) {
      throw wrong(key, "a duration from 1 ms to 24 h", null);
    }
    return value;
  }

  private static Backoff backoff(Config config, String key) {
    Duration min = duration(config, key + ".min-backoff");
    Duration max = duration(config, key + ".max-backoff");
    if (max.compareTo(min) < 0) {
      throw wrong(key + ".max-backoff", "no less than " + key + ".min-backoff", null);
    }
    return new Backoff(min, max);
  }

  private static IllegalArgumentException wrong(String key, String allowed, Throwable cause) {
    return new IllegalArgumentException(ROOT + key + " must be " + allowed, cause);
  }
}
